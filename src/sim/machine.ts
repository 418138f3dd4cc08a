// The memories of one core: SBUF and PSUM, partition-major in one linear memory that the kernels share, and its device memory.
// Address of a byte: space base + partition * partition bytes + offset. Knows neither instructions nor time.
import { PARTITIONS, type Target } from '../chip/target.js';
import type { Space } from '../isa/operands.js';
import type { Program } from '../isa/program.js';
import { createDram, type Dram } from './dram.js';
import { createWasmCore, type WasmCore } from './exec/wasm/core.js';
import { trap } from './trap.js';

/** The linear memory as typed arrays; it never grows, so they stay valid. */
export interface Views {
  readonly u8: Uint8Array;
  readonly i8: Int8Array;
  readonly u16: Uint16Array;
  readonly i16: Int16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
}

export interface SpaceLayout {
  /** Address of partition 0. */
  readonly base: number;
  readonly partitionBytes: number;
}

export interface Machine {
  readonly target: Target;
  readonly spaces: Readonly<Record<Space, SpaceLayout>>;
  readonly views: Views;
  readonly dram: Dram;
  /** The kernels that work on the linear memory; absent where instructions run in plain TypeScript. */
  readonly wasm?: WasmCore;
}

export interface MachineOptions {
  /** The artifact's constants.bin; empty where the program has no constants. */
  readonly constants?: Uint8Array;
  /** Device memory shared with other cores; made from the program's variables where absent. */
  readonly dram?: Dram;
  /** Which path carries out instructions; both give the same bits. Default `wasm`. */
  readonly kernels?: 'wasm' | 'plain';
}

export function createMachine(
  target: Target,
  program: Pick<Program, 'variables'>,
  options: MachineOptions = {},
): Machine {
  const psumPartitionBytes = target.psum.banks * target.psum.bankBytes;
  const sbufBytes = PARTITIONS * target.sbufPartitionBytes;
  const bytes = sbufBytes + PARTITIONS * psumPartitionBytes;
  const wasm = options.kernels === 'plain' ? undefined : createWasmCore(bytes);
  return {
    target,
    spaces: {
      sbuf: { base: 0, partitionBytes: target.sbufPartitionBytes },
      psum: { base: sbufBytes, partitionBytes: psumPartitionBytes },
    },
    views: viewsOf(wasm?.buffer ?? new ArrayBuffer(bytes)),
    dram: options.dram ?? createDram(program.variables, options.constants ?? new Uint8Array(0)),
    ...(wasm && { wasm: wasm.core }),
  };
}

function viewsOf(buffer: ArrayBuffer): Views {
  return {
    u8: new Uint8Array(buffer),
    i8: new Int8Array(buffer),
    u16: new Uint16Array(buffer),
    i16: new Int16Array(buffer),
    u32: new Uint32Array(buffer),
    i32: new Int32Array(buffer),
    f32: new Float32Array(buffer),
  };
}

/** What REG_LOAD reads: a word of SBUF, or of a DRAM variable. */
export interface WordPlace {
  readonly dram: boolean;
  readonly variable: number;
  readonly partition: number;
  readonly offset: number;
}

/** The signed 32-bit little-endian word at a place. Traps E1401 where it is outside or not aligned. */
export function readWord(m: Machine, at: WordPlace): number {
  const layout = m.spaces.sbuf;
  const bytes = at.dram ? m.dram.bytes(at.variable) : m.views.u8;
  const size = at.dram ? bytes.length : layout.partitionBytes;
  if (
    at.offset < 0 ||
    at.offset % 4 !== 0 ||
    at.offset + 4 > size ||
    (!at.dram && at.partition >= PARTITIONS)
  ) {
    const where = at.dram ? `DRAM variable ${at.variable}` : `sbuf partition ${at.partition}`;
    throw trap('bounds', `word at offset ${at.offset} of ${where} (${size} bytes) is outside or not aligned`);
  }
  const a = at.dram ? at.offset : layout.base + at.partition * layout.partitionBytes + at.offset;
  return bytes[a]! | (bytes[a + 1]! << 8) | (bytes[a + 2]! << 16) | (bytes[a + 3]! << 24);
}

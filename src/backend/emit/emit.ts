// From streams over buffers to bytes: addresses put in, variables numbered, descriptors tabled, instructions encoded.
import { ENGINES, type EngineName } from '../../chip/target.js';
import { encode } from '../../isa/codec.js';
import type { DmaDescriptor, DmaSide } from '../../isa/operands.js';
import type { Code } from '../../isa/program.js';
import type { Instruction } from '../../isa/table.js';
import type { Buffer, BufferDescriptor, Step } from '../lower/buffer.js';
import type { Streams } from '../sync/sync.js';

/** Where buffers ended up. */
export interface Addresses {
  /** Byte offset in the partition (SBUF, PSUM) or in the variable (DRAM). */
  offset(b: Buffer): number;
  /** DRAM: the variable's number. */
  variable(b: Buffer): number;
}

export interface EmittedFragment {
  readonly code: Code;
  readonly instructions: Readonly<Record<EngineName, readonly Instruction[]>>;
  /** Origin index of each instruction. */
  readonly origins: Readonly<Record<EngineName, readonly number[]>>;
}

/** Encodes the streams of one fragment; descriptors are appended to `table`, which triggers count from. */
export function emitFragment(
  streams: Streams, steps: readonly Step[], queues: readonly number[], addresses: Addresses, table: DmaDescriptor[],
): EmittedFragment {
  const code: Partial<Record<EngineName, Uint8Array>> = {};
  const instructions: Partial<Record<EngineName, Instruction[]>> = {};
  const origins: Partial<Record<EngineName, number[]>> = {};
  for (const engine of ENGINES) {
    const list = streams.code[engine].map((instruction, k) => {
      const position = streams.positions[engine][k] ?? 0;
      if (instruction.m !== 'DMA') return placeInstruction(instruction, addresses);
      const first = table.length;
      for (const d of steps[position]?.descriptors ?? []) table.push(placeDescriptor(d, addresses));
      return { ...instruction, queue: queues[position] ?? 0, first, count: table.length - first };
    });
    instructions[engine] = list;
    origins[engine] = streams.positions[engine].map((p) => steps[p]?.origin ?? 0);
    code[engine] = encode(list);
  }
  return { code: code as Code, instructions: instructions as EmittedFragment['instructions'], origins: origins as EmittedFragment['origins'] };
}

/** Bases count from the partition's start instead of the buffer's. */
function placeInstruction(instruction: Instruction, addresses: Addresses): Instruction {
  const placed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(instruction)) {
    if (typeof value === 'object' && value !== null && 'buffer' in value) {
      const { buffer, ...rest } = value as { buffer: Buffer; base: number };
      placed[name] = { ...rest, base: rest.base + addresses.offset(buffer) };
    } else placed[name] = value;
  }
  return placed as unknown as Instruction;
}

function placeDescriptor(d: BufferDescriptor, addresses: Addresses): DmaDescriptor {
  const side = (s: BufferDescriptor['src']): DmaSide => {
    const { buffer, ...rest } = s;
    const dram = buffer.space === 'dram';
    return { ...rest, variable: dram ? addresses.variable(buffer) : 0, offset: rest.offset + addresses.offset(buffer) };
  };
  const { indirect, indexBuffer } = d;
  return {
    elementBytes: d.elementBytes,
    src: side(d.src),
    dst: side(d.dst),
    ...(indirect && indexBuffer && {
      indirect: {
        ...indirect,
        variable: indexBuffer.space === 'dram' ? addresses.variable(indexBuffer) : 0,
        offset: indirect.offset + addresses.offset(indexBuffer),
      },
    }),
  };
}

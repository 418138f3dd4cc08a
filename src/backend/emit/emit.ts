// From streams over buffers to bytes: addresses put in, variables numbered, descriptors tabled, instructions encoded.
import type { EngineName } from '../../chip/target.js';
import { encode } from '../../isa/codec.js';
import type { DmaDescriptor, DmaSide } from '../../isa/operands.js';
import type { Code } from '../../isa/program.js';
import type { Instruction } from '../../isa/table.js';
import type { Buffer, BufferDescriptor } from '../lower/buffer.js';
import { type Ordered, perEngine, type Streams } from '../sync/sync.js';

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

/** Encodes the streams of one section as a fragment; descriptors are appended to `table`, which triggers count from. */
export function emitFragment(
  streams: Streams,
  ordered: readonly Ordered[],
  addresses: Addresses,
  table: DmaDescriptor[],
): EmittedFragment {
  const instructions = perEngine((engine) => placeStream(streams, ordered, engine, addresses, table));
  const origins = perEngine((engine) => streams.positions[engine].map((p) => ordered[p]?.step.origin ?? 0));
  return { code: perEngine((engine) => encode(instructions[engine])), instructions, origins };
}

/** One engine's instructions with addresses. */
export function placeStream(
  streams: Streams,
  ordered: readonly Ordered[],
  engine: EngineName,
  addresses: Addresses,
  table: DmaDescriptor[],
): Instruction[] {
  return streams.code[engine].map((instruction, k) => {
    const o = ordered[streams.positions[engine][k] ?? 0];
    if (instruction.m !== 'DMA') return placeInstruction(instruction, addresses);
    const first = table.length;
    for (const d of o?.step.descriptors ?? []) table.push(placeDescriptor(d, addresses));
    return { ...instruction, queue: o?.queue ?? 0, first, count: table.length - first };
  });
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
    return {
      ...rest,
      variable: dram ? addresses.variable(buffer) : 0,
      offset: rest.offset + addresses.offset(buffer),
    };
  };
  const { indirect, indexBuffer } = d;
  return {
    elementBytes: d.elementBytes,
    src: side(d.src),
    dst: side(d.dst),
    ...(indirect &&
      indexBuffer && {
        indirect: {
          ...indirect,
          variable: indexBuffer.space === 'dram' ? addresses.variable(indexBuffer) : 0,
          offset: indirect.offset + addresses.offset(indexBuffer),
        },
      }),
  };
}

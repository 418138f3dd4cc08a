// Virtual buffers and the instructions over them: what lowering produces. Instructions are the chip's own, in plain
// sequential meaning, with bases relative to a buffer; order, addresses, queues and semaphores come later.
import type { Ap, ChipDType, DmaDescriptor, DmaSide, EngineName, Scalar } from '../../isa/operands.js';
import type { Instruction } from '../../isa/table.js';

export type BufferSpace = 'sbuf' | 'psum' | 'dram';

/** Memory that some instructions write and read; SBUF and PSUM buffers have a fixed partition range and a base found later. */
export interface Buffer {
  readonly id: number;
  readonly space: BufferSpace;
  readonly name: string;
  /** First partition and partition count (0 and 1 in DRAM). */
  readonly start: number;
  readonly parts: number;
  /** Bytes in each partition, or in all for DRAM. */
  readonly bytes: number;
  /** DRAM: what the variable is for; `scratch` is placed by the allocator, the others are the artifact's variables. */
  readonly variable?: 'input' | 'output' | 'state' | 'constant' | 'scratch';
  /** SBUF: holds a constant; the planner may pin it (filled at load, read-only) instead of loading it at each execution. */
  readonly weight?: true;
  /** SBUF: keeps its place and its bytes through all sections of an executable (states of a decoding loop). */
  readonly resident?: true;
}

/** An access pattern whose base counts from the start of a buffer. */
export interface BufferAp extends Ap {
  readonly buffer: Buffer;
}
export type BufferScalar =
  | Exclude<Scalar, { kind: 'column' }>
  | (Extract<Scalar, { kind: 'column' }> & { readonly buffer: Buffer });

/** A DMA side whose offset counts from the start of a buffer; `partition` is absolute. */
export interface BufferDmaSide extends DmaSide {
  readonly buffer: Buffer;
}
export interface BufferDescriptor extends DmaDescriptor {
  readonly src: BufferDmaSide;
  readonly dst: BufferDmaSide;
  /** Buffer of the index vector of an indirect transfer. */
  readonly indexBuffer?: Buffer;
}

/** One instruction of the sequential program. For DMA `descriptors` are what the trigger will name. */
export interface Step {
  readonly engine: EngineName;
  readonly instruction: Instruction;
  readonly descriptors?: readonly BufferDescriptor[];
  /** Index into the list of origins: the graph node this came from. */
  readonly origin: number;
}

/** A stretch of the sequential program that is scheduled as a whole: a graph, or one step of a loop. */
export interface Section {
  readonly name: string;
  readonly steps: readonly Step[];
  /** How often a request runs it: what residency weighs loads by. */
  readonly times: number;
  /** Buffers that keep their place and bytes beyond the section, in all sections of its executables. */
  readonly residents?: readonly Buffer[];
}

export const isBufferAp = (x: unknown): x is BufferAp =>
  typeof x === 'object' && x !== null && 'buffer' in x && 'counts' in x && 'parts' in x;

export type { ChipDType };

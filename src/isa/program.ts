// A loaded program, as the simulator takes it and the artifact stores it: code bytes per engine, segments shared by all
// executables, DMA descriptors, DRAM variables. No instruction is decoded here.
import type { EngineName } from '../chip/target.js';
import type { DmaDescriptor } from './operands.js';

/** Encoded instructions of each engine; an engine without work has an empty array. */
export type Code = Readonly<Record<EngineName, Uint8Array>>;

/** What a DRAM variable is for; `constant` is read-only and holds bytes of the artifact, `scratch` is unwritten at each start. */
export type VariableKind = 'input' | 'output' | 'state' | 'constant' | 'scratch';

/** A DRAM variable, addressed by its index in the artifact (MACHINE 6: bytes, not elements). */
export interface Variable {
  readonly name: string;
  readonly kind: VariableKind;
  readonly bytes: number;
  /** constant only: where its bytes lie in constants.bin; several variables may share bytes. */
  readonly constantOffset?: number;
}

/** A code fragment that any executable may CALL; its DMA triggers name descriptors of the segment table. */
export interface Segment {
  readonly name: string;
  readonly code: Code;
}

/** A byte range of one partition group that `load` fills and that is read-only afterwards. */
export interface Pin {
  readonly start: number;
  readonly parts: number;
  readonly base: number;
  readonly bytes: number;
}

export interface Executable {
  readonly name: string;
  readonly kind: 'graph' | 'encoder' | 'decoder' | 'whole';
  readonly load: Code;
  readonly main: Code;
  /** Descriptors that triggers in `load` and `main` name (`first` counts from here); segments use Program.segmentDescriptors. */
  readonly descriptors: readonly DmaDescriptor[];
  /** Pinned ranges that this executable's `load` fills. */
  readonly pins: readonly Pin[];
}

export interface Program {
  readonly variables: readonly Variable[];
  readonly segments: readonly Segment[];
  readonly segmentDescriptors: readonly DmaDescriptor[];
  readonly executables: readonly Executable[];
}

export const SEMAPHORE_CHIP_BASE = 256;
/** Increments: by convention engine e (order of ENGINES) owns semaphore e, DMA queue q owns semaphore 8 + q; the validator checks one stream each. */
export const engineSemaphore = (engineIndex: number): number => engineIndex;
export const queueSemaphore = (queue: number): number => 8 + queue;
/** CALL nesting. */
export const MAX_CALL_DEPTH = 8;

// What a timeline leaves behind besides its end: a figure for each engine, queue and DRAM, and, if asked for, every slice of time
// as columns of numbers. Rendering is somewhere else; times are in ticks.
import type { EngineName } from '../../chip/target.js';
import type { FragmentName } from './code.js';

/** What an engine did or waited for. A wait's slice lies before that of the instruction that waited. */
export const SLICE_KINDS = ['instruction', 'transfer', 'semaphore', 'operand', 'port', 'stationary'] as const;
export type SliceKind = (typeof SLICE_KINDS)[number];
export type StallCause = Exclude<SliceKind, 'instruction' | 'transfer'>;

/** Lane of queue q in a trace; below it engines in their order. */
export const QUEUE_LANE = 8;

/** Column k of slice i is `k[i]`. */
export interface Trace {
  readonly length: number;
  readonly core: Uint16Array;
  readonly lane: Uint8Array;
  /** Index into SLICE_KINDS. */
  readonly kind: Uint8Array;
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** Index into `fragments`; of a transfer that of its trigger. */
  readonly fragment: Int32Array;
  /** Instruction in the fragment. */
  readonly index: Int32Array;
  /** Bytes of a transfer, the semaphore of a wait, else 0. */
  readonly detail: Float64Array;
  readonly fragments: readonly (FragmentName & { readonly engine: EngineName })[];
}

const COLUMNS = {
  core: Uint16Array,
  lane: Uint8Array,
  kind: Uint8Array,
  start: Float64Array,
  end: Float64Array,
  fragment: Int32Array,
  index: Int32Array,
  detail: Float64Array,
} as const;
type Columns = { -readonly [K in keyof typeof COLUMNS]: InstanceType<(typeof COLUMNS)[K]> };

function makeColumns(length: number, from?: Columns): Columns {
  const made: Columns = {
    core: new Uint16Array(length),
    lane: new Uint8Array(length),
    kind: new Uint8Array(length),
    start: new Float64Array(length),
    end: new Float64Array(length),
    fragment: new Int32Array(length),
    index: new Int32Array(length),
    detail: new Float64Array(length),
  };
  if (from === undefined) return made;
  for (const key of Object.keys(COLUMNS) as (keyof Columns)[]) made[key].set(from[key].subarray(0, length));
  return made;
}

export class TraceBuilder {
  private length = 0;
  private columns = makeColumns(1024);

  add(
    core: number,
    lane: number,
    kind: SliceKind,
    start: number,
    end: number,
    fragment: number,
    index: number,
    detail: number,
  ): void {
    if (this.length === this.columns.core.length) {
      const larger = makeColumns(2 * this.length);
      for (const key of Object.keys(COLUMNS) as (keyof Columns)[]) larger[key].set(this.columns[key]);
      this.columns = larger;
    }
    const i = this.length++;
    const c = this.columns;
    c.core[i] = core;
    c.lane[i] = lane;
    c.kind[i] = SLICE_KINDS.indexOf(kind);
    c.start[i] = start;
    c.end[i] = end;
    c.fragment[i] = fragment;
    c.index[i] = index;
    c.detail[i] = detail;
  }

  finish(fragments: Trace['fragments']): Trace {
    return { length: this.length, ...makeColumns(this.length, this.columns), fragments };
  }
}

/** Figures of one engine of one core, over all its executions in the timeline. Ticks. */
export interface EngineStats {
  readonly core: number;
  readonly engine: EngineName;
  instructions: number;
  /** Issuing: the engine's resource is in use. */
  busy: number;
  readonly stalls: Record<StallCause, number>;
}

export interface QueueStats {
  readonly core: number;
  readonly queue: number;
  transfers: number;
  rows: number;
  bytes: number;
  dramBytes: number;
  /** From first row to last byte of each transfer. */
  busy: number;
}

export interface DramStats {
  readonly chip: number;
  readonly busy: number;
}

export interface TimelineStats {
  readonly engines: readonly EngineStats[];
  /** Queues that moved something. */
  readonly queues: readonly QueueStats[];
  readonly dram: readonly DramStats[];
  readonly instructions: number;
  readonly dmaBytes: number;
  readonly dramBytes: number;
  /** Longest chain of dependent results at stated latencies, in ticks; only where it was asked for. */
  readonly chain?: number;
}

export function newEngineStats(core: number, engine: EngineName): EngineStats {
  return {
    core,
    engine,
    instructions: 0,
    busy: 0,
    stalls: { semaphore: 0, operand: 0, port: 0, stationary: 0 },
  };
}

export function newQueueStats(core: number, queue: number): QueueStats {
  return { core, queue, transfers: 0, rows: 0, bytes: 0, dramBytes: 0, busy: 0 };
}

// The state of a timeline: its cores, their engines and the transfers on their queues. Data only; timeline.ts moves it.
import { ENGINES, type EngineName } from '../../chip/target.js';
import type { Machine } from '../machine.js';
import type { Step } from './code.js';
import type { Counter } from './counter.js';
import type { QueuedTransfer } from './dma.js';
import type { Mark } from './races.js';
import type { Stream } from './stream.js';
import { type EngineStats, newEngineStats, newQueueStats, type QueueStats } from './trace.js';
import type { DescriptorPlan } from './transfer-plan.js';

/** One execution of an executable's fragments on a core. */
export interface Job {
  readonly core: number;
  /** Index of the executable. */
  readonly executable: number;
  readonly phase: 'load' | 'main';
  /** Registers that the runtime sets, the same in all engines. */
  readonly registers?: ReadonlyMap<number, number>;
  /** Earliest tick; it starts when the core's job before it has ended too. */
  readonly earliest?: number;
  /** Values of each engine's REG_LOADs in order, as recorded before: taken in place of memory. */
  readonly loads?: LoadedWords;
}
export type LoadedWords = Readonly<Record<EngineName, readonly number[]>>;

/** What a job left: when it ran, what its engines loaded, and which way data sent them. */
export interface JobResult {
  readonly start: number;
  readonly end: number;
  readonly loads: LoadedWords;
  /** Equal for executions in which loaded words made no difference to what was executed and where. */
  readonly path: string;
}

export interface EngineRun {
  readonly core: CoreRun;
  readonly engine: EngineName;
  /** Its place in the order of engines. */
  readonly number: number;
  /** Id in the event queue: core * 5 + number. */
  readonly id: number;
  /** Number among all streams of the timeline. */
  readonly streamId: number;
  readonly stream: Stream;
  /** When it can take its next instruction. */
  free: number;
  /** When all its results so far are readable. */
  effective: number;
  /** Start of the last instruction if that was a MATMUL, else -1: the next stationary operand loads from then on. */
  matmulStart: number;
  /** The instruction it is at, and when that may issue; -1 where this is not known yet. */
  step: Step | undefined;
  ready: number;
  /** What its DMA trigger names. */
  plans: readonly DescriptorPlan[];
  ended: boolean;
  /** Instructions whose results are not readable yet. */
  readonly pending: { readonly step: Step; readonly readable: number }[];
  readonly loaded: number[];
  readonly stats: EngineStats;
}

export interface CoreRun {
  readonly index: number;
  readonly chip: number;
  readonly machine: Machine | undefined;
  /** Of the running job. */
  engines: readonly EngineRun[];
  readonly engineStats: readonly EngineStats[];
  readonly queues: readonly QueueStats[];
  /** Engine that triggers each queue; undefined before the first trigger. */
  queueOwners: (EngineName | undefined)[];
  counters: (Counter<EngineRun> | undefined)[];
  /** Ticks from which the ports that engines share are free. */
  sbufPort: number;
  psumPort: number;
  /** Jobs to come; the first is running. */
  readonly jobs: { readonly job: Job; readonly index: number }[];
  /** Engines not ended and transfers not finished. */
  alive: number;
  start: number;
  /** When its last transfer finished. */
  dmaEnd: number;
}

/** A transfer on a queue. */
export interface Transfer extends QueuedTransfer {
  readonly core: CoreRun;
  readonly queue: number;
  readonly trigger: Step;
  readonly plans: readonly DescriptorPlan[];
  /** Semaphore it increments; -1 for none. */
  readonly increment: number;
  /** What the triggering engine knew; undefined where that is not tracked. */
  readonly mark: Mark | undefined;
}

/** A core before its first job. */
export function newCore(index: number, chip: number, queues: number, machine: Machine | undefined): CoreRun {
  return {
    index,
    chip,
    machine,
    engines: [],
    engineStats: ENGINES.map((engine) => newEngineStats(index, engine)),
    queues: Array.from({ length: queues }, (_, q) => newQueueStats(index, q)),
    queueOwners: [],
    counters: [],
    sbufPort: 0,
    psumPort: 0,
    jobs: [],
    alive: 0,
    start: 0,
    dmaEnd: 0,
  };
}

/** Engine number e of a core at the start of a job. */
export function newEngine(core: CoreRun, e: number, stream: Stream, at: number): EngineRun {
  return {
    core,
    engine: stream.engine,
    number: e,
    id: core.index * ENGINES.length + e,
    streamId: core.index * (ENGINES.length + core.queues.length) + e,
    stream,
    free: at,
    effective: at,
    matmulStart: -1,
    step: undefined,
    ready: -1,
    plans: [],
    ended: false,
    pending: [],
    loaded: [],
    stats: core.engineStats[e] ?? newEngineStats(core.index, stream.engine),
  };
}

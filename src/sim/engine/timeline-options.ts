// What a timeline is given and what it gives: the seam between the event loop and the device that it runs for.
import type { Place } from '../../base/diagnostic.js';
import type { EngineName } from '../../chip/target.js';
import type { Machine } from '../machine.js';
import type { ChainTracker } from './chain.js';
import type { Checks, Naming } from './checks.js';
import type { FragmentName, ProgramCode } from './code.js';
import type { Jitter } from './jitter.js';
import type { Job, JobResult, Transfer } from './run-state.js';
import type { ChipCounts } from './semaphores.js';
import type { TimelineStats, TraceBuilder } from './trace.js';

export interface TimelineOptions {
  readonly code: ProgramCode;
  /** Cores of the device; chips are filled in order. */
  readonly cores: number;
  /** In order; those of one core run one after another. */
  readonly jobs: readonly Job[];
  /** Memories to execute on; absent: timing only. */
  readonly machine?: (core: number) => Machine;
  readonly jitter: Jitter;
  readonly checks?: Checks | undefined;
  readonly trace?: TraceBuilder | undefined;
  readonly chain?: ChainTracker | undefined;
  /** Instructions after which a timeline counts as endless. */
  readonly watchdog: number;
  /** Timing only: a BRANCH on a loaded word is taken at its execution of this number and not before; loaded words are this number. */
  readonly length?: number | undefined;
  readonly chipCounts: ChipCounts;
  /** Told before a job's first and after its last event. */
  readonly begin?: (job: Job) => void;
  readonly end?: (job: Job) => void;
  /** Told of each finished transfer before it takes effect, where no checks are made. */
  readonly watch?: ((transfer: Transfer) => void) | undefined;
  readonly naming: Naming;
  /** Source node of an instruction. */
  readonly describe?:
    | ((fragment: FragmentName, engine: EngineName, index: number) => Place | undefined)
    | undefined;
}

export interface TimelineResult {
  readonly ticks: number;
  /** In the order of the jobs. */
  readonly jobs: readonly JobResult[];
  readonly stats: TimelineStats;
  /** Counts of the chips' semaphores afterwards, by `chip semaphore`. */
  readonly chipCounts: ReadonlyMap<string, number>;
}

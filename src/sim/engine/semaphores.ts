// The semaphores of a timeline's cores and chips: increments, who waits for them, what a wait makes known to the checks.
// A core's start at 0 with each execution; a chip's go on from what earlier timelines left.
import { COSTS, ENGINES, TICKS_PER_NS } from '../../chip/target.js';
import type { Wait } from '../../isa/operands.js';
import { SEMAPHORE_CHIP_BASE } from '../../isa/program.js';
import type { Checks } from './checks.js';
import type { Step } from './code.js';
import { Counter } from './counter.js';
import { fault } from './faults.js';
import type { Jitter } from './jitter.js';
import type { Mark } from './races.js';
import type { CoreRun, EngineRun } from './run-state.js';

const HOP_TICKS = COSTS.semaphoreHopNs * TICKS_PER_NS;

/** Count of a chip's semaphore before the timeline. */
export type ChipCounts = (chip: number, semaphore: number) => number;

export class Semaphores {
  private readonly jitter: Jitter;
  private readonly checks: Checks | undefined;
  private readonly before: ChipCounts;
  private readonly nameOf: (stream: number) => string;
  private readonly chips = new Map<number, Map<number, Counter<EngineRun>>>();
  /** Semaphore of the wait that was over last, in the last call of `seen`. */
  latest = 0;

  /** @param nameOf names a stream in messages */
  constructor(
    jitter: Jitter,
    checks: Checks | undefined,
    before: ChipCounts,
    nameOf: (stream: number) => string,
  ) {
    this.jitter = jitter;
    this.checks = checks;
    this.before = before;
    this.nameOf = nameOf;
  }

  counter(core: CoreRun, semaphore: number): Counter<EngineRun> {
    if (semaphore >= SEMAPHORE_CHIP_BASE) return this.chipCounter(core.chip, semaphore);
    let counter = core.counters[semaphore];
    if (counter === undefined) {
      counter = new Counter();
      core.counters[semaphore] = counter;
    }
    return counter;
  }

  private chipCounter(chip: number, semaphore: number): Counter<EngineRun> {
    const counters = this.chips.get(chip) ?? new Map<number, Counter<EngineRun>>();
    this.chips.set(chip, counters);
    let counter = counters.get(semaphore);
    if (counter === undefined) {
      counter = new Counter(this.before(chip, semaphore));
      counters.set(semaphore, counter);
    }
    return counter;
  }

  /** The tick at which the engine sees all waits over; -1 where one is not reached: the engine then stands in its list. */
  seen(e: EngineRun, step: Step, waits: readonly Wait[]): number {
    let seen = 0;
    for (let i = 0; i < waits.length; i++) {
      const { semaphore, value: immediate } = waits[i]!;
      let value = immediate;
      for (const r of step.waitRegisters(i)) {
        if (e.stream.isLoaded(r)) {
          throw fault(
            'waitValue',
            `the wait on semaphore ${semaphore} takes register ${r}, which derives from a REG_LOAD`,
          );
        }
        value += e.stream.registers[r]!;
      }
      const counter = this.counter(e.core, semaphore);
      if (value > counter.count) {
        counter.waiters.push({ engine: e, value });
        return -1;
      }
      if (value <= counter.base) continue;
      const at = counter.reached(value) + this.jitter.cost(HOP_TICKS);
      if (at > seen) {
        seen = at;
        this.latest = semaphore;
      }
      const mark = counter.markOf(value);
      if (mark !== undefined) this.checks?.join(e.streamId, mark);
    }
    return seen;
  }

  /** An increment that fires at tick `at`; gives the engines whose waits it reaches. */
  increment(
    core: CoreRun,
    semaphore: number,
    stream: number,
    at: number,
    mark: Mark | undefined,
  ): readonly EngineRun[] {
    const counter = this.counter(core, semaphore);
    if (counter.owner < 0) counter.owner = stream;
    if (counter.owner !== stream) {
      const [first, second] = [this.nameOf(counter.owner), this.nameOf(stream)];
      throw fault(
        'semaphore',
        `semaphore ${semaphore} is incremented by ${first} and by ${second}; each has one incrementing stream`,
      );
    }
    counter.increment(at, mark);
    return counter.waiters.length === 0 ? NOBODY : counter.takeReached();
  }

  /** Counts of the chips' semaphores, by `chip semaphore`. */
  chipCounts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const [chip, counters] of this.chips)
      for (const [s, c] of counters) counts.set(`${chip} ${s}`, c.count);
    return counts;
  }
}

const NOBODY: readonly EngineRun[] = [];

/** The name of a stream of a timeline. */
export function streamName(stream: number, cores: number, queues: number): string {
  const perCore = ENGINES.length + queues;
  const local = stream % perCore;
  const name = ENGINES[local] ?? `queue ${local - ENGINES.length}`;
  return cores === 1 ? name : `core ${Math.floor(stream / perCore)} ${name}`;
}

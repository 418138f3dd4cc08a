// The event-driven simulation of the cores of a device, in ticks of 1/28 ns (MACHINE 3). One event per engine (its next
// instruction) and per queue (its next finished transfer); events in order of time, ties by core and engine, queues last.
// Rules that MACHINE leaves open, all (ours):
//   - an engine sees an increment one hop after it fired, whether it already waits or comes later;
//   - an increment fires when its own result and all earlier results of the engine are readable: results take effect in order;
//   - a port is granted in the order in which instructions have all their operands, and held while they issue;
//   - every matmul loads its stationary operand, from the start of the matmul right before it or from when its waits are over;
//   - a DMA trigger is an instruction that reads what its transfer reads: it waits for its own engine's results.
// An instruction's effect on memory happens when it issues, a transfer's when it is finished: both respect happens-before.
// Between two engine events the DMA of a chip runs ahead by its latency: no trigger can start a row sooner.
import { NeffcError, type Place } from '../../base/diagnostic.js';
import { COSTS, ENGINES, type EngineName, TICKS_PER_NS } from '../../chip/target.js';
import { DMA_LATENCY_TICKS } from '../../isa/dma-cost.js';
import type { Wait } from '../../isa/operands.js';
import { SEMAPHORE_CHIP_BASE } from '../../isa/program.js';
import type { Instruction } from '../../isa/table.js';
import { execute, isCompute } from '../exec/execute.js';
import { transfer as moveBytes } from '../exec/transfer.js';
import { type Machine, readWord } from '../machine.js';
import { placed } from '../trap.js';
import type { ChainTracker } from './chain.js';
import type { Checks, Naming } from './checks.js';
import type { FragmentName, ProgramCode, Step } from './code.js';
import { Counter } from './counter.js';
import { describeDeadlock } from './deadlock.js';
import { ChipDma } from './dma.js';
import { EventQueue } from './event-queue.js';
import { fault } from './faults.js';
import type { Jitter } from './jitter.js';
import { hullsMeet, regionsMeet } from './patterns.js';
import type { Mark } from './races.js';
import {
  type CoreRun,
  type EngineRun,
  type Job,
  type JobResult,
  type LoadedWords,
  newCore,
  newEngine,
  type Transfer,
} from './run-state.js';
import { Stream } from './stream.js';
import { QUEUE_LANE, type StallCause, type TimelineStats, type TraceBuilder } from './trace.js';
import { footprintNow } from './transfer-plan.js';

const HOP_TICKS = COSTS.semaphoreHopNs * TICKS_PER_NS;

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
  /** Count of each chip's semaphore (from SEMAPHORE_CHIP_BASE on) before this timeline; given back in the result. */
  readonly chipCounts?: (chip: number, semaphore: number) => number;
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
  /** Counts of the chips' semaphores afterwards. */
  readonly chipCounts: ReadonlyMap<string, number>;
}

export class Timeline {
  private readonly o: TimelineOptions;
  private readonly events: EventQueue;
  private readonly cores: CoreRun[] = [];
  private readonly chips: {
    readonly dma: ChipDma<Transfer>;
    readonly counters: Map<number, Counter<EngineRun>>;
  }[] = [];
  private readonly finished: Transfer[][] = [];
  private readonly results: JobResult[] = [];
  private readonly queues: number;
  private readonly coresPerChip: number;
  private readonly engineIds: number;
  /** Rows that start before this tick have been served. */
  private served = 0;
  private instructions = 0;
  /** How often each BRANCH on loaded words was executed, with `length`. */
  private readonly visits = new Map<Stream, Map<Step, number>>();

  constructor(options: TimelineOptions) {
    this.o = options;
    const { target } = options.code;
    this.queues = target.dma.queues;
    this.coresPerChip = target.coresPerChip;
    this.engineIds = options.cores * ENGINES.length;
    this.events = new EventQueue(this.engineIds + options.cores * this.queues);
    for (let c = 0; c < options.cores; c++) {
      const chip = Math.floor(c / this.coresPerChip);
      const busy = options.jobs.some((job) => job.core === c);
      this.cores.push(newCore(c, chip, this.queues, busy ? options.machine?.(c) : undefined));
      for (let q = 0; q < this.queues; q++) this.finished.push([]);
      if (chip < this.chips.length) continue;
      const dma = new ChipDma<Transfer>(this.coresPerChip * this.queues, (_, transfer) =>
        this.finish(transfer),
      );
      this.chips.push({ dma, counters: new Map() });
    }
    for (const [index, job] of options.jobs.entries()) this.cores[job.core]!.jobs.push({ job, index });
  }

  /** Runs all jobs to their end. @throws the traps and faults E14xx */
  run(): TimelineResult {
    for (const core of this.cores) this.startJob(core, 0);
    const { events } = this;
    const margin = DMA_LATENCY_TICKS * this.o.jitter.least;
    for (;;) {
      const limit = events.firstTime() + margin;
      this.served = Number.POSITIVE_INFINITY;
      for (const { dma } of this.chips) this.served = Math.min(this.served, dma.advance(limit, margin));
      const id = events.firstId();
      if (id < 0) break;
      const now = events.firstTime();
      events.remove(id);
      if (id < this.engineIds)
        this.step(this.cores[Math.floor(id / ENGINES.length)]!.engines[id % ENGINES.length]!, now);
      else this.complete(id - this.engineIds);
      if (this.o.checks?.full === true) this.o.checks.prune(this.marksAlive());
    }
    if (this.cores.some((core) => core.alive > 0)) {
      throw fault(
        'deadlock',
        describeDeadlock(this.cores, (core, s) => this.counter(core, s), this.o.code),
      );
    }
    return this.result();
  }

  private startJob(core: CoreRun, at: number): void {
    const next = core.jobs[0];
    if (next === undefined) return;
    const { job } = next;
    const { code, checks } = this.o;
    core.start = Math.max(at, job.earliest ?? 0);
    core.dmaEnd = core.start;
    core.counters = [];
    core.queueOwners = [];
    core.alive = ENGINES.length;
    core.engines = ENGINES.map((engine, e) => {
      const stream = new Stream(
        code,
        code.fragment(job.phase, job.executable, engine),
        job.registers ?? new Map(),
      );
      return newEngine(core, e, stream, core.start);
    });
    this.o.begin?.(job);
    this.o.chain?.begin(core.index);
    for (const engine of core.engines) this.events.set(engine.id, core.start);
  }

  private endJob(core: CoreRun): void {
    const ended = core.jobs.shift();
    if (ended === undefined) return;
    const { engines } = core;
    const end = engines.reduce((t, e) => Math.max(t, e.effective), core.dmaEnd);
    const loads = Object.fromEntries(engines.map((e) => [e.engine, e.loaded])) as unknown as LoadedWords;
    this.results[ended.index] = {
      start: core.start,
      end,
      loads,
      path: engines.map((e) => e.stream.path).join(' '),
    };
    this.o.end?.(ended.job);
    this.startJob(core, end);
  }

  /** Brings an engine as far as it gets before anything else can happen. */
  private step(e: EngineRun, from: number): void {
    let now = from;
    try {
      for (;;) {
        e.step ??= e.stream.next();
        const { step } = e;
        if (step === undefined) {
          this.endEngine(e);
          return;
        }
        if (e.ready < 0) e.ready = this.readyTime(e, step);
        if (e.ready < 0) return;
        if (e.ready > now && !this.isNext(e.ready)) {
          this.events.set(e.id, e.ready);
          return;
        }
        now = this.issue(e, step);
        e.ready = -1;
        e.step = undefined;
        if (!this.isNext(now)) {
          this.events.set(e.id, now);
          return;
        }
      }
    } catch (error) {
      throw this.located(error, e.core.index, e.step);
    }
  }

  /** Whether nothing can happen before tick `at` but what the running engine does. */
  private isNext(at: number): boolean {
    return at < this.events.firstTime() && at < this.served;
  }

  /** When the engine may issue the step, as far as waits, its own results and its stationary operand go; -1 where it blocks. */
  private readyTime(e: EngineRun, step: Step): number {
    const { waits } = step.instr;
    const seen = waits.length === 0 ? 0 : this.waitsOver(e, step, waits);
    if (seen < 0) return -1;
    const after = Math.max(e.free, seen);
    this.stall(e, step, 'semaphore', e.free, after, waits[0]?.semaphore ?? 0);
    if (step.stationary > 0) {
      const from = Math.max(e.matmulStart < 0 ? e.free : e.matmulStart, seen);
      const ready = Math.max(after, from + this.o.jitter.cost(step.stationary));
      this.stall(e, step, 'stationary', after, ready, 0);
      return ready;
    }
    if (step.instr.m === 'DMA') this.planTransfer(e, step, step.instr);
    const ready = e.pending.length === 0 ? after : this.operandsReadable(e, step, after);
    this.stall(e, step, 'operand', after, ready, 0);
    return ready;
  }

  /** The tick at which the engine sees all waits over; -1 where one is not reached, and the engine is then woken when it is. */
  private waitsOver(e: EngineRun, step: Step, waits: readonly Wait[]): number {
    let seen = 0;
    for (let i = 0; i < waits.length; i++) {
      const wait = waits[i]!;
      let { value } = wait;
      for (const r of step.waitRegisters(i)) {
        if (e.stream.isLoaded(r))
          throw fault(
            'waitValue',
            `the wait on semaphore ${wait.semaphore} takes register ${r}, which derives from a REG_LOAD`,
          );
        value += e.stream.registers[r]!;
      }
      const counter = this.counter(e.core, wait.semaphore);
      if (value > counter.count) {
        counter.waiters.push({ engine: e, value });
        return -1;
      }
      if (value <= 0) continue;
      seen = Math.max(seen, counter.reached(value) + this.o.jitter.cost(HOP_TICKS));
      const mark = counter.markOf(value);
      if (mark !== undefined) this.o.checks?.join(e.streamId, mark);
    }
    return seen;
  }

  /** From `at` on, when the engine's own results that the step reads are readable. */
  private operandsReadable(e: EngineRun, step: Step, at: number): number {
    const { pending } = e;
    let kept = 0;
    let ready = at;
    for (const p of pending) {
      if (p.readable <= at) continue;
      pending[kept++] = p;
      if (p.readable > ready && this.readsResult(e, step, p.step)) ready = p.readable;
    }
    pending.length = kept;
    return ready;
  }

  /** Whether the step, or the transfer it triggers, reads what an earlier step of the engine writes. */
  private readsResult(e: EngineRun, step: Step, writer: Step): boolean {
    if (step.instr.m === 'DMA' || step.instr.m === 'REG_LOAD') {
      const reads =
        step.instr.m === 'DMA' ? e.plans.flatMap((p) => p.footprint().reads) : step.footprint().reads;
      return regionsMeet(reads, writer.footprint().writes);
    }
    // Hulls first: regions are made only where they meet.
    return (
      step.reads.some((r) => writer.writes.some((w) => hullsMeet(r, w))) &&
      regionsMeet(step.footprint().reads, writer.footprint().writes)
    );
  }

  private stall(e: EngineRun, step: Step, cause: StallCause, from: number, to: number, detail: number): void {
    if (to <= from) return;
    e.stats.stalls[cause] += to - from;
    this.o.trace?.add(
      e.core.index,
      e.id % ENGINES.length,
      cause,
      from,
      to,
      step.fragment.id,
      step.index,
      detail,
    );
  }

  /** Issues the step; gives when the engine takes the next. */
  private issue(e: EngineRun, step: Step): number {
    const { jitter, trace, checks, watchdog } = this.o;
    const { core } = e;
    let start = e.ready;
    if ((step.ports & 1) !== 0) start = Math.max(start, core.sbufPort);
    if ((step.ports & 2) !== 0) start = Math.max(start, core.psumPort);
    this.stall(e, step, 'port', e.ready, start, 0);
    const issue = jitter.cost(step.issue);
    const end = start + issue;
    if ((step.ports & 1) !== 0) core.sbufPort = end;
    if ((step.ports & 2) !== 0) core.psumPort = end;
    const readable = end + jitter.cost(step.latency);
    e.effective = Math.max(e.effective, readable);
    e.stats.instructions++;
    e.stats.busy += issue;
    if (++this.instructions > watchdog)
      throw fault('watchdog', `${watchdog} instructions were executed without an end`);
    trace?.add(core.index, e.id % ENGINES.length, 'instruction', start, end, step.fragment.id, step.index, 0);
    checks?.instruction(e.streamId, step);
    this.takeEffect(e, step, start, end, readable);
    e.matmulStart = step.instr.m === 'MATMUL' ? start : -1;
    e.free = end;
    return end;
  }

  private takeEffect(e: EngineRun, step: Step, start: number, end: number, readable: number): void {
    const { instr } = step;
    if (instr.m === 'DMA') this.trigger(e, step, instr, end);
    else if (instr.m === 'REG_LOAD') this.load(e, step, instr);
    else if (isCompute(instr)) {
      if (e.core.machine !== undefined) execute(instr, e.core.machine);
      // PE reads SBUF and writes PSUM: it never reads its own results but to add to them, which takes no wait.
      if (instr.m !== 'MATMUL') e.pending.push({ step, readable });
      const accumulates = instr.m === 'MATMUL' && !instr.start;
      const { chain } = this.o;
      if (chain !== undefined)
        chain.instruction(
          e.core.index,
          e.id % ENGINES.length,
          step.footprint(),
          end - start,
          readable - end,
          accumulates,
        );
    }
    this.move(e, step);
    if (instr.m === 'DMA' || instr.increment < 0) return;
    this.increment(e.core, instr.increment, e.streamId, e.effective, this.o.checks?.mark(e.streamId), start);
  }

  private load(e: EngineRun, step: Step, instr: Instruction<'REG_LOAD'>): void {
    const recorded = e.core.jobs[0]?.job.loads?.[e.engine];
    const { machine } = e.core;
    let value = this.o.length ?? 0;
    if (recorded !== undefined) {
      const next = recorded[e.loaded.length];
      if (next === undefined)
        throw fault('control', `the recorded words end before this REG_LOAD, number ${e.loaded.length}`);
      value = next;
    } else if (machine !== undefined) value = readWord(machine, instr);
    e.loaded.push(value);
    e.stream.load(instr.reg, value);
    const { chain } = this.o;
    if (chain !== undefined) chain.control(e.core.index, e.id % ENGINES.length, step.footprint(), step.issue);
  }

  /** Moves the stream past the step. */
  private move({ stream }: EngineRun, step: Step): void {
    const { instr } = step;
    const byLength = this.o.length !== undefined && instr.m === 'BRANCH' && stream.isLoaded(instr.reg);
    stream.advance(step, byLength ? this.visit(stream, step) === this.o.length : undefined);
  }

  private visit(stream: Stream, step: Step): number {
    const counts = this.visits.get(stream) ?? new Map<Step, number>();
    this.visits.set(stream, counts);
    const count = (counts.get(step) ?? 0) + 1;
    counts.set(step, count);
    return count;
  }

  /** The descriptors of a trigger with their registers as they are now. */
  private planTransfer(e: EngineRun, step: Step, { first, count }: Instruction<'DMA'>): void {
    const { descriptors } = step.fragment;
    if (first < 0 || count < 0 || first + count > descriptors.length) {
      throw fault('encoding', `triggers descriptors ${first}..${first + count - 1} of ${descriptors.length}`);
    }
    e.plans = descriptors.slice(first, first + count).map((d) => {
      e.stream.noteUse(d.src.reg);
      e.stream.noteUse(d.dst.reg);
      return this.o.code.plan(d).resolve(e.stream.registers);
    });
  }

  private trigger(e: EngineRun, step: Step, { queue, increment }: Instruction<'DMA'>, at: number): void {
    const { jitter, checks } = this.o;
    const { core, plans } = e;
    if (queue >= this.queues) throw fault('encoding', `triggers queue ${queue} of ${this.queues}`);
    const owner = (core.queueOwners[queue] ??= e.engine);
    if (owner !== e.engine)
      throw fault('queue', `triggers queue ${queue}, which ${owner} has triggered in this execution`);
    if (checks !== undefined) for (const plan of plans) checks.descriptor(plan);
    const stated = plans.length === 1 ? plans[0]!.runs : plans.flatMap((p) => p.runs);
    const factor = jitter.factor();
    const perturb = (ticks: number): number => Math.ceil(ticks * factor);
    const runs =
      factor === 1
        ? stated
        : stated.map((r) => ({ ...r, queueTicks: perturb(r.queueTicks), dramTicks: perturb(r.dramTicks) }));
    const earliest = at + jitter.cost(DMA_LATENCY_TICKS);
    const mark = checks?.mark(e.streamId);
    core.alive++;
    const slot = (core.index % this.coresPerChip) * this.queues + queue;
    this.chips[core.chip]!.dma.enqueue(slot, {
      runs,
      earliest,
      start: 0,
      end: 0,
      core,
      queue,
      trigger: step,
      plans,
      increment,
      mark,
    });
  }

  /** A transfer's last row has been served; its end is an event to come. */
  private finish(transfer: Transfer): void {
    const id = transfer.core.index * this.queues + transfer.queue;
    const list = this.finished[id]!;
    list.push(transfer);
    if (list.length === 1) this.events.set(this.engineIds + id, transfer.end);
  }

  private complete(id: number): void {
    const list = this.finished[id]!;
    const t = list.shift()!;
    const following = list[0];
    if (following !== undefined) this.events.set(this.engineIds + id, following.end);
    const { core, queue, plans, trigger, start, end } = t;
    const streamId = core.index * (ENGINES.length + this.queues) + ENGINES.length + queue;
    try {
      this.moveData(t, streamId);
      const { stats, bytes } = { stats: core.queues[queue]!, bytes: plans.reduce((n, p) => n + p.bytes, 0) };
      stats.transfers++;
      stats.busy += end - start;
      stats.bytes += bytes;
      for (const plan of plans) {
        stats.rows += plan.rows;
        stats.dramBytes += plan.dramBytes;
      }
      this.o.trace?.add(
        core.index,
        QUEUE_LANE + queue,
        'transfer',
        start,
        end,
        trigger.fragment.id,
        trigger.index,
        bytes,
      );
      core.dmaEnd = Math.max(core.dmaEnd, end);
      if (t.increment >= 0)
        this.increment(core, t.increment, streamId, end, this.o.checks?.mark(streamId), end);
    } catch (error) {
      throw this.located(error, core.index, trigger, queue);
    }
    this.endPart(core);
  }

  private moveData(t: Transfer, streamId: number): void {
    const { core, plans, trigger, queue, mark } = t;
    const { checks, chain, watch } = this.o;
    if (checks !== undefined || chain !== undefined) {
      const { machine } = core;
      const footprints = plans.map((p) => (machine === undefined ? p.footprint() : footprintNow(p, machine)));
      if (checks !== undefined && mark !== undefined) checks.transfer(streamId, mark, footprints, trigger);
      const ticks =
        trigger.issue + DMA_LATENCY_TICKS + t.runs.reduce((n, r) => n + r.count * r.queueTicks, 0);
      chain?.transfer(
        core.index,
        ENGINES.indexOf(trigger.fragment.engine),
        ENGINES.length + queue,
        footprints,
        ticks,
      );
    }
    if (checks === undefined) watch?.(t);
    if (core.machine !== undefined) for (const plan of plans) moveBytes(plan.descriptor, core.machine);
  }

  private counter(core: CoreRun, semaphore: number): Counter<EngineRun> {
    if (semaphore < SEMAPHORE_CHIP_BASE) return (core.counters[semaphore] ??= new Counter());
    const { counters } = this.chips[core.chip]!;
    let counter = counters.get(semaphore);
    if (counter === undefined) {
      counter = new Counter(this.o.chipCounts?.(core.chip, semaphore) ?? 0);
      counters.set(semaphore, counter);
    }
    return counter;
  }

  private increment(
    core: CoreRun,
    semaphore: number,
    streamId: number,
    at: number,
    mark: Mark | undefined,
    now: number,
  ): void {
    const counter = this.counter(core, semaphore);
    if (counter.owner < 0) counter.owner = streamId;
    if (counter.owner !== streamId) {
      const [a, b] = [counter.owner, streamId].map((s) => this.streamName(s));
      throw fault(
        'semaphore',
        `semaphore ${semaphore} is incremented by ${a} and by ${b}; each has one incrementing stream`,
      );
    }
    counter.increment(at, mark);
    if (counter.waiters.length === 0) return;
    const { count } = counter;
    for (const w of counter.waiters) if (w.value <= count) this.events.set(w.engine.id, now);
    counter.waiters = counter.waiters.filter((w) => w.value > count);
  }

  private streamName(streamId: number): string {
    const perCore = ENGINES.length + this.queues;
    const local = streamId % perCore;
    const name = ENGINES[local] ?? `queue ${local - ENGINES.length}`;
    return this.o.cores === 1 ? name : `core ${Math.floor(streamId / perCore)} ${name}`;
  }

  private endEngine(e: EngineRun): void {
    e.ended = true;
    this.endPart(e.core);
  }

  private endPart(core: CoreRun): void {
    core.alive--;
    if (core.alive === 0) this.endJob(core);
  }

  /** What streams that can still act know: engines not ended and transfers not finished. */
  private marksAlive(): Mark[] {
    const { checks } = this.o;
    const marks: Mark[] = [];
    if (checks === undefined) return marks;
    for (const core of this.cores)
      for (const e of core.engines) if (!e.ended) marks.push(checks.mark(e.streamId));
    for (const { dma } of this.chips)
      for (const { mark } of dma.unfinished()) if (mark !== undefined) marks.push(mark);
    for (const list of this.finished) for (const { mark } of list) if (mark !== undefined) marks.push(mark);
    return marks;
  }

  /** An error with the instruction in front and its source node, where it is one of ours. */
  private located(error: unknown, core: number, step: Step | undefined, queue = -1): unknown {
    if (!(error instanceof NeffcError) || step === undefined) return error;
    const { fragment, index } = step;
    return placed(
      error,
      this.o.naming(core, step, queue),
      this.o.describe?.(fragment, fragment.engine, index),
    );
  }

  private result(): TimelineResult {
    const engines = this.cores.flatMap((c) => c.engineStats);
    const queues = this.cores.flatMap((c) => c.queues.filter((q) => q.transfers > 0));
    const chipCounts = new Map<string, number>();
    for (const [chip, { counters }] of this.chips.entries())
      for (const [s, c] of counters) chipCounts.set(`${chip} ${s}`, c.count);
    return {
      ticks: this.results.reduce((t, r) => Math.max(t, r.end), 0),
      jobs: this.results,
      chipCounts,
      stats: {
        engines,
        queues,
        dram: this.chips.map(({ dma }, chip) => ({ chip, busy: dma.dramBusy })),
        instructions: this.instructions,
        dmaBytes: queues.reduce((n, q) => n + q.bytes, 0),
        dramBytes: queues.reduce((n, q) => n + q.dramBytes, 0),
        ...(this.o.chain && { chain: this.o.chain.longest }),
      },
    };
  }
}

// The event-driven simulation of the cores of a device, in ticks of 1/28 ns (MACHINE 3). One event per engine (its next
// instruction) and per queue (its next finished transfer); events in order of time, ties by core and engine, queues last.
// Rules that the machine's description leaves open, all (ours):
//   - an engine sees an increment one hop after it fired, whether it already waits or comes later;
//   - an increment fires when its own result and all earlier results of the engine are readable: results take effect in order;
//   - a port is granted in the order in which instructions have all their operands, and held while they issue;
//   - every matmul loads its stationary operand, from the start of the matmul right before it or from when its waits are over;
//   - a DMA trigger is an instruction that reads what its transfer reads: it waits for its own engine's results.
// An instruction's effect on memory happens when it issues, a transfer's when it is finished: both respect happens-before.
import { NeffcError } from '../../base/diagnostic.js';
import { ENGINES } from '../../chip/target.js';
import { DMA_LATENCY_TICKS } from '../../isa/dma-cost.js';
import type { Instruction } from '../../isa/table.js';
import { execute, isCompute } from '../exec/execute.js';
import { transfer as moveBytes } from '../exec/transfer.js';
import { placed } from '../trap.js';
import type { Checks } from './checks.js';
import { PORT, type Step } from './code.js';
import { describeDeadlock } from './deadlock.js';
import { EventQueue } from './event-queue.js';
import { fault } from './faults.js';
import { Outcomes } from './outcomes.js';
import { hullsMeet, regionsMeet } from './patterns.js';
import type { Mark } from './races.js';
import {
  type CoreRun,
  type EngineRun,
  type JobResult,
  type LoadedWords,
  newCore,
  newEngine,
  type Transfer,
} from './run-state.js';
import { Semaphores, streamName } from './semaphores.js';
import { Stream } from './stream.js';
import type { TimelineOptions, TimelineResult } from './timeline-options.js';
import { QUEUE_LANE, type StallCause } from './trace.js';
import { footprintNow } from './transfer-plan.js';
import { Transfers } from './transfers.js';

export class Timeline {
  private readonly o: TimelineOptions;
  private readonly events: EventQueue;
  private readonly cores: CoreRun[] = [];
  private readonly semaphores: Semaphores;
  private readonly transfers: Transfers;
  private readonly outcomes: Outcomes;
  private readonly results: JobResult[] = [];
  private readonly queues: number;
  /** Ids of engines are below it, those of queues from it on. */
  private readonly engineIds: number;
  /** Every transfer that ends before this tick has its event. */
  private known = 0;
  private instructions = 0;

  constructor(options: TimelineOptions) {
    const { code, cores, jobs, jitter, checks, chipCounts } = options;
    const { coresPerChip, dma } = code.target;
    this.o = options;
    this.queues = dma.queues;
    this.engineIds = cores * ENGINES.length;
    this.events = new EventQueue(this.engineIds + cores * this.queues);
    this.semaphores = new Semaphores(jitter, checks, chipCounts, (s) => streamName(s, cores, this.queues));
    this.transfers = new Transfers(code, cores, jitter, (id, end) =>
      this.events.set(this.engineIds + id, end),
    );
    this.outcomes = new Outcomes(options.length);
    for (let c = 0; c < cores; c++) {
      const machine = jobs.some((job) => job.core === c) ? options.machine?.(c) : undefined;
      this.cores.push(newCore(c, Math.floor(c / coresPerChip), this.queues, machine));
    }
    for (const [index, job] of jobs.entries()) this.cores[job.core]!.jobs.push({ job, index });
  }

  /** Runs all jobs to their end. @throws the traps and faults E14xx */
  run(): TimelineResult {
    for (const core of this.cores) this.startJob(core, 0);
    const { events } = this;
    const { checks } = this.o;
    for (;;) {
      this.known = this.transfers.runAhead(events.firstTime());
      const id = events.firstId();
      if (id < 0) break;
      const now = events.firstTime();
      events.remove(id);
      if (id < this.engineIds)
        this.step(this.cores[Math.floor(id / ENGINES.length)]!.engines[id % ENGINES.length]!, now);
      else this.complete(id - this.engineIds);
      if (checks?.full === true) checks.prune(this.marksAlive(checks));
    }
    if (this.cores.some((core) => core.alive > 0)) {
      throw fault('deadlock', describeDeadlock(this.cores, this.semaphores, this.o.code));
    }
    return this.result();
  }

  private startJob(core: CoreRun, at: number): void {
    const next = core.jobs[0];
    if (next === undefined) return;
    const { job } = next;
    const { code } = this.o;
    core.start = Math.max(at, job.earliest ?? 0);
    core.dmaEnd = core.start;
    core.counters = [];
    core.queueOwners = [];
    core.alive = ENGINES.length;
    core.engines = ENGINES.map((engine, e) => {
      const main = code.fragment(job.phase, job.executable, engine);
      return newEngine(core, e, new Stream(code, main, job.registers ?? new Map()), core.start);
    });
    this.o.begin?.(job);
    this.o.chain?.begin(core.index);
    for (const engine of core.engines) this.events.set(engine.id, core.start);
  }

  /** An engine has ended or a transfer has finished. */
  private endPart(core: CoreRun): void {
    core.alive--;
    if (core.alive === 0) this.endJob(core);
  }

  private endJob(core: CoreRun): void {
    const ended = core.jobs.shift();
    if (ended === undefined) return;
    const { engines, start } = core;
    const end = engines.reduce((t, e) => Math.max(t, e.effective), core.dmaEnd);
    const loads = Object.fromEntries(engines.map((e) => [e.engine, e.loaded])) as unknown as LoadedWords;
    this.results[ended.index] = { start, end, loads, path: engines.map((e) => e.stream.path).join(' ') };
    this.o.end?.(ended.job);
    this.startJob(core, end);
  }

  /** Brings an engine as far as it gets before anything else can happen. */
  private step(e: EngineRun, from: number): void {
    let now = from;
    try {
      for (;;) {
        e.step ??= e.stream.next();
        if (e.step === undefined) {
          e.ended = true;
          this.endPart(e.core);
          return;
        }
        if (e.ready < 0) e.ready = this.readyTime(e, e.step);
        if (e.ready < 0) return;
        if (e.ready > now && !this.isNext(e.ready)) {
          this.events.set(e.id, e.ready);
          return;
        }
        now = this.issue(e, e.step);
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

  /** Whether nothing happens up to tick `at` but what the running engine does. */
  private isNext(at: number): boolean {
    return at < this.events.firstTime() && at < this.known;
  }

  /** When the engine may issue the step, as far as waits, its own results and its stationary operand go; -1 where it blocks. */
  private readyTime(e: EngineRun, step: Step): number {
    const { waits } = step.instr;
    const seen = waits.length === 0 ? 0 : this.semaphores.seen(e, step, waits);
    if (seen < 0) return -1;
    const after = Math.max(e.free, seen);
    this.stall(e, step, 'semaphore', e.free, after, this.semaphores.latest);
    if (step.stationary > 0) {
      const from = Math.max(e.matmulStart < 0 ? e.free : e.matmulStart, seen);
      const ready = Math.max(after, from + this.o.jitter.cost(step.stationary));
      this.stall(e, step, 'stationary', after, ready, 0);
      return ready;
    }
    if (step.instr.m === 'DMA') e.plans = this.transfers.plan(e, step, step.instr);
    const ready = e.pending.length === 0 ? after : this.operandsReadable(e, step, after);
    this.stall(e, step, 'operand', after, ready, 0);
    return ready;
  }

  /** From `at` on, when the engine's own results that the step reads are readable. */
  private operandsReadable(e: EngineRun, step: Step, at: number): number {
    const { pending } = e;
    let kept = 0;
    let ready = at;
    for (const p of pending) {
      if (p.readable <= at) continue;
      pending[kept++] = p;
      if (p.readable > ready && readsResult(e, step, p.step)) ready = p.readable;
    }
    pending.length = kept;
    return ready;
  }

  private stall(e: EngineRun, step: Step, cause: StallCause, from: number, to: number, detail: number): void {
    if (to <= from) return;
    e.stats.stalls[cause] += to - from;
    this.o.trace?.add(e.core.index, e.number, cause, from, to, step.fragment.id, step.index, detail);
  }

  /** Issues the step; gives when the engine takes the next. */
  private issue(e: EngineRun, step: Step): number {
    const { jitter, trace, checks, watchdog } = this.o;
    const { core } = e;
    let start = e.ready;
    if ((step.ports & PORT.sbuf) !== 0) start = Math.max(start, core.sbufPort);
    if ((step.ports & PORT.psum) !== 0) start = Math.max(start, core.psumPort);
    this.stall(e, step, 'port', e.ready, start, 0);
    const issue = jitter.cost(step.issue);
    const end = start + issue;
    if ((step.ports & PORT.sbuf) !== 0) core.sbufPort = end;
    if ((step.ports & PORT.psum) !== 0) core.psumPort = end;
    const readable = end + jitter.cost(step.latency);
    e.effective = Math.max(e.effective, readable);
    e.stats.instructions++;
    e.stats.busy += issue;
    if (++this.instructions > watchdog)
      throw fault('watchdog', `${watchdog} instructions were executed without an end`);
    trace?.add(core.index, e.number, 'instruction', start, end, step.fragment.id, step.index, 0);
    checks?.instruction(e.streamId, step);
    this.takeEffect(e, step, start, end, readable);
    e.matmulStart = step.instr.m === 'MATMUL' ? start : -1;
    e.free = end;
    return end;
  }

  private takeEffect(e: EngineRun, step: Step, start: number, end: number, readable: number): void {
    const { instr } = step;
    const { checks } = this.o;
    if (instr.m === 'DMA') this.trigger(e, step, instr, end);
    else if (instr.m === 'REG_LOAD') {
      this.outcomes.load(e, instr);
      this.o.chain?.control(e, step);
    } else if (isCompute(instr)) {
      if (e.core.machine !== undefined) execute(instr, e.core.machine);
      // PE reads SBUF and writes PSUM: it never reads its own results but to add to them, which takes no wait.
      if (instr.m !== 'MATMUL') e.pending.push({ step, readable });
      this.o.chain?.instruction(e, step, end - start, readable - end);
    }
    e.stream.advance(step, this.outcomes.branch(e.stream, step));
    if (instr.m === 'DMA' || instr.increment < 0) return;
    this.increment(e.core, instr.increment, e.streamId, e.effective, checks?.mark(e.streamId), start);
  }

  private trigger(e: EngineRun, step: Step, instr: Instruction<'DMA'>, end: number): void {
    const { checks } = this.o;
    if (checks !== undefined) for (const plan of e.plans) checks.descriptor(plan);
    e.core.alive++;
    this.transfers.trigger(e, step, instr, end, checks?.mark(e.streamId));
  }

  /** A transfer's event: its bytes move, its increment fires. */
  private complete(queueId: number): void {
    const t = this.transfers.take(queueId);
    if (t === undefined) return;
    const { core, queue, plans, trigger, start, end } = t;
    const streamId = core.index * (ENGINES.length + this.queues) + ENGINES.length + queue;
    try {
      this.moveData(t, streamId);
      const stats = core.queues[queue]!;
      let bytes = 0;
      for (const plan of plans) {
        bytes += plan.bytes;
        stats.rows += plan.rows;
        stats.dramBytes += plan.dramBytes;
      }
      stats.transfers++;
      stats.busy += end - start;
      stats.bytes += bytes;
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
    const { plans, trigger, queue, mark } = t;
    const { machine } = t.core;
    const { checks, chain, watch } = this.o;
    if (checks !== undefined || chain !== undefined) {
      const footprints = plans.map((p) => (machine === undefined ? p.footprint() : footprintNow(p, machine)));
      if (checks !== undefined && mark !== undefined) checks.transfer(streamId, mark, footprints, trigger);
      const ticks =
        trigger.issue + DMA_LATENCY_TICKS + t.runs.reduce((n, r) => n + r.count * r.queueTicks, 0);
      chain?.transfer(t.core.index, trigger.fragment.engine, queue, footprints, ticks);
    }
    if (checks === undefined) watch?.(t);
    if (machine !== undefined) for (const plan of plans) moveBytes(plan.descriptor, machine);
  }

  /** @param now tick of the event that makes the increment */
  private increment(
    core: CoreRun,
    semaphore: number,
    stream: number,
    at: number,
    mark: Mark | undefined,
    now: number,
  ): void {
    for (const engine of this.semaphores.increment(core, semaphore, stream, at, mark))
      this.events.set(engine.id, now);
  }

  /** What streams that can still act know: engines not ended and transfers without their event. */
  private marksAlive(checks: Checks): Mark[] {
    const marks = this.cores.flatMap((c) =>
      c.engines.filter((e) => !e.ended).map((e) => checks.mark(e.streamId)),
    );
    for (const { mark } of this.transfers.pending()) if (mark !== undefined) marks.push(mark);
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
    return {
      ticks: this.results.reduce((t, r) => Math.max(t, r.end), 0),
      jobs: this.results,
      chipCounts: this.semaphores.chipCounts(),
      stats: {
        engines,
        queues,
        dram: this.transfers.dramBusy(),
        instructions: this.instructions,
        dmaBytes: queues.reduce((n, q) => n + q.bytes, 0),
        dramBytes: queues.reduce((n, q) => n + q.dramBytes, 0),
        ...(this.o.chain && { chain: this.o.chain.longest }),
      },
    };
  }
}

/** Whether the step, or the transfer it triggers, reads what an earlier step of the engine writes. */
function readsResult(e: EngineRun, step: Step, writer: Step): boolean {
  const { m } = step.instr;
  if (m === 'DMA') return e.plans.some((p) => regionsMeet(p.footprint().reads, writer.footprint().writes));
  // Hulls first: regions are made only where they meet.
  if (m !== 'REG_LOAD' && !step.reads.some((r) => writer.writes.some((w) => hullsMeet(r, w)))) return false;
  return regionsMeet(step.footprint().reads, writer.footprint().writes);
}

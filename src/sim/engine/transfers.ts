// The DMA side of a timeline: triggers become transfers on the queues of their chip, finished transfers wait here for their
// event. Which rows move when is dma.ts; effects, semaphores and checks are the timeline's.
import { DMA_LATENCY_TICKS } from '../../isa/dma-cost.js';
import type { Instruction } from '../../isa/table.js';
import type { ProgramCode, Step } from './code.js';
import { ChipDma } from './dma.js';
import { fault } from './faults.js';
import type { Jitter } from './jitter.js';
import type { Mark } from './races.js';
import type { EngineRun, Transfer } from './run-state.js';
import type { DescriptorPlan, RowRun } from './transfer-plan.js';

export class Transfers {
  private readonly code: ProgramCode;
  private readonly jitter: Jitter;
  private readonly queues: number;
  private readonly coresPerChip: number;
  private readonly chips: ChipDma<Transfer>[] = [];
  /** Of each queue of each core: transfers that are finished and have not had their event. */
  private readonly finished: Transfer[][];
  private readonly announce: (queueId: number, end: number) => void;
  /** No trigger makes a row start sooner than this many ticks after it. */
  private readonly margin: number;

  /** @param announce is told the end of the next finished transfer of queue core * queues + queue */
  constructor(
    code: ProgramCode,
    cores: number,
    jitter: Jitter,
    announce: (queueId: number, end: number) => void,
  ) {
    this.code = code;
    this.jitter = jitter;
    this.announce = announce;
    this.queues = code.target.dma.queues;
    this.coresPerChip = code.target.coresPerChip;
    this.margin = DMA_LATENCY_TICKS * jitter.least;
    this.finished = Array.from({ length: cores * this.queues }, () => []);
    const slots = this.coresPerChip * this.queues;
    for (let core = 0; core < cores; core += this.coresPerChip) {
      this.chips.push(new ChipDma<Transfer>(slots, (_, transfer) => this.finish(transfer)));
    }
  }

  /** Lets all chips run ahead of tick `now`, before which nothing is triggered; gives the tick up to which all ends are known. */
  runAhead(now: number): number {
    let known = Number.POSITIVE_INFINITY;
    for (const dma of this.chips) known = Math.min(known, dma.advance(now + this.margin, this.margin));
    return known;
  }

  /** The descriptors of a trigger, with the engine's registers as they are now. */
  plan({ stream }: EngineRun, step: Step, { first, count }: Instruction<'DMA'>): readonly DescriptorPlan[] {
    const { descriptors } = step.fragment;
    if (first < 0 || count < 0 || first + count > descriptors.length) {
      throw fault('encoding', `triggers descriptors ${first}..${first + count - 1} of ${descriptors.length}`);
    }
    const plans: DescriptorPlan[] = [];
    for (let i = first; i < first + count; i++) {
      const descriptor = descriptors[i]!;
      stream.noteUse(descriptor.src.reg);
      stream.noteUse(descriptor.dst.reg);
      plans.push(this.code.plan(descriptor).resolve(stream.registers));
    }
    return plans;
  }

  /** Puts what the engine's trigger names on its queue. @param at end of the trigger @param mark what the engine knows */
  trigger(
    { core, plans, engine }: EngineRun,
    step: Step,
    instr: Instruction<'DMA'>,
    at: number,
    mark: Mark | undefined,
  ): void {
    const { queue, increment } = instr;
    if (queue >= this.queues) throw fault('encoding', `triggers queue ${queue} of ${this.queues}`);
    const owner = core.queueOwners[queue] ?? engine;
    core.queueOwners[queue] = owner;
    if (owner !== engine)
      throw fault('queue', `triggers queue ${queue}, which ${owner} has triggered in this execution`);
    const earliest = at + this.jitter.cost(DMA_LATENCY_TICKS);
    const slot = (core.index % this.coresPerChip) * this.queues + queue;
    const runs = this.perturbed(plans.length === 1 ? plans[0]!.runs : plans.flatMap((p) => p.runs));
    this.chips[core.chip]!.enqueue(slot, {
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

  private perturbed(runs: readonly RowRun[]): readonly RowRun[] {
    const factor = this.jitter.factor();
    if (factor === 1) return runs;
    const cost = (ticks: number): number => Math.ceil(ticks * factor);
    return runs.map((r) => ({ ...r, queueTicks: cost(r.queueTicks), dramTicks: cost(r.dramTicks) }));
  }

  private finish(transfer: Transfer): void {
    const queueId = transfer.core.index * this.queues + transfer.queue;
    const list = this.finished[queueId]!;
    list.push(transfer);
    if (list.length === 1) this.announce(queueId, transfer.end);
  }

  /** The transfer whose event has come. */
  take(queueId: number): Transfer | undefined {
    const list = this.finished[queueId]!;
    const transfer = list.shift();
    const following = list[0];
    if (following !== undefined) this.announce(queueId, following.end);
    return transfer;
  }

  /** Transfers that have not had their event. */
  pending(): Transfer[] {
    return [...this.chips.flatMap((dma) => dma.unfinished()), ...this.finished.flat()];
  }

  /** Ticks the DRAM of each chip has served rows. */
  dramBusy(): { readonly chip: number; readonly busy: number }[] {
    return this.chips.map(({ dramBusy }, chip) => ({ chip, busy: dramBusy }));
  }
}

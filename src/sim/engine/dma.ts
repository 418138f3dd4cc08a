// The DMA queues of a chip and its DRAM, in ticks. A queue serves its transfers in order; a row occupies the queue for its own cost
// and, where it touches DRAM, until the DRAM has served it; the DRAM serves rows in order of start, ties by core, then queue.
// Two ways of going forward, chosen whenever a transfer begins or ends:
//   - free: the rows under way cannot delay each other, since their DRAM times together are no longer than the shortest row.
//     Each transfer then takes the sum of its rows' own costs, in one event;
//   - contended: row by row (runs of rows that meet no other row at once).
// Exact within each; DRAM time owed when it changes from one to the other, less than a row, is forgotten (ours).
// Knows neither engines nor semaphores: transfers go in, finished transfers come out.
import { EventQueue } from './event-queue.js';
import type { RowRun } from './transfer-plan.js';

/** What one trigger names. The chip fills in `start` (first row) and `end` (last byte written). */
export interface QueuedTransfer {
  readonly runs: readonly RowRun[];
  /** Tick before which no row starts: the end of the trigger plus the latency. */
  readonly earliest: number;
  start: number;
  end: number;
}

interface QueueState<T> {
  readonly slot: number;
  readonly waiting: T[];
  /** First of `waiting` that is not finished. */
  head: number;
  /** Whether that has started. */
  active: boolean;
  /** Its next row: run, rows left in that run, tick at which it starts. */
  run: number;
  rowsLeft: number;
  at: number;
  lastEnd: number;
}

/** Finished transfers a queue keeps before it drops them from its list. */
const FORGET = 64;

export class ChipDma<T extends QueuedTransfer> {
  /** Of each queue with work: begin of its next transfer; then, where free, its end, where contended, its next row. */
  private readonly events: EventQueue;
  private readonly queues: QueueState<T>[];
  private readonly finish: (slot: number, transfer: T) => void;
  private contended = false;
  private dramFree = 0;
  /** Ticks the DRAM has served rows. */
  dramBusy = 0;

  /** @param slots queues of all cores of the chip, by core, then queue; @param finish is told of each finished transfer, ends ascending per queue */
  constructor(slots: number, finish: (slot: number, transfer: T) => void) {
    this.events = new EventQueue(slots);
    this.queues = Array.from({ length: slots }, (_, slot) => ({
      slot,
      waiting: [],
      head: 0,
      active: false,
      run: 0,
      rowsLeft: 0,
      at: 0,
      lastEnd: 0,
    }));
    this.finish = finish;
  }

  /** Puts a transfer at the end of a queue. Its `earliest` must not lie before what `advance` was given. */
  enqueue(slot: number, transfer: T): void {
    const q = this.queues[slot]!;
    q.waiting.push(transfer);
    if (q.waiting.length - q.head === 1) this.await(q, transfer);
  }

  /**
   * Goes forward to `limit`, or, where transfers finish, to the first end plus `margin`; gives that tick. Where nothing can be
   * enqueued before `limit`, every end up to that tick is known afterwards. Infinity: nothing is left.
   */
  advance(limit: number, margin: number): number {
    let until = limit;
    while (this.events.firstTime() < until) {
      const now = this.events.firstTime();
      const q = this.queues[this.events.firstId()]!;
      const transfer = q.waiting[q.head]!;
      if (!q.active) this.begin(q, transfer, now);
      else if (!this.contended || this.serve(q, transfer, Math.min(until, this.events.secondTime()))) {
        this.conclude(q, transfer);
        until = Math.min(until, transfer.end + margin);
      }
    }
    return until;
  }

  /** Transfers not finished yet. */
  unfinished(): T[] {
    return this.queues.flatMap((q) => q.waiting.slice(q.head));
  }

  private await(q: QueueState<T>, transfer: T): void {
    q.active = false;
    this.events.set(q.slot, Math.max(transfer.earliest, q.lastEnd));
  }

  private begin(q: QueueState<T>, transfer: T, now: number): void {
    transfer.start = now;
    q.active = true;
    q.run = 0;
    q.rowsLeft = transfer.runs[0]?.count ?? 0;
    q.at = now;
    for (const { count, dramTicks } of transfer.runs) this.dramBusy += count * dramTicks;
    this.choose(now, q);
  }

  private conclude(q: QueueState<T>, transfer: T): void {
    const end = this.events.firstTime();
    transfer.end = end;
    q.lastEnd = end;
    q.active = false;
    this.events.remove(q.slot);
    q.head++;
    if (q.head === FORGET) {
      q.waiting.splice(0, FORGET);
      q.head = 0;
    }
    const following = q.waiting[q.head];
    if (following !== undefined) this.await(q, following);
    if (this.contended) this.choose(end, undefined);
    this.finish(q.slot, transfer);
  }

  /** Transfers under way have changed: the way to go forward, and with it the events of all of them (or of the one that began). */
  private choose(now: number, began: QueueState<T> | undefined): void {
    const contended = this.mayDelay();
    if (contended !== this.contended) {
      this.contended = contended;
      this.dramFree = now;
      for (const q of this.queues) {
        if (!q.active) continue;
        if (contended) this.catchUp(q, now);
        this.events.set(q.slot, contended ? q.at : this.endOf(q));
      }
    } else if (began !== undefined) this.events.set(began.slot, contended ? began.at : this.endOf(began));
  }

  /** Whether rows of the transfers under way could wait for the DRAM: their DRAM times add up to more than the shortest row. */
  private mayDelay(): boolean {
    let served = 0;
    let shortest = Number.POSITIVE_INFINITY;
    for (const q of this.queues) {
      if (!q.active) continue;
      let longest = 0;
      for (const { queueTicks, dramTicks } of q.waiting[q.head]!.runs) {
        if (dramTicks > longest) longest = dramTicks;
        if (queueTicks < shortest) shortest = queueTicks;
      }
      served += longest;
    }
    return served > shortest;
  }

  /** End of a transfer whose rows from here on take their own costs. */
  private endOf(q: QueueState<T>): number {
    const { runs } = q.waiting[q.head]!;
    let end = q.at;
    for (let r = q.run; r < runs.length; r++)
      end += (r === q.run ? q.rowsLeft : runs[r]!.count) * runs[r]!.queueTicks;
    return end;
  }

  /** Passes the rows of a free transfer that start before `now`. */
  private catchUp(q: QueueState<T>, now: number): void {
    const { runs } = q.waiting[q.head]!;
    while (q.run < runs.length && q.at < now) {
      const { queueTicks } = runs[q.run]!;
      this.pass(q, runs, rowsBefore(now - q.at, queueTicks, q.rowsLeft), queueTicks);
    }
  }

  private pass(q: QueueState<T>, runs: readonly RowRun[], rows: number, step: number): void {
    q.at += rows * step;
    q.rowsLeft -= rows;
    if (q.rowsLeft > 0) return;
    q.run++;
    q.rowsLeft = runs[q.run]?.count ?? 0;
  }

  /** Serves rows of a contended transfer while they start before `until`, at least one; gives whether all had been served before. */
  private serve(q: QueueState<T>, { runs }: T, until: number): boolean {
    if (q.run === runs.length) return true;
    do {
      const { queueTicks, dramTicks } = runs[q.run]!;
      if (dramTicks === 0) this.pass(q, runs, rowsBefore(until - q.at, queueTicks, q.rowsLeft), queueTicks);
      else if (this.dramFree <= q.at) {
        const step = Math.max(queueTicks, dramTicks);
        const rows = rowsBefore(until - q.at, step, q.rowsLeft);
        this.dramFree = q.at + (rows - 1) * step + dramTicks;
        this.pass(q, runs, rows, step);
      } else {
        this.dramFree += dramTicks;
        this.pass(q, runs, 1, Math.max(queueTicks, this.dramFree - q.at));
      }
    } while (q.run < runs.length && q.at < until);
    this.events.set(q.slot, q.at);
    return false;
  }
}

/** How many of `most` rows, `step` ticks apart, start within `ticks`; at least one. */
function rowsBefore(ticks: number, step: number, most: number): number {
  const fit = Math.ceil(ticks / step);
  return Math.max(1, Math.min(fit, most));
}

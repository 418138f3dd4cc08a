// The DMA queues of a chip and its DRAM, row by row, in ticks. A queue serves its transfers in order; a row occupies the queue for
// its own cost and, where it touches DRAM, until the DRAM has served it; the DRAM serves rows in order of start, ties by core, then
// queue. Exact: runs of rows that meet no other row are taken at once, all others one by one.
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
  readonly waiting: T[];
  /** First of `waiting` that is not finished. */
  head: number;
  run: number;
  rowsLeft: number;
  lastEnd: number;
}

/** Finished transfers a queue keeps before it drops them from its list. */
const FORGET = 64;

export class ChipDma<T extends QueuedTransfer> {
  /** Next row start of each queue that has rows. */
  private readonly rows: EventQueue;
  private readonly queues: QueueState<T>[];
  private readonly finish: (slot: number, transfer: T) => void;
  private dramFree = 0;
  /** Ticks the DRAM has served rows. */
  dramBusy = 0;

  /** @param slots queues of all cores of the chip, by core, then queue; @param finish is told of each finished transfer, ends ascending per queue */
  constructor(slots: number, finish: (slot: number, transfer: T) => void) {
    this.rows = new EventQueue(slots);
    this.queues = Array.from({ length: slots }, () => ({ waiting: [], head: 0, run: 0, rowsLeft: 0, lastEnd: 0 }));
    this.finish = finish;
  }

  /** Puts a transfer at the end of a queue. Its `earliest` must not lie before what `advance` was given. */
  enqueue(slot: number, transfer: T): void {
    const q = this.queues[slot]!;
    q.waiting.push(transfer);
    if (q.waiting.length - q.head === 1) this.begin(slot, q);
  }

  /**
   * Serves every row that starts before `limit`, or, where transfers finish, before the first end plus `margin`; gives that tick.
   * Infinity: nothing is left.
   */
  advance(limit: number, margin: number): number {
    let until = limit;
    while (this.rows.firstTime() < until) {
      const slot = this.rows.firstId();
      const q = this.queues[slot]!;
      const transfer = q.waiting[q.head]!;
      const at = this.serve(q, transfer, this.rows.firstTime(), Math.min(until, this.rows.secondTime()));
      if (q.run < transfer.runs.length) {
        this.rows.set(slot, at);
        continue;
      }
      transfer.end = at;
      q.lastEnd = at;
      until = Math.min(until, at + margin);
      this.rows.remove(slot);
      q.head++;
      if (q.head === FORGET) {
        q.waiting.splice(0, FORGET);
        q.head = 0;
      }
      if (q.head < q.waiting.length) this.begin(slot, q);
      this.finish(slot, transfer);
    }
    return until;
  }

  /** Transfers not finished yet. */
  unfinished(): T[] {
    return this.queues.flatMap((q) => q.waiting.slice(q.head));
  }

  private begin(slot: number, q: QueueState<T>): void {
    const transfer = q.waiting[q.head]!;
    transfer.start = Math.max(transfer.earliest, q.lastEnd);
    q.run = 0;
    q.rowsLeft = transfer.runs[0]?.count ?? 0;
    this.rows.set(slot, transfer.start);
  }

  /** Serves rows of the transfer from `at` on while they start before `until`, at least one; gives the start of the next. */
  private serve(q: QueueState<T>, transfer: T, from: number, until: number): number {
    let at = from;
    while (q.run < transfer.runs.length) {
      const { queueTicks, dramTicks } = transfer.runs[q.run]!;
      let rows = 1;
      if (dramTicks === 0) {
        rows = rowsBefore(until - at, queueTicks, q.rowsLeft);
        at += rows * queueTicks;
      } else if (this.dramFree <= at) {
        const step = Math.max(queueTicks, dramTicks);
        rows = rowsBefore(until - at, step, q.rowsLeft);
        this.dramFree = at + (rows - 1) * step + dramTicks;
        at += rows * step;
      } else {
        this.dramFree += dramTicks;
        at = Math.max(at + queueTicks, this.dramFree);
      }
      this.dramBusy += rows * dramTicks;
      q.rowsLeft -= rows;
      if (q.rowsLeft === 0) q.rowsLeft = transfer.runs[++q.run]?.count ?? 0;
      if (at >= until) break;
    }
    return at;
  }
}

/** How many of `most` rows, `step` ticks apart, start within `ticks`; at least one. */
function rowsBefore(ticks: number, step: number, most: number): number {
  const fit = Math.ceil(ticks / step);
  return fit < 1 ? 1 : fit < most ? fit : most;
}

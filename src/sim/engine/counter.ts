// A semaphore: the ticks at which its increments fire, in order, and who waits for which of them.
// It has one incrementing stream, so that the n-th increment is one event whatever the timing. Knows no hop and no engine.
import type { Mark } from './races.js';

export class Counter<E> {
  /** Increments of earlier timelines (chip semaphores are never reset). */
  readonly base: number;
  /** The one stream that increments; -1 before the first increment. */
  owner = -1;
  waiters: { readonly engine: E; readonly value: number }[] = [];
  private readonly fires: number[] = [];
  private readonly marks: Mark[] = [];

  constructor(base = 0) {
    this.base = base;
  }

  get count(): number {
    return this.base + this.fires.length;
  }

  /** @param at tick; never before the increment before it @param mark what the incrementing stream knows, where that is tracked */
  increment(at: number, mark: Mark | undefined): void {
    this.fires.push(at);
    if (mark !== undefined) this.marks.push(mark);
  }

  /** When the count became `value`, above `base` and reached. */
  reached(value: number): number {
    return this.fires[value - this.base - 1]!;
  }

  markOf(value: number): Mark | undefined {
    return this.marks[value - this.base - 1];
  }

  /** Takes those whose value is reached out of the list of waiters. */
  takeReached(): E[] {
    const { count, waiters } = this;
    this.waiters = waiters.filter((w) => w.value > count);
    return waiters.filter((w) => w.value <= count).map((w) => w.engine);
  }
}

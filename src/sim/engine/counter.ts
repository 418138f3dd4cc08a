// A semaphore: the ticks at which its increments fire, in order, and who waits for which of them.
// It has one incrementing stream, so that the n-th increment is one event whatever the timing. Knows no hop and no engine.
import type { Mark } from './races.js';

export interface Waiter<E> {
  readonly engine: E;
  readonly value: number;
}

export class Counter<E> {
  /** Increments of earlier executions (chip semaphores are never reset). */
  readonly base: number;
  /** The one stream that increments; -1 before the first increment. */
  owner = -1;
  waiters: Waiter<E>[] = [];
  private readonly fires: number[] = [];
  private readonly marks: (Mark | undefined)[] = [];

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

  /** When the count became `value`, which it has reached; -Infinity where that was before this timeline. */
  reached(value: number): number {
    return value <= this.base ? Number.NEGATIVE_INFINITY : this.fires[value - this.base - 1]!;
  }

  markOf(value: number): Mark | undefined {
    return this.marks[value - this.base - 1];
  }
}

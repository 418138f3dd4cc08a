// Which accesses conflict: share a byte, by exact patterns, with at least one of them a write. Accesses of one memory are kept by
// cells of its byte range, streams apart, so that a new one meets only those near it; within a stream only the latest conflict
// matters, since what orders it orders the earlier ones. Knows no semaphores.
import type { Region } from '../../isa/footprint.js';
import { overlaps } from '../../isa/overlap.js';

/** Cells that a memory's bytes are divided into at most. */
const CELLS = 256;
const SMALLEST_CELL = 256;

export interface Access {
  readonly event: number;
  /** The event's number in its stream. */
  readonly number: number;
  readonly stream: number;
  readonly write: boolean;
  readonly region: Region;
}

export class AccessLog {
  private readonly streams: number;
  private readonly cellBytes: number;
  /** By cell, stream, and reads or writes: accesses in order. */
  private readonly lists = new Map<number, Access[]>();

  /** @param bytes of the memory (of one partition) */
  constructor(streams: number, bytes: number) {
    this.streams = streams;
    this.cellBytes = Math.max(SMALLEST_CELL, Math.ceil(bytes / CELLS));
  }

  /**
   * For each other stream the latest access that conflicts, has a number above `after[offset + stream]`, and that `counts`.
   */
  conflicts(access: Access, after: Int32Array, offset: number, counts: (a: Access) => boolean): Access[] {
    const { region, write, stream } = access;
    const found: (Access | undefined)[] = [];
    for (let cell = this.firstCell(region); cell <= this.lastCell(region); cell++) {
      for (let s = 0; s < this.streams; s++) {
        if (s === stream) continue;
        const floor = after[offset + s]!;
        const key = (cell * this.streams + s) * 2;
        this.latest(key + 1, access, floor, counts, found);
        if (write) this.latest(key, access, floor, counts, found);
      }
    }
    return found.filter((a) => a !== undefined);
  }

  private latest(
    key: number,
    access: Access,
    floor: number,
    counts: (a: Access) => boolean,
    found: (Access | undefined)[],
  ): void {
    const list = this.lists.get(key);
    if (list === undefined) return;
    for (let i = list.length - 1; i >= 0; i--) {
      const a = list[i]!;
      if (a.number <= floor || a.number <= (found[a.stream]?.number ?? 0)) return;
      if (counts(a) && overlaps(a.region, access.region)) {
        found[a.stream] = a;
        return;
      }
    }
  }

  add(access: Access): void {
    const { region, stream, write } = access;
    for (let cell = this.firstCell(region); cell <= this.lastCell(region); cell++) {
      const key = (cell * this.streams + stream) * 2 + (write ? 1 : 0);
      const list = this.lists.get(key);
      if (list === undefined) this.lists.set(key, [access]);
      else list.push(access);
    }
  }

  private firstCell({ lo }: Region): number {
    return Math.floor(lo / this.cellBytes);
  }

  private lastCell({ hi }: Region): number {
    return Math.floor((hi - 1) / this.cellBytes);
  }
}

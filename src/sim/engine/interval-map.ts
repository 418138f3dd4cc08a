// Numbers over byte intervals, and over partition ranges times byte intervals: the shadow state of memories. Since all partitions
// of an access share one pattern, state is kept per range of partitions that were always touched together, and per interval.
// Neighbouring intervals of one value are one interval, so that what is written piece by piece ends as a single entry.
import type { Region } from '../../isa/footprint.js';

/** Disjoint ascending intervals [lo, hi) with a value each. */
export class IntervalMap {
  private readonly los: number[] = [];
  private readonly his: number[] = [];
  private readonly values: number[] = [];

  /** Index of the first interval that ends after `at`. */
  private find(at: number): number {
    const { his } = this;
    let low = 0;
    let high = his.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (his[middle]! > at) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  set(lo: number, hi: number, value: number): void {
    const { los, his, values } = this;
    if (this.has(lo, hi, value)) return;
    let from = this.find(lo);
    let to = from;
    while (to < los.length && los[to]! < hi) to++;
    let start = lo;
    let end = hi;
    const newLos: number[] = [];
    const newHis: number[] = [];
    const newValues: number[] = [];
    const put = (l: number, h: number, v: number): void => {
      newLos.push(l);
      newHis.push(h);
      newValues.push(v);
    };
    const tail: [number, number] | undefined =
      to > from && his[to - 1]! > hi ? [his[to - 1]!, values[to - 1]!] : undefined;
    if (to > from && los[from]! < lo) {
      if (values[from] === value) start = los[from]!;
      else put(los[from]!, lo, values[from]!);
    } else if (from > 0 && his[from - 1] === lo && values[from - 1] === value) {
      start = los[--from]!;
    }
    if (tail !== undefined) {
      if (tail[1] === value) end = tail[0];
    } else if (to < los.length && los[to] === hi && values[to] === value) {
      end = his[to++]!;
    }
    put(start, end, value);
    if (tail !== undefined && tail[1] !== value) put(hi, tail[0], tail[1]);
    if (newLos.length === 1 && to - from === 1) {
      los[from] = start;
      his[from] = end;
      values[from] = value;
      return;
    }
    los.splice(from, to - from, ...newLos);
    his.splice(from, to - from, ...newHis);
    values.splice(from, to - from, ...newValues);
  }

  /** First offset of [lo, hi) in no interval; -1 where all are covered. */
  gap(lo: number, hi: number): number {
    let at = lo;
    for (let i = this.find(lo); i < this.los.length && this.los[i]! <= at; i++) {
      at = this.his[i]!;
      if (at >= hi) return -1;
    }
    return at < hi ? at : -1;
  }

  /** Whether one interval of that value holds all of [lo, hi). */
  has(lo: number, hi: number, value: number): boolean {
    const i = this.find(lo);
    return i < this.los.length && this.los[i]! <= lo && this.his[i]! >= hi && this.values[i] === value;
  }

  /** The values of the intervals that meet [lo, hi), each passed to `act` with its part of [lo, hi). */
  each(lo: number, hi: number, act: (value: number, lo: number, hi: number) => void): void {
    for (let i = this.find(lo); i < this.los.length && this.los[i]! < hi; i++) {
      act(this.values[i]!, Math.max(lo, this.los[i]!), Math.min(hi, this.his[i]!));
    }
  }

  copy(): IntervalMap {
    const made = new IntervalMap();
    made.los.push(...this.los);
    made.his.push(...this.his);
    made.values.push(...this.values);
    return made;
  }
}

/** Calls `act` with each run [lo, hi) of the region's pattern until it gives something other than undefined; gives that. */
export function eachRun<T>(region: Region, act: (lo: number, hi: number) => T | undefined): T | undefined {
  const { counts, strides, run } = region;
  const walk = (dim: number, base: number): T | undefined => {
    if (dim < 0) return act(base, base + run);
    const count = counts[dim]!;
    const stride = strides[dim]!;
    for (let i = 0; i < count; i++) {
      const found = walk(dim - 1, base + i * stride);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return walk(counts.length - 1, region.base);
}

interface Band {
  readonly start: number;
  readonly end: number;
  readonly map: IntervalMap;
}

/** Interval maps over ranges of partitions; a range is split when an access touches part of it. */
export class BandMap {
  private bands: Band[] = [];
  private readonly partitions: number;

  constructor(partitions: number) {
    this.partitions = partitions;
    this.bands.push({ start: 0, end: partitions, map: new IntervalMap() });
  }

  private cut(at: number): void {
    if (at <= 0 || at >= this.partitions) return;
    const i = this.bands.findIndex((b) => b.end > at);
    const band = this.bands[i]!;
    if (band.start === at) return;
    this.bands.splice(i, 1, { ...band, end: at }, { start: at, end: band.end, map: band.map.copy() });
  }

  /**
   * Calls `act` for the maps of the region's partitions until it gives something other than undefined; gives that. `partition` is
   * the first of those in the region that the map stands for, `end` the partition behind the last that it stands for.
   */
  find<T>(
    region: Region,
    act: (map: IntervalMap, partition: number, end: number) => T | undefined,
  ): T | undefined {
    const { start, parts, partitionStep } = region;
    for (const band of this.bands) {
      const skipped = Math.max(0, Math.ceil((band.start - start) / partitionStep));
      const partition = start + skipped * partitionStep;
      if (skipped >= parts || partition >= band.end) continue;
      const found = act(band.map, partition, band.end);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  set(region: Region, value: number): void {
    const { start, parts, partitionStep } = region;
    const dense = partitionStep === 1 || parts === 1;
    for (let i = 0; i < (dense ? 1 : parts); i++) {
      const first = start + i * partitionStep;
      const end = first + (dense ? parts : 1);
      this.cut(first);
      this.cut(end);
      for (const band of this.bands) {
        if (band.start >= first && band.start < end) setRuns(band.map, region, value);
      }
    }
  }

  copy(): BandMap {
    const made = new BandMap(this.partitions);
    made.bands = this.bands.map((b) => ({ ...b, map: b.map.copy() }));
    return made;
  }
}

export function setRuns(map: IntervalMap, region: Region, value: number): void {
  if (region.counts.length === 0) map.set(region.lo, region.hi, value);
  else if (!map.has(region.lo, region.hi, value)) {
    eachRun(region, (lo, hi) => {
      map.set(lo, hi, value);
    });
  }
}

// Which bytes of a core's memories have been written: since the start of the execution, or, for state, the request.
// Constants and inputs count as written. Answers one question: is there a byte of this region that nobody wrote?
import { PARTITIONS } from '../../chip/target.js';
import type { Region } from '../../isa/footprint.js';
import type { Variable } from '../../isa/program.js';
import { BandMap, eachRun, IntervalMap, setRuns } from './interval-map.js';

export interface Hole {
  readonly partition: number;
  readonly offset: number;
}

export class WrittenBytes {
  private readonly sbuf: BandMap;
  private readonly psum = new BandMap(PARTITIONS);
  private readonly dram: WrittenDram;

  /** @param pinned what is written in SBUF from the start */
  constructor(pinned: BandMap, dram: WrittenDram) {
    this.sbuf = pinned.copy();
    this.dram = dram;
  }

  /** A hole in the region, if there is one; for rows chosen at run time, which are not known here, none. */
  hole(region: Region): Hole | undefined {
    if (!region.certain) return undefined;
    if (region.space === 'dram') return this.dram.hole(region);
    const bands = region.space === 'sbuf' ? this.sbuf : this.psum;
    return bands.find(region, (map, partition) => {
      const offset = holeIn(map, region);
      return offset < 0 ? undefined : { partition, offset };
    });
  }

  add(region: Region): void {
    if (region.space === 'dram') this.dram.add(region);
    else (region.space === 'sbuf' ? this.sbuf : this.psum).set(region, 1);
  }

  /** What of SBUF is written within the given ranges (of adjoining partitions). */
  within(ranges: readonly Region[]): BandMap {
    const kept = new BandMap(PARTITIONS);
    for (const range of ranges) {
      this.sbuf.find(range, (map, start, bandEnd) => {
        const parts = Math.min(bandEnd, range.start + range.parts) - start;
        map.each(range.lo, range.hi, (_, lo, hi) => {
          kept.set({ ...range, start, parts, lo, hi, base: lo, run: hi - lo }, 1);
        });
      });
    }
    return kept;
  }
}

/** The same for DRAM variables; state stays written between executions. */
export class WrittenDram {
  private readonly variables: readonly Variable[];
  private readonly maps = new Map<number, IntervalMap>();

  constructor(variables: readonly Variable[]) {
    this.variables = variables;
  }

  hole(region: Region): Hole | undefined {
    const kind = this.variables[region.variable]?.kind;
    if (kind === 'constant' || kind === 'input') return undefined;
    const map = this.maps.get(region.variable);
    const offset = map === undefined ? region.lo : holeIn(map, region);
    return offset < 0 ? undefined : { partition: 0, offset };
  }

  add(region: Region): void {
    const kind = this.variables[region.variable]?.kind;
    if (kind === 'constant' || kind === 'input') return;
    setRuns(this.mapOf(region.variable), region, 1);
  }

  private mapOf(variable: number): IntervalMap {
    let map = this.maps.get(variable);
    if (map === undefined) {
      map = new IntervalMap();
      this.maps.set(variable, map);
    }
    return map;
  }

  isState(variable: number): boolean {
    return this.variables[variable]?.kind === 'state';
  }

  /** The host writes bytes [lo, hi) of a variable. */
  addRange(variable: number, lo: number, hi: number): void {
    this.mapOf(variable).set(lo, hi, 1);
  }

  /** An execution starts: all but state is unwritten. */
  forgetAllButState(): void {
    for (const v of this.maps.keys()) if (!this.isState(v)) this.maps.delete(v);
  }

  /** A request starts: state is unwritten too. */
  forgetState(): void {
    for (const v of this.maps.keys()) if (this.isState(v)) this.maps.delete(v);
  }

  copy(): WrittenDram {
    const made = new WrittenDram(this.variables);
    for (const [v, map] of this.maps) made.maps.set(v, map.copy());
    return made;
  }
}

/** First offset of the region's pattern that the map does not hold; -1 where it holds all. */
function holeIn(map: IntervalMap, region: Region): number {
  const first = map.gap(region.lo, region.hi);
  if (first < 0 || region.counts.length === 0) return first;
  const hole = eachRun(region, (lo, hi) => {
    const at = map.gap(lo, hi);
    return at < 0 ? undefined : at;
  });
  return hole ?? -1;
}

// The longest chain of dependent results: when could the last result be there if every engine, queue and port were free whenever
// its operands are? A lower bound of the modelled time that no schedule beats. Only true dependences count: a reader on the last
// writer of its bytes, control on the flag it loaded; the order that buffers reused impose does not.
import { PARTITIONS } from '../../chip/target.js';
import type { Footprint, Region } from '../../isa/footprint.js';
import { BandMap, eachRun, IntervalMap, setRuns } from './interval-map.js';

/** A result is remembered as ready * WRITERS + stream. */
const WRITERS = 1024;

export class ChainTracker {
  /** Ticks of the longest chain so far. */
  longest = 0;
  private readonly hop: number;
  private readonly shared: Map<number, IntervalMap> | undefined;
  private readonly cores: {
    sbuf: BandMap;
    psum: BandMap;
    dram: Map<number, IntervalMap>;
    control: number[];
  }[] = [];

  /** @param hop ticks from a result to a reader on another stream */
  constructor(hop: number, sharedDram: boolean) {
    this.hop = hop;
    this.shared = sharedDram ? new Map() : undefined;
  }

  /** A core starts an execution: all its results are forgotten. */
  begin(core: number): void {
    this.cores[core] = {
      sbuf: new BandMap(PARTITIONS),
      psum: new BandMap(PARTITIONS),
      dram: this.shared ?? new Map(),
      control: [],
    };
  }

  /** @param stream engine in its core; @param accumulates adds onto its own engine's results, which takes no latency */
  instruction(
    core: number,
    stream: number,
    { reads, writes }: Footprint,
    issue: number,
    latency: number,
    accumulates: boolean,
  ): void {
    let start = this.cores[core]!.control[stream] ?? 0;
    for (const region of reads) {
      const back = accumulates && region.space === 'psum' ? latency : 0;
      start = Math.max(start, this.readable(core, stream, region) - back);
    }
    this.result(core, stream, writes, start + issue + latency);
  }

  /** The engine's later instructions depend on the word it has just loaded. */
  control(core: number, stream: number, { reads }: Footprint, issue: number): void {
    const { control } = this.cores[core]!;
    for (const region of reads)
      control[stream] = Math.max(control[stream] ?? 0, this.readable(core, stream, region) + issue);
  }

  /** @param engine that triggers; @param ticks from the trigger's issue to the last byte */
  transfer(
    core: number,
    engine: number,
    stream: number,
    footprints: readonly Footprint[],
    ticks: number,
  ): void {
    let start = this.cores[core]!.control[engine] ?? 0;
    for (const { reads } of footprints)
      for (const region of reads) start = Math.max(start, this.readable(core, engine, region));
    for (const { writes } of footprints) this.result(core, stream, writes, start + ticks);
  }

  private readable(core: number, stream: number, region: Region): number {
    let ready = 0;
    const visit = (value: number): void => {
      const writer = value % WRITERS;
      ready = Math.max(ready, (value - writer) / WRITERS + (writer === stream ? 0 : this.hop));
    };
    const look = (map: IntervalMap): void => {
      if (region.counts.length === 0) map.each(region.lo, region.hi, visit);
      else {
        eachRun(region, (lo, hi) => {
          map.each(lo, hi, visit);
        });
      }
    };
    const { sbuf, psum, dram } = this.cores[core]!;
    if (region.space !== 'dram') (region.space === 'sbuf' ? sbuf : psum).find(region, look);
    else look(dram.get(region.variable) ?? new IntervalMap());
    return ready;
  }

  private result(core: number, stream: number, writes: readonly Region[], ready: number): void {
    this.longest = Math.max(this.longest, ready);
    const value = ready * WRITERS + stream;
    const { sbuf, psum, dram } = this.cores[core]!;
    for (const region of writes) {
      if (region.space !== 'dram') {
        (region.space === 'sbuf' ? sbuf : psum).set(region, value);
        continue;
      }
      let map = dram.get(region.variable);
      if (map === undefined) dram.set(region.variable, (map = new IntervalMap()));
      setRuns(map, region, value);
    }
  }
}

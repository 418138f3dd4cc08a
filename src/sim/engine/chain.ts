// The longest chain of dependent results: when could the last result be there if every engine, queue and port were free whenever
// its operands are? A lower bound of the modelled time that no schedule beats. Only true dependences count: a reader on the last
// writer of its bytes, control on the flag it loaded; the order that buffers reused impose does not.
import { ENGINES, type EngineName, PARTITIONS } from '../../chip/target.js';
import type { Footprint, Region } from '../../isa/footprint.js';
import type { Step } from './code.js';
import { BandMap, eachRun, IntervalMap, setRuns } from './interval-map.js';
import type { EngineRun } from './run-state.js';

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

  /** @param issue @param latency ticks as the instruction had them */
  instruction({ core, number }: EngineRun, step: Step, issue: number, latency: number): void {
    const { reads, writes } = step.footprint();
    const accumulates = step.instr.m === 'MATMUL' && !step.instr.start;
    let start = this.cores[core.index]!.control[number] ?? 0;
    for (const region of reads) {
      // Adding to what its own engine wrote takes no latency.
      const back = accumulates && region.space === 'psum' ? latency : 0;
      start = Math.max(start, this.readable(core.index, number, region) - back);
    }
    this.result(core.index, number, writes, start + issue + latency);
  }

  /** The engine's later instructions depend on the word it has just loaded. */
  control({ core, number }: EngineRun, step: Step): void {
    const { control } = this.cores[core.index]!;
    for (const region of step.footprint().reads) {
      control[number] = Math.max(
        control[number] ?? 0,
        this.readable(core.index, number, region) + step.issue,
      );
    }
  }

  /** @param engine that triggers @param ticks from the trigger's issue to the last byte */
  transfer(
    core: number,
    engine: EngineName,
    queue: number,
    footprints: readonly Footprint[],
    ticks: number,
  ): void {
    const number = ENGINES.indexOf(engine);
    let start = this.cores[core]!.control[number] ?? 0;
    for (const { reads } of footprints)
      for (const region of reads) start = Math.max(start, this.readable(core, number, region));
    for (const { writes } of footprints) this.result(core, ENGINES.length + queue, writes, start + ticks);
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
      const map = dram.get(region.variable) ?? new IntervalMap();
      dram.set(region.variable, map);
      setRuns(map, region, value);
    }
  }
}

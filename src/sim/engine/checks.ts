// What is proven of an execution while it is simulated (MACHINE 4): every instruction is valid, no data race, no read of bytes
// that nobody wrote, no write to a pin, no PSUM accumulation without start. Faults carry the fact; the timeline adds the place.
// Stream numbers: core * (engines + queues) + engine, or + engines + queue. Knows neither time nor semaphores' counts.
import type { NeffcError } from '../../base/diagnostic.js';
import { ENGINES, PARTITIONS, type Target } from '../../chip/target.js';
import type { Footprint, Region } from '../../isa/footprint.js';
import type { Pin, Program } from '../../isa/program.js';
import { checkDescriptor } from '../../isa/rules-descriptor.js';
import { checkInstruction } from '../../isa/validity.js';
import type { Step } from './code.js';
import { fault } from './faults.js';
import { BandMap, eachRun, type IntervalMap } from './interval-map.js';
import { type Mark, RaceDetector } from './races.js';
import type { DescriptorPlan } from './transfer-plan.js';
import type { Hole, WrittenBytes } from './written.js';

/** How messages name an instruction, or a transfer by its queue (-1 for none) and trigger. */
export type Naming = (core: number, step: Step, queue: number) => string;

export function pinRegion({ start, parts, base, bytes }: Pin): Region {
  const span = { space: 'sbuf', variable: 0, start, parts, partitionStep: 1, certain: true } as const;
  return { ...span, lo: base, hi: base + bytes, base, run: bytes, counts: [], strides: [] };
}

/** `sbuf partitions 0..127, bytes 4096..8191`; a pattern with gaps is given by its hull. */
export function regionText(r: Region, program: Program): string {
  const bytes = `bytes ${r.lo}..${r.hi - 1}`;
  if (r.space === 'dram')
    return `${program.variables[r.variable]?.name ?? `variable ${r.variable}`} ${bytes}`;
  const last = r.start + (r.parts - 1) * r.partitionStep;
  return `${r.space} partitions ${r.start}..${last}, ${bytes}`;
}

/** The fault of reading bytes that nobody wrote. */
export function unwritten(region: Region, hole: Hole, program: Program): NeffcError {
  return fault(
    'unwritten',
    `reads ${regionText(region, program)}, of which ${holeText(region, hole)} was not written before`,
  );
}

function holeText(region: Region, { partition, offset }: Hole): string {
  return region.space === 'dram' ? `byte ${offset}` : `partition ${partition} byte ${offset}`;
}

export class Checks {
  private readonly program: Program;
  private readonly target: Target;
  private readonly naming: Naming;
  private readonly races: RaceDetector<Step>;
  private readonly perCore: number;
  /** Pinned ranges, by executable. */
  private readonly pins = new BandMap(PARTITIONS);
  private readonly written: WrittenBytes[] = [];
  /** Executable whose pins each core may write now; -1 for none. */
  private readonly filling: number[] = [];

  constructor(program: Program, target: Target, cores: number, sharedDram: boolean, naming: Naming) {
    this.program = program;
    this.target = target;
    this.naming = naming;
    this.perCore = ENGINES.length + target.dma.queues;
    this.races = new RaceDetector(cores, this.perCore, sharedDram);
    for (const [e, executable] of program.executables.entries()) {
      for (const pin of executable.pins) this.pins.set(pinRegion(pin), e);
    }
  }

  /** A core starts an execution. @param filling executable whose `load` it is, -1 for a `main` */
  begin(core: number, written: WrittenBytes, filling: number): void {
    this.races.synchronise(core);
    this.written[core] = written;
    this.filling[core] = filling;
  }

  mark(stream: number): Mark {
    return this.races.mark(stream);
  }

  /** What the stream does from here on happens after the marked event. */
  join(stream: number, mark: Mark): void {
    this.races.join(stream, mark);
  }

  /** An engine's instruction takes effect. */
  instruction(stream: number, step: Step): void {
    this.requireValid(step);
    this.races.event(stream);
    const { reads, writes } = step.footprint();
    const accumulates = step.instr.m === 'MATMUL' && !step.instr.start;
    for (const region of reads) {
      const destination = accumulates && region.space === 'psum';
      this.requireWritten(stream, region, destination);
      // The write of the same bytes finds all races that this read could have.
      if (!destination) this.access(stream, region, false, step);
    }
    for (const region of writes) this.write(stream, region, step);
  }

  /** A transfer takes effect: after its trigger, and after the queue's transfers before it. */
  transfer(stream: number, mark: Mark, footprints: readonly Footprint[], trigger: Step): void {
    this.races.join(stream, mark);
    this.races.event(stream);
    for (const { reads, writes } of footprints) {
      for (const region of reads) {
        this.requireWritten(stream, region, false);
        const constant =
          region.space === 'dram' && this.program.variables[region.variable]?.kind === 'constant';
        if (!constant) this.access(stream, region, false, trigger);
      }
      for (const region of writes) this.write(stream, region, trigger);
    }
  }

  /** A descriptor is triggered. */
  descriptor(plan: DescriptorPlan): void {
    if (plan.valid) return;
    const [violation] = checkDescriptor(plan.descriptor, this.target, this.program.variables);
    if (violation !== undefined) throw fault('encoding', `descriptor: ${violation.message}`);
    plan.valid = true;
  }

  get full(): boolean {
    return this.races.full;
  }

  prune(alive: readonly Mark[]): void {
    this.races.prune(alive);
  }

  private requireValid(step: Step): void {
    if (step.valid) return;
    const [violation] = checkInstruction(step.instr, this.target, step.fragment.engine);
    if (violation !== undefined) throw fault('encoding', violation.message);
    step.valid = true;
  }

  private coreOf(stream: number): number {
    return Math.floor(stream / this.perCore);
  }

  private requireWritten(stream: number, region: Region, accumulates: boolean): void {
    const hole = this.written[this.coreOf(stream)]!.hole(region);
    if (hole === undefined) return;
    if (!accumulates) throw unwritten(region, hole, this.program);
    throw fault(
      'accumulate',
      `accumulates onto ${regionText(region, this.program)}, of which ${holeText(region, hole)} was not started`,
    );
  }

  private write(stream: number, region: Region, origin: Step): void {
    const core = this.coreOf(stream);
    if (region.space === 'sbuf') this.requireUnpinned(region, this.filling[core]!);
    this.access(stream, region, true, origin);
    this.written[core]!.add(region);
  }

  private requireUnpinned(region: Region, filling: number): void {
    const executable = this.pins.find(region, (map) => pinnedBy(map, region, filling));
    if (executable === undefined) return;
    const name = this.program.executables[executable]?.name ?? executable;
    throw fault('pin', `writes ${regionText(region, this.program)}, where ${name} has pinned data`);
  }

  private access(stream: number, region: Region, written: boolean, origin: Step): void {
    // Rows chosen at run time are unknown only where no data is simulated.
    if (!region.certain) return;
    const other = this.races.access(stream, region, written, origin);
    if (other === undefined) return;
    const queue = (other.stream % this.perCore) - ENGINES.length;
    const who = this.naming(this.coreOf(other.stream), other.origin, Math.max(-1, queue));
    const theirs = `${who} ${other.written ? 'writes' : 'reads'} ${regionText(other.region, this.program)}`;
    throw fault(
      'race',
      `${written ? 'writes' : 'reads'} ${regionText(region, this.program)} while ${theirs}; no wait orders the two`,
    );
  }
}

/** Another executable than `filling` that has a pin among the region's bytes. */
function pinnedBy(map: IntervalMap, region: Region, filling: number): number | undefined {
  let found: number | undefined;
  const look = (lo: number, hi: number): number | undefined => {
    map.each(lo, hi, (executable) => {
      if (executable !== filling) found = executable;
    });
    return found;
  };
  if (look(region.lo, region.hi) === undefined || region.counts.length === 0) return found;
  found = undefined;
  return eachRun(region, look);
}

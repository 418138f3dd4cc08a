// What the device remembers of its cores' memories between executions, so that the next one can be checked: which bytes of state
// are written, which pinned bytes `load` has filled. Follows an execution with all checks, or, where it is proven, state alone.
import { PARTITIONS, type Target } from '../../chip/target.js';
import type { Program } from '../../isa/program.js';
import { Checks, type Naming, pinRegion, unwritten } from './checks.js';
import { BandMap } from './interval-map.js';
import type { Job, Transfer } from './run-state.js';
import type { TimelineOptions } from './timeline-options.js';
import { footprintNow } from './transfer-plan.js';
import { WrittenBytes, WrittenDram } from './written.js';

/** The part of a timeline's options that follows what is written. */
export type Following = Pick<TimelineOptions, 'checks' | 'watch' | 'begin' | 'end'>;

export class Shadow {
  private readonly program: Program;
  private readonly target: Target;
  private readonly sharedDram: boolean;
  private readonly naming: Naming;
  private readonly hasState: boolean;
  /** Of each core; one for all where they share device memory. */
  private dram: readonly WrittenDram[];
  /** Pinned bytes of each core that `load` has written. */
  private readonly pinned: BandMap[];

  constructor(program: Program, target: Target, cores: number, sharedDram: boolean, naming: Naming) {
    this.program = program;
    this.target = target;
    this.sharedDram = sharedDram;
    this.naming = naming;
    this.hasState = program.variables.some((v) => v.kind === 'state');
    const common = new WrittenDram(program.variables);
    this.dram = Array.from({ length: cores }, () =>
      sharedDram ? common : new WrittenDram(program.variables),
    );
    this.pinned = Array.from({ length: cores }, () => new BandMap(PARTITIONS));
  }

  /** The same memories, to follow an execution a second time. */
  copy(): Shadow {
    const made = new Shadow(this.program, this.target, this.dram.length, this.sharedDram, this.naming);
    const common = this.dram[0]?.copy();
    made.dram = this.dram.map((d) => (this.sharedDram && common !== undefined ? common : d.copy()));
    for (const [core, pinned] of this.pinned.entries()) made.pinned[core] = pinned;
    return made;
  }

  /** DRAM of a core. */
  of(core: number): WrittenDram | undefined {
    return this.dram[core];
  }

  /** @param all whether to make all checks, or only follow state */
  follow(jobs: readonly Job[], all: boolean): Following {
    const { program, target, sharedDram } = this;
    const checks = all ? new Checks(program, target, this.dram.length, sharedDram, this.naming) : undefined;
    const open = new Map<number, WrittenBytes>();
    // Stages that pass tensors through shared memory start and end within one timeline.
    if (sharedDram) for (const { core } of jobs) this.dram[core]?.forgetAllButState();
    return {
      checks,
      watch: this.hasState ? (t) => this.watchState(t) : undefined,
      begin: ({ core, phase, executable }) => {
        const dram = this.dram[core];
        const pinned = this.pinned[core];
        if (dram === undefined || pinned === undefined) return;
        if (!sharedDram) dram.forgetAllButState();
        if (checks === undefined) return;
        const written = new WrittenBytes(pinned, dram);
        open.set(core, written);
        checks.begin(core, written, phase === 'load' ? executable : -1);
      },
      end: ({ core, phase }) => {
        if (phase === 'load') this.pinned[core] = this.pinnedAfter(open.get(core));
      },
    };
  }

  /** Pinned bytes after a `load`: what it was seen to write, or all of them where it is proven and was not watched. */
  private pinnedAfter(written: WrittenBytes | undefined): BandMap {
    const pins = this.program.executables.flatMap((e) => e.pins.map(pinRegion));
    if (written !== undefined) return written.within(pins);
    const full = new BandMap(PARTITIONS);
    for (const pin of pins) full.set(pin, 1);
    return full;
  }

  /** State outlives an execution: what transfers read and write of it is followed even where everything else is proven. */
  private watchState({ core, plans }: Transfer): void {
    const written = this.dram[core.index];
    if (written === undefined) return;
    for (const plan of plans) {
      const { reads, writes } =
        core.machine === undefined ? plan.footprint() : footprintNow(plan, core.machine);
      for (const region of reads) {
        const hole =
          region.space === 'dram' && written.isState(region.variable) ? written.hole(region) : undefined;
        if (hole !== undefined) throw unwritten(region, hole, this.program);
      }
      for (const region of writes)
        if (region.space === 'dram' && written.isState(region.variable)) written.add(region);
    }
  }
}

// Proves from the encoded bytes alone that what the compiler made can be executed, whatever the timing. Invariants, for the `load`
// and then the `main` of every executable:
//   1. the code can be followed to its end: fragments decode, calls and jumps stay inside, triggers name descriptors;
//   2. each semaphore is incremented by one stream (an engine or a queue), each queue is triggered by one engine;
//   3. every wait is reached: no engine waits for a count that is never made, or made only after itself;
//   4. no data race: two accesses of different streams to one byte, one of them a write, are ordered (events.ts says by what);
//   5. every byte read was written before: by this execution, by `load` (pins), by the host (inputs, constants, state);
//   6. pins are written by the `load` of their own executable and by nobody else;
//   7. with registers applied, every instruction and descriptor is valid by the rules of the instruction set.
// All violations are reported; of races, for each access and other stream the latest conflicting one. Not covered: accesses of one
// transfer among themselves; other cores (a wait for a semaphore of the chip counts as met and orders nothing); which ranges of
// state are valid at entry (all count as written); control by loaded words beyond the lengths asked for. `assumptions` says what
// of that the program at hand makes use of. Shares no logic with sync.ts and nothing with the simulator.
import { ENGINES, type Target } from '../../chip/target.js';
import type { Region } from '../../isa/footprint.js';
import { overlaps } from '../../isa/overlap.js';
import type { Pin, Program } from '../../isa/program.js';
import { checkDescriptor } from '../../isa/rules-descriptor.js';
import { checkInstruction } from '../../isa/validity.js';
import type { Finding } from '../check/finding.js';
import { regionText } from '../check/regions.js';
import { WrittenBytes } from '../check/written.js';
import type { Access } from './accesses-log.js';
import type { Events } from './events.js';
import { type ExecutionEvents, execution, footprintsOf, type Located, MemoryLogs } from './execution.js';
import { type Executed, type Fragment, Fragments, placeText } from './streams.js';

export type Rule = Located['rule'] | 'race' | 'unwritten' | 'pin' | 'invalid';

export interface Violation extends Finding {
  readonly rule: Rule;
  readonly phase: 'load' | 'main' | 'segment';
  /** Name of the executable or segment whose code holds the instruction. */
  readonly owner: string;
  readonly engine: Fragment['engine'];
  /** Index of the instruction in its fragment. */
  readonly index: number;
}

export interface CheckReport {
  readonly violations: readonly Violation[];
  readonly events: number;
  readonly waits: number;
  /** Sentences: what the proof takes for granted in this program. Empty: it is complete. */
  readonly assumptions: readonly string[];
}

export interface CheckOptions {
  /** For programs that branch on loaded words: at which execution such branches are taken; each length is followed. */
  readonly lengths?: readonly number[];
  readonly registers?: ReadonlyMap<number, number>;
}

const DEFAULT_LENGTHS: readonly number[] = [1, 2, 3];

/** All violations of a program; never throws on what the bytes say. */
export function checkProgram(program: Program, target: Target, options: CheckOptions = {}): CheckReport {
  const fragments = new Fragments(program);
  const checker = new Checker(program, target);
  const pinned = new WrittenBytes();
  const assumptions = new Set<string>();
  const each = (kind: 'load' | 'main', length: number): boolean => {
    let dependsOnData = false;
    program.executables.forEach((_, i) => {
      const run = execution(fragments, target, kind, i, { ...options, length });
      checker.run(run, kind, i, pinned);
      for (const a of run.assumptions) assumptions.add(a);
      if (run.assumptions.size > 0) dependsOnData = true;
    });
    return dependsOnData;
  };
  const [first = 1, ...others] = options.lengths ?? DEFAULT_LENGTHS;
  each('load', first);
  if (each('main', first)) for (const length of others) each('main', length);
  checker.addProblems(fragments.problems);
  return {
    violations: checker.violations(),
    events: checker.events,
    waits: checker.waits,
    assumptions: [...assumptions],
  };
}

function pinRegion({ start, parts, base, bytes }: Pin): Region {
  const span = { space: 'sbuf', variable: 0, start, parts, partitionStep: 1, certain: true } as const;
  return { ...span, lo: base, hi: base + bytes, base, run: bytes, counts: [], strides: [] };
}

/** What is written in each memory during one execution. */
class Written {
  private readonly memories = new Map<string, WrittenBytes>();

  of({ space, variable }: Region): WrittenBytes {
    const key = space === 'dram' ? `${variable}` : space;
    const found = this.memories.get(key) ?? new WrittenBytes();
    this.memories.set(key, found);
    return found;
  }
}

const ALWAYS_WRITTEN = ['input', 'constant', 'state'];
const all = (): boolean => true;

class Checker {
  events = 0;
  waits = 0;
  private readonly program: Program;
  private readonly target: Target;
  private readonly pins: readonly { readonly region: Region; readonly executable: number }[];
  private readonly found = new Map<string, Violation>();

  constructor(program: Program, target: Target) {
    this.program = program;
    this.target = target;
    this.pins = program.executables.flatMap((e, executable) =>
      e.pins.map((pin) => ({ region: pinRegion(pin), executable })),
    );
  }

  violations(): Violation[] {
    return [...this.found.values()];
  }

  addProblems(problems: readonly Located[]): void {
    for (const p of problems) this.report(p.rule, p.fragment, p.index, p.message);
  }

  /** Checks an execution. @param pinned pinned bytes that were filled; a `load` adds its own */
  run(
    { events, problems }: ExecutionEvents,
    kind: 'load' | 'main',
    executable: number,
    pinned: WrittenBytes,
  ): void {
    this.addProblems(problems);
    this.events += events.length;
    this.waits += events.waits.length;
    const logs = new MemoryLogs(events.streams, this.program, this.target);
    const written = new Written();
    const pins = this.pins.map((p) => p.region);
    const sbuf = { space: 'sbuf', variable: 0 } as Region;
    for (const pin of pins) written.of(sbuf).copy(pinned, pin);
    const filling = kind === 'load' ? executable : -1;
    for (let event = 0; event < events.length; event++) {
      if (!this.isValid(events, event)) continue;
      for (const { reads, writes } of footprintsOf(events, event)) {
        for (const region of reads) this.access(events, event, region, false, logs, written, filling);
        for (const region of writes) this.access(events, event, region, true, logs, written, filling);
      }
    }
    if (kind === 'load') for (const pin of pins) pinned.copy(written.of(sbuf), pin);
  }

  /** Whether the rules allow what is executed; where not, its accesses say nothing. */
  private isValid(events: Events, event: number): boolean {
    const x = events.executed[event]!;
    const { fragment, instruction, descriptors } = x;
    const found =
      events.stream[event]! >= ENGINES.length
        ? descriptors.flatMap((d) => checkDescriptor(d, this.target, this.program.variables))
        : checkInstruction(instruction, this.target, fragment.engine);
    for (const v of found) this.at(x, 'invalid', v.message);
    return found.length === 0;
  }

  private access(
    events: Events,
    event: number,
    region: Region,
    write: boolean,
    logs: MemoryLogs,
    written: Written,
    filling: number,
  ): void {
    const x = events.executed[event]!;
    const kind = region.space === 'dram' ? this.program.variables[region.variable]?.kind : undefined;
    if (write && region.space === 'sbuf') this.checkPins(x, region, filling);
    if (!write && kind === 'constant') return;
    if (!write && !(kind !== undefined && ALWAYS_WRITTEN.includes(kind))) {
      const hole = written.of(region).hole(region);
      if (hole !== undefined) {
        const where =
          region.space === 'dram' ? `byte ${hole.offset}` : `partition ${hole.partition} byte ${hole.offset}`;
        this.at(x, 'unwritten', `reads ${this.text(region)}, of which ${where} was not written before`);
      }
    }
    const stream = events.stream[event]!;
    const access: Access = { event, number: events.number[event]!, stream, write, region };
    const log = logs.of(region);
    for (const other of log.conflicts(access, events.clock, event * events.streams, all)) {
      const theirs = `${events.text(other.event)} ${other.write ? 'writes' : 'reads'} ${this.text(other.region)}`;
      this.at(
        x,
        'race',
        `${write ? 'writes' : 'reads'} ${this.text(region)} while ${theirs}; no wait orders the two`,
      );
    }
    log.add(access);
    // Rows chosen at run time may, not will, be written.
    if (write && region.certain) written.of(region).add(region);
  }

  private checkPins(x: Executed, region: Region, filling: number): void {
    for (const pin of this.pins) {
      if (pin.executable === filling || !overlaps(pin.region, region)) continue;
      const owner = this.program.executables[pin.executable]?.name ?? pin.executable;
      this.at(x, 'pin', `writes ${this.text(region)}, where ${owner} has pinned data`);
      return;
    }
  }

  private text(region: Region): string {
    return regionText(region, (v) => this.program.variables[v]?.name ?? `variable ${v}`);
  }

  private at({ fragment, index }: Executed, rule: Rule, message: string): void {
    this.report(rule, fragment, index, message);
  }

  private report(rule: Rule, fragment: Fragment, index: number, message: string): void {
    const { kind, engine, name } = fragment;
    const at = placeText(fragment, index);
    this.found.set(`${rule} ${at} ${message}`, {
      rule,
      at,
      message,
      phase: kind,
      owner: name,
      engine,
      index,
    });
  }
}

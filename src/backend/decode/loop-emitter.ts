// Executables from synchronised sections: one step is a segment whose waits count from registers, so that the same bytes serve
// every step; around its calls the sections that run once.
import { ENGINES, type EngineName, type Target } from '../../chip/target.js';
import { encode } from '../../isa/codec.js';
import type { DmaDescriptor, Wait } from '../../isa/operands.js';
import { type Code, type Executable, engineSemaphore, type Segment } from '../../isa/program.js';
import type { Instruction } from '../../isa/table.js';
import { addressesOf, pinsOf, type VariableTable } from '../compile.js';
import { placeStream } from '../emit/emit.js';
import type { Buffer } from '../lower/buffer.js';
import type { PlacedProgram, PlacedSection } from '../place.js';
import { perEngine, type Streams, startingAt, synchronise, waitingNops } from '../sync/sync.js';
import type { LoopSections, SectionName } from './sections.js';

/** What runs one after another in an executable: a section once, the step so many times, or the step until the flag is set. */
export type Part = { readonly once: SectionName } | { readonly calls: number } | { readonly until: number };

export interface LoopExecutable {
  readonly executable: Executable;
  /** Variables (by number) it reads from the host, writes for the host, and states it needs and leaves valid. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  readonly statesIn: readonly number[];
  readonly statesOut: readonly number[];
  readonly origins: Readonly<Record<EngineName, readonly number[]>>;
  readonly loadOrigins: Readonly<Record<EngineName, readonly number[]>>;
}

/** Register 0 counts steps, 1 holds the flag; the others hold semaphore values. */
const STEP_REGISTER = 0;
const FLAG_REGISTER = 1;
const FIRST_WAIT_REGISTER = 2;

/** The segments of a program and their descriptors, which all loops in it add to. */
export interface SharedSegments {
  readonly segments: Segment[];
  readonly descriptors: DmaDescriptor[];
}

/** Builds executables from synchronised sections; the step becomes a segment at once. */
export class LoopEmitter {
  private readonly lowered: LoopSections;
  private readonly placed: ReadonlyMap<SectionName, PlacedSection>;
  private readonly shared: SharedSegments;
  /** Number of the step's segment. */
  private readonly number: number;
  private readonly table: VariableTable;
  private readonly target: Target;
  private readonly program: PlacedProgram;
  private readonly streams = new Map<SectionName, Streams>();
  private readonly step: Record<EngineName, Instruction[]>;
  /** Semaphores whose values each engine's step code takes from registers, in order of registers. */
  private readonly registers: Record<EngineName, number[]>;
  private readonly stepWaits: Record<EngineName, ReadonlySet<number>>;

  constructor(
    lowered: LoopSections,
    placed: ReadonlyMap<SectionName, PlacedSection>,
    table: VariableTable,
    target: Target,
    program: PlacedProgram,
    shared: SharedSegments,
    suffix: string,
  ) {
    this.lowered = lowered;
    this.shared = shared;
    this.number = shared.segments.length;
    this.placed = placed;
    this.table = table;
    this.target = target;
    this.program = program;
    for (const [name, section] of placed) this.streams.set(name, synchronise(section.ordered));
    if (lowered.stepSections > 1) {
      // Steps of their own are in the executables; nothing is called.
      this.step = perEngine(() => []);
      this.registers = perEngine(() => []);
      this.stepWaits = perEngine(() => new Set());
      return;
    }
    const streams = this.streamsOf('step');
    const ends = streams.ends.map((w) => w.semaphore);
    const finish = this.streamsOf('finish');
    this.registers = perEngine((engine) => [
      ...new Set(
        [...streams.code[engine], ...finish.code[engine]]
          .flatMap((i) => i.waits.map((w) => w.semaphore))
          .concat(
            ends,
            ENGINES.map((_, k) => engineSemaphore(k)),
          ),
      ),
    ]);
    this.stepWaits = perEngine(
      (engine) => new Set(streams.code[engine].flatMap((i) => i.waits.map((w) => w.semaphore))),
    );
    const section = this.sectionOf('step');
    this.step = perEngine((engine) => {
      const code = placeStream(
        streams,
        section.ordered,
        engine,
        addressesOf(section, table, target),
        this.shared.descriptors,
      );
      return code.map((i) => this.relative(engine, i));
    });
    const code = this.encoded(perEngine((engine) => [...this.step[engine], plain('RET')]));
    shared.segments.push({ name: `step${suffix}`, code });
  }

  segmentOrigins(): Record<EngineName, number[]> {
    if (this.lowered.stepSections > 1) return perEngine(() => []);
    const streams = this.streamsOf('step');
    const ordered = this.sectionOf('step').ordered;
    return perEngine((engine) => [...streams.positions[engine].map((p) => ordered[p]?.step.origin ?? 0), 0]);
  }

  /** `pins`: whether its load fragment fills the pins of the artifact. */
  executable(name: string, kind: Executable['kind'], parts: readonly Part[], pins: boolean): LoopExecutable {
    const code = perEngine<Instruction[]>(() => []);
    const origins = perEngine<number[]>(() => []);
    const counts = new Map<number, number>();
    const descriptors: DmaDescriptor[] = [];
    const loadStreams = synchronise(pins ? this.program.load : []);
    const load = perEngine((engine) =>
      placeStream(
        loadStreams,
        this.program.load,
        engine,
        addressesOf(this.sectionOf('step'), this.table, this.target),
        descriptors,
      ),
    );
    let ends: readonly Wait[] = [];
    let relativeFrom = false;
    const advance = (totals: ReadonlyMap<number, number>, times = 1): void => {
      for (const [s, n] of totals) counts.set(s, (counts.get(s) ?? 0) + n * times);
    };
    const append = (
      engine: EngineName,
      list: readonly Instruction[],
      origin: (k: number) => number = () => 0,
    ): void => {
      list.forEach((i, k) => {
        code[engine].push(i);
        origins[engine].push(origin(k));
      });
    };
    for (const part of parts) {
      if ('once' in part) {
        const section = this.sectionOf(part.once);
        const streams = startingAt(this.streamsOf(part.once), relativeFrom ? new Map() : counts);
        for (const engine of ENGINES) {
          const list = placeStream(
            streams,
            section.ordered,
            engine,
            addressesOf(section, this.table, this.target),
            descriptors,
          );
          if (list.length === 0) continue;
          if (!relativeFrom) append(engine, waitingNops(ends));
          append(
            engine,
            relativeFrom ? list.map((i) => this.relative(engine, i)) : list,
            (k) => section.ordered[streams.positions[engine][k] ?? 0]?.step.origin ?? 0,
          );
        }
        advance(streams.totals);
        ends = streams.ends;
      } else if ('calls' in part) {
        const streams = this.streamsOf('step');
        for (let k = 0; k < part.calls; k++) {
          for (const engine of ENGINES) {
            if (this.step[engine].length === 0) continue;
            append(engine, [
              ...waitingNops(ends),
              ...this.setRegisters(engine, counts, this.stepWaits[engine]),
              { ...plain('CALL'), segment: this.number } as Instruction,
            ]);
          }
          ends = startingAt(streams, counts).ends;
          advance(streams.totals);
        }
      } else {
        this.loop(part.until, ends, counts, append);
        relativeFrom = true;
        ends = [];
      }
    }
    const uses = this.variablesOf(parts);
    return {
      executable: {
        name,
        kind,
        load: this.encoded(load),
        main: this.encoded(code),
        descriptors,
        pins: pins ? pinsOf(this.program) : [],
      },
      ...uses,
      origins,
      loadOrigins: perEngine((engine) =>
        loadStreams.positions[engine].map((p) => this.program.load[p]?.step.origin ?? 0),
      ),
    };
  }

  /** The step until the flag is set: every engine loads the flag itself, and the flag is not overwritten before all have. */
  private loop(
    most: number,
    ends: readonly Wait[],
    counts: ReadonlyMap<number, number>,
    append: (e: EngineName, list: readonly Instruction[]) => void,
  ): void {
    const streams = this.streamsOf('step');
    const engines = ENGINES.filter((e) => this.target.clockMhz[e as 'pe'] !== 0 || e === 'sp');
    const word = this.lowered.flagWord;
    const offset = addressesOf(this.sectionOf('step'), this.table, this.target).offset(
      word.panels[0] as Buffer,
    );
    // Each engine's load of the flag counts on its own semaphore, after the step's increments.
    const total = (s: number): number =>
      (streams.totals.get(s) ?? 0) + (engines.some((e) => engineSemaphore(ENGINES.indexOf(e)) === s) ? 1 : 0);
    for (const engine of engines) {
      const own = engineSemaphore(ENGINES.indexOf(engine));
      const others = engines.map((e) => engineSemaphore(ENGINES.indexOf(e))).filter((s) => s !== own);
      const body: Instruction[] = [
        ...(this.step[engine].length > 0 ? [{ ...plain('CALL'), segment: this.number } as Instruction] : []),
        ...waitingNops(streams.ends).map((i) => this.relative(engine, i)),
        {
          ...plain('REG_LOAD'),
          reg: FLAG_REGISTER,
          dram: false,
          variable: 0,
          partition: 0,
          offset,
          increment: own,
        } as Instruction,
        ...waitingNops(others.map((s) => ({ semaphore: s, value: total(s) }))).map((i) =>
          this.relative(engine, i),
        ),
        ...this.registers[engine].flatMap((s, k): Instruction[] =>
          total(s) === 0
            ? []
            : [
                {
                  ...plain('REG_ADD'),
                  reg: FIRST_WAIT_REGISTER + k,
                  source: FIRST_WAIT_REGISTER + k,
                  value: total(s),
                  useRegister: false,
                  addend: 0,
                } as Instruction,
              ],
        ),
        { ...plain('BRANCH'), compare: 'ne', reg: FLAG_REGISTER, value: 0, forward: 1 } as Instruction,
      ];
      append(engine, [
        ...waitingNops(ends),
        { ...plain('REG_SET'), reg: STEP_REGISTER, value: most } as Instruction,
        ...this.setRegisters(engine, counts),
        ...body,
        { ...plain('LOOP'), reg: STEP_REGISTER, back: body.length } as Instruction,
      ]);
    }
  }

  /** Registers of an engine set to the semaphores' values so far. */
  private setRegisters(
    engine: EngineName,
    counts: ReadonlyMap<number, number>,
    only?: ReadonlySet<number>,
  ): Instruction[] {
    return this.registers[engine].flatMap((s, k) =>
      only?.has(s) === false ? [] : [this.setRegister(k, counts.get(s) ?? 0)],
    );
  }

  private setRegister(k: number, value: number): Instruction {
    return { ...plain('REG_SET'), reg: FIRST_WAIT_REGISTER + k, value } as Instruction;
  }

  /** The instruction with its waits counted from the engine's registers. */
  private relative(engine: EngineName, i: Instruction): Instruction {
    if (i.waits.length === 0) return i;
    const bindings = i.waits.map((w, k) => ({
      field: `waits.${k}`,
      reg: FIRST_WAIT_REGISTER + this.registers[engine].indexOf(w.semaphore),
    }));
    return { ...i, bindings: [...i.bindings, ...bindings] } as Instruction;
  }

  private variablesOf(
    parts: readonly Part[],
  ): Pick<LoopExecutable, 'reads' | 'writes' | 'statesIn' | 'statesOut'> {
    const names = new Set(parts.flatMap((p) => ('once' in p ? [p.once] : [])));
    const number = (b: Buffer): number => this.table.number(b);
    const { residents, inputs, outputs, flag } = this.lowered;
    const touched = (
      names: readonly SectionName[],
      pick: (r: LoopSections['residents'][number]) => Buffer,
    ): number[] => {
      const found = new Set<Buffer>();
      for (const n of names)
        for (const s of this.lowered.sections[n]?.steps ?? [])
          for (const d of s.descriptors ?? []) for (const x of [d.src.buffer, d.dst.buffer]) found.add(x);
      return residents.filter((r) => found.has(pick(r))).map((r) => number(pick(r)));
    };
    const used = [...names, ...(parts.some((p) => !('once' in p)) ? (['step'] as const) : [])];
    const inDram = residents.filter((r) => r.view.space === 'dram').map((r) => number(r.state));
    return {
      reads: [
        ...(names.has('prologue') ? inputs.map((p) => number(p.buffer)) : []),
        ...touched(used, (r) => r.toDevice),
      ],
      writes: [
        ...(names.has('finish') ? [...outputs.map((p) => number(p.buffer)), number(flag)] : []),
        ...touched(used, (r) => r.fromDevice),
      ],
      statesIn: names.has('prologue')
        ? []
        : [
            ...touched(['load'].filter((n) => names.has(n as SectionName)) as SectionName[], (r) => r.state),
            ...inDram,
          ],
      statesOut: [...new Set([...touched(used, (r) => r.state), ...inDram])],
    };
  }

  private streamsOf(name: SectionName): Streams {
    return this.streams.get(name) as Streams;
  }

  private sectionOf(name: SectionName): PlacedSection {
    return this.placed.get(name) as PlacedSection;
  }

  private encoded(code: Readonly<Record<EngineName, readonly Instruction[]>>): Code {
    return perEngine((engine) => encode(code[engine]));
  }
}

function plain(m: Instruction['m']): Instruction {
  return { m, waits: [], increment: -1, bindings: [] } as unknown as Instruction;
}

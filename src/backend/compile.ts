// The map of the backend: plan, lower, choose residency, schedule, allocate, synchronise, emit. Nothing else knows the order.
import type { Target } from '../chip/target.js';
import type { Constant } from '../ir/constant.js';
import type { Graph, Node } from '../ir/graph.js';
import type { DmaDescriptor } from '../isa/operands.js';
import type { Executable, Pin, Variable } from '../isa/program.js';
import { type Addresses, type EmittedFragment, emitFragment } from './emit/emit.js';
import { frugally } from './frugal.js';
import type { Buffer } from './lower/buffer.js';
import { lowerGraphs, type Port } from './lower/lower.js';
import { type PlacedProgram, type PlacedSection, placeProgram } from './place.js';
import { planGraph } from './plan/plan.js';
import { synchronise } from './sync/sync.js';
import { verifyLowered, verifyProgram, verifySection } from './verify.js';

export interface BackendOptions {
  readonly kind: Executable['kind'];
  /** 0..3: how far the scheduler looks. */
  readonly level: number;
  /** False: constants are loaded by each execution, since other executables of the artifact use all of SBUF. */
  readonly pins?: boolean;
  /** Engine of depthwise convolutions, to compare; default what the cost model says. */
  readonly depthwise?: 'pe' | 'dve';
  /** Whether each stage's result is proven by its checker. */
  readonly check?: boolean;
  /** Called as each stage ends, with what `--dump-after STAGE` prints. */
  readonly onStage?: (stage: Stage, data: unknown) => void;
}
export const STAGES = ['plan', 'lower', 'schedule', 'allocate', 'sync', 'emit'] as const;
export type Stage = (typeof STAGES)[number];

/** A port of the model: which variable holds it. */
export interface CompiledPort {
  readonly name: string;
  readonly variable: number;
  readonly dtype: Graph['body']['params'][number]['type']['dtype'];
  readonly shape: readonly number[];
}

export interface CompiledExecutable {
  readonly executable: Executable;
  readonly inputs: readonly CompiledPort[];
  readonly outputs: readonly CompiledPort[];
  readonly main: EmittedFragment;
  readonly load: EmittedFragment;
}

/** Graphs that were compiled together: an executable each, with variables, weights and pins in common. */
export interface CompiledProgram {
  readonly executables: readonly CompiledExecutable[];
  readonly variables: readonly Variable[];
  /** By variable number: the constant whose bytes it holds. */
  readonly constants: ReadonlyMap<number, Constant>;
  /** Nodes of all graphs; what instructions name as their origins. */
  readonly origins: readonly Node[];
  readonly placed: PlacedProgram;
  /** Moves of elements between layouts, operands and results of the model apart. */
  readonly copies: { readonly count: number; readonly bytes: number };
}

export interface NamedGraph {
  readonly name: string;
  readonly graph: Graph;
}

export function compileGraphs(
  graphs: readonly NamedGraph[],
  target: Target,
  options: BackendOptions,
): CompiledProgram {
  const stage = options.onStage ?? (() => undefined);
  const planned = graphs.map(({ name, graph }) => {
    const plan = { ...planGraph(graph), ...(options.depthwise && { depthwise: options.depthwise }) };
    stage('plan', plan);
    return { name, graph, plan };
  });
  const made = frugally(target, (smaller) => {
    const whole = lowerGraphs(planned, smaller);
    return { ...whole, placed: placeProgram(whole.program, target, options.level, options.pins !== false) };
  });
  const { program, graphs: lowered, placed } = made;
  stage('lower', program);
  if (options.check === true) verifyLowered(program, target);
  for (const section of placed.sections) {
    stage('schedule', section);
    stage('allocate', section);
  }
  const table = new VariableTable(Math.max(0, ...placed.sections.map((s) => s.memory.scratchBytes)));
  for (const p of program.inputs) table.add(p.buffer, { name: p.name, kind: 'input', bytes: p.buffer.bytes });
  for (const p of program.outputs)
    table.add(p.buffer, { name: p.name, kind: 'output', bytes: p.buffer.bytes });
  for (const [b, constant] of program.constants) table.addConstant(b, constant);
  const executables = lowered.map(({ inputs, outputs }, i): CompiledExecutable => {
    const section = placed.sections[i] as PlacedSection;
    const addresses = addressesOf(section, table, target);
    if (options.check === true) verifySection(section, program, addresses, target);
    const descriptors: DmaDescriptor[] = [];
    // Pins are one map for all executables, which the first of them fills.
    const filling = i === 0 ? placed.load : [];
    const loadStreams = synchronise(filling);
    const mainStreams = synchronise(section.ordered);
    stage('sync', mainStreams);
    const load = emitFragment(loadStreams, filling, addresses, descriptors);
    const main = emitFragment(mainStreams, section.ordered, addresses, descriptors);
    stage('emit', main);
    const executable: Executable = {
      name: graphs[i]?.name ?? '',
      kind: options.kind,
      load: load.code,
      main: main.code,
      descriptors,
      pins: i === 0 ? pinsOf(placed) : [],
    };
    return {
      executable,
      inputs: inputs.map((p) => table.port(p)),
      outputs: outputs.map((p) => table.port(p)),
      main,
      load,
    };
  });
  if (options.check === true) {
    const code = executables.map((e) => e.executable);
    verifyProgram(
      { variables: table.variables, segments: [], segmentDescriptors: [], executables: code },
      target,
    );
  }
  return {
    executables,
    variables: table.variables,
    constants: table.constants,
    origins: program.origins,
    placed,
    copies: program.copies,
  };
}

/** The artifact's DRAM variables as they are numbered; scratch buffers share the first. */
export class VariableTable {
  readonly variables: Variable[] = [];
  readonly constants = new Map<number, Constant>();
  private readonly numbers = new Map<Buffer, number>();

  constructor(scratchBytes: number) {
    this.variables.push({ name: 'scratch', kind: 'scratch', bytes: scratchBytes });
  }

  add(b: Buffer, v: Variable): void {
    this.numbers.set(b, this.variables.length);
    this.variables.push(v);
  }

  addConstant(b: Buffer, constant: Constant): void {
    this.constants.set(this.variables.length, constant);
    this.add(b, { name: b.name, kind: 'constant', bytes: b.bytes });
  }

  port({ name, buffer, value: { type } }: Port): CompiledPort {
    return { name, variable: this.number(buffer), dtype: type.dtype, shape: type.shape as readonly number[] };
  }

  number(b: Buffer): number {
    return this.numbers.get(b) ?? 0;
  }
}

export function addressesOf(section: PlacedSection, table: VariableTable, target: Target): Addresses {
  const { memory, schedule } = section;
  return {
    offset: (b) =>
      b.space === 'psum' ? (schedule.banks.get(b) ?? 0) * target.psum.bankBytes : memory.offset(b),
    variable: (b) => table.number(b),
  };
}

export function pinsOf(placed: PlacedProgram): Pin[] {
  return placed.residency.pinned.map((b) => ({
    start: b.start,
    parts: b.parts,
    base: placed.pins.offsets.get(b) ?? 0,
    bytes: b.bytes,
  }));
}

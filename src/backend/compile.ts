// The map of the backend: plan, lower, choose residency, schedule, allocate, synchronise, emit. Nothing else knows the order.
import type { Target } from '../chip/target.js';
import type { Constant } from '../ir/constant.js';
import type { Graph, Node } from '../ir/graph.js';
import type { DmaDescriptor } from '../isa/operands.js';
import type { Executable, Pin, Variable } from '../isa/program.js';
import { type Addresses, type EmittedFragment, emitFragment } from './emit/emit.js';
import type { Buffer } from './lower/buffer.js';
import { lower, type Port } from './lower/lower.js';
import { type PlacedProgram, type PlacedSection, placeProgram } from './place.js';
import { planGraph } from './plan/plan.js';
import { synchronise } from './sync/sync.js';
import { verifyLowered, verifyProgram, verifySection } from './verify.js';

export interface BackendOptions {
  readonly kind: Executable['kind'];
  readonly name: string;
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
  readonly variables: readonly Variable[];
  /** By variable number: the constant whose bytes it holds. */
  readonly constants: ReadonlyMap<number, Constant>;
  readonly inputs: readonly CompiledPort[];
  readonly outputs: readonly CompiledPort[];
  readonly main: EmittedFragment;
  readonly load: EmittedFragment;
  readonly origins: readonly Node[];
  readonly placed: PlacedProgram;
  readonly estimatedTicks: number;
  /** Moves of elements between layouts, operands and results of the model apart. */
  readonly copies: { readonly count: number; readonly bytes: number };
}

export function compileGraph(graph: Graph, target: Target, options: BackendOptions): CompiledExecutable {
  const stage = options.onStage ?? (() => undefined);
  const plan = { ...planGraph(graph), ...(options.depthwise && { depthwise: options.depthwise }) };
  stage('plan', plan);
  const program = lower(graph, plan, target);
  stage('lower', program);
  if (options.check === true) verifyLowered(program, target);
  const placed = placeProgram(program, [], target, options.level, options.pins !== false);
  const section = placed.sections[0] as PlacedSection;
  stage('schedule', section);
  stage('allocate', section);
  const table = new VariableTable(section.memory.scratchBytes);
  for (const p of program.inputs) table.add(p.buffer, { name: p.name, kind: 'input', bytes: p.buffer.bytes });
  for (const p of program.outputs)
    table.add(p.buffer, { name: p.name, kind: 'output', bytes: p.buffer.bytes });
  for (const [b, constant] of program.constants) table.addConstant(b, constant);
  const addresses = addressesOf(section, table, target);
  if (options.check === true) verifySection(section, placed, program, addresses, target);
  const descriptors: DmaDescriptor[] = [];
  const loadStreams = synchronise(placed.load);
  const mainStreams = synchronise(section.ordered);
  stage('sync', mainStreams);
  const load = emitFragment(loadStreams, placed.load, addresses, descriptors);
  const main = emitFragment(mainStreams, section.ordered, addresses, descriptors);
  stage('emit', main);
  const executable: Executable = {
    name: options.name,
    kind: options.kind,
    load: load.code,
    main: main.code,
    descriptors,
    pins: pinsOf(placed),
  };
  if (options.check === true)
    verifyProgram(
      { variables: table.variables, segments: [], segmentDescriptors: [], executables: [executable] },
      target,
    );
  return {
    executable,
    variables: table.variables,
    constants: table.constants,
    inputs: program.inputs.map((p) => table.port(p)),
    outputs: program.outputs.map((p) => table.port(p)),
    main,
    load,
    origins: program.origins,
    placed,
    estimatedTicks: section.schedule.ticks,
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
    base: placed.fixed.offsets.get(b) ?? 0,
    bytes: b.bytes,
  }));
}

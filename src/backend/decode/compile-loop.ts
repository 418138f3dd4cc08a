// The map of a decoding loop in the backend: sections, places, executables of each shape.
import type { EngineName, Target } from '../../chip/target.js';
import type { Constant } from '../../ir/constant.js';
import type { Node } from '../../ir/graph.js';
import type { DmaDescriptor } from '../../isa/operands.js';
import type { Segment, Variable } from '../../isa/program.js';
import { addressesOf, type BackendOptions, type CompiledPort, VariableTable } from '../compile.js';
import { frugally } from '../frugal.js';
import type { Section } from '../lower/buffer.js';
import { Builder } from '../lower/builder.js';
import { WeightPool } from '../lower/weight-pool.js';
import { type PlacedProgram, type PlacedSection, placeProgram } from '../place.js';
import { verifyLowered, verifyProgram, verifySection } from '../verify.js';
import { LoopEmitter, type LoopExecutable, type Part, type SharedSegments } from './loop-emitter.js';
import { type LoopSections, lowerLoop, SECTION_NAMES, type SectionName, stepSection } from './sections.js';
import type { LoopShape, LoopSpec } from './spec.js';

/** A tensor that the host carries between executables. */
export interface HostCarried {
  readonly name: string;
  readonly toDevice: number;
  readonly fromDevice: number;
  readonly role: 'context' | 'state';
  readonly dtype: CompiledPort['dtype'];
  readonly shape: readonly number[];
}

export interface CompiledLoop {
  readonly executables: readonly LoopExecutable[];
  /** Number of the step's segment, and the origins of its instructions. */
  readonly segment: number;
  readonly segmentOrigins: Readonly<Record<EngineName, readonly number[]>>;
  readonly inputs: readonly CompiledPort[];
  readonly outputs: readonly CompiledPort[];
  readonly flag: number;
  readonly maxSteps: number;
  readonly carried: readonly HostCarried[];
}

/** Loops that were compiled together: the buckets of a model, with weights and pins in common. */
export interface CompiledLoops {
  readonly loops: readonly CompiledLoop[];
  readonly segments: readonly Segment[];
  readonly segmentDescriptors: readonly DmaDescriptor[];
  readonly variables: readonly Variable[];
  readonly constants: ReadonlyMap<number, Constant>;
  readonly origins: readonly Node[];
  readonly placed: PlacedProgram;
  readonly copies: { readonly count: number; readonly bytes: number };
}

export interface LoopToCompile {
  readonly spec: LoopSpec;
  readonly shape: LoopShape;
  /** Behind the names of its executables; empty where there is one loop. */
  readonly suffix: string;
}

export function compileLoops(
  given: readonly LoopToCompile[],
  target: Target,
  options: Pick<BackendOptions, 'level' | 'check'>,
): CompiledLoops {
  const { b, pool, origins, lowered, names, whole, placed } = frugally(target, (smaller) => {
    const together = lowerTogether(given, smaller);
    return { ...together, placed: placeProgram(together.whole, target, options.level) };
  });
  const table = numberVariables(
    lowered,
    pool,
    Math.max(0, ...placed.sections.map((s) => s.memory.scratchBytes)),
  );
  const shared: SharedSegments = { segments: [], descriptors: [] };
  let first = 0;
  const loops = given.map((loop, i): CompiledLoop => {
    const own = lowered[i] as LoopSections;
    const of = names[i] ?? [];
    const bySection = new Map(of.map((n, k) => [n, placed.sections[first + k] as PlacedSection]));
    first += of.length;
    const e = new LoopEmitter(own, bySection, table, target, placed, shared, loop.suffix);
    return {
      executables: executablesOf(loop, e, i === 0),
      segment: i,
      segmentOrigins: e.segmentOrigins(),
      inputs: own.inputs.map((p) => table.port(p)),
      outputs: own.outputs.map((p) => table.port(p)),
      flag: table.number(own.flag),
      maxSteps: loop.spec.maxSteps,
      carried: carriedOf(loop.spec, own, table),
    };
  });
  const { segments, descriptors: segmentDescriptors } = shared;
  if (options.check === true) {
    const [inputs, outputs] = [lowered.flatMap((l) => l.inputs), lowered.flatMap((l) => l.outputs)];
    const program = { ...whole, constants: pool.constants, inputs, outputs, origins, copies: b.copies };
    verifyLowered(program, target);
    for (const section of placed.sections)
      verifySection(section, program, addressesOf(section, table, target), target);
    const executables = loops.flatMap((l) => l.executables.map((x) => x.executable));
    verifyProgram({ variables: table.variables, segments, segmentDescriptors, executables }, target);
  }
  return {
    loops,
    segments,
    segmentDescriptors,
    variables: table.variables,
    constants: table.constants,
    origins,
    placed,
    copies: b.copies,
  };
}

/** All loops in one program: their sections, and which of them each loop's artifact contains. */
function lowerTogether(given: readonly LoopToCompile[], target: Target) {
  const b = new Builder(target);
  // Loops of several buckets, and steps with graphs of their own, hold equal weights as different objects.
  const pool = new WeightPool(given.length > 1 || given.some(({ spec }) => spec.later !== undefined));
  const origins: Node[] = [];
  const lowered = given.map(({ spec }) => {
    const loop = lowerLoop(spec, b, pool, origins.length);
    origins.push(...loop.origins);
    return loop;
  });
  const names = given.map(({ shape }, i) => sectionsOf(shape, lowered[i]?.stepSections ?? 1));
  const sections = lowered.flatMap((loop, i) => (names[i] ?? []).map((n) => loop.sections[n] as Section));
  const whole = { buffers: b.buffers, weights: b.weights, sections };
  return { b, pool, origins, lowered, names, whole };
}

function carriedOf(spec: LoopSpec, { residents }: LoopSections, table: VariableTable): HostCarried[] {
  return residents.map((r, i) => ({
    name: r.name,
    toDevice: table.number(r.toDevice),
    fromDevice: table.number(r.fromDevice),
    role: spec.params[i]?.role ?? 'state',
    dtype: spec.step.body.params[i]?.type.dtype ?? 'f32',
    shape: (spec.step.body.params[i]?.type.shape ?? []) as readonly number[],
  }));
}

/** Sections that an artifact of this shape contains. */
function sectionsOf(shape: LoopShape, stepSections: number): SectionName[] {
  const used: Record<LoopShape['kind'], readonly SectionName[]> = {
    unrolled: ['prologue', 'step', 'finish'],
    'device-loop': ['prologue', 'step', 'finish'],
    partitioned: ['prologue', 'store', 'load', 'step', 'storeStates', 'finish'],
    split:
      shape.kind === 'split' && !shape.resident
        ? ['prologue', 'sendAll', 'receive', 'step', 'sendStates', 'finish']
        : ['prologue', 'store', 'load', 'step', 'storeStates', 'finish'],
  };
  const later = Array.from({ length: stepSections - 1 }, (_, k) => stepSection(k + 1));
  return [...SECTION_NAMES.filter((n) => used[shape.kind].includes(n)), ...later];
}

/** `pins`: whether the first executable fills the pins of the artifact. */
function executablesOf(
  { spec, shape, suffix }: LoopToCompile,
  e: LoopEmitter,
  pins: boolean,
): LoopExecutable[] {
  const each = spec.later !== undefined;
  const steps = (from: number, to: number): Part[] =>
    each
      ? Array.from({ length: to - from }, (_, k) => ({ once: stepSection(from + k) }))
      : [{ calls: to - from }];
  const whole = (...parts: readonly Part[]): LoopExecutable[] => [
    e.executable(`main${suffix}`, 'whole', [{ once: 'prologue' }, ...parts, { once: 'finish' }], pins),
  ];
  const encoder = (keep: SectionName): LoopExecutable =>
    e.executable(`encoder${suffix}`, 'encoder', [{ once: 'prologue' }, { once: keep }], pins);
  const decoder = (
    name: string,
    begin: SectionName,
    parts: readonly Part[],
    keep: SectionName,
  ): LoopExecutable =>
    e.executable(
      `${name}${suffix}`,
      'decoder',
      [{ once: begin }, ...parts, { once: keep }, { once: 'finish' }],
      false,
    );
  switch (shape.kind) {
    case 'unrolled':
      return whole(...steps(0, spec.maxSteps));
    case 'device-loop':
      return whole({ until: spec.maxSteps });
    case 'partitioned':
      return [
        encoder('store'),
        ...shape.ends.map((end, i) =>
          decoder(`decoder_${end}`, 'load', steps(shape.ends[i - 1] ?? 0, end), 'storeStates'),
        ),
      ];
    case 'split':
      return [
        encoder(shape.resident ? 'store' : 'sendAll'),
        ...Array.from({ length: each ? spec.maxSteps : 1 }, (_, k) =>
          decoder(
            each ? `decoder_${k + 1}` : 'decoder',
            shape.resident ? 'load' : 'receive',
            steps(k, k + 1),
            shape.resident ? 'storeStates' : 'sendStates',
          ),
        ),
      ];
  }
  return shape satisfies never;
}

function numberVariables(
  loops: readonly LoopSections[],
  { constants }: WeightPool,
  scratchBytes: number,
): VariableTable {
  const table = new VariableTable(scratchBytes);
  for (const { inputs, outputs, flag, residents } of loops) {
    for (const p of inputs) table.add(p.buffer, { name: p.name, kind: 'input', bytes: p.buffer.bytes });
    for (const p of outputs) table.add(p.buffer, { name: p.name, kind: 'output', bytes: p.buffer.bytes });
    table.add(flag, { name: 'flag', kind: 'output', bytes: 4 });
    for (const r of residents) {
      table.add(r.state, { name: `${r.name}`, kind: 'state', bytes: r.state.bytes });
      table.add(r.toDevice, { name: `${r.name}.in`, kind: 'input', bytes: r.toDevice.bytes });
      table.add(r.fromDevice, { name: `${r.name}.out`, kind: 'output', bytes: r.fromDevice.bytes });
    }
  }
  for (const [b, constant] of constants) table.addConstant(b, constant);
  return table;
}

export type { LoopExecutable } from './loop-emitter.js';

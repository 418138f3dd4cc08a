// The map of a decoding loop in the backend: sections, places, executables of each shape.
import type { EngineName, Target } from '../../chip/target.js';
import type { Constant } from '../../ir/constant.js';
import type { Node } from '../../ir/graph.js';
import type { DmaDescriptor } from '../../isa/operands.js';
import type { Segment, Variable } from '../../isa/program.js';
import { addressesOf, type BackendOptions, type CompiledPort, VariableTable } from '../compile.js';
import { type PlacedProgram, type PlacedSection, placeProgram } from '../place.js';
import { verifyLowered, verifyProgram, verifySection } from '../verify.js';
import { LoopEmitter, type LoopExecutable } from './loop-emitter.js';
import { type LoopSections, lowerLoop, SECTION_NAMES, type SectionName } from './sections.js';
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
  readonly segments: readonly Segment[];
  readonly segmentDescriptors: readonly DmaDescriptor[];
  readonly segmentOrigins: Readonly<Record<EngineName, readonly number[]>>;
  readonly variables: readonly Variable[];
  readonly constants: ReadonlyMap<number, Constant>;
  readonly inputs: readonly CompiledPort[];
  readonly outputs: readonly CompiledPort[];
  readonly flag: number;
  readonly maxSteps: number;
  readonly carried: readonly HostCarried[];
  readonly origins: readonly Node[];
  readonly placed: PlacedProgram;
  readonly copies: { readonly count: number; readonly bytes: number };
}

export function compileLoop(
  spec: LoopSpec,
  shape: LoopShape,
  target: Target,
  options: Pick<BackendOptions, 'level' | 'check'>,
): CompiledLoop {
  const lowered = lowerLoop(spec, target);
  const names = sectionsOf(shape);
  const placed = placeProgram(
    { ...lowered, sections: names.map((n) => lowered.sections[n]) },
    lowered.residentBuffers,
    target,
    options.level,
  );
  const bySection = new Map(names.map((n, i) => [n, placed.sections[i] as PlacedSection]));
  const scratch = Math.max(0, ...placed.sections.map((s) => s.memory.scratchBytes));
  const table = numberVariables(lowered, scratch);
  const e = new LoopEmitter(lowered, bySection, table, target, placed);
  const executables = executablesOf(spec, shape, e);
  if (options.check === true) {
    const program = { ...lowered, sections: names.map((n) => lowered.sections[n]) };
    verifyLowered(program, target);
    for (const section of placed.sections)
      verifySection(section, placed, program, addressesOf(section, table, target), target);
    const { segmentDescriptors } = e;
    verifyProgram(
      {
        variables: table.variables,
        segments: [e.segment()],
        segmentDescriptors,
        executables: executables.map((x) => x.executable),
      },
      target,
    );
  }
  return {
    executables,
    segments: [e.segment()],
    segmentDescriptors: e.segmentDescriptors,
    segmentOrigins: e.segmentOrigins(),
    variables: table.variables,
    constants: table.constants,
    inputs: lowered.inputs.map((p) => table.port(p)),
    outputs: lowered.outputs.map((p) => table.port(p)),
    flag: table.number(lowered.flag),
    maxSteps: spec.maxSteps,
    carried: lowered.residents.map((r, i) => ({
      name: r.name,
      toDevice: table.number(r.toDevice),
      fromDevice: table.number(r.fromDevice),
      role: spec.params[i]?.role ?? 'state',
      dtype: spec.step.body.params[i]?.type.dtype ?? 'f32',
      shape: (spec.step.body.params[i]?.type.shape ?? []) as readonly number[],
    })),
    origins: lowered.origins,
    placed,
    copies: lowered.copies,
  };
}

/** Sections that an artifact of this shape contains. */
function sectionsOf(shape: LoopShape): SectionName[] {
  const used: Record<LoopShape['kind'], readonly SectionName[]> = {
    unrolled: ['prologue', 'step', 'finish'],
    'device-loop': ['prologue', 'step', 'finish'],
    partitioned: ['prologue', 'store', 'load', 'step', 'storeStates', 'finish'],
    split:
      shape.kind === 'split' && !shape.resident
        ? ['prologue', 'sendAll', 'receive', 'step', 'sendStates', 'finish']
        : ['prologue', 'store', 'load', 'step', 'storeStates', 'finish'],
  };
  return SECTION_NAMES.filter((n) => used[shape.kind].includes(n));
}

function executablesOf(spec: LoopSpec, shape: LoopShape, e: LoopEmitter): LoopExecutable[] {
  switch (shape.kind) {
    case 'unrolled':
      return [
        e.executable(
          'main',
          'whole',
          [{ once: 'prologue' }, { calls: spec.maxSteps }, { once: 'finish' }],
          true,
        ),
      ];
    case 'device-loop':
      return [
        e.executable(
          'main',
          'whole',
          [{ once: 'prologue' }, { until: spec.maxSteps }, { once: 'finish' }],
          true,
        ),
      ];
    case 'partitioned':
      return [
        e.executable('encoder', 'encoder', [{ once: 'prologue' }, { once: 'store' }], true),
        ...shape.ends.map((end, i) => {
          const steps = end - (shape.ends[i - 1] ?? 0);
          return e.executable(
            `decoder_${end}`,
            'decoder',
            [{ once: 'load' }, { calls: steps }, { once: 'storeStates' }, { once: 'finish' }],
            false,
          );
        }),
      ];
    case 'split':
      return [
        e.executable(
          'encoder',
          'encoder',
          [{ once: 'prologue' }, { once: shape.resident ? 'store' : 'sendAll' }],
          true,
        ),
        e.executable(
          'decoder',
          'decoder',
          [
            { once: shape.resident ? 'load' : 'receive' },
            { calls: 1 },
            { once: shape.resident ? 'storeStates' : 'sendStates' },
            { once: 'finish' },
          ],
          false,
        ),
      ];
  }
  return shape satisfies never;
}

function numberVariables(lowered: LoopSections, scratchBytes: number): VariableTable {
  const table = new VariableTable(scratchBytes);
  for (const p of lowered.inputs) table.add(p.buffer, { name: p.name, kind: 'input', bytes: p.buffer.bytes });
  for (const p of lowered.outputs)
    table.add(p.buffer, { name: p.name, kind: 'output', bytes: p.buffer.bytes });
  table.add(lowered.flag, { name: 'flag', kind: 'output', bytes: 4 });
  for (const r of lowered.residents) {
    table.add(r.state, { name: `${r.name}`, kind: 'state', bytes: r.state.bytes });
    table.add(r.toDevice, { name: `${r.name}.in`, kind: 'input', bytes: r.toDevice.bytes });
    table.add(r.fromDevice, { name: `${r.name}.out`, kind: 'output', bytes: r.fromDevice.bytes });
  }
  for (const [b, constant] of lowered.constants) table.addConstant(b, constant);
  return table;
}

export type { LoopExecutable } from './loop-emitter.js';

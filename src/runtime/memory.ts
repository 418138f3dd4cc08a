// Device memory that a load takes: one row for each model on each core, what cores of a chip share, the chips' totals. Rows add
// up: what several models of a core have in common (microcode, segments, equal constants, scratchpad) stands in the first row.
// Known from the artifact alone; nothing is loaded to make the table.
import { type ArtifactParts, coreCountOf } from '../artifact/model.js';
import type { ModelSignature } from '../artifact/signature.js';
import type { Target } from '../chip/target.js';
import { ENGINES } from '../chip/target.js';
import { DESCRIPTOR_BYTES } from '../isa/dma-codec.js';
import type { Code, Variable } from '../isa/program.js';
import { modelExecutables, variablesOf } from './model-program.js';

/** Microcode of a physical core (96 MB in the public description of device memory). */
export const MICROCODE_BYTES = 96e6;
/** What the runtime keeps on a core for itself: notification queues, semaphores' shadows (ours). */
export const RUNTIME_BYTES = 1 << 20;

export const MEMORY_COLUMNS = [
  'model_code',
  'constants',
  'tensors',
  'scratchpad',
  'shared_scratchpad',
  'dma_rings',
  'runtime',
] as const;
type Columns = Readonly<Record<(typeof MEMORY_COLUMNS)[number] | 'total', number>>;

export interface MemoryRow extends Columns {
  readonly chip: number;
  readonly core: number;
  readonly model: string;
}

/** The table, in bytes, with the keys that scripts read. */
export interface MemoryTable {
  readonly rows: readonly MemoryRow[];
  readonly shared: readonly (Columns & { readonly chip: number })[];
  readonly chips: readonly { readonly chip: number; readonly total: number; readonly capacity: number }[];
  readonly total: number;
}

export interface MemoryOptions {
  readonly target: Target;
  /** Physical cores, a multiple of the artifact's; chips are filled in order. */
  readonly cores: number;
  /** One copy of the constants for each chip instead of each core. */
  readonly sharedWeights: boolean;
}

const codeBytes = (code: Code): number => ENGINES.reduce((n, e) => n + code[e].length, 0);
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function withTotal(columns: Omit<Columns, 'total'>): Columns {
  return { ...columns, total: sum(MEMORY_COLUMNS.map((c) => columns[c])) };
}

const EMPTY: Omit<Columns, 'total'> = {
  model_code: 0,
  constants: 0,
  tensors: 0,
  scratchpad: 0,
  shared_scratchpad: 0,
  dma_rings: 0,
  runtime: 0,
};

/** Bytes of constants.bin that the variables are views of; ranges that overlap or touch count once. */
function constantBytes(variables: readonly Variable[]): number {
  const ranges = variables
    .map(({ constantOffset = 0, bytes }): [number, number] => [constantOffset, constantOffset + bytes])
    .sort((a, b) => a[0] - b[0]);
  let end = 0;
  let total = 0;
  for (const [from, to] of ranges) {
    total += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return total;
}

/** What was counted before, on the core or, in a pipeline, on the cores of earlier stages. */
interface Counted {
  readonly variables: Set<Variable>;
  readonly executables: Set<number>;
  constants: number;
}

/** The variables that an executable touches, with the tensors of its model. */
function touched(artifact: ArtifactParts, model: ModelSignature, executable: number): Set<Variable> {
  const name = artifact.program.executables[executable]?.name ?? '';
  return variablesOf(artifact, { ...model, executables: [name] });
}

/** Scratch through which stages of a pipeline hand on tensors: it belongs to several cores. */
function scratchBetweenStages(artifact: ArtifactParts): Set<Variable> {
  const coreOf = new Map<Variable, number>();
  const between = new Set<Variable>();
  for (const model of artifact.manifest.models) {
    for (const i of modelExecutables(artifact, model.name)) {
      const core = artifact.executables[i]?.core ?? 0;
      for (const v of touched(artifact, model, i)) {
        if (v.kind === 'scratch' && (coreOf.get(v) ?? core) !== core) between.add(v);
        coreOf.set(v, core);
      }
    }
  }
  return between;
}

const bytesOf = (variables: Iterable<Variable>): number => sum([...variables].map((v) => v.bytes));

/** The columns of each model on the core of a stage, in order: what was counted before is not counted again. */
function coreColumns(
  artifact: ArtifactParts,
  stage: number,
  counted: Counted,
): (readonly [model: string, Columns])[] {
  const { program, manifest, executables: infos } = artifact;
  const between = scratchBetweenStages(artifact);
  let scratchSoFar = 0;
  return manifest.models.map((model, first) => {
    const indices = modelExecutables(artifact, model.name).filter((i) => infos[i]?.core === stage);
    const own = indices
      .filter((i) => !counted.executables.has(i))
      .flatMap((i) => program.executables[i] ?? []);
    for (const i of indices) counted.executables.add(i);
    const perExecutable = indices.map((i) => touched(artifact, model, i));
    const fresh = new Set(
      perExecutable.flatMap((used) => [...used].filter((v) => !counted.variables.has(v))),
    );
    for (const v of fresh) counted.variables.add(v);
    const constants = constantBytes([...counted.variables].filter((v) => v.kind === 'constant'));
    const scratch = Math.max(
      scratchSoFar,
      ...perExecutable.map((used) =>
        bytesOf([...used].filter((v) => v.kind === 'scratch' && !between.has(v))),
      ),
    );
    const common = first === 0;
    const columns = withTotal({
      model_code:
        sum(own.map((e) => codeBytes(e.load) + codeBytes(e.main))) +
        (common ? MICROCODE_BYTES + sum(program.segments.map((s) => codeBytes(s.code))) : 0),
      constants: constants - counted.constants,
      tensors: bytesOf([...fresh].filter((v) => v.kind !== 'constant' && v.kind !== 'scratch')),
      scratchpad: bytesOf([...fresh].filter((v) => between.has(v))),
      shared_scratchpad: scratch - scratchSoFar,
      dma_rings:
        DESCRIPTOR_BYTES *
        (sum(own.map((e) => e.descriptors.length)) + (common ? program.segmentDescriptors.length : 0)),
      runtime: common ? RUNTIME_BYTES : 0,
    });
    counted.constants = constants;
    scratchSoFar = scratch;
    return [model.name, columns];
  });
}

/** The rows of one copy of the artifact; `core` counts from its first core. */
function copyRows(artifact: ArtifactParts): (Columns & { readonly core: number; readonly model: string })[] {
  const counted: Counted = { variables: new Set(), executables: new Set(), constants: 0 };
  return Array.from({ length: coreCountOf(artifact.executables) }, (_, core) =>
    coreColumns(artifact, core, counted).map(([model, columns]) => ({ core, model, ...columns })),
  ).flat();
}

/** The memory that loading the artifact's models on some cores takes. */
export function memoryTable(
  artifact: ArtifactParts,
  { target, cores, sharedWeights }: MemoryOptions,
): MemoryTable {
  const chipOf = (core: number): number => Math.floor(core / target.coresPerChip);
  const stages = coreCountOf(artifact.executables);
  const copy = copyRows(artifact);
  const rows = Array.from({ length: cores / stages }, (_, i) =>
    copy.map(({ core: stage, model, ...columns }): MemoryRow => {
      const core = i * stages + stage;
      const own = sharedWeights ? withTotal({ ...columns, constants: 0 }) : columns;
      return { chip: chipOf(core), core, model, ...own };
    }),
  ).flat();
  const chips = chipOf(cores - 1) + 1;
  const constants = constantBytes(
    artifact.manifest.models
      .flatMap((m) => [...variablesOf(artifact, m)])
      .filter((v) => v.kind === 'constant'),
  );
  const shared = sharedWeights
    ? Array.from({ length: chips }, (_, chip) => ({ chip, ...withTotal({ ...EMPTY, constants }) }))
    : [];
  const totals = Array.from({ length: chips }, (_, chip) => ({
    chip,
    total: sum([...rows, ...shared].filter((row) => row.chip === chip).map((row) => row.total)),
    capacity: target.dram.bytes,
  }));
  return { rows, shared, chips: totals, total: sum(totals.map((c) => c.total)) };
}

/** The table as aligned text, sizes in bytes. */
export function memoryText({ rows, shared, chips, total }: MemoryTable): string {
  const head = ['chip', 'core', 'model', ...MEMORY_COLUMNS, 'total'];
  const cells = (row: Columns): string[] => [...MEMORY_COLUMNS, 'total' as const].map((c) => String(row[c]));
  const lines = [
    head,
    ...rows.map((row) => [String(row.chip), String(row.core), row.model, ...cells(row)]),
    ...shared.map((row) => [String(row.chip), 'all', '', ...cells(row)]),
  ];
  const widths = head.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const table = lines.map((line) =>
    line
      .map((cell, i) => (i === 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  const sums = chips.map((c) => `chip ${c.chip}: ${c.total} of ${c.capacity} bytes`);
  return [...table, ...sums, `total: ${total} bytes`].join('\n');
}

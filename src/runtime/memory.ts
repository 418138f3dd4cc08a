// Device memory that a load takes: one row for each model on each core, what cores of a chip share, the chips' totals. Rows add
// up: what several models of a core have in common (microcode, segments, equal constants, scratchpad) stands in the first row.
// Known from the artifact alone; nothing is loaded to make the table.
import type { Artifact } from '../artifact/model.js';
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
  /** Physical cores; chips are filled in order. */
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

/** The columns of each model of a core, in order: what an earlier model has already is not counted again. */
function coreColumns(artifact: Artifact, ownConstants: boolean): (readonly [model: string, columns: Columns])[] {
  const { program, manifest, executables: infos } = artifact;
  const seen = new Set<Variable>();
  const countedExecutables = new Set<number>();
  let constantsSoFar = 0;
  let scratchSoFar = 0;
  return manifest.models.map((model, first) => {
    const indices = modelExecutables(artifact, model.name);
    const fresh = indices.filter((i) => !countedExecutables.has(i));
    for (const i of fresh) countedExecutables.add(i);
    const own = fresh.flatMap((i) => program.executables[i] ?? []);
    const used = variablesOf(artifact, model);
    const tensors = [...used].filter((v) => v.kind !== 'constant' && v.kind !== 'scratch' && !seen.has(v));
    for (const v of used) seen.add(v);
    const constants = constantBytes([...seen].filter((v) => v.kind === 'constant'));
    const scratch = Math.max(
      scratchSoFar,
      ...indices.map((i) => {
        const info = infos[i];
        const executable = program.executables[i];
        if (info === undefined || executable === undefined) return 0;
        const mine = variablesOf(artifact, { ...model, executables: [executable.name] });
        return sum([...mine].filter((v) => v.kind === 'scratch').map((v) => v.bytes));
      }),
    );
    const common = first === 0;
    const columns = withTotal({
      ...EMPTY,
      model_code:
        sum(own.map((e) => codeBytes(e.load) + codeBytes(e.main))) +
        (common ? MICROCODE_BYTES + sum(program.segments.map((s) => codeBytes(s.code))) : 0),
      constants: ownConstants ? constants - constantsSoFar : 0,
      tensors: sum(tensors.map((v) => v.bytes)),
      shared_scratchpad: scratch - scratchSoFar,
      dma_rings:
        DESCRIPTOR_BYTES *
        (sum(own.map((e) => e.descriptors.length)) + (common ? program.segmentDescriptors.length : 0)),
      runtime: common ? RUNTIME_BYTES : 0,
    });
    constantsSoFar = constants;
    scratchSoFar = scratch;
    return [model.name, columns];
  });
}

/** The memory that loading the artifact's models on some cores takes. */
export function memoryTable(artifact: Artifact, { target, cores, sharedWeights }: MemoryOptions): MemoryTable {
  const chipOf = (core: number): number => Math.floor(core / target.coresPerChip);
  const perCore = coreColumns(artifact, !sharedWeights);
  const rows = Array.from({ length: cores }, (_, core) =>
    perCore.map(([model, columns]): MemoryRow => ({ chip: chipOf(core), core, model, ...columns })),
  ).flat();
  const chips = chipOf(cores - 1) + 1;
  const constants = constantBytes(
    artifact.manifest.models.flatMap((m) => [...variablesOf(artifact, m)]).filter((v) => v.kind === 'constant'),
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
    line.map((cell, i) => (i === 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ').trimEnd(),
  );
  const sums = chips.map((c) => `chip ${c.chip}: ${c.total} of ${c.capacity} bytes`);
  return [...table, ...sums, `total: ${total} bytes`].join('\n');
}

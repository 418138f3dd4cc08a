// docs/targets.md from the data that compiler and simulator use. Marks what is not public as (ours).
import { BUILTIN_TARGETS } from './builtin.js';
import { COSTS, PARTITIONS, PE_COLUMNS, PE_MOVING, PE_ROWS, TICKS_PER_NS } from './target.js';
import {
  OURS,
  TARGET_FIELDS,
  TARGET_PATHS,
  type TargetField,
  type TargetPath,
  valueAt,
} from './target-fields.js';

const COST_NOTES: Readonly<Record<keyof typeof COSTS, readonly [meaning: string, origin: string]>> = {
  controlNs: ['ns that a control instruction, NOP or DMA trigger keeps its engine', OURS],
  semaphoreHopNs: ['ns from an increment until a waiting engine goes on', OURS],
  dmaLatencyNs: ['ns from a DMA trigger until its first row starts', 'nki-dma-bandwidth-guide.rst'],
  dmaRowNs: ['ns of each row of a transfer, beside its bytes', OURS],
  peLatencyCycles: ['PE cycles from the last column until a result is readable', OURS],
  vectorLatencyCycles: ['ACT, DVE and POOL cycles from the end of issue until a result is readable', OURS],
  minimumCycles: [
    'least cycles of a matmul or of an ACT, DVE or POOL instruction',
    'trainium_inferentia2_arch.rst',
  ],
  hostExecutionUs: ['us of host work for each execution (`--host-overhead`)', OURS],
  hostTransferUs: ['us of each transfer between host and device, beside its bytes', OURS],
};

const PEAKS = [
  ['PE, 16-bit', '16 TFLOPS', '92 TFLOPS'],
  ['PE, int8', '2 x the 16-bit rate', '2 x the 16-bit rate'],
  ['PE, fp32', 'none', 'a quarter of the 16-bit rate'],
] as const;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((c) => c.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function cell(path: TargetPath, name: string, origin: string): string {
  const target = BUILTIN_TARGETS.find((t) => t.name === name);
  const value = String(valueAt(target, path));
  return origin.startsWith('(ours') ? `${value} ${origin}` : value;
}

function unitOf(field: TargetField): string {
  return field.type === 'integer' ? field.unit : field.type;
}

function rangeOf(field: TargetField): string {
  return field.type === 'integer' ? `${field.min}..${field.max}` : '';
}

/** The whole of docs/targets.md. */
export function targetsMarkdown(): string {
  const values = TARGET_PATHS.map((path) => {
    const field = TARGET_FIELDS[path];
    return [
      `\`${path}\``,
      field.title,
      unitOf(field),
      cell(path, 'inf1', field.inf1),
      cell(path, 'inf2', field.inf2),
    ];
  });
  const sources = TARGET_PATHS.map((path) => [
    `\`${path}\``,
    TARGET_FIELDS[path].inf1,
    TARGET_FIELDS[path].inf2,
  ]);
  const costs = Object.entries(COST_NOTES).map(([key, [meaning, origin]]) => [
    `\`${key}\``,
    meaning,
    String(COSTS[key as keyof typeof COSTS]),
    origin,
  ]);
  const ranges = TARGET_PATHS.filter((p) => TARGET_FIELDS[p].type === 'integer').map((p) => [
    `\`${p}\``,
    rangeOf(TARGET_FIELDS[p]),
  ]);
  return `<!-- Generated from src/chip; refresh with UPDATE_DOCS=1 npx vitest run test/chip -->

# Targets

A target is a chip as data; compiler and simulator read the same record. Values marked (ours) are not public and are this project's
choice. Other values are those of the public documentation in the repository aws-neuron/aws-neuron-sdk; *Sources* names the pages.

## Built-in targets

${table(['field', 'meaning', 'unit', 'inf1', 'inf2'], values)}

Every target has ${PARTITIONS} partitions in SBUF and in PSUM and a PE array of ${PE_ROWS} rows and ${PE_COLUMNS} columns
(ours for inf1) that takes up to ${PE_MOVING} moving columns an instruction. ACT, DVE and POOL have ${PARTITIONS} lanes.
What follows from the values:

${table(['rate of a core', 'inf1', 'inf2'], PEAKS)}

## Costs common to all targets

Time counts in ticks of 1/${TICKS_PER_NS} ns, which every built-in clock divides; cycles of other clocks round up.

${table(['name', 'meaning', 'value', 'source'], costs)}

## Sources

${table(['field', 'inf1', 'inf2'], sources)}

## Another chip

\`--target FILE.json\` takes a JSON object with the fields above ([schema](schemas/target.schema.json)). \`base\` names a built-in
target whose values fill what is left out; inf2 with 64 MiB of DRAM is

\`\`\`json
{ "base": "inf2", "name": "inf2-small", "dram": { "bytes": 67108864 } }
\`\`\`

${table(['field', 'range'], ranges)}
`;
}

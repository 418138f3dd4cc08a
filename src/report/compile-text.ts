// The closing report of a compilation, as text: what the artifact holds, where its nodes run, what it will cost.
import type { ArtifactParts } from '../artifact/model.js';
import { ENGINES, type EngineName } from '../chip/target.js';
import { memoryTable } from '../runtime/memory.js';
import { alignTable, countText, sizeText, timeText } from './text.js';

/** What the report says beside the artifact itself. */
export interface CompileFacts {
  readonly copies: { readonly count: number; readonly bytes: number };
  readonly constants: { readonly bytes: number; readonly unique_bytes: number };
  readonly executables: readonly {
    readonly name: string;
    readonly instructions: Readonly<Record<EngineName | 'dma' | 'executed' | 'stored', number>>;
    readonly modelled: { readonly ns: number; readonly cycles: number };
  }[];
  readonly host_operators: readonly { readonly op: string; readonly node: string }[];
  readonly warnings: readonly unknown[];
}

export interface WrittenFacts {
  readonly path: string;
  readonly bytes: number;
  readonly totalMs: number;
  readonly peakBytes: number;
}

/** Source nodes that have instructions on each engine; a node may be on several. */
function nodesByEngine({ debug }: ArtifactParts): Map<EngineName, number> {
  const nodes = new Map<EngineName, Set<number>>(ENGINES.map((e) => [e, new Set()]));
  for (const { engine, runs } of debug.streams) {
    const found = nodes.get(engine);
    for (let i = 1; i < runs.length; i += 2) found?.add(runs[i] ?? 0);
  }
  return new Map([...nodes].map(([engine, found]) => [engine, found.size]));
}

export function* compileLines(
  artifact: ArtifactParts & { readonly constants: { readonly index: readonly unknown[] } },
  facts: CompileFacts,
  written: WrittenFacts,
): Generator<string> {
  const { manifest } = artifact;
  const nodes = nodesByEngine(artifact);
  const table = [
    ['', ...ENGINES.map((e) => e.toUpperCase()), 'DMA'],
    ['nodes', ...ENGINES.map((e) => countText(nodes.get(e) ?? 0)), ''],
    ...facts.executables.map(({ name, instructions }) => [
      `instructions of ${name}`,
      ...ENGINES.map((e) => countText(instructions[e])),
      countText(instructions.dma),
    ]),
  ];
  yield* alignTable(table, '  ').map((line) => `${line}\n`);
  const memory = memoryTable(artifact, { target: manifest.target, cores: 1, sharedWeights: false });
  const precisions = [...new Set(manifest.models.map((m) => m.precision))].join(', ');
  const rows = [
    ['precision', precisions],
    ['constants', `${artifact.constants.index.length} tensors, ${sizeText(facts.constants.unique_bytes)}`],
    ['copies between layouts', `${countText(facts.copies.count)}, ${sizeText(facts.copies.bytes)}`],
    ['device memory, one core', sizeText(memory.total)],
    ...facts.executables.map(({ name, modelled }) => [
      `modelled time of ${name}`,
      `${timeText(modelled.ns)} (${countText(modelled.cycles)} PE cycles)`,
    ]),
    ...(facts.host_operators.length === 0
      ? []
      : [['host operators', facts.host_operators.map((o) => `${o.op} (${o.node})`).join(', ')]]),
    ['compiled in', `${timeText(written.totalMs * 1e6)}, peak memory ${sizeText(written.peakBytes)}`],
    ['warnings', String(facts.warnings.length)],
  ];
  const width = Math.max(...rows.map(([label = '']) => label.length));
  yield '\n';
  for (const [label = '', value = ''] of rows) yield `  ${label.padEnd(width)}  ${value}\n`;
  yield `\n${written.path}: ${sizeText(written.bytes)} for ${manifest.target.name}\n`;
}

// The table of `neffc explore`: a row a variant, the recommendation below.
import { alignTable, countText, sizeText, timeText } from './text.js';

export interface ExploreRow {
  readonly variant: string;
  readonly incremental: boolean;
  readonly partitions: readonly number[];
  readonly mean_ns: number;
  readonly p50_ns: number;
  readonly p99_ns: number;
  readonly between_steps_bytes: number;
  readonly executions: number;
  readonly dram_bytes: number;
  readonly artifact_bytes: number;
  readonly instructions: number;
  readonly compile_ms: number;
}

export interface Exploration {
  readonly rows: readonly ExploreRow[];
  readonly recommended: string;
  readonly reason: string;
}

export function exploreLines(e: Exploration): string[] {
  const head = [
    '',
    'variant',
    'cache',
    'mean',
    'p50',
    'p99',
    'host bytes',
    'executions',
    'device memory',
    'artifact',
    'instructions',
    'compile ms',
  ];
  const rows = e.rows.map((r) => [
    `${r.variant}${r.incremental ? '' : ' (full recomputation)'}` === e.recommended ? '*' : '',
    r.variant,
    r.incremental ? 'yes' : 'no',
    timeText(r.mean_ns),
    timeText(r.p50_ns),
    timeText(r.p99_ns),
    countText(r.between_steps_bytes),
    r.executions.toFixed(2),
    sizeText(r.dram_bytes),
    sizeText(r.artifact_bytes),
    countText(r.instructions),
    countText(r.compile_ms),
  ]);
  const partitions = e.rows
    .filter((r) => r.partitions.length > 0)
    .map((r) => `partitions ${r.incremental ? 'with cache' : 'without'}: ${r.partitions.join(', ')}`);
  const lines = [
    ...alignTable([head, ...rows]),
    '',
    ...partitions,
    `recommended: ${e.recommended}: ${e.reason}`,
    'times are modelled; host bytes and executions are means over the histogram',
  ];
  return lines.map((line) => `${line}\n`);
}

// Every variant that applies, with and without a derived cache, its costs over a histogram side by side, and a recommendation.
import type { Exploration, ExploreRow } from '../../report/explore-text.js';
import type { LoopOptions, PreparedDecode } from './compile-decode.js';
import type { Histogram } from './histogram.js';
import { figures, type LatencyFigures, latencyTable } from './latency.js';
import type { Objective } from './partitions.js';
import {
  applicable,
  type MeasuredVariant,
  measure,
  objectiveOf,
  roundsOf,
  type VariantRequest,
} from './variants.js';

interface Measured {
  readonly row: ExploreRow;
  readonly variant: MeasuredVariant;
}

/** `prepared`: the model with a derived cache (where there is one) and without. `clock` gives milliseconds. */
export function explore(
  prepared: readonly PreparedDecode[],
  request: Omit<VariantRequest, 'variant'>,
  options: LoopOptions,
  clock: () => number,
): Exploration {
  const all: Measured[] = [];
  for (const p of prepared) {
    for (const variant of applicable(p, options)) {
      for (const residentState of variant === 'split' ? [false, true] : [false]) {
        const start = clock();
        const made = measure(p, variant, { ...request, variant, residentState }, options);
        all.push({ variant: made, row: rowOf(made, p.incremental, residentState, clock() - start) });
      }
    }
  }
  const [first, ...others] = [...all].sort(
    (a, b) => score(a, request.objective) - score(b, request.objective),
  );
  if (first === undefined) return { rows: [], recommended: '', reason: 'nothing to compare' };
  return {
    rows: all.map((m) => m.row),
    recommended: nameOf(first.row),
    reason: reasonFor(first, others, request),
  };
}

const score = (m: Measured, objective: Objective): number => objectiveOf(m.variant.figures, objective);
const nameOf = (r: ExploreRow): string => `${r.variant}${r.incremental ? '' : ' (full recomputation)'}`;

function rowOf(m: MeasuredVariant, incremental: boolean, resident: boolean, ms: number): ExploreRow {
  const { figures: f, built } = m;
  const variables = built.program.variables;
  const bytes = (kinds: readonly string[]): number =>
    variables.filter((v) => kinds.includes(v.kind)).reduce((n, v) => n + v.bytes, 0);
  return {
    variant: resident ? 'split --resident-state' : m.variant,
    incremental,
    partitions: m.shape.kind === 'partitioned' ? [...m.shape.ends] : [],
    mean_ns: f.meanNs,
    p50_ns: f.p50Ns,
    p99_ns: f.p99Ns,
    between_steps_bytes: f.betweenStepsBytes,
    executions: f.executions,
    dram_bytes: bytes(['input', 'output', 'state', 'scratch']) + m.artifact.constants.bytes.length,
    artifact_bytes: m.artifactBytes,
    instructions: built.report.executables.reduce((n, e) => n + e.instructions.stored, 0),
    compile_ms: Math.round(ms),
  };
}

/** Why the first is first, and at which host overhead or lengths another would be. */
function reasonFor(
  first: Measured,
  others: readonly Measured[],
  request: Omit<VariantRequest, 'variant'>,
): string {
  const { objective, histogram } = request;
  const what =
    objective === 'mean'
      ? 'mean'
      : objective === 'p99'
        ? 'p99'
        : `${objective} x mean + ${1 - objective} x p99`;
  const us = (ns: number): string => `${(ns / 1000).toFixed(1)} us`;
  const [second] = others;
  const sentences = [
    `least ${what}: ${us(score(first, objective))}${second ? `, before ${nameOf(second.row)} with ${us(score(second, objective))}` : ''}`,
  ];
  const overhead = changeOfOverhead(first, others, objective, histogram);
  sentences.push(overhead ?? 'no host overhead from 0 to 1000 us changes that');
  const lengths = changeOfLengths(first, others);
  if (lengths !== undefined) sentences.push(lengths);
  return sentences.join('; ');
}

const OVERHEADS_US = [0, 1, 2, 5, 10, 15, 50, 100, 200, 500, 1000];

function changeOfOverhead(
  first: Measured,
  others: readonly Measured[],
  objective: Objective,
  h: Histogram,
): string | undefined {
  const at = (m: Measured, us: number): LatencyFigures => {
    const maxSteps = m.variant.table.ns.length - 1;
    return figures(latencyTable(m.variant.artifact, maxSteps, roundsOf(m.variant.shape), us), h);
  };
  for (const us of OVERHEADS_US) {
    const mine = objectiveOf(at(first, us), objective);
    const better = others.find((m) => objectiveOf(at(m, us), objective) < mine);
    if (better !== undefined)
      return `with ${us} us of host overhead an execution ${nameOf(better.row)} would be better`;
  }
  return undefined;
}

/** The first fixed length at which another variant serves a request faster. */
function changeOfLengths(first: Measured, others: readonly Measured[]): string | undefined {
  const mine = first.variant.table.ns;
  for (let length = 1; length < mine.length; length++) {
    const better = others.find((m) => (m.variant.table.ns[length] ?? 0) < (mine[length] ?? 0));
    if (better !== undefined)
      return `for requests of ${length} token${length === 1 ? '' : 's'} alone ${nameOf(better.row)} is faster`;
  }
  return undefined;
}

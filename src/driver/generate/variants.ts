// The variants of a loop, their simulated costs over a histogram of lengths, and the choice among them.

import type { Artifact } from '../../artifact/model.js';
import { readArtifact } from '../../artifact/read.js';
import { artifactBytes } from '../../artifact/write.js';
import type { LoopShape } from '../../backend/decode/spec.js';
import { usageError } from '../../base/diagnostic.js';
import { simulateTiming } from '../../sim/simulate.js';
import { bucketSuffix } from '../bucket-signature.js';
import { type BuiltDecode, buildDecode, type LoopOptions, type PreparedDecode } from './compile-decode.js';
import type { Histogram } from './histogram.js';
import { figures, type LatencyFigures, type LatencyTable, latencyTable } from './latency.js';
import {
  bestPartitions,
  checkEnds,
  equalPartitions,
  type Objective,
  type PartitionCost,
} from './partitions.js';

export type Variant = 'split' | 'unrolled' | 'partitioned' | 'device-loop';

export interface VariantRequest {
  readonly variant: Variant | 'auto';
  readonly partitions: 'auto' | { readonly parts: number } | { readonly ends: readonly number[] };
  readonly histogram: Histogram;
  readonly objective: Objective;
  readonly residentState: boolean;
  readonly hostOverheadUs?: number;
}

/** A built variant with what its requests cost. */
export interface MeasuredVariant {
  readonly variant: Variant;
  readonly shape: LoopShape;
  readonly built: BuiltDecode;
  readonly artifact: Artifact;
  readonly artifactBytes: number;
  readonly table: LatencyTable;
  readonly figures: LatencyFigures;
}

/** Builds what is asked for; `auto` builds every variant that applies and takes the best for the objective. */
export function buildVariant(p: PreparedDecode, request: VariantRequest, options: LoopOptions): BuiltDecode {
  if (request.variant !== 'auto')
    return buildDecode(p, shapeOf(p, request.variant, request, options), options);
  const measured = applicable(p, options).map((variant) => measure(p, variant, request, options));
  return best(measured, request).built;
}

export function applicable(p: PreparedDecode, options: LoopOptions): Variant[] {
  const loops = options.target.branches && p.loop.spec.later === undefined;
  return ['split', 'unrolled', 'partitioned', ...(loops ? (['device-loop'] as const) : [])];
}

export function best(measured: readonly MeasuredVariant[], request: VariantRequest): MeasuredVariant {
  const first = measured[0];
  if (first === undefined) throw usageError('E2044', 'no variant to choose from');
  return measured.reduce(
    (a, b) => (objectiveOf(b.figures, request.objective) < objectiveOf(a.figures, request.objective) ? b : a),
    first,
  );
}

export function objectiveOf(f: LatencyFigures, objective: Objective): number {
  if (objective === 'mean') return f.meanNs;
  if (objective === 'p99') return f.p99Ns;
  return objective * f.meanNs + (1 - objective) * f.p99Ns;
}

/** Builds a variant and times requests of every length. */
export function measure(
  p: PreparedDecode,
  variant: Variant,
  request: VariantRequest,
  options: LoopOptions,
): MeasuredVariant {
  const shape = shapeOf(p, variant, request, options);
  const built = buildDecode(p, shape, options);
  const bytes = artifactBytes(built.draft);
  const artifact = readArtifact(bytes, { file: p.name });
  const { maxSteps } = p.generation;
  const table = latencyTable(artifact, maxSteps, roundsOf(shape), request.hostOverheadUs);
  return {
    variant,
    shape,
    built,
    artifact,
    artifactBytes: bytes.length,
    table,
    figures: figures(table, request.histogram),
  };
}

/** Rounds of the host's loop for a request of some length; below 0 where the chip decides. */
export function roundsOf(shape: LoopShape): (length: number) => number {
  switch (shape.kind) {
    case 'unrolled':
      return () => 0;
    case 'device-loop':
      return () => -1;
    case 'split':
      return (length) => length;
    case 'partitioned':
      return (length) => shape.ends.findIndex((end) => end >= length) + 1;
  }
  return shape satisfies never;
}

function shapeOf(
  p: PreparedDecode,
  variant: Variant,
  request: VariantRequest,
  options: LoopOptions,
): LoopShape {
  const { maxSteps } = p.generation;
  if (variant === 'split') return { kind: 'split', resident: request.residentState };
  if (variant !== 'partitioned') return { kind: variant };
  const { partitions } = request;
  if (partitions !== 'auto') {
    return {
      kind: 'partitioned',
      ends:
        'parts' in partitions
          ? equalPartitions(maxSteps, partitions.parts)
          : checkEnds(partitions.ends, maxSteps),
    };
  }
  const cost = partitionCost(p, request, options);
  return { kind: 'partitioned', ends: bestPartitions(maxSteps, cost, request.histogram, request.objective) };
}

/**
 * What an execution of K steps costs, host included. Steps are calls of one segment, so from the second on each adds the same:
 * that is checked on four sizes, and only where it fails is every size simulated.
 */
export function partitionCost(
  p: PreparedDecode,
  request: VariantRequest,
  options: LoopOptions,
): PartitionCost {
  const { maxSteps } = p.generation;
  if (p.loop.spec.later !== undefined) return eachStepCost(p, request, options);
  if (maxSteps < 8) return tableOf(p, request, options);
  const probe: LoopShape = { kind: 'partitioned', ends: [1, 3, 7, maxSteps] };
  const built = buildDecode(p, probe, options);
  const suffix = bucketSuffix(p.bucket);
  const ns = (end: number): number =>
    simulateTiming(built.program, `decoder_${end}${suffix}`, options.target).ns;
  const [one, two, four, rest] = [ns(1), ns(3), ns(7), ns(maxSteps)];
  const slope = two - one;
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1;
  const linear = near(four, two + 2 * slope) && near(rest, one + (maxSteps - 8) * slope);
  if (!linear) return tableOf(p, request, options);
  const artifact = readArtifact(artifactBytes(built.draft), { file: p.name });
  const table = latencyTable(artifact, 3, roundsOf(probe), request.hostOverheadUs);
  const host = (table.ns[2] ?? 0) - (table.ns[1] ?? 0) - two;
  return (steps) => host + one + (steps - 1) * slope;
}

/** Where each step is another program: the steps by themselves, without what a second step of an execution saves. */
function eachStepCost(p: PreparedDecode, request: VariantRequest, options: LoopOptions): PartitionCost {
  const { maxSteps } = p.generation;
  const all: LoopShape = { kind: 'partitioned', ends: Array.from({ length: maxSteps }, (_, t) => t + 1) };
  const built = buildDecode(p, all, options);
  const own = all.ends.map((end) => simulateTiming(built.program, `decoder_${end}`, options.target).ns);
  const artifact = readArtifact(artifactBytes(built.draft), { file: p.name });
  const table = latencyTable(artifact, Math.min(2, maxSteps), roundsOf(all), request.hostOverheadUs);
  const host = maxSteps < 2 ? 0 : (table.ns[2] ?? 0) - (table.ns[1] ?? 0) - (own[1] ?? 0);
  const ends = maxSteps > 2 ? [2, maxSteps] : [maxSteps];
  const pair = buildDecode(p, { kind: 'partitioned', ends }, options);
  const together = simulateTiming(pair.program, `decoder_${ends[0]}`, options.target).ns;
  const saved = maxSteps < 2 ? 0 : (own[0] ?? 0) + (own[1] ?? 0) - together;
  return (steps, start) =>
    host + own.slice(start, start + steps).reduce((sum, ns) => sum + ns, 0) - (steps - 1) * saved;
}

/** Every size simulated as the first of two partitions. */
function tableOf(p: PreparedDecode, request: VariantRequest, options: LoopOptions): PartitionCost {
  const { maxSteps } = p.generation;
  const latencies = (...ends: readonly number[]): readonly number[] => {
    const shape: LoopShape = { kind: 'partitioned', ends };
    const built = buildDecode(p, shape, options);
    const artifact = readArtifact(artifactBytes(built.draft), { file: p.name });
    return latencyTable(artifact, maxSteps, roundsOf(shape), request.hostOverheadUs).ns;
  };
  // There is one way to cut one step.
  if (maxSteps === 1) return () => 0;
  const firsts = Array.from({ length: maxSteps }, (_, i) =>
    latencies(...(i + 1 < maxSteps ? [i + 1, maxSteps] : [maxSteps])),
  );
  // The second partition of this one has one step: what is left of a request is the encoder's, its inputs and host included.
  const two = firsts[maxSteps - 2] ?? [];
  const one = (two[maxSteps] ?? 0) - (two[1] ?? 0);
  const encoder = (firsts[0]?.[1] ?? 0) - one;
  return (steps) => (firsts[steps - 1]?.[1] ?? Number.POSITIVE_INFINITY) - encoder;
}

// What variants promise, on the OCR model of fixtures/: what 75 steps cost in bytes beside one step, what reaches the host, and
// that boundaries by `auto` are the best there are by the simulator, not only by the sums that chose them.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMembers } from '../../../src/artifact/members.js';
import type { ArtifactDraft } from '../../../src/artifact/model.js';
import { INF2 } from '../../../src/chip/builtin.js';
import { recogniseLoop } from '../../../src/driver/decode/loop.js';
import { onnxLoopSite } from '../../../src/driver/decode/onnx-loop.js';
import { findDecodeLoop } from '../../../src/driver/decode/onnx-loop-parts.js';
import {
  buildDecode,
  type LoopOptions,
  type PreparedDecode,
  prepareDecode,
} from '../../../src/driver/generate/compile-decode.js';
import { prepare } from '../../../src/driver/generate/decode-request.js';
import { type Histogram, parseHistogram, uniformHistogram } from '../../../src/driver/generate/histogram.js';
import { bestPartitions, type Objective, partitionsCost } from '../../../src/driver/generate/partitions.js';
import {
  type MeasuredVariant,
  measure,
  objectiveOf,
  partitionCost,
  type VariantRequest,
} from '../../../src/driver/generate/variants.js';
import { FLAGS, type LoopForm, loopModel, read, WIDTH } from '../decode/small-models.js';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../fixtures/ocr/${name}`, import.meta.url));

const OPTIONS: LoopOptions = {
  target: INF2,
  autoCast: 'none',
  autoCastType: 'bf16',
  preprocess: new Map(),
  level: 2,
};
const REQUEST: VariantRequest = {
  variant: 'partitioned',
  partitions: 'auto',
  histogram: uniformHistogram(1),
  objective: 'mean',
  residentState: false,
};
const OBJECTIVES: readonly Objective[] = ['mean', 'p99', 0.3];
const STEPS = 75;

const image = new Map([['image', { shape: [1, 1, 32, 512] }]]);
const ocr = (maxSteps: number): PreparedDecode =>
  prepare(
    {
      files: { model: fixture('ocr_loop.onnx') },
      flags: { inputShapes: image, bind: [], state: [], maxSteps },
      variant: 'auto',
      objective: 'mean',
      incremental: 'auto',
      residentState: false,
    },
    OPTIONS,
  );

const prepared = ocr(STEPS);
const variant = (name: MeasuredVariant['variant'], more: Partial<VariantRequest> = {}): MeasuredVariant =>
  measure(prepared, name, { ...REQUEST, histogram: uniformHistogram(STEPS), ...more }, OPTIONS);
const cut = (ends: readonly number[], more: Partial<VariantRequest> = {}): MeasuredVariant =>
  variant('partitioned', { ...more, partitions: { ends } });

describe('75 steps of the OCR model', () => {
  const split = variant('split');
  const unrolled = variant('unrolled');

  it('are stored in less than six times the code of one, in an artifact hardly larger than that of split', () => {
    const one = measure(ocr(1), 'unrolled', { ...REQUEST, histogram: uniformHistogram(1) }, OPTIONS);
    expect(programBytes(unrolled.built.draft)).toBeLessThan(6 * programBytes(one.built.draft));
    expect(unrolled.artifactBytes).toBeLessThan(1.3 * split.artifactBytes);
  });

  it('reach the host at the ends of partitions only', () => {
    const parts = cut([25, 50, 75]);
    for (let length = 1; length <= STEPS; length++) {
      // One execution is the encoder's.
      expect(parts.table.executions[length]).toBe(1 + Math.ceil(length / 25));
      expect(split.table.executions[length]).toBe(1 + length);
      const plain = split.table.betweenStepsBytes[length] ?? 0;
      expect(parts.table.betweenStepsBytes[length]).toBeLessThanOrEqual(0.02 * plain);
    }
    for (const whole of [unrolled, variant('device-loop')]) {
      expect(new Set(whole.table.betweenStepsBytes)).toEqual(new Set([0]));
      expect(new Set(whole.table.executions.slice(1))).toEqual(new Set([1]));
    }
  });
});

/** Registers that move with the step, and the calls of its engines: all that a step more may add. */
const CALL_BYTES = 256;

describe('1,000 steps', () => {
  it.each(['grown', 'scan'] as const)(
    'of a loop of form %s add calls to the code of ten, no steps',
    (form) => {
      const [few = 0, many = 0] = [10, 1000].map((trips) =>
        programBytes(buildDecode(smallLoop(trips, form), { kind: 'unrolled' }, OPTIONS).draft),
      );
      expect(many - few).toBeLessThan(990 * CALL_BYTES);
    },
  );
});

/** Code and descriptors, of segments and executables. */
function programBytes(draft: ArtifactDraft): number {
  return encodeMembers(draft)
    .filter(({ name }) => /^(sg\d+|segments)\/\w+\.bin$/.test(name))
    .reduce((sum, { bytes }) => sum + bytes, 0);
}

describe('boundaries by auto', () => {
  it('are never worse than 1,000 random ones, in sums that the simulator confirms', () => {
    const histogram = parseHistogram(
      JSON.parse(readFileSync(fixture('lengths.json'), 'utf8')),
      STEPS,
      'lengths.json',
    );
    const cost = partitionCost(prepared, { ...REQUEST, histogram }, OPTIONS);
    const best = variant('partitioned', { histogram });
    const ends = best.shape.kind === 'partitioned' ? best.shape.ends : [];
    expect(ends).toEqual(bestPartitions(STEPS, cost, histogram, 'mean'));
    const sum = (at: readonly number[]): number => partitionsCost(at, cost, histogram, 'mean');
    // What is not in the sums is the same for all boundaries: the encoder's execution.
    const encoder = best.figures.meanNs - sum(ends);
    const random = fc.uniqueArray(fc.integer({ min: 1, max: STEPS - 1 }), { maxLength: 30 });
    const cuts = fc.sample(random, { numRuns: 1000, seed: 1 });
    const all = cuts.map((inner) => [...inner.sort((a, b) => a - b), STEPS]);
    for (const other of all) expect(sum(other)).toBeGreaterThanOrEqual(sum(ends) - 1e-6);
    for (const other of all.slice(0, 4)) {
      const simulated = cut(other, { histogram }).figures.meanNs;
      expect(simulated).toBeGreaterThanOrEqual(best.figures.meanNs - 1);
      expect(Math.abs(simulated - encoder - sum(other))).toBeLessThan(other.length + 1);
    }
  });

  const trips = 6;
  const small = smallLoop(trips);
  const histogram: Histogram = [0, 0.05, 0.35, 0.15, 0.02, 0.33, 0.1];
  it.each([0, 5, 25])('equal exhaustive search by the simulator, at %d us an execution', (hostOverheadUs) => {
    const request = { ...REQUEST, histogram, hostOverheadUs };
    const simulated = allCuts(trips).map((ends) =>
      measure(small, 'partitioned', { ...request, partitions: { ends } }, OPTIONS),
    );
    for (const objective of OBJECTIVES) {
      const auto = measure(small, 'partitioned', { ...request, objective }, OPTIONS);
      const least = Math.min(...simulated.map((m) => objectiveOf(m.figures, objective)));
      expect(objectiveOf(auto.figures, objective)).toBeLessThan(least + 1e-3);
    }
  });
});

function smallLoop(trips: number, form: LoopForm['form'] = 'grown'): PreparedDecode {
  const model = read(loopModel({ form, trips }));
  const loop = findDecodeLoop(model);
  if (loop === undefined) throw new Error('the model has no loop');
  const types = new Map([['x', { dtype: 'f32' as const, shape: [1, 3, WIDTH] }]]);
  const { maxSteps: _, ...flags } = FLAGS;
  const recognised = recogniseLoop(onnxLoopSite(model, 'loop.onnx', loop, types), flags, []);
  return prepareDecode('small', recognised, { incremental: 'auto' }, OPTIONS);
}

/** All ways to cut 1..n into consecutive parts, as ends. */
function allCuts(n: number): number[][] {
  return Array.from({ length: 2 ** (n - 1) }, (_, bits) => [
    ...Array.from({ length: n - 1 }, (_, i) => i + 1).filter((i) => (bits >> (i - 1)) & 1),
    n,
  ]);
}

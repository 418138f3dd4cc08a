// `--output-logits`: the scores of every step as an output of the artifact, in every variant equal to those of the source itself.
import { describe, expect, it } from 'vitest';
import { readArtifact } from '../../../src/artifact/read.js';
import { artifactBytes } from '../../../src/artifact/write.js';
import type { LoopShape } from '../../../src/backend/decode/spec.js';
import { createRandom } from '../../../src/base/random.js';
import { fromNumbers, type HostTensor, toNumbers } from '../../../src/base/tensor.js';
import { INF2 } from '../../../src/chip/builtin.js';
import { decodeGreedily } from '../../../src/driver/decode/greedy.js';
import { recogniseLoop } from '../../../src/driver/decode/loop.js';
import { onnxLoopSite } from '../../../src/driver/decode/onnx-loop.js';
import { findDecodeLoop } from '../../../src/driver/decode/onnx-loop-parts.js';
import type { RecognisedDecode } from '../../../src/driver/decode/request.js';
import { buildDecode, type LoopOptions, prepareDecode } from '../../../src/driver/generate/compile-decode.js';
import { loadArtifact } from '../../../src/runtime/load.js';
import { runRequest } from '../../../src/runtime/request.js';
import { FLAGS, type LoopForm, loopModel, read, VOCABULARY, WIDTH } from '../decode/small-models.js';

const BATCH = 2;
const TRIPS = 9;
const OPTIONS: LoopOptions = {
  target: INF2,
  autoCast: 'none',
  autoCastType: 'bf16',
  preprocess: new Map(),
  level: 2,
};

const SHAPES: readonly LoopShape[] = [
  { kind: 'split', resident: false },
  { kind: 'split', resident: true },
  { kind: 'unrolled' },
  { kind: 'partitioned', ends: [2, 6, TRIPS] },
  { kind: 'device-loop' },
];
const FORMS: readonly (readonly [LoopForm['form'], 'auto' | 'off'])[] = [
  ['grown', 'auto'],
  ['grown', 'off'],
  ['scan', 'auto'],
];

function recognised(form: LoopForm['form']): RecognisedDecode {
  const model = read(loopModel({ form, trips: TRIPS }));
  const loop = findDecodeLoop(model);
  if (loop === undefined) throw new Error('the model has no loop');
  const types = new Map([['x', { dtype: 'f32' as const, shape: [BATCH, 3, WIDTH] }]]);
  const { maxSteps: _, ...flags } = FLAGS;
  return recogniseLoop(onnxLoopSite(model, 'loop.onnx', loop, types), flags, []);
}

const random = createRandom(7);
const x = fromNumbers(
  'f32',
  [BATCH, 3, WIDTH],
  Array.from({ length: BATCH * 3 * WIDTH }, () => random.between(-1, 1)),
);

describe.each(FORMS)('a loop of form %s, incremental %s', (form, incremental) => {
  const found = recognised(form);
  const { scores } = decodeGreedily(found.source, [x]);
  const prepared = prepareDecode('small', found, { incremental, outputLogits: true }, OPTIONS);

  it.each(SHAPES)('gives the scores of each step: $kind', (shape) => {
    const { draft } = buildDecode(prepared, shape, OPTIONS);
    const artifact = readArtifact(artifactBytes(draft), { file: 'm.neff' });
    const { outputs } = runRequest(loadArtifact(artifact, { checks: 'always' }), new Map([['x', x]]));
    expect([...outputs.keys()]).toEqual(['tokens_final', 'length', 'logits']);
    const logits = outputs.get('logits') as HostTensor;
    expect(logits.shape).toEqual([BATCH, TRIPS, VOCABULARY]);
    const values = toNumbers(logits);
    for (const [t, step] of scores.entries()) {
      for (const [i, wanted] of toNumbers(step).entries()) {
        const [row, token] = [Math.floor(i / VOCABULARY), i % VOCABULARY];
        expect(values[(row * TRIPS + t) * VOCABULARY + token]).toBeCloseTo(Number(wanted), 4);
      }
    }
  });
});

// Made decoders through the whole pipeline: on both targets, in fp32, every variant gives the tokens that the source means, whether
// one row is computed a step or, where rows depend on later tokens, all of them.
import { describe, expect, it } from 'vitest';
import { readArtifact } from '../../../src/artifact/read.js';
import { artifactBytes } from '../../../src/artifact/write.js';
import type { LoopShape } from '../../../src/backend/decode/spec.js';
import { createRandom } from '../../../src/base/random.js';
import { fromNumbers, toNumbers } from '../../../src/base/tensor.js';
import { INF1, INF2 } from '../../../src/chip/builtin.js';
import type { Target } from '../../../src/chip/target.js';
import { decodeGreedily } from '../../../src/driver/decode/greedy.js';
import { standardOutputs } from '../../../src/driver/decode/request.js';
import { buildDecode, type LoopOptions, prepareDecode } from '../../../src/driver/generate/compile-decode.js';
import { loadArtifact } from '../../../src/runtime/load.js';
import { runRequest } from '../../../src/runtime/request.js';
import { codeOf } from '../../helpers/codes.js';
import {
  causal,
  decoderOf,
  type Mask,
  MEMORY,
  transformer,
  WIDTH,
} from '../../passes/decode/made-decoders.js';

const STEPS = 6;
const BATCH = 2;
const PAD = 0;
const MASKS: Readonly<Record<string, Mask>> = { causal, none: (_, scores) => scores };

const options = (target: Target): LoopOptions => ({
  target,
  autoCast: 'none',
  autoCastType: 'bf16',
  preprocess: new Map(),
  level: 1,
  passes: { verifyEach: true },
});

function prepared(mask: Mask, target: Target) {
  const source = decoderOf((m, tokens, memory) => transformer(m, tokens, memory, mask), {
    steps: STEPS,
    batch: BATCH,
  });
  const inputs = [{ name: 'c0', dtype: 'f32' as const, shape: [BATCH, MEMORY, WIDTH] }];
  const recognised = { source, inputs, outputs: standardOutputs(PAD), notes: [], diagnostics: [] };
  return { source, p: prepareDecode('made', recognised, 'auto', options(target)) };
}

const random = createRandom(4);
const MEMORIES = Array.from({ length: 3 }, () =>
  fromNumbers(
    'f32',
    [BATCH, MEMORY, WIDTH],
    Array.from({ length: BATCH * MEMORY * WIDTH }, () => 2 * random.normal()),
  ),
);

const SHAPES: readonly LoopShape[] = [
  { kind: 'unrolled' },
  { kind: 'partitioned', ends: [1, 4, STEPS] },
  { kind: 'split', resident: false },
  { kind: 'split', resident: true },
];

describe.each([
  ['causal', INF1],
  ['causal', INF2],
  ['none', INF1],
  ['none', INF2],
] as const)('a decoder with the mask %s', (name, target) => {
  const { source, p } = prepared(MASKS[name] as Mask, target);

  it.each(SHAPES)('decodes as its source says: $kind', (shape) => {
    const { draft } = buildDecode(p, shape, options(target));
    const loaded = loadArtifact(readArtifact(artifactBytes(draft), { file: 'made' }));
    for (const memory of MEMORIES) {
      const wanted = decodeGreedily(source, [memory]);
      const { outputs, metrics } = runRequest(loaded, new Map([['c0', memory]]));
      const [tokens, length] = ['tokens', 'length'].map((key) => {
        const tensor = outputs.get(key);
        return tensor === undefined ? [] : [...toNumbers(tensor)];
      });
      expect(length).toEqual(wanted.lengths);
      expect(tokens).toEqual([0, 1].flatMap((n) => wanted.steps.map((row) => row[n])));
      const decoders = metrics.executions
        .filter((e) => e.kind === 'decoder')
        .reduce((n, e) => n + e.count, 0);
      if (shape.kind === 'split') expect(decoders).toBe(wanted.steps.length);
    }
  });
});

it('computes one row a step only where that is right, and says why not', () => {
  expect(prepared(causal, INF2).p).toMatchObject({ incremental: true, warnings: [] });
  const { p } = prepared(MASKS.none as Mask, INF2);
  expect(p).toMatchObject({ incremental: false, warnings: [{ code: 'W4261' }] });
  expect(p.warnings[0]?.message).toContain('softmax over tokens that no mask hides');
  expect(codeOf(() => buildDecode(p, { kind: 'device-loop' }, options(INF2)))).toBe('E4262');
});

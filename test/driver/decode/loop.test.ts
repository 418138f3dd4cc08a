// Models that hold their loop: what recognition reads off them, and that decoding by it gives what the loop itself gives.
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.js';
import { fromNumbers, type HostTensor, toNumbers } from '../../../src/base/tensor.js';
import { decodeGreedily } from '../../../src/driver/decode/greedy.js';
import { recogniseLoop } from '../../../src/driver/decode/loop.js';
import { applyRule } from '../../../src/driver/decode/loop-rules.js';
import { onnxLoopSite } from '../../../src/driver/decode/onnx-loop.js';
import { findDecodeLoop } from '../../../src/driver/decode/onnx-loop-parts.js';
import type { RecognisedDecode } from '../../../src/driver/decode/request.js';
import { importOnnx } from '../../../src/frontend/onnx/import.js';
import { interpretGraph } from '../../../src/ops/interpret.js';
import { codeOf } from '../../helpers/codes.js';
import type { ModelSpec } from '../../helpers/onnx-builder.js';
import { BOS, countedLoop, EOS, FLAGS, type LoopForm, loopModel, PAD, read, WIDTH } from './small-models.js';

const LOOP_FLAGS = { inputShapes: FLAGS.inputShapes, bind: [], state: [] };

function recognised(form: LoopForm, batch: number): RecognisedDecode {
  return recognisedModel(loopModel(form), batch);
}

function recognisedModel(spec: ModelSpec, batch: number): RecognisedDecode {
  const model = read(spec);
  const loop = findDecodeLoop(model);
  if (loop === undefined) throw new Error('no loop');
  const types = new Map([['x', { dtype: 'f32' as const, shape: [batch, 3, WIDTH] }]]);
  return recogniseLoop(onnxLoopSite(model, 'loop.onnx', loop, types), LOOP_FLAGS, []);
}

function request(batch: number, seed: number): HostTensor {
  const random = createRandom(seed);
  return fromNumbers(
    'f32',
    [batch, 3, WIDTH],
    Array.from({ length: batch * 3 * WIDTH }, () => random.between(-3, 3)),
  );
}

/** The outputs by greedy decoding of the source and its rules. */
function decoded({ source, outputs }: RecognisedDecode, x: HostTensor): readonly HostTensor[] {
  const rows = decodeGreedily(source, [x]);
  return outputs.map((rule) => {
    if (rule.kind === 'prologue') throw new Error('not of the prologue');
    return applyRule(rule, { ...rows, count: rows.steps.length }, source.generation);
  });
}

/** The outputs by the loop itself, whose carried shapes stay. */
function looped(form: LoopForm, x: HostTensor): readonly HostTensor[] {
  const { graph } = importOnnx(read(loopModel(form)), {
    file: 'loop.onnx',
    inputShapes: new Map([['x', { shape: x.shape }]]),
  });
  return interpretGraph(graph, [x]);
}

const plain = (tensors: readonly HostTensor[]) =>
  tensors.map(({ shape, ...t }) => ({ shape, values: [...toNumbers({ shape, ...t })] }));

describe('a loop', () => {
  it('of each form is read off its bookkeeping', () => {
    for (const form of ['grown', 'fixed', 'scan'] as const) {
      const { source } = recognised({ form }, 2);
      expect(source.generation).toMatchObject({ bos: BOS, eos: [EOS], pad: PAD, maxSteps: 9, batch: 2 });
      expect(source.kind).toBe(form === 'scan' ? 'carried' : 'prefix');
    }
  });

  it('of fixed shapes gives the outputs of the loop itself', () => {
    for (const form of [{ form: 'fixed' }, { form: 'scan' }, { form: 'fixed', stops: false }] as const) {
      for (const batch of [1, 3]) {
        const found = recognised(form, batch);
        for (let seed = 1; seed <= 4; seed++) {
          const x = request(batch, seed);
          expect(plain(decoded(found, x))).toEqual(plain(looped(form, x)));
        }
      }
    }
  });

  it('decodes the same whether its buffer grows or not', () => {
    const x = request(3, 7);
    const [grown, lengths] = plain(decoded(recognised({ form: 'grown' }, 3), x));
    const [fixed, same] = plain(decoded(recognised({ form: 'fixed' }, 3), x));
    expect(lengths).toEqual(same);
    const columns = grown?.shape[1] ?? 0;
    expect(fixed?.values.filter((_, i) => i % 9 < columns)).toEqual(grown?.values);
  });

  it('keeps the conventions of its outputs', () => {
    expect(recognised({ form: 'grown' }, 2).outputs).toMatchObject([
      { kind: 'tokens', columns: 'steps', withStart: false },
      { kind: 'length', countsEnd: true, except: PAD },
    ]);
    expect(recognised({ form: 'fixed' }, 2).outputs[0]).toMatchObject({ columns: 9, unused: PAD });
    expect(recognised({ form: 'scan' }, 2).outputs[1]).toMatchObject({
      kind: 'length',
      offset: 0,
      except: undefined,
    });
  });

  it('that only its condition ends, with two end tokens and an arg-max of all positions', () => {
    const { source, outputs } = recognisedModel(countedLoop(), 2);
    expect(source.generation).toMatchObject({ bos: BOS, eos: [EOS, 7], pad: PAD, maxSteps: 9 });
    expect(outputs).toMatchObject([
      { kind: 'tokens', dtype: 'i32', withStart: true, columns: 'steps' },
      { kind: 'steps', offset: 0, shape: [] },
    ]);
    const grown = recognised({ form: 'grown' }, 2).source;
    const [x] = [request(2, 3)];
    const [a, b] = [source, grown].map(
      (one) => decodeGreedily({ ...one, generation: { ...one.generation, eos: [EOS] } }, [x]).steps,
    );
    expect(a).toEqual(b);
  });

  it('that lets finished rows go on is refused for several rows, and is read for one', () => {
    expect(codeOf(() => recognised({ form: 'grown', masked: false }, 2))).toBe('E4206');
    expect(recognised({ form: 'grown', masked: false }, 1).source.generation.eos).toEqual([EOS]);
  });
});

// Scaled dot-product attention over heads. One head at a time: scores, mask, softmax along the keys, weighted sum of the
// values; all in double, rounded once. It is one operator so that the backend can tile it without storing the scores.
import { isFloat } from '../base/dtype.js';
import type { Random } from '../base/random.js';
import type { HostTensor } from '../base/tensor.js';
import type { Attrs } from '../ir/constant.js';
import { type Dim, dimText, multiplyDims } from '../ir/dim.js';
import { rowMajorStrides, type TensorType, tensorType } from '../ir/type.js';
import { dimsContradict, knownDim } from './agreement.js';
import { flagAttr, floatAttr } from './attributes.js';
import { costOf, countElements } from './cost.js';
import type { InferContext, OpDecl, OpSample } from './declare.js';
import { fromDoubles, toDoubles } from './doubles.js';
import { multiply } from './gemm.js';
import { softmaxRows } from './normalize.js';
import { narrowerShape, randomTensor } from './samples.js';
import { broadcastShapes, dimsText } from './shape-math.js';

type Fail = (reason: string) => never;

function infer({ inputs, attrs }: InferContext, fail: Fail): readonly TensorType[] {
  const [q, k, v, mask] = inputs as [TensorType, TensorType, TensorType, TensorType?];
  if (!isFloat(q.dtype)) fail(`it takes floats, not ${q.dtype}`);
  for (const [name, t] of Object.entries({ q, k, v })) {
    if (t.dtype !== q.dtype) fail(`operand ${name} is of type ${t.dtype}, q of ${q.dtype}`);
    if (t.shape.length !== 4)
      fail(
        `operand ${name} has shape ${dimsText(t.shape)}; its axes must be batch, heads, positions, features`,
      );
  }
  const same = (what: string, a: TensorType, b: TensorType, axis: number): Dim => {
    const [x, y] = [a.shape[axis] as Dim, b.shape[axis] as Dim];
    if (dimsContradict(x, y)) fail(`the operands disagree on ${what}: ${dimText(x)} and ${dimText(y)}`);
    return knownDim(x, y);
  };
  const batch = knownDim(same('the batch', q, k, 0), same('the batch', q, v, 0));
  const heads = knownDim(same('the heads', q, k, 1), same('the heads', q, v, 1));
  same('the features of queries and keys', q, k, 3);
  const keys = same('the number of keys', k, v, 2);
  const [queries, features] = [q.shape[2] as Dim, v.shape[3] as Dim];
  if (mask !== undefined) checkMask(mask, q, [batch, heads, queries, keys], fail);
  if (!Number.isFinite(floatAttr(attrs, 'scale'))) fail('the scale is not finite');
  return [tensorType(q.dtype, [batch, heads, queries, features])];
}

function checkMask(mask: TensorType, q: TensorType, scores: readonly Dim[], fail: Fail): void {
  if (mask.dtype !== q.dtype && mask.dtype !== 'f32')
    fail(`a mask of type ${mask.dtype} cannot be added to ${q.dtype}`);
  const common = broadcastShapes(mask.shape, scores);
  if (
    common === undefined ||
    common.length > 4 ||
    common.some((dim, i) => dimsContradict(dim, scores[i] ?? 1))
  )
    fail(`the mask ${dimsText(mask.shape)} does not broadcast to the scores ${dimsText(scores)}`);
}

function evaluate(inputs: readonly HostTensor[], attrs: Attrs, types: readonly TensorType[]): HostTensor[] {
  const [q, k, v, mask] = inputs as [HostTensor, HostTensor, HostTensor, HostTensor?];
  const type = types[0] as TensorType;
  const [batch, heads, queries, features] = type.shape as [number, number, number, number];
  const [keys, depth] = [k.shape[2] ?? 0, k.shape[3] ?? 0];
  const [qs, ks, vs] = [toDoubles(q), toDoubles(k), toDoubles(v)];
  const added = mask && maskReader(mask);
  const scale = floatAttr(attrs, 'scale');
  const causal = flagAttr(attrs, 'causal');
  const scores = new Float64Array(queries * keys);
  const columns = new Float64Array(features * keys);
  const result = new Float64Array(batch * heads * queries * features);
  for (let head = 0; head < batch * heads; head++) {
    const b = ks.subarray(head * keys * depth, (head + 1) * keys * depth);
    multiply({
      a: qs,
      aAt: head * queries * depth,
      aRows: queries,
      b,
      bRows: keys,
      depth,
      out: scores,
      outAt: 0,
      pitch: keys,
    });
    for (let i = 0; i < scores.length; i++) scores[i] = scores[i]! * scale;
    added?.(scores, Math.floor(head / heads), head % heads, queries, keys);
    if (causal)
      for (let i = 0; i < queries; i++)
        scores.fill(-Infinity, i * keys + Math.min(keys, i + 1), (i + 1) * keys);
    if (keys > 0) softmaxRows(scores, keys);
    for (let j = 0; j < keys; j++)
      for (let f = 0; f < features; f++) columns[f * keys + j] = vs[(head * keys + j) * features + f]!;
    multiply({
      a: scores,
      aAt: 0,
      aRows: queries,
      b: columns,
      bRows: features,
      depth: keys,
      out: result,
      outAt: head * queries * features,
      pitch: features,
    });
  }
  return [fromDoubles(type.dtype, type.shape as readonly number[], result)];
}

/** Adds the mask's values for one head to its scores. */
function maskReader(
  mask: HostTensor,
): (scores: Float64Array, batch: number, head: number, queries: number, keys: number) => void {
  const shape = [1, 1, 1, 1, ...mask.shape].slice(-4);
  const steps = rowMajorStrides(shape).map((step, axis) => (shape[axis] === 1 ? 0 : step)) as [
    number,
    number,
    number,
    number,
  ];
  const values = toDoubles(mask);
  return (scores, batch, head, queries, keys) => {
    const from = batch * steps[0] + head * steps[1];
    for (let i = 0; i < queries; i++) {
      for (let j = 0; j < keys; j++) {
        const at = i * keys + j;
        scores[at] = scores[at]! + values[from + i * steps[2] + j * steps[3]]!;
      }
    }
  };
}

function sample(random: Random): OpSample {
  const dtype = random.pick(['f32', 'f16', 'bf16'] as const);
  const [b, h, queries, keys] = [1, 2, 3, 4].map((i) => random.integer(1, i + 1)) as [
    number,
    number,
    number,
    number,
  ];
  const [depth, features] = [random.integer(1, 4), random.integer(1, 4)];
  const mask = random.chance(0.5);
  return {
    inputs: [
      randomTensor(random, dtype, [b, h, queries, depth]),
      randomTensor(random, dtype, [b, h, keys, depth]),
      randomTensor(random, dtype, [b, h, keys, features]),
      ...(mask ? [randomTensor(random, dtype, narrowerShape(random, [b, h, queries, keys]))] : []),
    ],
    attrs: { scale: 0.5, causal: random.chance(0.5), mask },
  };
}

export const ATTENTION: readonly OpDecl[] = [
  {
    name: 'attention',
    family: 'attention',
    doc: 'softmax(scale * q k^T + mask) v per head: q [B,H,Lq,D], k [B,H,Lk,D], v [B,H,Lk,Dv]; the mask broadcasts to [B,H,Lq,Lk]. Causal: query i sees keys 0 to i. A row that sees no key is NaN.',
    operands: [{ name: 'q' }, { name: 'k' }, { name: 'v' }, { name: 'mask', when: 'mask' }],
    attrs: {
      scale: { kind: 'float', doc: 'factor of the scores' },
      causal: { kind: 'bool', doc: 'whether a query sees no later key than itself', default: false },
      mask: { kind: 'bool', doc: 'whether there is a mask that is added to the scores', default: false },
    },
    infer,
    evaluate,
    tolerance: { relative: 1e-4, absolute: 1e-5 },
    cost(inputs, outputs) {
      const [q, k] = inputs as [TensorType, TensorType];
      const result = outputs[0] as TensorType;
      const scores = countElements({ ...q, shape: [multiplyDims(q.shape[2] ?? 1, k.shape[2] ?? 1)] });
      const perScore =
        countElements({ ...q, shape: [q.shape[3] ?? 1] }) +
        countElements({ ...q, shape: [result.shape[3] ?? 1] });
      return costOf(
        inputs,
        outputs,
        countElements({ ...q, shape: q.shape.slice(0, 2) }) * scores * (2 * perScore + 5),
      );
    },
    sample,
  },
];

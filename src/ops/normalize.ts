// Normalisation along axes: softmax along one, layer and RMS norm over all axes from one on. Everything is computed in
// double and rounded once; the maximum is taken out before exponentials, the mean before squares.

import { isFloat } from '../base/dtype.js';
import { exp, log } from '../base/elementary.js';
import type { Random } from '../base/random.js';
import { elementCount, type HostTensor } from '../base/tensor.js';
import type { Attrs } from '../ir/constant.js';
import type { TensorType } from '../ir/type.js';
import { shapesContradict } from './agreement.js';
import { eachRow } from './along-axis.js';
import { flagAttr, floatAttr, intAttr } from './attributes.js';
import { perResult } from './cost.js';
import type { AttrSpec, InferContext, OpDecl } from './declare.js';
import { fromDoubles, toDoubles } from './doubles.js';
import { randomShape, randomTensor } from './samples.js';
import { checkAxis, dimsText } from './shape-math.js';

type Fail = (reason: string) => never;

const AXIS: AttrSpec = { kind: 'int', doc: 'the axis along which the sum is 1' };
const FIRST_AXIS: AttrSpec = { kind: 'int', doc: 'first of the normalised axes, which go on to the last' };
const EPSILON: AttrSpec = { kind: 'float', doc: 'added to the mean square before the root' };
const SCALE: AttrSpec = {
  kind: 'bool',
  doc: 'whether there is a factor per normalised element',
  default: false,
};
const BIAS: AttrSpec = {
  kind: 'bool',
  doc: 'whether there is a summand per normalised element',
  default: false,
};

/** The type of x, for floats; with the axis checked. */
function inferAlong({ inputs, attrs }: InferContext, fail: Fail): readonly TensorType[] {
  const x = inputs[0] as TensorType;
  if (!isFloat(x.dtype)) fail(`it takes floats, not ${x.dtype}`);
  checkAxis(intAttr(attrs, 'axis'), x.shape.length, fail);
  return [x];
}

function inferNorm(context: InferContext, fail: Fail): readonly TensorType[] {
  const [x, ...factors] = context.inputs as [TensorType, ...TensorType[]];
  const types = inferAlong(context, fail);
  const normalised = x.shape.slice(intAttr(context.attrs, 'axis'));
  for (const factor of factors) {
    if (factor.dtype !== x.dtype && factor.dtype !== 'f32')
      fail(`a scale or bias of type ${factor.dtype} does not go with ${x.dtype}`);
    if (shapesContradict(factor.shape, normalised))
      fail(
        `a scale or bias has shape ${dimsText(factor.shape)}; the normalised axes have ${dimsText(normalised)}`,
      );
  }
  if (floatAttr(context.attrs, 'epsilon') < 0) fail('epsilon is negative');
  return types;
}

/** Normalises `run` elements of `x` in place, from `at` on, `step` apart. */
type AlongAxis = (x: Float64Array, at: number, run: number, step: number) => void;

function softmaxRow(x: Float64Array, at: number, run: number, step: number): void {
  const end = at + run * step;
  const top = greatest(x, at, end, step);
  let sum = 0;
  for (let i = at; i < end; i += step) {
    const e = exp(x[i]! - top);
    x[i] = e;
    sum += e;
  }
  for (let i = at; i < end; i += step) x[i] = x[i]! / sum;
}

function logSoftmaxRow(x: Float64Array, at: number, run: number, step: number): void {
  const end = at + run * step;
  const top = greatest(x, at, end, step);
  let sum = 0;
  for (let i = at; i < end; i += step) sum += exp(x[i]! - top);
  const shift = log(sum);
  for (let i = at; i < end; i += step) x[i] = x[i]! - top - shift;
}

function greatest(x: Float64Array, at: number, end: number, step: number): number {
  let top = -Infinity;
  for (let i = at; i < end; i += step) top = Math.max(top, x[i]!);
  return top;
}

function evaluateAlong(along: AlongAxis): NonNullable<OpDecl['evaluate']> {
  return ([operand], attrs) => {
    const { dtype, shape } = operand as HostTensor;
    const x = toDoubles(operand as HostTensor);
    eachRow(shape, intAttr(attrs, 'axis'), (at, run, step) => along(x, at, run, step));
    return [fromDoubles(dtype, shape, x)];
  };
}

/** Softmax over each row of a matrix of rows of `run` elements, in place. */
export function softmaxRows(x: Float64Array, run: number): void {
  for (let at = 0; at < x.length; at += run) softmaxRow(x, at, run, 1);
}

function evaluateNorm(centred: boolean): NonNullable<OpDecl['evaluate']> {
  return (inputs, attrs) => {
    const operand = inputs[0] as HostTensor;
    const x = toDoubles(operand);
    const run = elementCount(operand.shape.slice(intAttr(attrs, 'axis')));
    for (let at = 0; at < x.length; at += run) normaliseRow(x, at, run, floatAttr(attrs, 'epsilon'), centred);
    if (flagAttr(attrs, 'scale')) multiplyRows(x, toDoubles(inputs[1] as HostTensor));
    if (flagAttr(attrs, 'bias')) addRows(x, toDoubles(inputs.at(-1) as HostTensor));
    return [fromDoubles(operand.dtype, operand.shape, x)];
  };
}

function normaliseRow(x: Float64Array, at: number, run: number, epsilon: number, centred: boolean): void {
  const end = at + run;
  if (centred) {
    let sum = 0;
    for (let i = at; i < end; i++) sum += x[i]!;
    const mean = sum / run;
    for (let i = at; i < end; i++) x[i] = x[i]! - mean;
  }
  let squares = 0;
  for (let i = at; i < end; i++) squares += x[i]! * x[i]!;
  const root = Math.sqrt(squares / run + epsilon);
  for (let i = at; i < end; i++) x[i] = x[i]! / root;
}

function multiplyRows(x: Float64Array, row: Float64Array): void {
  for (let at = 0; at < x.length; at += row.length)
    for (let i = 0; i < row.length; i++) x[at + i] = x[at + i]! * row[i]!;
}

function addRows(x: Float64Array, row: Float64Array): void {
  for (let at = 0; at < x.length; at += row.length)
    for (let i = 0; i < row.length; i++) x[at + i] = x[at + i]! + row[i]!;
}

const SAMPLED = ['f32', 'f32', 'f16', 'bf16', 'f64'] as const;

function sampleAlong(random: Random) {
  const shape = randomShape(random, 1);
  return {
    inputs: [randomTensor(random, random.pick(SAMPLED), shape)],
    attrs: { axis: random.integer(0, shape.length - 1) },
  };
}

function sampleNorm(random: Random, optional: readonly string[]) {
  const shape = randomShape(random, 1);
  const dtype = random.pick(SAMPLED);
  const axis = random.integer(0, shape.length - 1);
  const flags = optional.map((name) => [name, random.chance(0.6)] as const);
  const factors = flags
    .filter(([, there]) => there)
    .map(() => randomTensor(random, dtype, shape.slice(axis)));
  const attrs: Attrs = { axis, epsilon: 0.1, ...Object.fromEntries(flags) };
  return { inputs: [randomTensor(random, dtype, shape), ...factors], attrs };
}

const along = (name: string, doc: string, row: AlongAxis, flops: number): OpDecl => ({
  name,
  family: 'normalize',
  doc,
  operands: [{ name: 'x' }],
  attrs: { axis: AXIS },
  infer: inferAlong,
  evaluate: evaluateAlong(row),
  tolerance: { relative: 1e-5, absolute: 1e-6 },
  cost: perResult(flops),
  sample: sampleAlong,
});

export const NORMALIZE: readonly OpDecl[] = [
  along('softmax', 'exp(x) along an axis, divided by its sum there.', softmaxRow, 5),
  along('log_softmax', 'Logarithm of softmax, without going through it.', logSoftmaxRow, 5),
  {
    name: 'layer_norm',
    family: 'normalize',
    doc: '(x - mean) / sqrt(mean square of that + epsilon) over all axes from one on; then times scale, plus bias.',
    operands: [{ name: 'x' }, { name: 'scale', when: 'scale' }, { name: 'bias', when: 'bias' }],
    attrs: { axis: FIRST_AXIS, epsilon: EPSILON, scale: SCALE, bias: BIAS },
    infer: inferNorm,
    evaluate: evaluateNorm(true),
    tolerance: { relative: 1e-4, absolute: 1e-5 },
    cost: perResult(8),
    sample: (random) => sampleNorm(random, ['scale', 'bias']),
  },
  {
    name: 'rms_norm',
    family: 'normalize',
    doc: 'x / sqrt(mean of x squared + epsilon) over all axes from one on; then times scale.',
    operands: [{ name: 'x' }, { name: 'scale', when: 'scale' }],
    attrs: { axis: FIRST_AXIS, epsilon: EPSILON, scale: SCALE },
    infer: inferNorm,
    evaluate: evaluateNorm(false),
    tolerance: { relative: 1e-4, absolute: 1e-5 },
    cost: perResult(5),
    sample: (random) => sampleNorm(random, ['scale']),
  },
];

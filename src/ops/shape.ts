// Operators that move elements or number them and compute nothing: exact for every element type. Where an attribute holds
// a shape of the model, a negative entry stands for a dim that only the operand knows, so that symbolic dims pass through.
import { elementBytes, isFloat, isInteger } from '../base/dtype.js';
import { elementCount, fromNumbers, type HostTensor, stringTensor, zeros } from '../base/tensor.js';
import { addDims, type Dim, floorDivideDim, subtractDims } from '../ir/dim.js';
import { rowMajorStrides, type TensorType, tensorType } from '../ir/type.js';
import { dtypeAttr, intAttr, intsAttr } from './attributes.js';
import { perResult } from './cost.js';
import type { InferContext, OpDecl } from './declare.js';
import { broadcastTensor, copyElements, pickElements } from './move.js';
import { PAD } from './pad.js';
import { FLOATS, INTEGERS, narrowerShape, randomShape, randomTensor } from './samples.js';
import { broadcastShapes, checkAxis, countDim, dimsText, sumDims } from './shape-math.js';

type Fail = (reason: string) => never;

const EXACT = { relative: 0, absolute: 0 };
const ANY_DTYPE = [...FLOATS, ...INTEGERS] as const;
const X = [{ name: 'x' }] as const;

/** What the declarations of this family share. */
const common = { family: 'shape', tolerance: EXACT, cost: perResult(0) };

const operand = (inputs: readonly TensorType[], index = 0): TensorType => inputs[index] as TensorType;
const first = (inputs: readonly HostTensor[]): HostTensor => inputs[0] as HostTensor;
const shapeOf = (types: readonly TensorType[]): readonly number[] => types[0]?.shape as readonly number[];

/** Entries of `shape` as dims; undefined stands at the place of -1. */
function reshapeDims(x: TensorType, shape: readonly number[], fail: Fail): (Dim | undefined)[] {
  return shape.map((entry) => {
    if (entry === -1) return undefined;
    if (entry >= 0) return entry;
    return (
      x.shape[-2 - entry] ?? fail(`entry ${entry} of the shape names an axis beyond ${dimsText(x.shape)}`)
    );
  });
}

function inferReshape({ inputs, attrs }: InferContext, fail: Fail): TensorType[] {
  const x = operand(inputs);
  const dims = reshapeDims(x, intsAttr(attrs, 'shape'), fail);
  const open = dims.filter((d) => d === undefined).length;
  if (open > 1) fail('more than one entry of the shape is -1');
  const total = countDim(x.shape);
  // Factors that both sides have are taken out first, so that the quotient of symbolic products stays a plain dim.
  const left = [...x.shape];
  const rest: Dim[] = [];
  for (const dim of dims) {
    if (dim === undefined) continue;
    const same = typeof dim === 'number' ? -1 : left.indexOf(dim);
    if (same >= 0) left.splice(same, 1);
    else rest.push(dim);
  }
  const divisor = countDim(rest);
  const remaining = countDim(left);
  const shape = dims.map((d) => d ?? quotient(remaining, divisor, x, fail));
  const known = countDim(shape);
  if (typeof total === 'number' && typeof known === 'number' && total !== known)
    fail(`${dimsText(x.shape)} has ${total} elements and cannot have the shape ${dimsText(shape)}`);
  return [tensorType(x.dtype, shape)];
}

function quotient(total: Dim, divisor: Dim, x: TensorType, fail: Fail): Dim {
  if (total === divisor) return 1;
  if (typeof divisor !== 'number') return fail(`the dim for -1 does not follow from ${dimsText(x.shape)}`);
  if (divisor === 0) return fail('the dim for -1 is not determined: another dim is 0');
  if (typeof total === 'number' && total % divisor !== 0)
    return fail(`${dimsText(x.shape)} has ${total} elements, which is no multiple of ${divisor}`);
  return floorDivideDim(total, divisor);
}

const reshape: OpDecl = {
  ...common,
  name: 'reshape',
  doc: 'The elements in row-major order under another shape.',
  operands: X,
  attrs: {
    shape: {
      kind: 'ints',
      doc: 'dims of the result; one may be -1 (what is left), and -2-i is the dim of axis i of the operand',
    },
  },
  infer: inferReshape,
  evaluate: ([x], _attrs, types) => (x === undefined ? [] : [{ ...x, shape: shapeOf(types) }]),
  sample(random) {
    const shape = randomShape(random, 1);
    const merged = random.integer(0, shape.length - 1);
    const head = elementCount(shape.slice(0, merged + 1));
    const target = random.chance(0.5) ? [head, ...shape.slice(merged + 1)] : [1, ...shape];
    return { inputs: [randomTensor(random, random.pick(ANY_DTYPE), shape)], attrs: { shape: target } };
  },
};

const transpose: OpDecl = {
  ...common,
  name: 'transpose',
  doc: 'Axis i of the result is axis perm[i] of the operand.',
  operands: X,
  attrs: { perm: { kind: 'ints', doc: 'a permutation of the axes' } },
  infer({ inputs, attrs }, fail) {
    const { dtype, shape } = operand(inputs);
    const perm = intsAttr(attrs, 'perm');
    const sorted = [...perm].sort((a, b) => a - b);
    if (perm.length !== shape.length || sorted.some((axis, i) => axis !== i))
      fail(`[${perm.join(',')}] is no permutation of the axes of ${dimsText(shape)}`);
    return [
      tensorType(
        dtype,
        perm.map((axis) => shape[axis] ?? 1),
      ),
    ];
  },
  evaluate(inputs, attrs, types) {
    const x = first(inputs);
    const strides = rowMajorStrides(x.shape);
    const from = { strides: intsAttr(attrs, 'perm').map((axis) => strides[axis] ?? 1), start: 0 };
    return [pickElements(x, shapeOf(types), from)];
  },
  sample(random) {
    const shape = randomShape(random);
    const perm: number[] = [];
    for (const axis of shape.keys()) perm.splice(random.integer(0, perm.length), 0, axis);
    return { inputs: [randomTensor(random, random.pick(ANY_DTYPE), shape)], attrs: { perm } };
  },
};

const broadcast: OpDecl = {
  ...common,
  name: 'broadcast',
  doc: 'The operand repeated along axes where it has 1 or none, right-aligned as in numpy.',
  operands: X,
  attrs: { shape: { kind: 'ints', doc: 'dims of the result; -1 is the dim of the operand' } },
  infer({ inputs, attrs }, fail) {
    const x = operand(inputs);
    const entries = intsAttr(attrs, 'shape');
    const missing = entries.length - x.shape.length;
    const shape = entries.map((entry, i) => {
      const own = x.shape[i - missing];
      if (entry >= 0) return own !== undefined && typeof own !== 'number' && entry === 1 ? own : entry;
      return entry === -1 && own !== undefined ? own : fail(`entry ${entry} of the shape names no dim`);
    });
    const common = broadcastShapes(x.shape, shape);
    if (common === undefined || common.length !== shape.length || common.some((d, i) => d !== shape[i]))
      fail(`${dimsText(x.shape)} does not broadcast to ${dimsText(shape)}`);
    return [tensorType(x.dtype, shape)];
  },
  evaluate(inputs, _attrs, types) {
    return [broadcastTensor(first(inputs), shapeOf(types))];
  },
  sample(random) {
    const shape = randomShape(random);
    const x = randomTensor(random, random.pick(ANY_DTYPE), narrowerShape(random, shape));
    return { inputs: [x], attrs: { shape } };
  },
};

const slice: OpDecl = {
  ...common,
  name: 'slice',
  doc: 'Elements starts[i] + k*steps[i], 0 <= k < sizes[i], of each axis i.',
  operands: X,
  attrs: {
    starts: { kind: 'ints', doc: 'first index taken per axis' },
    sizes: { kind: 'ints', doc: 'how many per axis; -1 is as many as there are (then the step is positive)' },
    steps: { kind: 'ints', doc: 'distance of the indices per axis, negative ones too, never 0' },
  },
  infer({ inputs, attrs }, fail) {
    const { dtype, shape } = operand(inputs);
    const [starts, sizes, steps] = ['starts', 'sizes', 'steps'].map((name) => {
      const list = intsAttr(attrs, name);
      if (list.length !== shape.length) fail(`${name} has ${list.length} entries for ${dimsText(shape)}`);
      return list;
    }) as [readonly number[], readonly number[], readonly number[]];
    const dims = shape.map((dim, i) => sliceDim(dim, starts[i] ?? 0, sizes[i] ?? 0, steps[i] ?? 0, i, fail));
    return [tensorType(dtype, dims)];
  },
  evaluate(inputs, attrs, types) {
    const x = first(inputs);
    const own = rowMajorStrides(x.shape);
    const starts = intsAttr(attrs, 'starts');
    const steps = intsAttr(attrs, 'steps');
    const start = own.reduce((sum, stride, i) => sum + stride * (starts[i] ?? 0), 0);
    return [pickElements(x, shapeOf(types), { strides: own.map((s, i) => s * (steps[i] ?? 1)), start })];
  },
  sample(random) {
    const x = randomTensor(random, random.pick(ANY_DTYPE), randomShape(random, 1));
    const picks = x.shape.map((dim) => {
      const size = random.integer(1, dim);
      const step = size === 1 ? 1 : random.integer(1, Math.floor((dim - 1) / (size - 1)));
      const low = random.integer(0, dim - 1 - (size - 1) * step);
      return random.chance(0.3) ? [low + (size - 1) * step, size, -step] : [low, size, step];
    });
    const column = (k: number) => picks.map((pick) => pick[k] ?? 0);
    return { inputs: [x], attrs: { starts: column(0), sizes: column(1), steps: column(2) } };
  },
};

function sliceDim(dim: Dim, start: number, size: number, step: number, axis: number, fail: Fail): Dim {
  if (step === 0) fail(`the step of axis ${axis} is 0`);
  if (size === -1) {
    if (step < 0 || start < 0) fail(`axis ${axis} takes all that is left, against its direction`);
    const left = subtractDims(dim, start);
    return typeof left === 'number'
      ? Math.max(0, Math.ceil(left / step))
      : floorDivideDim(addDims(left, step - 1), step);
  }
  if (size < -1) fail(`the size of axis ${axis} is ${size}`);
  const last = start + (size - 1) * step;
  const inside = (index: number): boolean => index >= 0 && (typeof dim !== 'number' || index < dim);
  if (size > 0 && !(inside(start) && inside(last)))
    fail(
      `indices ${start} to ${last} of axis ${axis} leave its ${typeof dim === 'number' ? dim : dim.text} elements`,
    );
  return size;
}

const concat: OpDecl = {
  ...common,
  name: 'concat',
  doc: 'The operands one after the other along an axis.',
  operands: [{ name: 'x', variadic: true }],
  attrs: { axis: { kind: 'int', doc: 'the axis' } },
  infer({ inputs, attrs }, fail) {
    const [x] = inputs;
    if (x === undefined) return fail('it has no operand');
    const axis = checkAxis(intAttr(attrs, 'axis'), x.shape.length, fail);
    const shape = [...x.shape];
    for (const { dtype, shape: other } of inputs) {
      if (dtype !== x.dtype) fail(`operands are of different types, ${x.dtype} and ${dtype}`);
      if (other.length !== shape.length) fail(`${dimsText(x.shape)} and ${dimsText(other)} differ in rank`);
      for (const [i, dim] of other.entries()) {
        const own = shape[i] as Dim;
        if (i === axis || own === dim) continue;
        if (typeof own === 'number' && typeof dim === 'number')
          fail(`${dimsText(x.shape)} and ${dimsText(other)} differ on axis ${i}`);
        // An integer says what the symbolic dim of another operand must be.
        if (typeof dim === 'number') shape[i] = dim;
      }
    }
    shape[axis] = sumDims(inputs.map((t) => t.shape[axis] ?? 0));
    return [tensorType(x.dtype, shape)];
  },
  evaluate(inputs, attrs, types) {
    const [type] = types;
    const shape = shapeOf(types);
    const axis = intAttr(attrs, 'axis');
    if (type === undefined) return [];
    if (type.dtype === 'string') return [concatStrings(inputs, shape, axis)];
    const out = zeros(type.dtype, shape);
    const strides = rowMajorStrides(shape);
    let at = 0;
    for (const x of inputs) {
      const to = { strides, start: at * (strides[axis] ?? 1) };
      const from = { strides: rowMajorStrides(x.shape), start: 0 };
      copyElements(elementBytes(x.dtype), x.shape, x.data, from, out.data, to);
      at += x.shape[axis] ?? 0;
    }
    return [out];
  },
  sample(random) {
    const shape = randomShape(random, 1);
    const axis = random.integer(0, shape.length - 1);
    const dtype = random.pick(ANY_DTYPE);
    const inputs = Array.from({ length: random.integer(1, 3) }, () =>
      randomTensor(random, dtype, shape.with(axis, random.integer(1, 5))),
    );
    return { inputs, attrs: { axis } };
  },
};

function concatStrings(inputs: readonly HostTensor[], shape: readonly number[], axis: number): HostTensor {
  const outer = elementCount(shape.slice(0, axis));
  const strings: string[] = [];
  for (let i = 0; i < outer; i++) {
    for (const x of inputs) {
      const run = elementCount(x.shape.slice(axis));
      strings.push(...(x.strings ?? []).slice(i * run, (i + 1) * run));
    }
  }
  return stringTensor(shape, strings);
}

const iota: OpDecl = {
  ...common,
  name: 'iota',
  doc: 'Every element is its index along an axis.',
  operands: [],
  attrs: {
    shape: { kind: 'ints', doc: 'dims of the result' },
    axis: { kind: 'int', doc: 'the axis' },
    dtype: { kind: 'dtype', doc: 'element type of the result, a number type' },
  },
  infer({ attrs }, fail) {
    const shape = intsAttr(attrs, 'shape');
    checkAxis(intAttr(attrs, 'axis'), shape.length, fail);
    if (!isFloat(dtypeAttr(attrs, 'dtype')) && !isInteger(dtypeAttr(attrs, 'dtype')))
      fail(`${attrs.dtype} is no type of numbers`);
    if (shape.some((dim) => dim < 0)) fail(`[${shape.join(',')}] has a negative dim`);
    return [tensorType(dtypeAttr(attrs, 'dtype'), shape)];
  },
  evaluate(_inputs, attrs, types) {
    const shape = shapeOf(types);
    const axis = intAttr(attrs, 'axis');
    const size = shape[axis] ?? 0;
    const indices = fromNumbers(
      dtypeAttr(attrs, 'dtype'),
      [size],
      Array.from({ length: size }, (_, i) => i),
    );
    const strides = shape.map((_, i) => (i === axis ? 1 : 0));
    return [pickElements(indices, shape, { strides, start: 0 })];
  },
  sample(random) {
    const shape = randomShape(random, 1);
    const axis = random.integer(0, shape.length - 1);
    return { inputs: [], attrs: { shape, axis, dtype: random.pick(ANY_DTYPE) } };
  },
};

export const SHAPE: readonly OpDecl[] = [reshape, transpose, broadcast, slice, concat, PAD, iota];

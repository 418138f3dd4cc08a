// pad: elements before and after those of each axis, of one value or copied from the axis itself.
import { elementBytes } from '../base/dtype.js';
import { elementCount, type HostTensor, zeros } from '../base/tensor.js';
import { addDims } from '../ir/dim.js';
import { rowMajorStrides, type TensorType, tensorType } from '../ir/type.js';
import { floatAttr, intsAttr, stringAttr } from './attributes.js';
import { perResult } from './cost.js';
import type { OpDecl } from './declare.js';
import { elementBytesOf } from './elements.js';
import { copyElements } from './move.js';
import { FLOATS, INTEGERS, randomShape, randomTensor } from './samples.js';
import { dimsText } from './shape-math.js';

type Mode = 'constant' | 'reflect' | 'edge' | 'wrap';

/** Index within an axis of `size` elements of the place `i`, which may lie outside of it; any distance is folded back. */
const SOURCE_INDEX: Readonly<Record<Exclude<Mode, 'constant'>, (i: number, size: number) => number>> = {
  edge: (i, size) => Math.min(Math.max(i, 0), size - 1),
  wrap: (i, size) => ((i % size) + size) % size,
  reflect(i, size) {
    if (size === 1) return 0;
    const period = 2 * (size - 1);
    const j = ((i % period) + period) % period;
    return j < size ? j : period - j;
  },
};

function padConstant(
  x: HostTensor,
  shape: readonly number[],
  low: readonly number[],
  value: number,
): HostTensor {
  const out = zeros(x.dtype, shape);
  const element = elementBytesOf(x.dtype, value);
  const none = { strides: shape.map(() => 0), start: 0 };
  const strides = rowMajorStrides(shape);
  if (element.some((byte) => byte !== 0))
    copyElements(element.length, shape, element, none, out.data, { strides, start: 0 });
  const start = strides.reduce((sum, stride, i) => sum + stride * (low[i] ?? 0), 0);
  const from = { strides: rowMajorStrides(x.shape), start: 0 };
  copyElements(element.length, x.shape, x.data, from, out.data, { strides, start });
  return out;
}

/** One axis widened; whole runs of the axes within it are copied. */
function padAxis(
  x: HostTensor,
  axis: number,
  low: number,
  size: number,
  mode: Exclude<Mode, 'constant'>,
): HostTensor {
  const own = x.shape[axis] ?? 0;
  const out = zeros(x.dtype, x.shape.with(axis, size));
  const run = elementCount(x.shape.slice(axis + 1)) * elementBytes(x.dtype);
  const outer = elementCount(x.shape.slice(0, axis));
  for (let k = 0; k < size; k++) {
    const source = SOURCE_INDEX[mode](k - low, own);
    for (let i = 0; i < outer; i++) {
      const at = (i * own + source) * run;
      out.data.set(x.data.subarray(at, at + run), (i * size + k) * run);
    }
  }
  return out;
}

export const PAD: OpDecl = {
  name: 'pad',
  family: 'shape',
  doc: 'Elements added before and after those of each axis.',
  operands: [{ name: 'x' }],
  attrs: {
    low: { kind: 'ints', doc: 'elements before the first per axis, not negative' },
    high: { kind: 'ints', doc: 'elements after the last per axis, not negative' },
    mode: {
      kind: 'string',
      doc: 'where added elements come from',
      default: 'constant',
      oneOf: ['constant', 'reflect', 'edge', 'wrap'],
    },
    value: { kind: 'float', doc: 'added elements, for mode constant', default: 0 },
  },
  infer({ inputs, attrs }, fail) {
    const { dtype, shape } = inputs[0] as TensorType;
    const low = intsAttr(attrs, 'low');
    const high = intsAttr(attrs, 'high');
    if (dtype === 'string') fail('strings are not padded');
    if (low.length !== shape.length || high.length !== shape.length)
      fail(`low and high have ${low.length} and ${high.length} entries for ${dimsText(shape)}`);
    if ([...low, ...high].some((n) => n < 0)) fail('an amount of padding is negative');
    const added = shape.map((_, i) => (low[i] ?? 0) + (high[i] ?? 0));
    if (attrs.mode !== 'constant' && shape.some((dim, i) => dim === 0 && added[i] !== 0))
      fail(`an axis of ${dimsText(shape)} has no elements to copy`);
    return [
      tensorType(
        dtype,
        shape.map((dim, i) => addDims(dim, added[i] ?? 0)),
      ),
    ];
  },
  evaluate(inputs, attrs, types) {
    const x = inputs[0] as HostTensor;
    const shape = types[0]?.shape as readonly number[];
    const low = intsAttr(attrs, 'low');
    const mode = stringAttr(attrs, 'mode') as Mode;
    if (mode === 'constant') return [padConstant(x, shape, low, floatAttr(attrs, 'value'))];
    let out = x;
    for (const [axis, size] of shape.entries())
      if (size !== x.shape[axis]) out = padAxis(out, axis, low[axis] ?? 0, size, mode);
    return [out];
  },
  tolerance: { relative: 0, absolute: 0 },
  cost: perResult(0),
  sample(random) {
    const x = randomTensor(random, random.pick([...FLOATS, ...INTEGERS]), randomShape(random, 1));
    const mode = random.pick(['constant', 'constant', 'reflect', 'edge', 'wrap'] as const);
    const amount = (dim: number) => random.integer(0, mode === 'constant' ? 3 : Math.min(3, dim - 1));
    return {
      inputs: [x],
      attrs: { low: x.shape.map(amount), high: x.shape.map(amount), mode, value: random.integer(0, 2) },
    };
  },
};

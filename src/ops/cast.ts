// cast and bitcast. Floats to integers truncate and saturate, NaN gives 0; integers to narrower ones wrap; to bool is
// whether the value is not 0; floats round to nearest even, in one step from any type. This is what the chip does, too.
import { DTYPES, type DType, dtypeKind, isFloat } from '../base/dtype.js';
import { encodeSmallFloats, isSmallFloat } from '../base/float-formats.js';
import { type ElementArray, type HostTensor, typedView, zeros } from '../base/tensor.js';
import { type TensorType, tensorType } from '../ir/type.js';
import { dtypeAttr, flagAttr } from './attributes.js';
import { perResult } from './cost.js';
import type { OpDecl } from './declare.js';
import { type BigArray, integerRange, loadElements, storeElements } from './elements.js';
import { FLOATS, INTEGERS, randomShape, randomTensor } from './samples.js';

type Numbers = Exclude<ElementArray, BigArray>;

const isBigArray = (x: ElementArray): x is BigArray =>
  x instanceof BigInt64Array || x instanceof BigUint64Array;

/**
 * 64-bit integers as doubles that round to fp32 and below as the integer itself does: beyond 2^53 the last bits go into
 * one sticky bit, far below what those types keep.
 */
function stickyDoubles(x: BigArray): Float64Array {
  const out = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    const plain = Number(value);
    out[i] =
      Math.abs(plain) <= Number.MAX_SAFE_INTEGER
        ? plain
        : 2048 * Number((value >> 11n) | ((value & 2047n) === 0n ? 0n : 1n));
  }
  return out;
}

function toBool(x: ElementArray, out: Uint8Array): void {
  // 0 and 0n both equal 0; NaN does not.
  for (let i = 0; i < x.length; i++) out[i] = Number(x[i]!) !== 0 ? 1 : 0;
}

function floatsToIntegers(x: Numbers, out: Numbers, dtype: DType): void {
  const range = integerRange(dtype);
  const low = Number(range.low);
  const high = Number(range.high);
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    // Comparisons with NaN fail, and storing NaN gives 0.
    out[i] = value >= high ? high : Math.max(value, low);
  }
}

function floatsToBig(x: Numbers, out: BigArray, dtype: DType): void {
  const { low, high } = integerRange(dtype);
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    out[i] =
      value >= Number(high)
        ? high
        : value <= Number(low)
          ? low
          : Number.isNaN(value)
            ? 0n
            : BigInt(Math.trunc(value));
  }
}

function bigToIntegers(x: BigArray, out: Numbers): void {
  for (let i = 0; i < x.length; i++) out[i] = Number(BigInt.asIntN(32, x[i]!));
}

function integersToBig(x: Numbers, out: BigArray): void {
  for (let i = 0; i < x.length; i++) out[i] = BigInt(x[i]!);
}

function castTensor(x: HostTensor, to: DType, saturate: boolean): HostTensor {
  if (to === x.dtype) return x;
  const from = loadElements(x);
  const out = zeros(to, x.shape);
  const view = typedView(out);
  if (to === 'bool') toBool(from, view as Uint8Array);
  else if (isFloat(to)) {
    const numbers = !isBigArray(from)
      ? from
      : to === 'f64'
        ? Float64Array.from(from, Number)
        : stickyDoubles(from);
    if (!isSmallFloat(to)) (view as Numbers).set(numbers);
    else {
      const floats = numbers instanceof Float32Array ? numbers : Float64Array.from(numbers);
      encodeSmallFloats(to, floats, view as Uint8Array | Uint16Array, saturate);
    }
  } else if (isBigArray(view)) {
    if (isBigArray(from)) view.set(from as BigUint64Array & BigInt64Array);
    else if (isFloat(x.dtype)) floatsToBig(from, view, to);
    else integersToBig(from, view);
  } else {
    if (isBigArray(from)) bigToIntegers(from, view);
    else if (isFloat(x.dtype)) floatsToIntegers(from, view, to);
    else view.set(from);
    return storeElements(to, x.shape, view);
  }
  return out;
}

const isNumber = (t: DType): boolean => ['float', 'int', 'uint', 'bool'].includes(dtypeKind(t));
const SAMPLE_TYPES: readonly DType[] = [...FLOATS, ...INTEGERS, 'bool'];

const cast: OpDecl = {
  name: 'cast',
  family: 'elementwise',
  doc: 'The value in another element type: floats round to nearest even; float to integer truncates and saturates, NaN gives 0; integer to narrower integer wraps; to bool is whether it is not 0.',
  operands: [{ name: 'x' }],
  attrs: {
    to: { kind: 'dtype', doc: 'element type of the result' },
    saturate: {
      kind: 'bool',
      doc: 'whether values beyond an 8-bit float become its greatest, not infinity or NaN',
      default: true,
    },
  },
  infer({ inputs, attrs }, fail) {
    const [x] = inputs as readonly [TensorType];
    const to = dtypeAttr(attrs, 'to');
    if (x.dtype !== to && !(isNumber(x.dtype) && isNumber(to)))
      fail(`it does not turn ${x.dtype} into ${to}`);
    return [tensorType(to, x.shape)];
  },
  evaluate: ([x], attrs) =>
    x === undefined ? [] : [castTensor(x, dtypeAttr(attrs, 'to'), flagAttr(attrs, 'saturate'))],
  tolerance: { relative: 0, absolute: 0 },
  cost: perResult(0),
  sample(random) {
    const dtype = random.pick(SAMPLE_TYPES);
    const x = randomTensor(random, dtype, randomShape(random), -100, 100);
    return { inputs: [x], attrs: { to: random.pick(SAMPLE_TYPES) } };
  },
};

const bitcast: OpDecl = {
  name: 'bitcast',
  family: 'elementwise',
  doc: 'The bits taken for those of another element type of the same width.',
  operands: [{ name: 'x' }],
  attrs: { to: { kind: 'dtype', doc: 'element type of the result' } },
  infer({ inputs, attrs }, fail) {
    const [x] = inputs as readonly [TensorType];
    const to = dtypeAttr(attrs, 'to');
    if (DTYPES[x.dtype].bits !== DTYPES[to].bits || x.dtype === 'string')
      fail(`${x.dtype} and ${to} are not of one width`);
    if (to === 'bool' && x.dtype !== 'bool') fail('not every byte is a bool');
    return [tensorType(to, x.shape)];
  },
  evaluate([x], attrs) {
    if (x === undefined) return [];
    const to = dtypeAttr(attrs, 'to');
    if (DTYPES[to].bits >= 8) return [{ dtype: to, shape: x.shape, data: x.data }];
    const codes = Uint8Array.from(x.data, (byte) => byte & ((1 << DTYPES[to].bits) - 1));
    if (isFloat(to)) return [{ dtype: to, shape: x.shape, data: codes }];
    const out = zeros(to, x.shape);
    out.data.set(codes);
    return [storeElements(to, x.shape, typedView(out))];
  },
  tolerance: { relative: 0, absolute: 0 },
  cost: perResult(0),
  sample(random) {
    const [dtype, to] = random.pick([
      ['f32', 'i32'],
      ['i32', 'f32'],
      ['i8', 'u8'],
      ['f16', 'i16'],
    ] as const);
    return { inputs: [randomTensor(random, dtype, randomShape(random), 0, 100)], attrs: { to } };
  },
};

export const CASTS: readonly OpDecl[] = [cast, bitcast];

// Quantised operators: the same integers and roundings as their specification. Products of 8-bit operands stay integer
// products; zero points are taken out of the sums afterwards, since a product of (a - za) and (b - zb) is
// ab - za * sum(b) - sum(a) * zb + count * za * zb.
import { type DType, isInteger } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
import { integerRange } from '../../../ops/elements.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import { typeAttribute } from './constants.js';
import { convOf, kernelOf, windowOf } from './convolution.js';
import { clampTo } from './elementwise.js';

/** A parameter per tensor, per axis or per block as something that broadcasts against `x`. */
function spread(c: NodeContext, p: Value, x: Value, axis: number): Value {
  const rank = c.rank(x);
  const block = c.attributes.int('block_size', 0);
  if (c.rank(p) === 0) return p;
  if (c.rank(p) === 1 && block === 0) {
    if (c.dim(p, 0) === 1) return c.reshape(p, []);
    return c.alongAxis(p, c.axis(axis, rank), rank);
  }
  if (c.rank(p) !== rank || block <= 0)
    throw c.bad(`parameters of rank ${c.rank(p)} do not fit an operand of rank ${rank}`);
  const along = c.axis(axis, rank);
  const shape = c.shape(p);
  const apart = c.unsqueeze(p, [along + 1]);
  const repeated = c.broadcast(apart, [...shape.slice(0, along + 1), block, ...shape.slice(along + 1)]);
  const merged = c.reshape(
    repeated,
    shape.map((d, i) => (i === along ? d * block : d)),
  );
  return c.slice(merged, along, 0, c.dim(x, along));
}

const isZero = (c: NodeContext, x: Value | undefined): boolean =>
  x === undefined || c.known(x)?.every((n) => n === 0) === true;

/** Rounds, adds the zero point, saturates; from a float quotient. */
function saturated(c: NodeContext, quotient: Value, zero: Value | undefined, to: DType): Value {
  const wide = quotient.type.dtype === 'f64' ? quotient : c.cast(quotient, 'f32');
  const rounded = c.op('round', [wide]);
  const shifted = isZero(c, zero) ? rounded : c.add(rounded, c.cast(zero as Value, wide.type.dtype));
  const { low, high } = integerRange(to);
  return c.cast(clampTo(c, shifted, Number(low), Number(high)), to);
}

/** x / scale in the given type, as integers or small floats of type `to`. */
function quantize(
  c: NodeContext,
  x: Value,
  scale: Value,
  zero: Value | undefined,
  to: DType,
  precision: DType,
): Value {
  const quotient = c.div(c.cast(x, precision), c.cast(scale, precision));
  if (isInteger(to)) return saturated(c, quotient, zero, to);
  const shifted = isZero(c, zero) ? quotient : c.add(quotient, c.cast(zero as Value, precision));
  return c.cast(shifted, to, c.attributes.flag('saturate', true));
}

/** (x - zero) * scale in fp32. */
function dequantize(c: NodeContext, x: Value, scale: Value, zero: Value | undefined, to: DType): Value {
  const wide = c.cast(x, 'f32');
  const centred = isZero(c, zero) ? wide : c.sub(wide, c.cast(zero as Value, 'f32'));
  return c.cast(c.mul(centred, c.cast(scale, 'f32')), to);
}

const quantizeLinear: Handler = (c) => {
  const [x, scale, zero] = [c.input(0), c.input(1), c.optional(2)];
  const axis = c.attributes.int('axis', 1);
  const declared = c.attributes.int('output_dtype', 0) === 0 ? 'u8' : typeAttribute(c, 'output_dtype');
  const precision = c.attributes.int('precision', 0) === 0 ? scale.type.dtype : typeAttribute(c, 'precision');
  const to = zero?.type.dtype ?? declared;
  return quantize(c, x, spread(c, scale, x, axis), zero && spread(c, zero, x, axis), to, precision);
};

const dequantizeLinear: Handler = (c) => {
  const [x, scale, zero] = [c.input(0), c.input(1), c.optional(2)];
  const axis = c.attributes.int('axis', 1);
  const to = c.attributes.int('output_dtype', 0) === 0 ? scale.type.dtype : typeAttribute(c, 'output_dtype');
  return dequantize(c, x, spread(c, scale, x, axis), zero && spread(c, zero, x, axis), to);
};

/** Range from the data, 0 included, to u8. */
const dynamicQuantizeLinear: Handler = (c) => {
  const { quantized, scale, zero } = dynamicallyQuantized(c, c.input(0));
  return [quantized, scale, zero];
};

function dynamicallyQuantized(c: NodeContext, x: Value): { quantized: Value; scale: Value; zero: Value } {
  const all = x.type.shape.map((_, axis) => axis);
  const nothing = c.like(x, 0);
  const high = c.max(c.reduce('max', x, all, false), nothing);
  const low = c.min(c.reduce('min', x, all, false), nothing);
  const range = c.sub(high, low);
  const scale = c.div(c.where(c.op('eq', [range, nothing]), c.like(x, 1), range), c.like(x, 255));
  const zero = saturated(c, c.op('neg', [c.div(low, scale)]), undefined, 'u8');
  return { quantized: quantize(c, x, scale, zero, 'u8', x.type.dtype), scale, zero };
}

// ---- integer products ----

const isByte = (x: Value): boolean => x.type.dtype === 'i8' || x.type.dtype === 'u8';

/** Zero points per row of a left operand ([M] or scalar), per column of a right one ([N] or scalar), as i32. */
function asRow(c: NodeContext, zero: Value, side: 'left' | 'right'): Value {
  const wide = c.cast(zero, 'i32');
  if (c.rank(wide) === 0) return wide;
  if (c.rank(wide) === 1 && c.dim(wide, 0) === 1) return c.reshape(wide, []);
  return side === 'left' && c.rank(wide) === 1 ? c.unsqueeze(wide, [1]) : wide;
}

/** (a - za)(b - zb) as i32. */
function integerMatmul(
  c: NodeContext,
  a: Value,
  za: Value | undefined,
  b: Value,
  zb: Value | undefined,
): Value {
  if (!isByte(a) || !isByte(b))
    throw c.refuse(`products of ${a.type.dtype} and ${b.type.dtype} are not supported`);
  const lastA = c.rank(a) - 1;
  const rowA = lastA === 0 ? c.unsqueeze(a, [0]) : a;
  const columnB = c.rank(b) === 1 ? c.unsqueeze(b, [1]) : b;
  let sum = c.matmul(rowA, columnB);
  const left = isZero(c, za) ? undefined : asRow(c, za as Value, 'left');
  const right = isZero(c, zb) ? undefined : asRow(c, zb as Value, 'right');
  if (left !== undefined) {
    const columns = c.reduce('sum', c.cast(columnB, 'i32'), [c.rank(columnB) - 2], true);
    sum = c.sub(sum, c.mul(left, columns));
  }
  if (right !== undefined) {
    const rows = c.reduce('sum', c.cast(rowA, 'i32'), [c.rank(rowA) - 1], true);
    sum = c.sub(sum, c.mul(rows, right));
  }
  if (left !== undefined && right !== undefined) {
    const both = c.mul(left, right);
    sum = c.add(sum, c.mul(both, c.like(both, c.dim(rowA, c.rank(rowA) - 1))));
  }
  const gone = [...(lastA === 0 ? [c.rank(sum) - 2] : []), ...(c.rank(b) === 1 ? [c.rank(sum) - 1] : [])];
  return gone.length === 0 ? sum : c.squeeze(sum, gone);
}

/** (x - zx) * (w - zw) as i32; padding counts as zx. Products with ones give the sums that the zero points belong to. */
function integerConv(
  c: NodeContext,
  x: Value,
  zx: Value | undefined,
  w: Value,
  zw: Value | undefined,
): Value {
  if (!isByte(x) || !isByte(w))
    throw c.refuse(`convolutions of ${x.type.dtype} and ${w.type.dtype} are not supported`);
  const window = windowOf(c, x, kernelOf(c, w));
  const rank = c.rank(x);
  const perFilter = (zero: Value) => {
    const wide = c.cast(zero, 'i32');
    return c.size(wide) === 1 ? c.reshape(wide, []) : c.alongAxis(wide, 1, rank);
  };
  const ones = (like: Value, shape: readonly number[]) => c.filled(like.type.dtype, shape, 1);
  const hasX = !isZero(c, zx);
  const hasW = !isZero(c, zw);
  let sum = convOf(c, x, w, undefined, window);
  const oneSample = [1, ...c.shape(x).slice(1)];
  if (hasX)
    sum = c.sub(sum, c.mul(perFilter(zx as Value), convOf(c, ones(x, oneSample), w, undefined, window)));
  if (hasW)
    sum = c.sub(sum, c.mul(perFilter(zw as Value), convOf(c, x, ones(w, c.shape(w)), undefined, window)));
  if (hasX && hasW) {
    const counts = convOf(c, ones(x, oneSample), ones(w, c.shape(w)), undefined, window);
    sum = c.add(sum, c.mul(c.mul(perFilter(zx as Value), perFilter(zw as Value)), counts));
  }
  return sum;
}

const qLinearMatMul: Handler = (c) => {
  const [a, sa, za, b, sb, zb, sy, zy] = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => c.optional(i));
  if (!a || !sa || !b || !sb || !sy) throw c.bad('an operand is missing');
  const sum = c.cast(integerMatmul(c, a, za, b, zb), 'f32');
  const per = (s: Value, side: 'left' | 'right') => {
    const wide = c.cast(s, 'f32');
    if (c.size(wide) === 1) return c.reshape(wide, []);
    return side === 'left' && c.rank(wide) === 1 ? c.unsqueeze(wide, [1]) : wide;
  };
  const factor = c.div(c.mul(per(sa, 'left'), per(sb, 'right')), per(sy, 'right'));
  return saturated(c, c.mul(sum, factor), zy, zy?.type.dtype ?? a.type.dtype);
};

const qLinearConv: Handler = (c) => {
  const [x, sx, zx, w, sw, zw, sy, zy, bias] = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((i) => c.optional(i));
  if (!x || !sx || !w || !sw || !sy) throw c.bad('an operand is missing');
  const rank = c.rank(x);
  const product = integerConv(c, x, zx, w, zw);
  const sum = bias === undefined ? product : c.add(product, c.alongAxis(c.cast(bias, 'i32'), 1, rank));
  const perFilter = (s: Value) => (c.size(s) === 1 ? c.reshape(s, []) : c.alongAxis(s, 1, rank));
  const factor = c.div(c.mul(perFilter(sx), perFilter(sw)), perFilter(sy));
  return saturated(c, c.mul(c.cast(sum, 'f32'), factor), zy, zy?.type.dtype ?? x.type.dtype);
};

export const QUANTISED: HandlerTable = {
  ConvInteger: (c) => integerConv(c, c.input(0), c.optional(2), c.input(1), c.optional(3)),
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: (c) => integerMatmul(c, c.input(0), c.optional(2), c.input(1), c.optional(3)),
  QLinearConv: qLinearConv,
  QLinearMatMul: qLinearMatMul,
  QuantizeLinear: quantizeLinear,
};

// ---- com.microsoft ----

interface Quantised {
  readonly x: Value;
  readonly scale: Value;
  readonly zero: Value | undefined;
}

/** Operand, scale and zero point at these positions. */
function tripleAt(c: NodeContext, first: number): Quantised {
  return { x: c.input(first), scale: c.input(first + 1), zero: c.optional(first + 2) };
}

const floatOf = (c: NodeContext, { x, scale, zero }: Quantised): Value =>
  dequantize(c, x, scale, zero, 'f32');

/** The float operator between a dequantisation and a quantisation, whose parameters stand at `result`. */
const throughFloats =
  (
    operands: readonly number[],
    result: number,
    compute: (c: NodeContext, values: readonly Value[]) => Value,
  ): Handler =>
  (c) => {
    const values = operands.map((first) => floatOf(c, tripleAt(c, first)));
    const [scale, zero] = [c.input(result), c.optional(result + 1)];
    return quantize(c, compute(c, values), scale, zero, zero?.type.dtype ?? c.dtype(operands[0] ?? 0), 'f32');
  };

const pair =
  (op: string) =>
  (c: NodeContext, [a, b]: readonly Value[]): Value =>
    c.op(op, [a as Value, b as Value]);

const qLinearConcat: Handler = (c) => {
  const [scale, zero] = [c.input(0), c.input(1)];
  const count = Math.floor((c.operands.length - 2) / 3);
  const values = Array.from({ length: count }, (_, i) => floatOf(c, tripleAt(c, 2 + 3 * i)));
  const axis = c.axisAttribute(values[0] as Value);
  return quantize(c, c.concat(values, axis), scale, zero, zero.type.dtype, 'f32');
};

const qLinearGlobalAveragePool = throughFloats([0], 3, (c, [x]) => {
  const isLast = c.attributes.int('channels_last', 0) === 1;
  const axes = (x as Value).type.shape.flatMap((_, i) =>
    i === 0 || i === (isLast ? c.rank(x as Value) - 1 : 1) ? [] : [i],
  );
  return c.reduce('mean', x as Value, axes, true);
});

/** Integer product, scaled to floats, bias added. */
const matMulIntegerToFloat: Handler = (c) => {
  const [a, b, sa, sb, za, zb, bias] = [0, 1, 2, 3, 4, 5, 6].map((i) => c.optional(i));
  if (!a || !b || !sa || !sb) throw c.bad('an operand is missing');
  const product = c.mul(c.cast(integerMatmul(c, a, za, b, zb), sa.type.dtype), c.mul(sa, sb));
  return bias === undefined ? product : c.add(product, bias);
};

const dynamicQuantizeMatMul: Handler = (c) => {
  const [a, b, sb, zb, bias] = [0, 1, 2, 3, 4].map((i) => c.optional(i));
  if (!a || !b || !sb) throw c.bad('an operand is missing');
  const { quantized, scale, zero } = dynamicallyQuantized(c, a);
  const product = c.mul(c.cast(integerMatmul(c, quantized, zero, b, zb), 'f32'), c.mul(scale, sb));
  return bias === undefined ? product : c.add(product, bias);
};

export const QUANTISED_CONTRIB: HandlerTable = {
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeMatMul: dynamicQuantizeMatMul,
  MatMulIntegerToFloat: matMulIntegerToFloat,
  QLinearAdd: throughFloats([0, 3], 6, pair('add')),
  QLinearConcat: qLinearConcat,
  QLinearGlobalAveragePool: qLinearGlobalAveragePool,
  QLinearLeakyRelu: throughFloats([0], 3, (c, [x]) =>
    c.op('leaky_relu', [x as Value], { alpha: c.attributes.float('alpha', 0.01) }),
  ),
  QLinearMul: throughFloats([0, 3], 6, pair('mul')),
  QLinearSigmoid: throughFloats([0], 3, (c, [x]) => c.op('sigmoid', [x as Value])),
  QLinearSoftmax: throughFloats([0], 3, (c, [x]) =>
    c.op('softmax', [x as Value], { axis: c.axisAttribute(x as Value, -1) }),
  ),
  QuantizeLinear: quantizeLinear,
};

// Element-wise operators: every operand in one layout, one or two instructions an access pattern. The layout is that of the
// largest operand on chip, else what consumers want. Tensors too large for the chip are streamed from DRAM in chunks.
import { bug } from '../../../base/diagnostic.js';
import { constantOf, type Node, type Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import type { ActFunction, AluOp } from '../../../isa/functions.js';
import { scalarConstant } from '../../scalar.js';
import type { LowerContext } from '../context.js';
import type { Kernel } from '../kernel.js';
import { defaultPartition } from '../layout.js';
import { laneAxes, move } from '../move.js';
import { broadcastView, sliceView, type View, viewShape } from '../view.js';

/** What an element-wise kernel emits for one chunk: dst and operands share shape and partitions (operands may have strides 0). */
type Emit = (dst: View, operands: readonly Operand[]) => void;

/** An operand of a chunk: its view, and its value where it is one number. */
interface Operand {
  readonly view: View;
  readonly scalar: number | undefined;
  /** All elements of a partition are one: usable as a column. */
  readonly column: boolean;
}

/** Chooses a layout, fetches operands, streams where they do not fit, and calls `emit` for each chunk. */
export function elementwise(c: LowerContext, node: Node, emit: Emit): void {
  const out = node.outputs[0] as Value;
  const shape = c.shape(out);
  if (elementCount(shape) === 0) {
    c.define(out, c.resultInDram(out));
    return;
  }
  const partition = choosePartition(c, node.inputs, out);
  const fits = c.fits(out, partition);
  if (!fits || !loadable(c, node.inputs, out, partition)) {
    streamed(c, node, out, shape, emit, fits ? partition : undefined);
    return;
  }
  const operands = node.inputs.map((v) => operand(c, v, shape, partition));
  emit(c.result(out, partition), operands);
}

function operand(c: LowerContext, v: Value, shape: readonly number[], partition: readonly number[]): Operand {
  const scalar = scalarConstant(v);
  // A scalar constant needs no place on chip unless the kernel asks for its view.
  let made: View | undefined;
  return {
    scalar,
    get view() {
      made ??= c.fetchBroadcast(v, shape, partition);
      return made;
    },
    get column() {
      return (
        scalar === undefined &&
        this.view.axes.every((a, i) => partition.includes(i) || a.n === 1 || a.f === 0)
      );
    },
  };
}

/** Partition axes for the result: as the largest operand already on chip has them, else as consumers want, else the default. */
export function choosePartition(c: LowerContext, inputs: readonly Value[], out: Value): readonly number[] {
  const shape = c.shape(out);
  let best: readonly number[] | undefined;
  let bestSize = 0;
  for (const v of inputs) {
    if (constantOf(v) !== undefined) continue;
    const own = c.shape(v);
    const lead = shape.length - own.length;
    for (const place of c.places(v)) {
      if (place.space !== 'sbuf' || place.p0 % 128 !== 0) continue;
      const lanes = laneAxes(place).map((i) => i + lead);
      const rows = lanes.reduce((n, i) => n * (shape[i] ?? 1), 1);
      const dense = place.axes.filter((a) => a.p !== 0 && a.n > 1).length === lanes.length;
      const same = lanes.every((i) => own[i - lead] === shape[i]);
      const size = elementCount(own) + (isWanted(c, out, lanes) ? 0.5 : 0);
      if (dense && same && rows > 0 && size > bestSize) {
        best = lanes;
        bestSize = size;
      }
    }
  }
  if (best !== undefined && bestSize * 2 > elementCount(shape)) return best;
  return c.plan.wanted.get(out) ?? best ?? defaultPartition(shape);
}

function isWanted(c: LowerContext, v: Value, lanes: readonly number[]): boolean {
  const wanted = c.plan.wanted.get(v);
  return wanted !== undefined && wanted.length === lanes.length && wanted.every((x, i) => x === lanes[i]);
}

/** Whether the operands that are still in DRAM may lie on chip as a whole beside the result. */
function loadable(
  c: LowerContext,
  inputs: readonly Value[],
  out: Value,
  partition: readonly number[],
): boolean {
  const rank = c.shape(out).length;
  let bytes = c.bytesPerPartition(out, partition);
  for (const v of inputs) {
    if (constantOf(v) !== undefined || c.places(v).some((p) => p.space === 'sbuf')) continue;
    const lead = rank - c.shape(v).length;
    bytes += c.bytesPerPartition(
      v,
      partition.flatMap((i) => (i >= lead ? [i - lead] : [])),
    );
  }
  return bytes <= c.b.target.sbufPartitionBytes * 0.7;
}

/** From DRAM in chunks of the axes that stay within partitions; the result stays on chip with `onChip` on partitions, or goes to DRAM. */
function streamed(
  c: LowerContext,
  node: Node,
  out: Value,
  shape: readonly number[],
  emit: Emit,
  onChip: readonly number[] | undefined,
): void {
  const partition = onChip ?? defaultPartition(shape);
  const rows = partition.reduce((n, i) => n * (shape[i] ?? 1), 1);
  const perRow = elementCount(shape) / rows;
  const panels = Math.ceil(rows / 128);
  const limit = c.b.target.sbufPartitionBytes * 0.1;
  const axis = shape.findIndex((n, i) => !partition.includes(i) && n > 1);
  // Row chunks where a single row of panels is already too much, else chunks of the outermost free axis.
  const cut = panels * 4 > limit || axis < 0 ? (partition.find((i) => (shape[i] ?? 1) > 1) ?? 0) : axis;
  const n = shape[cut] ?? 1;
  const bytesPerStep = (panels * perRow * 4) / n;
  const step = Math.max(1, Math.floor(limit / Math.max(1, bytesPerStep)));
  const sources = node.inputs.map((v) => ({ v, scalar: scalarConstant(v), place: c.place(v) }));
  const home = onChip === undefined ? c.resultInDram(out) : c.result(out, onChip);
  for (let i = 0; i < n; i += step) {
    const starts = shape.map((_, k) => (k === cut ? i : 0));
    const sizes = shape.map((m, k) => (k === cut ? Math.min(step, n - i) : m));
    const part = (view: View) => sliceView(view, starts, sizes);
    const operands = sources.map(({ v, scalar, place }): Operand => {
      const source = part(broadcastView(place, shape));
      let made: View | undefined;
      return {
        scalar,
        get view() {
          if (made === undefined) {
            made = c.b.sbuf(v.name, c.dtype(v), sizes, partition);
            move(c.b, made, source, c.mayCrossPe(v));
          }
          return made;
        },
        column: false,
      };
    });
    if (onChip !== undefined) {
      emit(part(home), operands);
      continue;
    }
    const dst = c.b.sbuf(out.name, c.dtype(out), sizes, partition);
    emit(dst, operands);
    c.b.dma(part(home), dst);
  }
}

// ---- unary --------------------------------------------------------------------------------------------------------

const ACT_UNARY: Readonly<Record<string, ActFunction>> = {
  exp: 'exp',
  log: 'ln',
  sqrt: 'sqrt',
  rsqrt: 'rsqrt',
  square: 'square',
  abs: 'abs',
  sign: 'sign',
  relu: 'relu',
  sigmoid: 'sigmoid',
  tanh: 'tanh',
  silu: 'silu',
  gelu: 'gelu',
  gelu_tanh: 'gelu_tanh',
  softplus: 'softplus',
  mish: 'mish',
  erf: 'erf',
  sin: 'sin',
  cos: 'cos',
  tan: 'tan',
  asin: 'asin',
  acos: 'acos',
  atan: 'atan',
  sinh: 'sinh',
  cosh: 'cosh',
  asinh: 'asinh',
  acosh: 'acosh',
  atanh: 'atanh',
  floor: 'floor',
  ceil: 'ceil',
  round: 'round',
  trunc: 'trunc',
  exp2: 'exp2',
  log2: 'log2',
  log1p: 'log1p',
  expm1: 'expm1',
  reciprocal: 'reciprocal',
  leaky_relu: 'leaky_relu',
  elu: 'elu',
};

const isInt = (v: View): boolean =>
  !['f32', 'bf16', 'f16', 'f8e4m3fn', 'f8e4m3fnuz', 'f8e5m2', 'f8e5m2fnuz'].includes(v.dtype);

const isUnsigned = (v: View): boolean => v.dtype.startsWith('u') || v.dtype === 'bool';

const unary: Kernel = (c, node) => {
  elementwise(c, node, (dst, [x]) => {
    const src = (x as Operand).view;
    const special = INTEGER_UNARY[node.op];
    if (special !== undefined && isInt(src)) {
      special(c, dst, src);
      return;
    }
    const func = ACT_UNARY[node.op];
    if (func === undefined) throw bug('E1330', `no activation function for ${node.op}`);
    c.b.activate(func, dst, src, { alpha: Number(node.attrs.alpha ?? 0) });
  });
};

/** Operators that are exact on integers go to DVE. */
const INTEGER_UNARY: Readonly<Record<string, (c: LowerContext, dst: View, src: View) => void>> = {
  abs: (c, dst, src) => {
    if (isUnsigned(src)) {
      c.b.copy(dst, src);
      return;
    }
    const negated = c.b.sbuf('negated', src.dtype, viewShape(src), laneAxes(dst));
    c.b.tensorScalar('multiply', negated, src, -1, { integer: true });
    c.b.tensorTensor('max', dst, src, negated);
  },
  sign: (c, dst, src) => {
    if (isUnsigned(src)) c.b.tensorScalar('min', dst, src, 1, { integer: true });
    else c.b.tensorScalar('max', dst, src, -1, { op1: 'min', s1: 1, integer: true });
  },
  relu: (c, dst, src) => c.b.tensorScalar('max', dst, src, 0, { integer: true }),
  square: (c, dst, src) => c.b.tensorTensor('multiply', dst, src, src),
  floor: (c, dst, src) => c.b.copy(dst, src),
  ceil: (c, dst, src) => c.b.copy(dst, src),
  round: (c, dst, src) => c.b.copy(dst, src),
  trunc: (c, dst, src) => c.b.copy(dst, src),
};

const neg: Kernel = (c, node) =>
  elementwise(c, node, (dst, [x]) => {
    const src = (x as Operand).view;
    c.b.tensorScalar('multiply', dst, src, -1, {
      integer: isInt(src),
      exact: node.outputs[0]?.type.dtype === 'i64',
    });
  });

const not: Kernel = (c, node) =>
  elementwise(c, node, (dst, [x]) => c.b.tensorScalar('eq', dst, (x as Operand).view, 0, { integer: true }));
const bitnot: Kernel = (c, node) =>
  elementwise(c, node, (dst, [x]) =>
    c.b.tensorScalar('xor', dst, (x as Operand).view, -1, { integer: true }),
  );
const isnan: Kernel = (c, node) =>
  elementwise(c, node, (dst, [x]) => c.b.tensorTensor('ne', dst, (x as Operand).view, (x as Operand).view));
const isinf: Kernel = (c, node) =>
  elementwise(c, node, (dst, [x]) => {
    const src = (x as Operand).view;
    const up = node.attrs.positive !== false;
    const down = node.attrs.negative !== false;
    if (up && down) {
      // |x| == inf: x * x would be inf for large finite values, max(x, -x) is not.
      const magnitude = c.b.sbuf('magnitude', 'f32', viewShape(src), laneAxes(dst));
      c.b.scalarTensorTensor('multiply', 'max', magnitude, src, -1, src);
      c.b.tensorScalar('eq', dst, magnitude, Number.POSITIVE_INFINITY);
    } else
      c.b.tensorScalar(
        'eq',
        dst,
        src,
        up ? Number.POSITIVE_INFINITY : down ? Number.NEGATIVE_INFINITY : Number.NaN,
      );
  });

/** Largest finite value of the 8-bit floats, which a saturating cast stops at. */
const LARGEST: Readonly<Record<string, number>> = {
  f8e4m3fn: 448,
  f8e4m3fnuz: 240,
  f8e5m2: 57344,
  f8e5m2fnuz: 57344,
};
/** Bits of the integers that take a whole byte on chip. */
const SUB_BYTE: Readonly<Record<string, number>> = { i4: 4, u4: 4, i2: 2, u2: 2 };

const cast: Kernel = (c, node) =>
  elementwise(c, node, (dst, [x]) => {
    const src = (x as Operand).view;
    const to = node.outputs[0]?.type.dtype ?? 'f32';
    const from = node.inputs[0]?.type.dtype ?? 'f32';
    const largest = LARGEST[to];
    const bits = SUB_BYTE[to];
    if (largest !== undefined && node.attrs.saturate !== false) {
      c.b.tensorScalar('min', dst, floats(c, src, dst), largest, { op1: 'max', s1: -largest });
    } else if (bits !== undefined && SUB_BYTE[from] === undefined) {
      // Wrapping to few bits: left so that they are on top, then back with or without the sign.
      const wide = c.b.sbuf('wide', 'i32', viewShape(dst), laneAxes(dst));
      c.b.copy(wide, src, { engine: 'dve' });
      c.b.tensorScalar('shl', wide, wide, 32 - bits, {
        op1: to.startsWith('i') ? 'sar' : 'shr',
        s1: 32 - bits,
        integer: true,
      });
      c.b.copy(dst, wide, { engine: 'dve' });
    } else c.b.copy(dst, src);
  });

/** Integers as fp32, so that what follows computes in fp32. */
function floats(c: LowerContext, src: View, dst: View): View {
  if (!isInt(src)) return src;
  const made = c.b.sbuf('float', 'f32', viewShape(dst), laneAxes(dst));
  c.b.copy(made, src, { engine: 'dve' });
  return made;
}

// ---- binary -------------------------------------------------------------------------------------------------------

const ALU_BINARY: Readonly<Record<string, AluOp>> = {
  add: 'add',
  sub: 'subtract',
  mul: 'multiply',
  div: 'divide',
  max: 'max',
  min: 'min',
  pow: 'pow',
  fmod: 'mod',
  mod: 'floormod',
  eq: 'eq',
  ne: 'ne',
  lt: 'lt',
  le: 'le',
  gt: 'gt',
  ge: 'ge',
  and: 'logical_and',
  or: 'logical_or',
  xor: 'logical_xor',
  bitand: 'and',
  bitor: 'or',
  bitxor: 'xor',
  shl: 'shl',
  shr: 'shr',
};

const binary: Kernel = (c, node) => {
  elementwise(c, node, (dst, [x, y]) => {
    const a = x as Operand;
    const b = y as Operand;
    const signed = node.inputs[0]?.type.dtype.startsWith('i') === true;
    const op = node.op === 'shr' && signed ? 'sar' : ALU_BINARY[node.op];
    if (op === undefined) throw bug('E1330', `no ALU operation for ${node.op}`);
    const exact = node.outputs[0]?.type.dtype === 'i64' && ['add', 'sub', 'mul'].includes(node.op);
    const integer = isInt(a.scalar === undefined ? a.view : b.view);
    if (b.scalar !== undefined && a.scalar === undefined)
      c.b.tensorScalar(op, dst, a.view, b.scalar, { integer, exact });
    else if (a.scalar !== undefined && b.scalar === undefined)
      c.b.tensorScalar(op, dst, b.view, a.scalar, { integer, exact, reverse0: true });
    else if (b.column && !a.column) c.b.tensorScalar(op, dst, a.view, b.view, { exact });
    else if (a.column && !b.column) c.b.tensorScalar(op, dst, b.view, a.view, { exact, reverse0: true });
    else c.b.tensorTensor(op, dst, a.view, b.view, { exact });
  });
};

const where: Kernel = (c, node) =>
  elementwise(c, node, (dst, [m, x, y]) =>
    c.b.select(dst, (m as Operand).view, (x as Operand).view, (y as Operand).view),
  );

export const ELEMENTWISE: Readonly<Record<string, Kernel>> = {
  ...Object.fromEntries(Object.keys(ACT_UNARY).map((op) => [op, unary])),
  ...Object.fromEntries(Object.keys(ALU_BINARY).map((op) => [op, binary])),
  neg,
  not,
  bitnot,
  isnan,
  isinf,
  cast,
  where,
};

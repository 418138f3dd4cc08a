// Short names for what the importers of operators write most: arithmetic, moves, constants of the operand's type. Every
// function makes core operators through the graph builder, which infers types and folds constants; nothing is decided here.
import { type DType, isFloat } from '../../base/dtype.js';
import type { HostTensor } from '../../base/tensor.js';
import { type Attrs, bytesConstant, type Constant, splatConstant } from '../../ir/constant.js';
import { constantOf, type Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import { elementBytesOf } from '../../ops/elements.js';
import { constantNumbers } from '../../ops/evaluate.js';

export class Emitter {
  readonly builder: GraphBuilder;

  constructor(builder: GraphBuilder) {
    this.builder = builder;
  }

  op(op: string, inputs: readonly Value[], attrs: Attrs = {}): Value {
    return this.builder.one(op, inputs, attrs);
  }

  // ---- constants ----

  scalar(dtype: DType, value: number | bigint): Value {
    return this.builder.scalar(dtype, value);
  }
  /** A scalar of the operand's type. */
  like(x: Value, value: number | bigint): Value {
    return this.builder.scalar(x.type.dtype, value);
  }
  ints(values: readonly number[]): Value {
    return this.builder.ints(values);
  }
  constant(constant: Constant): Value {
    return this.builder.constant(constant);
  }
  tensor(t: HostTensor): Value {
    return this.builder.constant({
      ...bytesConstant(t.dtype, t.shape, t.data),
      ...(t.strings && { strings: t.strings }),
    });
  }
  /** A constant of numbers, given as doubles. */
  numbers(dtype: DType, shape: readonly number[], values: ArrayLike<number>): Value {
    const wide = this.tensor({
      dtype: 'f64',
      shape,
      data: new Uint8Array(Float64Array.from(values).buffer),
    });
    return this.cast(wide, dtype);
  }
  /** A constant with the same element everywhere. */
  filled(dtype: DType, shape: readonly number[], value: number | bigint): Value {
    return this.builder.constant(splatConstant(dtype, shape, elementBytesOf(dtype, value)));
  }
  /** The elements of a constant as doubles; undefined where the value is computed at run time. */
  known(x: Value): readonly number[] | undefined {
    const constant = constantOf(x);
    if (constant === undefined || constant.dtype === 'string') return undefined;
    return Array.from(constantNumbers(constant));
  }

  // ---- arithmetic ----

  add(a: Value, b: Value): Value {
    return this.op('add', [a, b]);
  }
  sub(a: Value, b: Value): Value {
    return this.op('sub', [a, b]);
  }
  mul(a: Value, b: Value): Value {
    return this.op('mul', [a, b]);
  }
  div(a: Value, b: Value): Value {
    return this.op('div', [a, b]);
  }
  max(a: Value, b: Value): Value {
    return this.op('max', [a, b]);
  }
  min(a: Value, b: Value): Value {
    return this.op('min', [a, b]);
  }
  where(condition: Value, a: Value, b: Value): Value {
    return this.op('where', [condition, a, b]);
  }
  not(x: Value): Value {
    return this.op('not', [x]);
  }
  /** One operator over any number of operands, from the left. */
  chain(op: string, values: readonly Value[]): Value {
    return values.reduce((a, b) => this.op(op, [a, b]));
  }
  cast(x: Value, to: DType, saturate = true): Value {
    return this.op('cast', [x], { to, saturate });
  }
  matmul(a: Value, b: Value): Value {
    return this.op('matmul', [a, b]);
  }
  reduce(op: string, x: Value, axes: readonly number[], keep: boolean): Value {
    return axes.length === 0 ? x : this.op(`reduce_${op}`, [x], { axes: [...axes], keep });
  }
  /** In fp32 where the type is a narrower float, and back: `compute` sees fp32 or wider. */
  inSingle(x: Value, compute: (x: Value) => Value): Value {
    const { dtype } = x.type;
    if (!isFloat(dtype) || dtype === 'f32' || dtype === 'f64') return compute(x);
    return this.cast(compute(this.cast(x, 'f32')), dtype);
  }

  // ---- moves ----

  reshape(x: Value, shape: readonly number[]): Value {
    return this.op('reshape', [x], { shape: [...shape] });
  }
  transpose(x: Value, perm: readonly number[]): Value {
    return this.op('transpose', [x], { perm: [...perm] });
  }
  /** The axes `a` and `b` exchanged. */
  swapAxes(x: Value, a: number, b: number): Value {
    return this.transpose(
      x,
      x.type.shape.map((_, axis) => (axis === a ? b : axis === b ? a : axis)),
    );
  }
  /** The axis `from` moved to position `to`. */
  moveAxis(x: Value, from: number, to: number): Value {
    const perm = x.type.shape.map((_, axis) => axis).filter((axis) => axis !== from);
    perm.splice(to, 0, from);
    return this.transpose(x, perm);
  }
  broadcast(x: Value, shape: readonly number[]): Value {
    return this.op('broadcast', [x], { shape: [...shape] });
  }
  concat(values: readonly Value[], axis: number): Value {
    const [first] = values;
    return values.length === 1 && first ? first : this.op('concat', values, { axis });
  }
  gather(x: Value, index: Value, axis: number): Value {
    return this.op('gather', [x, index], { axis });
  }
  /** Dims for a reshape of `x`: those that are symbolic are named by their axis. */
  dims(x: Value): number[] {
    return x.type.shape.map((d, axis) => (typeof d === 'number' ? d : -2 - axis));
  }
  /** Elements `start`, `start + step`, … of one axis, `size` of them; all of the others. */
  slice(x: Value, axis: number, start: number, size: number, step = 1): Value {
    return this.op('slice', [x], {
      starts: x.type.shape.map((_, i) => (i === axis ? start : 0)),
      sizes: x.type.shape.map((_, i) => (i === axis ? size : -1)),
      steps: x.type.shape.map((_, i) => (i === axis ? step : 1)),
    });
  }
  /** One element of an axis, which goes away. */
  pick(x: Value, axis: number, index: number): Value {
    const piece = this.slice(x, axis, index, 1);
    return this.reshape(
      piece,
      this.dims(piece).filter((_, i) => i !== axis),
    );
  }
  /** Consecutive pieces of an axis. */
  split(x: Value, axis: number, sizes: readonly number[]): readonly Value[] {
    let start = 0;
    return sizes.map((size) => {
      const piece = this.slice(x, axis, start, size);
      start += size;
      return piece;
    });
  }
  /** With dims of 1 at these positions of the result. */
  unsqueeze(x: Value, axes: readonly number[]): Value {
    const shape = this.dims(x);
    for (const axis of [...axes].sort((a, b) => a - b)) shape.splice(axis, 0, 1);
    return this.reshape(x, shape);
  }
  /** Without these axes, which have one element. */
  squeeze(x: Value, axes: readonly number[]): Value {
    return this.reshape(
      x,
      this.dims(x).filter((_, axis) => !axes.includes(axis)),
    );
  }
  pad(x: Value, low: readonly number[], high: readonly number[], mode = 'constant', value = 0): Value {
    return this.op('pad', [x], { low: [...low], high: [...high], mode, value });
  }
  /** Values along one axis of a tensor of this rank: shape 1x..xNx..x1. */
  alongAxis(vector: Value, axis: number, rank: number): Value {
    const [size = 1] = vector.type.shape as readonly number[];
    return this.reshape(
      vector,
      Array.from({ length: rank }, (_, i) => (i === axis ? size : 1)),
    );
  }
  /** Indices 0 <= i < size from ones that may count from the end. */
  wrapIndex(index: Value, size: number): Value {
    const known = this.known(index);
    if (known?.every((i) => i >= 0)) return index;
    const wrapped = this.add(index, this.like(index, size));
    return this.where(this.op('lt', [index, this.like(index, 0)]), wrapped, index);
  }
}

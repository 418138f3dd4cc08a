// matmul: contraction on partitions. The result may have either its rows or its columns on partitions: whichever the
// consumers want decides which operand is stationary. Bias and activation ride on the eviction from PSUM.

import { unsupported } from '../../../base/diagnostic.js';
import type { Constant } from '../../../ir/constant.js';
import { constantOf, type Node, type Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import type { ActFunction } from '../../../isa/functions.js';
import { CHIP_DTYPE_BYTES } from '../../../isa/operands.js';
import type { LowerContext } from '../context.js';
import {
  BANK_COLUMNS,
  contractible,
  type Epilogue,
  exactPairs,
  gemm,
  product,
  SIDE_BY_SIDE,
  stationaryParts,
  threeParts,
} from '../gemm.js';
import type { Kernel } from '../kernel.js';
import {
  broadcastView,
  permuteView,
  reshapeView,
  sliceAxis,
  sliceView,
  type View,
  viewShape,
} from '../view.js';

/** Element types that PE multiplies; other products become these in a pass. */
const PRODUCT_TYPES = new Set(['f32', 'bf16', 'f16', 'i8']);

export function requireProductTypes(c: LowerContext, node: Node): void {
  const types = node.inputs.slice(0, 2).map((v) => c.dtype(v));
  const integerAct = types[0] === 'i8' && String(node.attrs.act ?? '') !== '';
  if (types.every((t) => PRODUCT_TYPES.has(t)) && (types[0] === 'i8') === (types[1] === 'i8') && !integerAct)
    return;
  throw unsupported(
    'E4123',
    `${node.op} of ${types.join(' by ')}${integerAct ? ' with an activation' : ''}: no engine multiplies these`,
    {
      node: node.origins[0]?.node ?? node.op,
    },
  );
}

const matmul: Kernel = (c, node) => {
  requireProductTypes(c, node);
  const [a, b] = node.inputs as [Value, Value];
  const out = node.outputs[0] as Value;
  const shapeB = c.shape(b);
  const shared = shapeB.slice(0, -2).every((n) => n === 1);
  if (shared) linear(c, node, a, b, out);
  else batched(c, node, a, b, out);
};

/** All rows of `a`, over its batch, against one matrix. */
function linear(c: LowerContext, node: Node, a: Value, b: Value, out: Value): void {
  const shape = c.shape(out);
  const rank = shape.length;
  const rankA = c.shape(a).length;
  const rankB = c.shape(b).length;
  const n = shape[rank - 1] ?? 1;
  const k = c.shape(a)[rankA - 1] ?? 1;
  const rows = elementCount(shape) / n;
  const left = matrix(c, c.fetch(a, [rankA - 1]), k, rows, rankA - 1);
  const wanted = c.plan.wanted.get(out);
  const byColumns =
    wanted === undefined ? n >= 64 || rows > 128 : wanted.includes(rank - 1) || (rows < 32 && n >= 128);
  const bias = node.attrs.bias === true ? (node.inputs[2] as Value) : undefined;
  if (byColumns) {
    const home = c.result(out, [rank - 1]);
    const target = matrix(c, home, n, rows, rank - 1);
    const column = bias && reshapeView(c.fetch(bias, [0]), [n, 1]);
    const done: Epilogue = (psum, s, v) =>
      evict(
        c,
        node,
        cut(target, psum, s, v),
        psum,
        column && sliceAxis(column, 0, s, psum.axes[0]?.n ?? 1),
        undefined,
      );
    const weights = constantOf(b);
    if (weights === undefined) gemm(c, matrix(c, c.fetch(b, [rankB - 2]), k, n, rankB - 2), left, done);
    else byRanges(c, weights, k, n, left, done);
    return;
  }
  const lanes = shape.map((_, i) => i).slice(0, -1);
  const home = c.result(out, lanes);
  const target = reshapeView(home, [rows, n]) as View;
  const row = bias && (reshapeView(c.fetchBroadcast(bias, shape, lanes), [rows, n]) ?? undefined);
  const done: Epilogue = (psum, s, v) =>
    evict(c, node, cut(target, psum, s, v), psum, undefined, row && cut(row, psum, s, v));
  const weights = constantOf(b);
  if (weights === undefined) {
    gemm(c, left, matrix(c, c.fetch(b, [rankB - 2]), k, n, rankB - 2), done);
    return;
  }
  // One bank of columns at a time, so that a range of weights is given back before the next is needed.
  const ranges = weightRanges(c, weights, k, n, left.dtype, BANK_COLUMNS);
  const stationaries = left.dtype === 'f32' && !c.b.target.peFp32 ? threeParts(c, left) : [left];
  for (let v = 0; v < n; v += BANK_COLUMNS) {
    const pairs = exactPairs(stationaries, ranges(v, Math.min(BANK_COLUMNS, n - v)));
    product(
      c,
      rows,
      (first, size) => pairs.map(([x]) => sliceAxis(x, 1, first, size)),
      pairs.map(([, y]) => y),
      (psum, s, w) => done(psum, s, v + w),
    );
  }
}

/** Bytes of a weight's row in DRAM that make transfers efficient. */
const ROW_BYTES = 2048;

/** Constant weights [k, n] by ranges of columns, each a few buffers that are given back after one use. */
function weightRanges(
  c: LowerContext,
  weights: Constant,
  k: number,
  n: number,
  dtype: View['dtype'],
  step: number,
): (first: number, size: number) => View[] {
  const loaded = new Map<number, View[]>();
  const flat: Constant = {
    dtype: weights.dtype,
    shape: [k, n],
    recipe: { kind: 'apply', op: 'reshape', attrs: { shape: [k, n] }, inputs: [weights], result: 0 },
  };
  return (first, size) => {
    const start = Math.floor(first / step) * step;
    let parts = loaded.get(start);
    if (parts === undefined) {
      const width = Math.min(step, n - start);
      const range: Constant =
        n === width
          ? flat
          : {
              dtype: flat.dtype,
              shape: [k, width],
              recipe: {
                kind: 'apply',
                op: 'slice',
                attrs: { starts: [0, start], sizes: [k, width], steps: [1, 1] },
                inputs: [flat],
                result: 0,
              },
            };
      parts = stationaryParts(c, range, dtype);
      loaded.set(start, parts);
    }
    return parts.map((v) => sliceAxis(v, 1, first - start, size));
  };
}

/** Constant weights stationary, 128 columns at a time. */
function byRanges(
  c: LowerContext,
  weights: Constant,
  k: number,
  n: number,
  left: View,
  done: Epilogue,
): void {
  // A range wider than the tiles that accumulate side by side is visited twice: only where all of its panels may stay.
  const wide = Math.max(128, Math.floor(ROW_BYTES / CHIP_DTYPE_BYTES[left.dtype] / 128) * 128);
  const panels = Math.ceil(k / 128) * ROW_BYTES;
  const step = panels <= c.b.target.sbufPartitionBytes * 0.15 ? wide : Math.min(wide, SIDE_BY_SIDE * 128);
  const ranges = weightRanges(c, weights, k, n, left.dtype, step);
  const movings = left.dtype === 'f32' && !c.b.target.peFp32 ? threeParts(c, left) : [left];
  const pairs = exactPairs(
    movings.map((_, i) => i),
    movings.map((_, i) => i),
  );
  product(
    c,
    n,
    (first, size) => {
      const parts = ranges(first, size);
      return pairs.map(([i]) => parts[i] as View);
    },
    pairs.map(([, j]) => movings[j] as View),
    done,
  );
}

/** The view as [axis on partitions, everything else]; a layout whose other axes do not merge is copied dense. */
function matrix(c: LowerContext, v: View, lanes: number, rest: number, axis: number): View {
  const order = [axis, ...v.axes.map((_, i) => i).filter((i) => i !== axis)];
  const turned = permuteView(v, order);
  const merged = reshapeView(turned, [lanes, rest]);
  if (merged !== undefined) return merged;
  const dense = c.b.sbuf('dense', v.dtype, viewShape(turned), [0]);
  c.b.copy(dense, turned);
  return reshapeView(dense, [lanes, rest]) as View;
}

function cut(v: View, psum: View, s: number, n: number): View {
  return sliceView(v, [s, n], [psum.axes[0]?.n ?? 1, psum.axes[1]?.n ?? 1]);
}

/** One product per batch index. */
function batched(c: LowerContext, node: Node, a: Value, b: Value, out: Value): void {
  const shape = c.shape(out);
  const rank = shape.length;
  const batch = shape.slice(0, -2);
  const m = shape[rank - 2] ?? 1;
  const n = shape[rank - 1] ?? 1;
  const k = c.shape(a).at(-1) ?? 1;
  const wanted = c.plan.wanted.get(out);
  // Columns on partitions only where consumers want just them: heads side by side on partitions come from a transpose of rows.
  const byColumns =
    wanted === undefined
      ? n >= 64 && m < 64
      : wanted.includes(rank - 1) && wanted.every((i) => i === rank - 1 || (shape[i] ?? 1) === 1);
  const home = c.result(out, [byColumns ? rank - 1 : rank - 2]);
  const left = operand(c, a, [...batch, m, k], true);
  const right = operand(c, b, [...batch, k, n], false);
  const [lefts, rights] = agree(c, a, b, left, right, batch, m, k, n);
  const bias = node.attrs.bias === true ? (node.inputs[2] as Value) : undefined;
  const lanes = byColumns ? [rank - 1] : [rank - 2];
  const addend = bias && c.fetchBroadcast(bias, shape, lanes);
  eachIndex(batch, (index) => {
    const l = at(lefts, index);
    const r = at(rights, index);
    const target = at(home, index);
    const add = addend && at(addend, index);
    if (byColumns) {
      const flipped = permuteView(target, [1, 0]);
      gemm(c, r, permuteView(l, [1, 0]), (psum, s, v) =>
        evict(
          c,
          node,
          cut(flipped, psum, s, v),
          psum,
          undefined,
          add && cut(permuteView(add, [1, 0]), psum, s, v),
        ),
      );
    } else {
      gemm(c, permuteView(l, [1, 0]), r, (psum, s, v) =>
        evict(c, node, cut(target, psum, s, v), psum, undefined, add && cut(add, psum, s, v)),
      );
    }
  });
}

/** An operand over the full batch, where it lies if it is on chip, else with the contraction on partitions. */
function operand(c: LowerContext, v: Value, shape: readonly number[], left: boolean): View {
  const rank = c.shape(v).length;
  const place = c.places(v).find((p) => p.space === 'sbuf');
  const view = place ?? c.fetch(v, [left ? rank - 1 : rank - 2]);
  return broadcastView(view, shape);
}

/** Operands as they lie where PE can contract every pair of slices, else both with the contraction on partitions from 0. */
function agree(
  c: LowerContext,
  a: Value,
  b: Value,
  left: View,
  right: View,
  batch: readonly number[],
  m: number,
  k: number,
  n: number,
): [View, View] {
  let fine = true;
  eachIndex(batch, (index) => {
    fine &&= contractible(permuteView(at(left, index), [1, 0]), at(right, index));
  });
  if (fine) return [left, right];
  const rankA = c.shape(a).length;
  const rankB = c.shape(b).length;
  return [
    broadcastView(c.fetch(a, [rankA - 1]), [...batch, m, k]),
    broadcastView(c.fetch(b, [rankB - 2]), [...batch, k, n]),
  ];
}

/** The matrix of one batch index. */
function at(v: View, index: readonly number[]): View {
  const rank = v.axes.length;
  const one = sliceView(
    v,
    [...index, 0, 0],
    [...index.map(() => 1), v.axes[rank - 2]?.n ?? 1, v.axes[rank - 1]?.n ?? 1],
  );
  return { ...one, axes: one.axes.slice(-2) };
}

function eachIndex(shape: readonly number[], visit: (index: number[]) => void): void {
  const total = elementCount(shape);
  for (let i = 0; i < total; i++) {
    const index: number[] = new Array(shape.length);
    let rest = i;
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d] = rest % (shape[d] ?? 1);
      rest = Math.floor(rest / (shape[d] ?? 1));
    }
    visit(index);
  }
}

/** dst = act(psum + bias): a column bias rides on ACT, a row bias is one addition on DVE. */
export function evict(
  c: LowerContext,
  node: Node,
  dst: View,
  psum: View,
  column: View | undefined,
  row: View | undefined,
): void {
  const act = String(node.attrs.act ?? '');
  const alpha = Number(node.attrs.alpha ?? 0);
  if (psum.dtype === 'i32') {
    // Integer sums stay exact on DVE; ACT computes in fp32.
    if (row !== undefined) c.b.tensorTensor('add', dst, psum, row);
    else if (column !== undefined) c.b.tensorScalar('add', dst, psum, column);
    else c.b.copy(dst, psum, { engine: 'dve' });
    return;
  }
  if (row !== undefined) {
    if (act === '') {
      c.b.tensorTensor('add', dst, psum, row);
      return;
    }
    const sum = c.b.sbuf('sum', 'f32', viewShape(psum), [0]);
    const placed: View = { ...sum, p0: dst.p0 % 128 === 0 ? 0 : dst.p0 % 128 };
    c.b.tensorTensor('add', placed, psum, row);
    c.b.activate(act as ActFunction, dst, placed, { alpha });
    return;
  }
  if (act !== '' && act !== 'relu')
    c.b.activate(act as ActFunction, dst, psum, { alpha, ...(column && { bias: column }) });
  else if (c.b.lessBusy() === 'act')
    c.b.activate(act === '' ? 'copy' : 'relu', dst, psum, column ? { bias: column } : {});
  else if (column !== undefined)
    c.b.tensorScalar('add', dst, psum, column, act === 'relu' ? { op1: 'max', s1: 0 } : {});
  else if (act === 'relu') c.b.tensorScalar('max', dst, psum, 0);
  else c.b.copy(dst, psum, { engine: 'dve' });
}

export const MATMUL: Readonly<Record<string, Kernel>> = { matmul };

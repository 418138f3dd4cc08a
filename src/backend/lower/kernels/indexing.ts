// Elements and rows chosen by computed numbers: one indirect transfer gathers or scatters rows of DRAM by a vector of row
// numbers, which DVE computes. Indices known when compiling become slices.

import type { Constant } from '../../../ir/constant.js';
import { constantOf, type Node, type Value } from '../../../ir/graph.js';
import { elementCount, rowMajorStrides } from '../../../ir/type.js';
import { CHIP_DTYPE_BYTES } from '../../../isa/operands.js';
import { constantNumbers } from '../../../ops/evaluate.js';
import type { Buffer, BufferDescriptor, BufferDmaSide } from '../buffer.js';
import type { LowerContext } from '../context.js';
import type { Kernel } from '../kernel.js';
import { defaultPartition } from '../layout.js';
import { move } from '../move.js';
import { dramView, reshapeView, sliceView, type View, viewShape } from '../view.js';
import { gatherByPe } from './one-hot.js';
import { destination, nearest, rowMajor } from './shape.js';

/** A vector of row numbers, contiguous int32 in DRAM. */
interface RowNumbers {
  readonly buffer: Buffer;
  readonly count: number;
}

/** Stores computed indices (any layout) as a vector of row numbers. */
function rowNumbers(c: LowerContext, view: View): RowNumbers {
  const shape = viewShape(view);
  const count = elementCount(shape);
  const buffer = c.scratch('rows', count * 4);
  move(c.b, dramView(buffer, 'i32', shape), view, false);
  return { buffer, count };
}

const ELEMENT = (size: number): 1 | 2 | 4 | 8 => size as 1 | 2 | 4 | 8;

/**
 * The `run` elements from element index[i] of `table` on, to row i of `dense`; or back (`scatter`). Indices are checked
 * against the table's `total` elements.
 */
function indirect(
  c: LowerContext,
  table: View,
  dense: View,
  rows: RowNumbers,
  run: number,
  scatter: boolean,
  total: number,
  first = 0,
  count = rows.count,
): void {
  const size = CHIP_DTYPE_BYTES[table.dtype];
  const side = (view: View, chosen: boolean): BufferDmaSide => ({
    space: 'dram',
    variable: 0,
    offset: view.f0 * size,
    partition: 0,
    partitionDim: -1,
    reg: -1,
    counts: [count, 1, 1, run],
    strides: [chosen ? size : run * size, 0, 0, size],
    buffer: view.panels[0] as Buffer,
  });
  const descriptor: BufferDescriptor = {
    elementBytes: ELEMENT(size),
    src: side(scatter ? dense : table, !scatter),
    dst: side(scatter ? table : dense, scatter),
    indirect: {
      side: scatter ? 'dst' : 'src',
      space: 'dram',
      variable: 0,
      partition: 0,
      offset: first * 4,
      bound: total - run + 1,
      add: 0,
    },
    indexBuffer: rows.buffer,
  };
  c.b.transfer([descriptor]);
}

/** index * stride + addend, element by element in int32; addend is a constant of the index's shape. */
function linear(c: LowerContext, index: Value, stride: number, addend: Int32Array | undefined): View {
  const shape = c.shape(index);
  const partition = defaultPartition(shape);
  const source = c.fetch(index, partition);
  const scaled = c.b.sbuf('rows', 'i32', shape, partition);
  c.b.tensorScalar('multiply', scaled, source, stride, { integer: true });
  if (addend === undefined || addend.every((x) => x === 0)) return scaled;
  const bytes = new Uint8Array(addend.buffer);
  const constant: Constant = { dtype: 'i32', shape, recipe: { kind: 'bytes', bytes }, cache: bytes };
  const sum = c.b.sbuf('rows', 'i32', shape, partition);
  c.b.tensorTensor('add', sum, scaled, c.weight(constant, partition, 'i32'));
  return sum;
}

const gather: Kernel = (c, node) => {
  const [x, index] = node.inputs as [Value, Value];
  const out = node.outputs[0] as Value;
  const axis = Number(node.attrs.axis);
  if (elementCount(c.shape(out)) === 0) {
    c.resultInDram(out);
    return;
  }
  const known = constantOf(index);
  if (known !== undefined) {
    gatherKnown(c, node, x, out, axis, Array.from(constantNumbers(known)));
    return;
  }
  const shape = c.shape(x);
  if (axis === 0 && c.plan.indicesInRange === true && gatherByPe(c, x, index, out)) return;
  const run = elementCount(shape.slice(axis + 1));
  const prefix = elementCount(shape.slice(0, axis));
  const rows = rowNumbers(c, linear(c, index, run, undefined));
  const table = rowMajor(c, x);
  const home = c.resultInDram(out);
  const axisLength = shape[axis] ?? 1;
  for (let p = 0; p < prefix; p++) {
    const from: View = { ...table, f0: table.f0 + p * axisLength * run };
    const to: View = { ...home, f0: p * rows.count * run };
    indirect(c, from, to, rows, run, false, axisLength * run);
  }
};

/** Runs of evenly spaced indices are slices. */
function gatherKnown(
  c: LowerContext,
  node: Node,
  x: Value,
  out: Value,
  axis: number,
  index: readonly number[],
): void {
  const shape = c.shape(x);
  const flat = [...shape.slice(0, axis), index.length, ...shape.slice(axis + 1)];
  const runs = evenRuns(index.map((i) => (i < 0 ? i + (shape[axis] ?? 0) : i)));
  const [only] = runs;
  if (runs.length === 1 && only !== undefined) {
    let seen = false;
    for (const place of c.places(x)) {
      const v = reshapeView(piece(place, axis, only), c.shape(out));
      if (v !== undefined) {
        c.define(out, v);
        seen = true;
      }
    }
    if (seen) return;
  }
  const home = destination(c, node, out);
  const target = reshapeView(home, flat);
  const dst = target ?? c.b.sbuf(out.name, c.dtype(out), flat, defaultPartition(flat));
  let at = 0;
  for (const run of runs) {
    const to = sliceView(
      dst,
      flat.map((_, i) => (i === axis ? at : 0)),
      flat.map((n, i) => (i === axis ? run.count : n)),
    );
    move(c.b, to, piece(nearest(c, x, to), axis, run), c.mayCrossPe(x));
    at += run.count;
  }
  if (target === undefined) move(c.b, home, reshapeView(dst, c.shape(out)) as View, c.mayCrossPe(x));
}

interface Run {
  readonly start: number;
  readonly count: number;
  readonly step: number;
}

function piece(v: View, axis: number, run: Run): View {
  return sliceView(
    v,
    v.axes.map((_, i) => (i === axis ? run.start : 0)),
    v.axes.map((a, i) => (i === axis ? run.count : a.n)),
    v.axes.map((_, i) => (i === axis ? run.step : 1)),
  );
}

function evenRuns(index: readonly number[]): Run[] {
  const runs: Run[] = [];
  for (let i = 0; i < index.length; ) {
    const start = index[i] ?? 0;
    const step = i + 1 < index.length ? (index[i + 1] ?? 0) - start : 1;
    let n = 1;
    while (i + n < index.length && (index[i + n] ?? 0) === start + n * step) n++;
    // A pair that only happens to lie apart is better two single rows if the next run starts at its second.
    runs.push({ start, count: n, step: n === 1 ? 1 : step });
    i += n;
  }
  return runs;
}

const gatherElements: Kernel = (c, node) => {
  const [x, index] = node.inputs as [Value, Value];
  const out = node.outputs[0] as Value;
  const axis = Number(node.attrs.axis);
  const rows = rowNumbers(c, elementNumbers(c, index, c.shape(x), axis));
  const home = c.resultInDram(out);
  if (rows.count > 0) indirect(c, rowMajor(c, x), home, rows, 1, false, elementCount(c.shape(x)));
};

/** For each position of `index` the element number in a tensor of `shape` with the axis replaced by the index. */
function elementNumbers(c: LowerContext, index: Value, shape: readonly number[], axis: number): View {
  const own = c.shape(index);
  const strides = rowMajorStrides(shape);
  const addend = new Int32Array(elementCount(own));
  const at = new Array<number>(own.length).fill(0);
  for (let i = 0; i < addend.length; i++) {
    addend[i] = at.reduce((n, k, d) => n + (d === axis ? 0 : k * (strides[d] ?? 1)), 0);
    for (let d = own.length - 1; d >= 0; d--) {
      at[d] = (at[d] ?? 0) + 1;
      if ((at[d] ?? 0) < (own[d] ?? 1)) break;
      at[d] = 0;
    }
  }
  return linear(c, index, strides[axis] ?? 1, addend);
}

/** Row numbers of index tuples [..., K] into the axes of `shape` after `batch` leading ones. */
function tupleNumbers(
  c: LowerContext,
  index: Value,
  shape: readonly number[],
  batch: number,
): { rows: View; run: number } {
  const own = c.shape(index);
  const depth = own.at(-1) ?? 1;
  const strides = rowMajorStrides(shape);
  const run = elementCount(shape.slice(batch + depth));
  const lead = own.slice(0, -1);
  const partition = defaultPartition(lead);
  const source = c.fetch(index, partition);
  let sum: View | undefined;
  for (let k = 0; k < depth; k++) {
    const column = sliceView(
      source,
      own.map((_, i) => (i === own.length - 1 ? k : 0)),
      [...lead, 1],
    );
    const flat: View = { ...column, axes: column.axes.slice(0, -1) };
    const next = c.b.sbuf('rows', 'i32', lead, partition);
    if (sum === undefined)
      c.b.tensorScalar('multiply', next, flat, strides[batch + k] ?? 1, { integer: true });
    else
      c.b.scalarTensorTensor('multiply', 'add', next, flat, strides[batch + k] ?? 1, sum, { integer: true });
    sum = next;
  }
  if (batch === 0 || sum === undefined) return { rows: sum as View, run };
  const addend = new Int32Array(elementCount(lead));
  const perBatch = elementCount(lead.slice(batch));
  const size = elementCount(shape.slice(batch));
  for (let i = 0; i < addend.length; i++) addend[i] = Math.floor(i / perBatch) * size;
  const bytes = new Uint8Array(addend.buffer);
  const constant: Constant = { dtype: 'i32', shape: lead, recipe: { kind: 'bytes', bytes }, cache: bytes };
  const shifted = c.b.sbuf('rows', 'i32', lead, partition);
  c.b.tensorTensor('add', shifted, sum, c.weight(constant, partition, 'i32'));
  return { rows: shifted, run };
}

const gatherNd: Kernel = (c, node) => {
  const [x, index] = node.inputs as [Value, Value];
  const out = node.outputs[0] as Value;
  const { rows, run } = tupleNumbers(c, index, c.shape(x), Number(node.attrs.batch ?? 0));
  const numbers = rowNumbers(c, rows);
  indirect(c, rowMajor(c, x), c.resultInDram(out), numbers, run, false, elementCount(c.shape(x)));
};

/** A copy of x in DRAM that rows are then written into. */
function copyInDram(c: LowerContext, x: Value, out: Value): View {
  const home = c.resultInDram(out);
  move(c.b, home, c.place(x), c.mayCrossPe(x));
  return home;
}

const REDUCTIONS = { add: 'add', mul: 'multiply', max: 'max', min: 'min' } as const;

/** Writes rows of updates into home; a reduction reads, combines and writes one row after another, since numbers may repeat. */
function scatterRows(
  c: LowerContext,
  node: Node,
  home: View,
  updates: View,
  rows: RowNumbers,
  run: number,
  total: number,
): void {
  const reduction = String(node.attrs.reduction ?? 'none');
  if (reduction === 'none') {
    indirect(c, home, updates, rows, run, true, total);
    return;
  }
  const op = REDUCTIONS[reduction as keyof typeof REDUCTIONS];
  const row = [run];
  for (let i = 0; i < rows.count; i++) {
    const old = dramView(c.scratch('row', run * 4), home.dtype, row);
    indirect(c, home, old, rows, run, false, total, i, 1);
    const a = c.b.sbuf('old', home.dtype, row, []);
    c.b.dma(a, old);
    const b = c.b.sbuf('update', home.dtype, row, []);
    c.b.dma(b, { ...dramView(updates.panels[0] as Buffer, home.dtype, row), f0: updates.f0 + i * run });
    const sum = c.b.sbuf('new', home.dtype, row, []);
    c.b.tensorTensor(op, sum, a, b);
    const made = dramView(c.scratch('row', run * 4), home.dtype, row);
    c.b.dma(made, sum);
    indirect(c, home, made, rows, run, true, total, i, 1);
  }
}

const scatterNd: Kernel = (c, node) => {
  const [x, index, updates] = node.inputs as [Value, Value, Value];
  const out = node.outputs[0] as Value;
  const home = copyInDram(c, x, out);
  if (elementCount(c.shape(updates)) === 0) return;
  const { rows, run } = tupleNumbers(c, index, c.shape(x), 0);
  scatterRows(c, node, home, rowMajor(c, updates), rowNumbers(c, rows), run, elementCount(c.shape(x)));
};

const scatterElements: Kernel = (c, node) => {
  const [x, index, updates] = node.inputs as [Value, Value, Value];
  const out = node.outputs[0] as Value;
  const home = copyInDram(c, x, out);
  if (elementCount(c.shape(index)) === 0) return;
  const rows = rowNumbers(c, elementNumbers(c, index, c.shape(x), Number(node.attrs.axis)));
  scatterRows(c, node, home, rowMajor(c, updates), rows, 1, elementCount(c.shape(x)));
};

/** First elements of the rows of a box whose corner is computed: corner clamped so that the box lies inside. */
function boxRows(
  c: LowerContext,
  starts: Value,
  shape: readonly number[],
  sizes: readonly number[],
): RowNumbers {
  const strides = rowMajorStrides(shape);
  const corner = c.fetch(starts, []);
  let sum: View | undefined;
  shape.forEach((n, i) => {
    const one = sliceView(corner, [i], [1]);
    const clamped = c.b.sbuf('corner', 'i32', [1], []);
    c.b.tensorScalar('max', clamped, one, 0, { op1: 'min', s1: n - (sizes[i] ?? n), integer: true });
    const next = c.b.sbuf('corner', 'i32', [1], []);
    if (sum === undefined) c.b.tensorScalar('multiply', next, clamped, strides[i] ?? 1, { integer: true });
    else c.b.scalarTensorTensor('multiply', 'add', next, clamped, strides[i] ?? 1, sum, { integer: true });
    sum = next;
  });
  const lead = sizes.slice(0, -1);
  const count = elementCount(lead);
  const addend = new Int32Array(count);
  const at = new Array<number>(lead.length).fill(0);
  for (let i = 0; i < count; i++) {
    addend[i] = at.reduce((n, k, d) => n + k * (strides[d] ?? 1), 0);
    for (let d = lead.length - 1; d >= 0; d--) {
      at[d] = (at[d] ?? 0) + 1;
      if ((at[d] ?? 0) < (lead[d] ?? 1)) break;
      at[d] = 0;
    }
  }
  const bytes = new Uint8Array(addend.buffer);
  const constant: Constant = { dtype: 'i32', shape: [count], recipe: { kind: 'bytes', bytes }, cache: bytes };
  const rows = c.b.sbuf('rows', 'i32', [count], []);
  c.b.tensorTensor('add', rows, c.weight(constant, [], 'i32'), {
    ...(sum as View),
    axes: [{ n: count, p: 0, f: 0 }],
  });
  return rowNumbers(c, rows);
}

const dynamicSlice: Kernel = (c, node) => {
  const [x, starts] = node.inputs as [Value, Value];
  const out = node.outputs[0] as Value;
  const shape = c.shape(x);
  const sizes = node.attrs.sizes as readonly number[];
  const run = sizes.at(-1) ?? 1;
  const rows = boxRows(c, starts, shape, sizes);
  indirect(c, rowMajor(c, x), c.resultInDram(out), rows, run, false, elementCount(shape));
};

const dynamicUpdateSlice: Kernel = (c, node) => {
  const [x, update, starts] = node.inputs as [Value, Value, Value];
  const out = node.outputs[0] as Value;
  const shape = c.shape(x);
  const sizes = c.shape(update);
  const home = copyInDram(c, x, out);
  const run = sizes.at(-1) ?? 1;
  indirect(c, home, rowMajor(c, update), boxRows(c, starts, shape, sizes), run, true, elementCount(shape));
};

export const INDEXING: Readonly<Record<string, Kernel>> = {
  gather,
  gather_elements: gatherElements,
  gather_nd: gatherNd,
  scatter_nd: scatterNd,
  scatter_elements: scatterElements,
  dynamic_slice: dynamicSlice,
  dynamic_update_slice: dynamicUpdateSlice,
};

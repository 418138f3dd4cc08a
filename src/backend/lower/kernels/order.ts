// Order along an axis: arg-max, the k largest, running sums. Rows on partitions; the eight-at-a-time instructions of DVE.
import type { Node, Value } from '../../../ir/graph.js';
import type { LowerContext } from '../context.js';
import type { Kernel } from '../kernel.js';
import { move } from '../move.js';
import { rowPartition } from '../rows.js';
import { permuteView, reshapeView, sliceAxis, sliceView, type View, viewShape } from '../view.js';

interface Rows {
  /** [lanes, rows, n]: lanes on partitions. */
  readonly view: View;
  readonly partition: readonly number[];
  /** Order of the value's axes in the view: lanes, rows, axis. */
  readonly order: readonly number[];
}

/** The value as rows along one axis, in a type the instruction compares exactly (integers as i32). */
function rowsOf(c: LowerContext, v: Value, axis: number): Rows {
  const shape = c.shape(v);
  const partition = rowPartition(c, v, [axis]);
  const rest = shape.map((_, i) => i).filter((i) => i !== axis && !partition.includes(i));
  const order = [...partition, ...rest, axis];
  const size = (axes: readonly number[]): number => axes.reduce((n, i) => n * (shape[i] ?? 1), 1);
  const fetched = permuteView(c.fetch(v, partition), order);
  const to = [size(partition), size(rest), shape[axis] ?? 1];
  let view = reshapeView(fetched, to);
  if (view === undefined) {
    const dense = c.b.sbuf(
      v.name,
      c.dtype(v),
      order.map((i) => shape[i] ?? 1),
      partition.map((_, i) => i),
    );
    move(c.b, dense, fetched, c.mayCrossPe(v));
    view = reshapeView(dense, to) as View;
  }
  return { view, partition, order };
}

const isFloat = (v: View): boolean => v.dtype === 'f32' || v.dtype === 'bf16' || v.dtype === 'f16';

/** A copy in the comparing type, negated where the smallest are wanted. */
function comparable(c: LowerContext, src: View, smallest: boolean): View {
  const dtype = isFloat(src) ? 'f32' : 'i32';
  if (!smallest && src.dtype === dtype) return src;
  const made = c.b.sbuf('keys', dtype, viewShape(src), [0]);
  if (smallest)
    c.b.tensorScalar(dtype === 'i32' ? 'xor' : 'multiply', made, src, -1, { integer: dtype === 'i32' });
  else c.b.copy(made, src, { engine: 'dve' });
  return made;
}

/** One instruction for each panel of 128 lanes and each row. */
function eachRow(views: readonly View[], visit: (parts: readonly View[]) => void): void {
  const [lanes = 1, rows = 1] = viewShape(views[0] as View);
  for (let q = 0; q < lanes; q += 128) {
    for (let r = 0; r < rows; r++) {
      visit(views.map((v) => sliceView(v, [q, r, 0], [Math.min(128, lanes - q), 1, v.axes[2]?.n ?? 1])));
    }
  }
}

/** A result [shape without axis, or with 1 or k there] made from its rows [lanes, rows, k]. */
function defineRows(
  c: LowerContext,
  out: Value,
  rows: View,
  source: Rows,
  shape: readonly number[],
  axis: number,
): void {
  const k = viewShape(rows)[2] ?? 1;
  const arranged = source.order.map((i) => (i === axis ? k : (shape[i] ?? 1)));
  const split = reshapeView(rows, arranged) as View;
  const back = source.order.map((_, i) => source.order.indexOf(i));
  const full = permuteView(split, back);
  c.define(out, reshapeView(full, c.shape(out)) ?? full);
}

const argExtreme: Kernel = (c, node) => {
  const x = node.inputs[0] as Value;
  const out = node.outputs[0] as Value;
  const axis = Number(node.attrs.axis);
  const source = rowsOf(c, x, axis);
  const n = viewShape(source.view)[2] ?? 1;
  const keys = comparable(c, source.view, node.op === 'argmin');
  const last = node.attrs.last === true;
  const searched = last ? sliceView(keys, [0, 0, n - 1], viewShape(keys), [1, 1, -1]) : keys;
  const [lanes = 1, rows = 1] = viewShape(keys);
  const best = c.b.sbuf('max8', keys.dtype, [lanes, rows, 8], [0]);
  const index = c.b.sbuf('index8', 'i32', [lanes, rows, 8], [0]);
  eachRow([searched, best, index], ([s, v, i]) => {
    c.b.raw(
      'dve',
      { m: 'MAX8', dst: c.b.single(v as View), src: c.b.single(s as View) },
      c.b.single(s as View),
    );
    c.b.raw(
      'dve',
      {
        m: 'MAX_INDEX',
        dst: c.b.single(i as View),
        values: c.b.single(v as View),
        src: c.b.single(s as View),
      },
      c.b.single(s as View),
    );
  });
  const first = sliceAxis(index, 2, 0, 1);
  const result = c.b.sbuf(out.name, 'i32', [lanes, rows, 1], [0]);
  if (last) c.b.tensorScalar('subtract', result, first, n - 1, { reverse0: true, integer: true });
  else c.b.copy(result, first, { engine: 'dve' });
  defineRows(c, out, result, source, c.shape(x), axis);
};

const topk: Kernel = (c, node) => {
  const x = node.inputs[0] as Value;
  const [values, indices] = node.outputs as [Value, Value];
  const axis = Number(node.attrs.axis);
  const k = Number(node.attrs.k);
  const smallest = node.attrs.largest === false;
  const source = rowsOf(c, x, axis);
  const keys = comparable(c, source.view, smallest);
  const [lanes = 1, rows = 1, n = 1] = viewShape(keys);
  const rounds = Math.ceil(k / 8);
  const best = c.b.sbuf('best', keys.dtype, [lanes, rows, rounds * 8], [0]);
  const index = c.b.sbuf('index', 'i32', [lanes, rows, rounds * 8], [0]);
  let left = keys;
  for (let round = 0; round < rounds; round++) {
    const eight = (v: View): View => sliceAxis(v, 2, round * 8, 8);
    const next = round + 1 < rounds ? c.b.sbuf('left', keys.dtype, [lanes, rows, n], [0]) : undefined;
    eachRow([left, eight(best), eight(index), ...(next ? [next] : [])], ([s, v, i, rest]) => {
      const src = c.b.single(s as View);
      const found = c.b.single(v as View);
      c.b.raw('dve', { m: 'MAX8', dst: found, src }, src);
      c.b.raw('dve', { m: 'MAX_INDEX', dst: c.b.single(i as View), values: found, src }, src);
      if (rest)
        c.b.raw(
          'dve',
          {
            m: 'MATCH_REPLACE',
            dst: c.b.single(rest),
            values: found,
            src,
            value: keys.dtype === 'i32' ? -(2 ** 31) : Number.NEGATIVE_INFINITY,
          },
          src,
        );
    });
    left = next ?? left;
  }
  const chosen = sliceAxis(best, 2, 0, k);
  const result = c.b.sbuf(values.name, c.dtype(values), [lanes, rows, k], [0]);
  if (smallest)
    c.b.tensorScalar(keys.dtype === 'i32' ? 'xor' : 'multiply', result, chosen, -1, {
      integer: keys.dtype === 'i32',
    });
  else c.b.copy(result, chosen, { engine: 'dve' });
  defineRows(c, values, result, source, c.shape(x), axis);
  defineRows(c, indices, sliceAxis(index, 2, 0, k), source, c.shape(x), axis);
};

/** Running sums or products by doubling: log2(n) instructions over whole rows. */
const cumulative: Kernel = (c, node: Node) => {
  const x = node.inputs[0] as Value;
  const out = node.outputs[0] as Value;
  const axis = Number(node.attrs.axis);
  const product = node.op === 'cumprod';
  const source = rowsOf(c, x, axis);
  const [lanes = 1, rows = 1, n = 1] = viewShape(source.view);
  const dtype = isFloat(source.view) ? 'f32' : 'i32';
  const forward = (v: View): View =>
    node.attrs.reverse === true ? sliceView(v, [0, 0, n - 1], [lanes, rows, n], [1, 1, -1]) : v;
  let current = c.b.sbuf('running', dtype, [lanes, rows, n], [0]);
  const first = forward(source.view);
  if (node.attrs.exclusive === true) {
    const neutral = product ? (dtype === 'f32' ? 0x3f800000 : 1) : 0;
    c.b.memset(sliceAxis(current, 2, 0, 1), neutral);
    if (n > 1) c.b.copy(sliceAxis(current, 2, 1, n - 1), sliceAxis(first, 2, 0, n - 1), { engine: 'dve' });
  } else c.b.copy(current, first, { engine: 'dve' });
  for (let shift = 1; shift < n; shift *= 2) {
    const next = c.b.sbuf('running', dtype, [lanes, rows, n], [0]);
    c.b.copy(sliceAxis(next, 2, 0, shift), sliceAxis(current, 2, 0, shift), { engine: 'dve' });
    c.b.tensorTensor(
      product ? 'multiply' : 'add',
      sliceAxis(next, 2, shift, n - shift),
      sliceAxis(current, 2, shift, n - shift),
      sliceAxis(current, 2, 0, n - shift),
    );
    current = next;
  }
  const result = c.b.sbuf(out.name, c.dtype(out), [lanes, rows, n], [0]);
  c.b.copy(result, forward(current), { engine: 'dve' });
  defineRows(c, out, result, source, c.shape(x), axis);
};

export const ORDER: Readonly<Record<string, Kernel>> = {
  argmax: argExtreme,
  argmin: argExtreme,
  topk,
  cumsum: cumulative,
  cumprod: cumulative,
};

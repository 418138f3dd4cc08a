// softmax and normalisations: rows on partitions, the statistics of a row in columns, so that the element-wise part is one
// instruction a row. ACT adds up the exponentials while it computes them.
import type { Node, Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import type { LowerContext } from '../context.js';
import type { Kernel } from '../kernel.js';
import { rowPartition } from '../rows.js';
import { broadcastView, permuteView, reshapeView, sliceAxis, type View, viewShape } from '../view.js';

/** Up to this many rows in a partition get an instruction each; more are processed together. */
const FEW_ROWS = 8;

/** Calls `each` with the value as [lanes..., rows, along] in pieces that fit: views of src and dst. */
function overRows(
  c: LowerContext,
  x: Value,
  out: Value,
  along: readonly number[],
  each: (src: View, dst: View, lanes: number) => void,
): void {
  const shape = c.shape(x);
  const partition = rowPartition(c, x, along);
  const lanes = [...partition];
  const others = shape.map((_, i) => i).filter((i) => !lanes.includes(i) && !along.includes(i));
  const order = [...lanes, ...others, ...along];
  const arrange = (v: View): View => permuteView(v, order);
  if (
    c.fits(out, partition) &&
    (c.places(x).some((p) => p.space === 'sbuf') || c.bytesPerPartition(x, partition) <= c.budget() * 0.5)
  ) {
    each(
      merging(c, arrange(c.fetch(x, partition)), lanes.length),
      arrange(c.result(out, partition, [...others, ...along])),
      lanes.length,
    );
    return;
  }
  // Streamed: the axis that is cut is the outermost other one, or the rows on partitions in panels.
  const home = c.resultInDram(out);
  const cut = others.find((i) => (shape[i] ?? 1) > 1) ?? lanes[0] ?? 0;
  const n = shape[cut] ?? 1;
  const pieces = Math.ceil(c.bytesPerPartition(x, partition) / (c.b.target.sbufPartitionBytes * 0.12));
  const step = lanes.includes(cut)
    ? Math.max(128, Math.floor(n / pieces / 128) * 128)
    : Math.max(1, Math.floor(n / pieces));
  for (let i = 0; i < n; i += step) {
    const size = Math.min(step, n - i);
    const source = sliceAxis(c.place(x), cut, i, size);
    const loaded = c.b.sbuf(x.name, c.dtype(x), viewShape(source), partition, [...others, ...along]);
    c.b.dma(loaded, source);
    const made = c.b.sbuf(out.name, c.dtype(out), viewShape(source), partition, [...others, ...along]);
    each(arrange(loaded), arrange(made), lanes.length);
    c.b.dma(sliceAxis(home, cut, i, size), made);
  }
}

/** The view itself where its rows merge, else a dense copy of it. */
function merging(c: LowerContext, v: View, lanes: number): View {
  const shape = viewShape(v);
  const free = elementCount(shape.slice(lanes));
  if (reshapeView(v, [elementCount(shape.slice(0, lanes)), free]) !== undefined) return v;
  const dense = c.b.sbuf('dense', v.dtype, shape, shape.map((_, i) => i).slice(0, lanes));
  c.b.copy(dense, v);
  return dense;
}

/** The view [lane axes, other axes, axes along] as [lanes, rows, along]. */
function asRows(v: View, lanes: number, along: number): View {
  const shape = viewShape(v);
  const n = elementCount(shape.slice(shape.length - along));
  const rows = elementCount(shape.slice(lanes, shape.length - along));
  return reshapeView(v, [elementCount(shape.slice(0, lanes)), rows, n]) ?? v;
}

const softmax: Kernel = (c, node) => {
  const x = node.inputs[0] as Value;
  const out = node.outputs[0] as Value;
  const axis = Number(node.attrs.axis);
  overRows(c, x, out, [axis], (source, target, lanesAxes) => {
    const src = asRows(source, lanesAxes, 1);
    const dst = asRows(target, lanesAxes, 1);
    const [lanes = 1, rows = 1] = viewShape(src);
    const column = (name: string): View => c.b.sbuf(name, 'f32', [lanes, rows, 1], [0]);
    const lowest = column('max');
    c.b.reduce('max', lowest, src, [2]);
    const negated = column('-max');
    c.b.tensorScalar('multiply', negated, lowest, -1);
    const sums = column('sum');
    if (node.op === 'log_softmax') {
      logSoftmax(c, dst, src, negated, sums);
      return;
    }
    const exps = dst.dtype === 'f32' ? dst : c.b.sbuf('exp', 'f32', viewShape(src), [0]);
    if (rows <= FEW_ROWS) {
      for (let r = 0; r < rows; r++) {
        const at = (v: View): View => sliceAxis(v, 1, r, 1);
        c.b.activate('exp', at(exps), at(src), { bias: at(negated), sum: at(sums) });
      }
    } else {
      const shifted = c.b.sbuf('shifted', 'f32', viewShape(src), [0]);
      c.b.tensorTensor('add', shifted, src, broadcastView(negated, viewShape(src)));
      c.b.activate('exp', exps, shifted);
      c.b.reduce('add', sums, exps, [2]);
    }
    divideRows(c, dst, exps, sums);
  });
};

/** dst = src / sums, row by row with a column, or together. */
function divideRows(c: LowerContext, dst: View, src: View, sums: View): void {
  const [lanes = 1, rows = 1] = viewShape(src);
  const inverse = c.b.sbuf('1/sum', 'f32', [lanes, rows, 1], [0]);
  c.b.tensorScalar('divide', inverse, sums, 1, { reverse0: true });
  if (rows <= FEW_ROWS) {
    for (let r = 0; r < rows; r++) {
      const at = (v: View): View => sliceAxis(v, 1, r, 1);
      if (c.b.lessBusy() === 'dve') c.b.tensorScalar('multiply', at(dst), at(src), at(inverse));
      else c.b.activate('copy', at(dst), at(src), { scale: at(inverse) });
    }
  } else c.b.tensorTensor('multiply', dst, src, broadcastView(inverse, viewShape(src)));
}

function logSoftmax(c: LowerContext, dst: View, src: View, negated: View, sums: View): void {
  const shape = viewShape(src);
  const shifted = c.b.sbuf('shifted', 'f32', shape, [0]);
  c.b.tensorTensor('add', shifted, src, broadcastView(negated, shape));
  const exps = c.b.sbuf('exp', 'f32', shape, [0]);
  c.b.activate('exp', exps, shifted);
  c.b.reduce('add', sums, exps, [2]);
  const logs = c.b.sbuf('log', 'f32', viewShape(sums), [0]);
  c.b.activate('ln', logs, sums);
  c.b.tensorTensor('subtract', dst, shifted, broadcastView(logs, shape));
}

/** Longest row of one BN_STATS (chip limit). */
const STATS_ROW = 512;

const layerNorm: Kernel = (c, node) => {
  const x = node.inputs[0] as Value;
  const out = node.outputs[0] as Value;
  const rank = c.shape(x).length;
  const first = Number(node.attrs.axis);
  const along = Array.from({ length: rank - first }, (_, i) => first + i);
  const epsilon = Number(node.attrs.epsilon ?? 1e-5);
  overRows(c, x, out, along, (source, target, lanes) => {
    const src = asRows(source, lanes, along.length);
    const dst = asRows(target, lanes, along.length);
    const last = node.attrs.scale !== true && node.attrs.bias !== true;
    const home = last || dst.dtype === 'f32' ? dst : c.b.sbuf('normalised', 'f32', viewShape(dst), [0]);
    const normalised =
      node.op === 'rms_norm' ? rms(c, home, src, epsilon) : standardise(c, home, src, epsilon);
    affine(c, node, dst, normalised, along.length);
  });
};

/** dst = (src - mean) / sqrt(var + epsilon); gives dst. */
function standardise(c: LowerContext, dst: View, src: View, epsilon: number): View {
  const [lanes = 1, rows = 1, n = 1] = viewShape(src);
  const pieces = Math.ceil(n / STATS_ROW);
  const stats = c.b.sbuf('stats', 'f32', [lanes, rows, pieces, 3], [0]);
  const moments = c.b.sbuf('moments', 'f32', [lanes, rows, 2], [0]);
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < pieces; k++) {
      const size = Math.min(STATS_ROW, n - k * STATS_ROW);
      const piece = sliceAxis(sliceAxis(src, 1, r, 1), 2, k * STATS_ROW, size);
      const into = sliceAxis(sliceAxis(stats, 1, r, 1), 2, k, 1);
      forPanels(c, into, piece, 'BN_STATS');
    }
    forPanels(c, sliceAxis(moments, 1, r, 1), sliceAxis(stats, 1, r, 1), 'BN_AGGR');
  }
  const scale = c.b.sbuf('1/std', 'f32', [lanes, rows, 1], [0]);
  c.b.tensorScalar('add', scale, sliceAxis(moments, 2, 1, 1), epsilon, { op1: 'pow', s1: -0.5 });
  for (let r = 0; r < rows; r++) {
    const at = (v: View): View => sliceAxis(v, 1, r, 1);
    c.b.tensorScalar('subtract', at(dst), at(src), sliceAxis(at(moments), 2, 0, 1), {
      op1: 'multiply',
      s1: at(scale),
    });
  }
  return dst;
}

/** One instruction for each panel of 128 partitions: src and dst have their own shapes within a partition. */
function forPanels(c: LowerContext, dst: View, src: View, m: 'BN_STATS' | 'BN_AGGR'): void {
  const lanes = src.axes[0]?.n ?? 1;
  for (let q = 0; q < lanes; q += 128) {
    const size = Math.min(128, lanes - q);
    const d = c.b.single(sliceAxis(dst, 0, q, size));
    const s = c.b.single(sliceAxis(src, 0, q, size));
    c.b.raw('dve', { m, dst: d, src: s }, s);
  }
}

/** dst = src / sqrt(mean(src^2) + epsilon); gives dst. */
function rms(c: LowerContext, dst: View, src: View, epsilon: number): View {
  const [lanes = 1, rows = 1, n = 1] = viewShape(src);
  const squares = c.b.sbuf('squares', 'f32', viewShape(src), [0]);
  const sums = c.b.sbuf('sum', 'f32', [lanes, rows, 1], [0]);
  for (let r = 0; r < rows; r++)
    c.b.activate('square', sliceAxis(squares, 1, r, 1), sliceAxis(src, 1, r, 1), {
      sum: sliceAxis(sums, 1, r, 1),
    });
  const mean = c.b.sbuf('mean', 'f32', [lanes, rows, 1], [0]);
  c.b.tensorScalar('multiply', mean, sums, 1 / n, { op1: 'add', s1: epsilon });
  const scale = c.b.sbuf('1/rms', 'f32', [lanes, rows, 1], [0]);
  c.b.tensorScalar('pow', scale, mean, -0.5);
  for (let r = 0; r < rows; r++) {
    const at = (v: View): View => sliceAxis(v, 1, r, 1);
    c.b.tensorScalar('multiply', at(dst), at(src), at(scale));
  }
  return dst;
}

/** dst = normalised * scale + bias, both constant over rows: replicated over partitions once. Rounds to dst's type once. */
function affine(c: LowerContext, node: Node, dst: View, normalised: View, along: number): void {
  const shape = viewShape(normalised);
  const [lanes = 1, , n = 1] = shape;
  const row = (v: Value): View => {
    const own = c.shape(v).length;
    const wide = c.fetchBroadcast(
      v,
      [lanes, ...new Array(Math.max(0, along - own)).fill(1), ...c.shape(v)],
      [0],
    );
    return broadcastView(reshapeView(wide, [lanes, 1, n]) as View, shape);
  };
  const [, first, second] = node.inputs as readonly Value[];
  const scale = node.attrs.scale === true ? first : undefined;
  const bias = node.attrs.bias === true ? (scale === undefined ? first : second) : undefined;
  if (scale !== undefined)
    c.b.tensorTensor('multiply', bias === undefined ? dst : normalised, normalised, row(scale));
  if (bias !== undefined) c.b.tensorTensor('add', dst, normalised, row(bias));
}

export const NORMALIZE: Readonly<Record<string, Kernel>> = {
  softmax,
  log_softmax: softmax,
  layer_norm: layerNorm,
  rms_norm: layerNorm,
};

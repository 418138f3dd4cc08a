// A few rows of a small constant table by computed numbers: one-hot vectors times the table on PE. Transfers would chain three
// latencies of 1.3 us; this is four dependent instructions. Only for numbers known to be in range: PE cannot trap.
import { fromNumbers } from '../../../base/tensor.js';
import { bytesConstant } from '../../../ir/constant.js';
import { constantOf, type Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import { constantNumbers } from '../../../ops/evaluate.js';
import type { LowerContext } from '../context.js';
import { BANK_COLUMNS } from '../gemm.js';
import { broadcastByPe, peCarries } from '../transpose.js';
import { reshapeView, singleAp, sliceAxis, sliceView, type View } from '../view.js';

const MOST_ROWS = 4;
const MOST_ENTRIES = 1024;

/** Lowers gather(table [V, D], index) on axis 0 where that is possible; false: the caller takes transfers. */
export function gatherByPe(c: LowerContext, table: Value, index: Value, out: Value): boolean {
  const constant = constantOf(table);
  const shape = c.shape(table);
  const count = elementCount(c.shape(index));
  const [entries = 1, ...rest] = shape;
  const run = elementCount(rest);
  if (constant === undefined || rest.length === 0 || count > MOST_ROWS || entries > MOST_ENTRIES)
    return false;
  // Numbers cross PE to reach all partitions: bf16 holds them exactly up to 256.
  const { peFp32 } = c.b.target;
  const carrier = peFp32 ? 'f32' : 'bf16';
  const dtype = c.dtype(table);
  const carried = dtype === 'bf16' || dtype === 'f16' || (dtype === 'f32' && peFp32);
  if (!carried || (!peFp32 && entries > 256) || !Array.from(constantNumbers(constant)).every(Number.isFinite))
    return false;
  const source = c.fetch(index, []);
  const { b } = c;
  const numbers = b.sbuf('numbers', carrier, [1, count], []);
  b.copy(numbers, reshapeView(source, [1, count]) as View, { engine: 'dve' });
  if (!peCarries(b.target, numbers, true)) return false;
  const spread = b.sbuf('numbers', 'f32', [Math.min(128, entries), count], [0]);
  broadcastByPe(b, spread, numbers);
  const iota = lanes(c);
  const hot: View[] = [];
  for (let v = 0; v < entries; v += 128) {
    const size = Math.min(128, entries - v);
    const one = b.sbuf('one-hot', dtype, [size, count], [0]);
    b.tensorScalar('subtract', one, sliceAxis(spread, 0, 0, size), v, {
      op1: 'eq',
      s1: sliceAxis(iota, 0, 0, size),
    });
    hot.push(one);
  }
  const weights = reshapeView(c.weight(constant, [0], dtype), [entries, run]) as View;
  const columns = rest.length === 1 && c.plan.wanted.get(out)?.includes(c.shape(out).length - 1) === true;
  if (columns) byColumns(c, out, weights, hot, count, run);
  else byRows(c, out, c.shape(index).length, weights, hot, count, run);
  return true;
}

/** 0, 1, … 127 down the partitions. */
function lanes(c: LowerContext): View {
  const constant = c.shared(
    'lanes',
    bytesConstant(
      'f32',
      [128, 1],
      fromNumbers(
        'f32',
        [128, 1],
        Array.from({ length: 128 }, (_, i) => i),
      ).data,
    ),
  );
  return c.weight(constant, [0], 'f32');
}

function byRows(
  c: LowerContext,
  out: Value,
  indexRank: number,
  weights: View,
  hot: readonly View[],
  count: number,
  run: number,
): void {
  // The index's own axes are rows, the table's others lie within partitions.
  const lanes = c
    .shape(out)
    .map((_, i) => i)
    .slice(0, indexRank);
  const home = reshapeView(c.result(out, lanes), [count, run]) as View;
  for (let d = 0; d < run; d += BANK_COLUMNS) {
    const n = Math.min(BANK_COLUMNS, run - d);
    const sum = c.b.psum('rows', count, n);
    hot.forEach((one, k) => {
      c.b.matmul(
        singleAp(sum),
        singleAp(one),
        singleAp(sliceView(weights, [k * 128, d], [one.axes[0]?.n ?? 1, n])),
        k === 0,
      );
    });
    c.b.copy(sliceAxis(home, 1, d, n), sum);
  }
}

function byColumns(
  c: LowerContext,
  out: Value,
  weights: View,
  hot: readonly View[],
  count: number,
  run: number,
): void {
  const rank = c.shape(out).length;
  const made = c.result(out, [rank - 1]);
  const home = reshapeView(
    { ...made, axes: [made.axes[rank - 1], ...made.axes.slice(0, rank - 1)] as View['axes'] },
    [run, count],
  ) as View;
  for (let d = 0; d < run; d += 128) {
    const n = Math.min(128, run - d);
    const sum = c.b.psum('rows', n, count);
    hot.forEach((one, k) => {
      c.b.matmul(
        singleAp(sum),
        singleAp(sliceView(weights, [k * 128, d], [one.axes[0]?.n ?? 1, n])),
        singleAp(one),
        k === 0,
      );
    });
    c.b.copy(sliceAxis(home, 0, d, n), sum);
  }
}

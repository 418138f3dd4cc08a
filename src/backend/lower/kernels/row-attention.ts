// Attention of one query row over cached keys and values whose features (heads x width) lie on partitions and whose positions
// lie within: scores of all heads are one matmul against a block-diagonal query, and the weighted sum of the values is one
// multiplication with a reduction along the row. No transpose, no transfer.
import { unsupported } from '../../../base/diagnostic.js';
import type { DType } from '../../../base/dtype.js';
import { fromNumbers } from '../../../base/tensor.js';
import { bytesConstant } from '../../../ir/constant.js';
import type { Node, Value } from '../../../ir/graph.js';
import type { LowerContext } from '../context.js';
import { BANK_COLUMNS } from '../gemm.js';
import type { Kernel } from '../kernel.js';
import {
  broadcastView,
  permuteView,
  reshapeView,
  singleAp,
  sliceAxis,
  sliceView,
  type View,
} from '../view.js';

const attention: Kernel = (c, node) => {
  const [q, k, v] = node.inputs as [Value, Value, Value];
  const out = node.outputs[0] as Value;
  const [batch = 1, heads = 1, rows = 1, width = 1] = c.shape(q);
  const plain =
    rows === 1 &&
    node.attrs.causal !== true &&
    c.shape(v)[3] === width &&
    (q.type.dtype !== 'f32' || c.b.target.peFp32);
  if (!plain) {
    throw unsupported(
      'E4122',
      'attention other than of one row over all its keys is taken apart before the backend',
      {
        node: node.origins[0]?.node ?? node.op,
      },
    );
  }
  const keys = c.shape(k)[2] ?? 1;
  const features = heads * width;
  const lanes = [1, 3];
  // [features, batch, positions]
  const arrange = (x: View, n: number): View =>
    reshapeView(permuteView(x, [1, 3, 0, 2]), [features, batch, n]) as View;
  const query = arrange(c.fetch(q, lanes), 1);
  const key = arrange(c.fetch(k, lanes), keys);
  const value = arrange(c.fetch(v, lanes), keys);
  const home = arrange(c.result(out, lanes), 1);
  const tables = headTables(c, q.type.dtype, heads, width);
  const mask =
    node.attrs.mask === true ? negatedMask(c, node.inputs[3] as Value, batch, heads, keys) : undefined;
  for (let n = 0; n < batch; n++) {
    const at = (x: View): View => {
      const one = sliceAxis(x, 1, n, 1);
      return { ...one, axes: [one.axes[0], one.axes[2]] as View['axes'] };
    };
    const weights = exponentials(c, node, at(query), at(key), tables.blocks, mask && at(mask), heads, keys);
    weightedSum(c, at(home), at(value), weights, tables.spread, heads, keys);
  }
};

interface Tables {
  /** [features, heads]: 1 where the feature is the head's. */
  readonly blocks: View;
  /** [heads, features], its transpose. */
  readonly spread: View;
}

function headTables(c: LowerContext, dtype: DType, heads: number, width: number): Tables {
  const features = heads * width;
  const ofHead = (f: number, h: number): number => (Math.floor(f / width) === h ? 1 : 0);
  const table = (rows: number, columns: number, at: (r: number, k: number) => number): View => {
    const numbers = Array.from({ length: rows * columns }, (_, i) =>
      at(Math.floor(i / columns), i % columns),
    );
    const constant = bytesConstant(dtype, [rows, columns], fromNumbers(dtype, [rows, columns], numbers).data);
    return c.weight(c.shared(`heads ${dtype} ${heads} ${width} ${rows}`, constant), [0], c.b.chipType(dtype));
  };
  return { blocks: table(features, heads, ofHead), spread: table(heads, features, (h, f) => ofHead(f, h)) };
}

/** -mask [heads, batch, keys]: scores are subtracted from it, so that a minimum gives the negated maximum ACT wants as bias. */
function negatedMask(c: LowerContext, mask: Value, batch: number, heads: number, keys: number): View {
  const wide = c.fetchBroadcast(mask, [batch, heads, 1, keys], [1]);
  const negated = c.b.sbuf('-mask', 'f32', [batch, heads, 1, keys], [1]);
  c.b.tensorScalar('multiply', negated, wide, -1);
  return reshapeView(permuteView(negated, [1, 0, 2, 3]), [heads, batch, keys]) as View;
}

interface Weights {
  /** exp(score - max) [heads, keys (+ 1: their sum, where PE carries fp32)]. */
  readonly exps: View;
  readonly withSum: boolean;
}

function exponentials(
  c: LowerContext,
  node: Node,
  q: View,
  k: View,
  blocks: View,
  mask: View | undefined,
  heads: number,
  keys: number,
): Weights {
  const { b } = c;
  const features = q.axes[0]?.n ?? 1;
  const block = b.sbuf('q', q.dtype, [features, heads], [0]);
  b.tensorScalar('multiply', block, blocks, broadcastView(q, [features, heads]), {
    op1: 'multiply',
    s1: Number(node.attrs.scale ?? 1),
  });
  const negated = b.sbuf('-scores', 'f32', [heads, keys], [0]);
  const lowest = b.sbuf('-max', 'f32', [heads, 1], [0]);
  const reduce = keys <= BANK_COLUMNS ? { reduce: { op: 'min', into: lowest } as const } : {};
  for (let t = 0; t < keys; t += BANK_COLUMNS) {
    const n = Math.min(BANK_COLUMNS, keys - t);
    const scores = b.psum('scores', heads, n);
    for (let f = 0; f < features; f += 128) {
      const size = Math.min(128, features - f);
      b.matmul(
        singleAp(scores),
        singleAp(sliceAxis(block, 0, f, size)),
        singleAp(sliceView(k, [f, t], [size, n])),
        f === 0,
      );
    }
    const into = sliceAxis(negated, 1, t, n);
    if (mask === undefined) b.tensorScalar('multiply', into, scores, -1, reduce);
    else b.tensorTensor('subtract', into, sliceAxis(mask, 1, t, n), scores, reduce);
  }
  if (keys > BANK_COLUMNS) b.reduce('min', lowest, negated, [1]);
  const withSum = q.dtype === 'f32';
  const exps = b.sbuf('exp', q.dtype, [heads, keys + 1], [0]);
  b.activate('exp', sliceAxis(exps, 1, 0, keys), negated, {
    scale: -1,
    bias: lowest,
    ...(withSum && { sum: sliceAxis(exps, 1, keys, 1) }),
  });
  return { exps, withSum };
}

/** out[f] = sum over positions of exps[head of f] * v[f] / sum of exps. */
function weightedSum(
  c: LowerContext,
  out: View,
  v: View,
  { exps, withSum }: Weights,
  spread: View,
  heads: number,
  keys: number,
): void {
  const { b } = c;
  const features = out.axes[0]?.n ?? 1;
  const columns = withSum ? keys + 1 : keys;
  for (let f = 0; f < features; f += 128) {
    const size = Math.min(128, features - f);
    const parts: View[] = [];
    let sums: View | undefined;
    for (let t = 0; t < columns; t += BANK_COLUMNS) {
      const n = Math.min(BANK_COLUMNS, columns - t);
      const wide = b.psum('weights', size, n);
      b.matmul(
        singleAp(wide),
        singleAp(sliceView(spread, [0, f], [heads, size])),
        singleAp(sliceAxis(exps, 1, t, n)),
        true,
      );
      const positions = Math.min(n, keys - t);
      const partial = b.sbuf('partial', 'f32', [size, 1], [0]);
      if (positions > 0) {
        const products = b.sbuf('products', 'f32', [size, positions], [0]);
        b.tensorTensor(
          'multiply',
          products,
          sliceAxis(wide, 1, 0, positions),
          sliceView(v, [f, t], [size, positions]),
          { reduce: { op: 'add', into: partial } },
        );
        parts.push(partial);
      }
      if (withSum && t + n === columns) sums = sliceAxis(wide, 1, n - 1, 1);
      if (!withSum) sums = added(c, sums, wide, size);
    }
    const total = parts.reduce((x, y) => {
      const sum = b.sbuf('total', 'f32', [size, 1], [0]);
      b.tensorTensor('add', sum, x, y);
      return sum;
    });
    b.tensorScalar('divide', sliceAxis(out, 0, f, size), total, sums as View);
  }
}

/** Sums of what PE spread, where the exponentials were rounded to 16 bits: the divisor is the sum of the very weights used. */
function added(c: LowerContext, sums: View | undefined, wide: View, size: number): View {
  const here = c.b.sbuf('sum', 'f32', [size, 1], [0]);
  c.b.reduce('add', here, wide, [1]);
  if (sums === undefined) return here;
  const total = c.b.sbuf('sum', 'f32', [size, 1], [0]);
  c.b.tensorTensor('add', total, sums, here);
  return total;
}

export const ATTENTION: Readonly<Record<string, Kernel>> = { attention };

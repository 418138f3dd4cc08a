// Pooling of ai.onnx. Rounding the output up (ceil_mode) becomes padding after the last element.
import { isFloat } from '../../../base/dtype.js';
import { elementCount } from '../../../base/tensor.js';
import type { Value } from '../../../ir/graph.js';
import { rowMajorStrides } from '../../../ir/type.js';
import { integerRange } from '../../../ops/elements.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import type { Item } from '../items.js';
import { type Window, windowOf } from './convolution.js';
import { padBy } from './padding.js';
import { powerNorm } from './reduce.js';

interface Pool extends Window {
  readonly kernel: readonly number[];
  /** How much of `high` comes from rounding up. */
  readonly uncounted: readonly number[];
}

function poolOf(c: NodeContext, x: Value): Pool {
  const kernel = c.attributes.ints('kernel_shape');
  const window = windowOf(c, x, kernel);
  const none = kernel.map(() => 0);
  const isExplicit = c.attributes.string('auto_pad', 'NOTSET') === 'NOTSET';
  if (!c.attributes.flag('ceil_mode') || !isExplicit) return { ...window, kernel, uncounted: none };
  const high = kernel.map((taps, i) => {
    const [stride, low, own] = [window.strides[i] ?? 1, window.low[i] ?? 0, window.high[i] ?? 0];
    const size = c.dim(x, i + 2);
    const span = (taps - 1) * (window.dilations[i] ?? 1) + 1;
    const most = Math.ceil((size + low + own - span) / stride) + 1;
    // A window that would start in the padding behind is left out.
    const outputs = (most - 1) * stride >= size + low ? most - 1 : most;
    return (outputs - 1) * stride + span - size - low;
  });
  const uncounted = high.map((n, i) => Math.max(0, n - (window.high[i] ?? 0)));
  // Elements that no window reaches are cut off by the floor that core pooling takes.
  return {
    ...window,
    high: high.map((n, i) => Math.max(n, Math.min(0, window.high[i] ?? 0))),
    kernel,
    uncounted,
  };
}

function poolAttributes({ kernel, strides, dilations, low, high }: Pool) {
  return {
    kernel: [...kernel],
    strides: [...strides],
    dilations: [...dilations],
    low: [...low],
    high: high.map((n) => Math.max(0, n)),
  };
}

/** Windows never reach elements that negative padding would cut off; they are cut off here. */
function cropped(c: NodeContext, x: Value, { high }: Pool): Value {
  return high.reduce((v, n, i) => (n < 0 ? c.slice(v, i + 2, 0, c.dim(v, i + 2) + n) : v), x);
}

const averagePool: Handler = (c) => {
  const x = c.input(0);
  const pool = poolOf(c, x);
  const include_pad = c.attributes.flag('count_include_pad');
  return c.op('avg_pool', [cropped(c, x, pool)], {
    ...poolAttributes(pool),
    include_pad,
    uncounted: [...pool.uncounted],
  });
};

const maxPool: Handler = (c): readonly Item[] => {
  const x = c.input(0);
  const pool = poolOf(c, x);
  const largest = c.op('max_pool', [cropped(c, x, pool)], poolAttributes(pool));
  return c.wants(1) ? [largest, maxPlaces(c, x, pool, c.shape(largest).slice(2))] : [largest];
};

/** Most taps of a window whose places are looked up. */
const MAX_TAPS = 4096;

/** Where in the whole of `x` each maximum stands: arg-max over the taps, and a table from tap to place. */
function maxPlaces(c: NodeContext, x: Value, pool: Pool, outputs: readonly number[]): Value {
  const shape = c.shape(x);
  const [n = 1, channels = 1, ...spatial] = shape;
  const taps = elementCount(pool.kernel);
  if (taps > MAX_TAPS) throw c.refuse(`indices of a window of ${taps} taps are not supported`);
  const least = isFloat(x.type.dtype) ? -Infinity : Number(integerRange(x.type.dtype).low);
  const padded = c.pad(
    x,
    [0, 0, ...pool.low],
    [0, 0, ...pool.high.map((h) => Math.max(0, h))],
    'constant',
    least,
  );
  const isColumnMajor = c.attributes.int('storage_order', 0) === 1;
  const strides = isColumnMajor
    ? rowMajorStrides([...spatial].reverse()).reverse()
    : rowMajorStrides(spatial);
  const tapStrides = rowMajorStrides(pool.kernel);
  const outputStrides = rowMajorStrides(outputs);
  const perWindow = elementCount(outputs);
  const places = c.table(taps * perWindow);
  const values: Value[] = [];
  for (let tap = 0; tap < taps; tap++) {
    const at = pool.kernel.map(
      (size, i) => (Math.floor(tap / (tapStrides[i] ?? 1)) % size) * (pool.dilations[i] ?? 1),
    );
    const piece = c.op('slice', [padded], {
      starts: [0, 0, ...at],
      sizes: [n, channels, ...outputs],
      steps: [1, 1, ...pool.strides],
    });
    values.push(c.unsqueeze(piece, [2]));
    for (let o = 0; o < perWindow; o++) {
      let place = 0;
      for (const [i, size] of outputs.entries()) {
        const step = Math.floor(o / (outputStrides[i] ?? 1)) % size;
        place += (step * (pool.strides[i] ?? 1) + (at[i] ?? 0) - (pool.low[i] ?? 0)) * (strides[i] ?? 1);
      }
      places[tap * perWindow + o] = place;
    }
  }
  const tap = c.op('argmax', [c.concat(values, 2)], { axis: 2, keep: true, last: false });
  const table = c.broadcast(c.numbers('i64', [1, 1, taps, ...outputs], places), [
    n,
    channels,
    taps,
    ...outputs,
  ]);
  const inPlane = c.squeeze(c.op('gather_elements', [table, tap], { axis: 2 }), [2]);
  const planes = c.table(n * channels, (i) => i * elementCount(spatial));
  return c.add(inPlane, c.numbers('i64', [n, channels, ...spatial.map(() => 1)], planes));
}

/** The p-th root of sums of powers: a sum is an average with padding counted, times the taps. */
const lpPool: Handler = (c) => {
  const x = c.input(0);
  const pool = poolOf(c, x);
  const taps = elementCount(pool.kernel);
  return powerNorm(c, cropped(c, x, pool), c.attributes.int('p', 2), (powers) => {
    const average = c.op('avg_pool', [powers], { ...poolAttributes(pool), include_pad: true });
    return c.mul(average, c.like(average, taps));
  });
};

const spatialAxes = (c: NodeContext, x: Value): readonly number[] =>
  Array.from({ length: Math.max(0, c.rank(x) - 2) }, (_, i) => i + 2);

const globalPool =
  (op: string): Handler =>
  (c) => {
    const x = c.input(0);
    return c.reduce(op, x, spatialAxes(c, x), true);
  };

const globalLpPool: Handler = (c) => {
  const x = c.input(0);
  return powerNorm(c, x, c.attributes.int('p', 2), (powers) =>
    c.reduce('sum', powers, spatialAxes(c, x), true),
  );
};

/** Values put back where their indices say, zeros elsewhere. */
const maxUnpool: Handler = (c) => {
  const [x, places] = [c.input(0), c.input(1)];
  const kernel = c.attributes.ints('kernel_shape');
  const ones = kernel.map(() => 1);
  const strides = c.attributes.ints('strides', ones);
  const pads = c.attributes.ints(
    'pads',
    [...ones, ...ones].map(() => 0),
  );
  const shape = c.shape(x);
  const inferred = kernel.map(
    (taps, i) =>
      ((shape[i + 2] ?? 1) - 1) * (strides[i] ?? 1) + taps - (pads[i] ?? 0) - (pads[i + kernel.length] ?? 0),
  );
  // Indices count in the inferred shape; a larger result has it at its beginning.
  const own = [...shape.slice(0, 2), ...inferred];
  const flat = (v: Value) => c.reshape(v, [c.size(v)]);
  const empty = c.filled(x.type.dtype, [elementCount(own)], 0);
  const filled = c.reshape(
    c.op('scatter_elements', [empty, flat(places), flat(x)], { axis: 0, reduction: 'none' }),
    own,
  );
  const wanted = c.knownInts(2, 'the output shape') ?? own;
  return padBy(
    c,
    filled,
    own.map(() => 0),
    own.map((d, i) => (wanted[i] ?? d) - d),
    'constant',
    c.like(x, 0),
  );
};

export const POOLING: HandlerTable = {
  AveragePool: averagePool,
  GlobalAveragePool: globalPool('mean'),
  GlobalLpPool: globalLpPool,
  GlobalMaxPool: globalPool('max'),
  LpPool: lpPool,
  MaxPool: maxPool,
  MaxUnpool: maxUnpool,
};

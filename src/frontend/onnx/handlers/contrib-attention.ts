// Attention operators of com.microsoft: one packed projection (Attention), separate projections (MultiHeadAttention), shared
// key heads with a cache (GroupQueryAttention), and rotary embedding. Masks of key padding are finite, as there.
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import type { Item } from '../items.js';
import { attend, biasOf, mergeHeads, positions, repeatHeads, rotate, splitHeads } from './attention.js';

/** What key padding adds to scores, by default. */
const MASKED = -10000;
/** What hides later keys. */
const LOWEST = -3.4028234663852886e38;

function scaleOf(c: NodeContext, size: number): number {
  const given = c.attributes.float('scale', 0);
  return given === 0 ? 1 / Math.sqrt(size) : given;
}

function causal(c: NodeContext, rows: number, columns: number, past: number, x: Value): Value {
  const distance = c.sub(c.add(positions(c, rows, 2), c.scalar('i64', past)), positions(c, columns, 3));
  return biasOf(c, c.op('ge', [distance, c.like(distance, 0)]), x.type.dtype, LOWEST);
}

/** A mask of keys: [B,keys], [B,queries,keys] or [B,1,queries,keys] of 0 and 1, or [B] lengths. */
function paddingBias(c: NodeContext, mask: Value, columns: number, x: Value): Value {
  const hidden = c.attributes.float('mask_filter_value', MASKED);
  const rank = c.rank(mask);
  if (rank === 1) {
    // [2B] and [3B + 2] forms hold starts and more.
    const lengths = c.alongAxis(c.cast(mask, 'i64'), 0, 4);
    return biasOf(c, c.op('lt', [positions(c, columns, 3), lengths]), x.type.dtype, hidden);
  }
  const axes = rank === 2 ? [1, 2] : rank === 3 ? [1] : [];
  return biasOf(c, c.cast(c.unsqueeze(mask, axes), 'bool'), x.type.dtype, hidden);
}

const sum = (c: NodeContext, parts: readonly (Value | undefined)[]): Value | undefined => {
  const present = parts.flatMap((part) => (part === undefined ? [] : [part]));
  return present.length === 0 ? undefined : c.chain('add', present);
};

/** Query, key and value from one projection; the cache is one tensor [2,B,heads,length,D]. */
const attention: Handler = (c): readonly Item[] => {
  const [x, weights, bias, mask, past, extra] = [0, 1, 2, 3, 4, 5].map((i) => c.optional(i));
  if (x === undefined || weights === undefined) throw c.bad('an operand is missing');
  const heads = c.attributes.int('num_heads');
  const product = c.matmul(x, weights);
  const projected = bias === undefined ? product : c.add(product, bias);
  const width = c.dim(projected, 2);
  const sizes = c.attributes.ints('qkv_hidden_sizes', [width / 3, width / 3, width / 3]);
  const [q, k0, v0] = c.split(projected, 2, sizes).map((part) => splitHeads(c, part, heads)) as [
    Value,
    Value,
    Value,
  ];
  const joined = (part: Value, i: number) =>
    past === undefined ? part : c.concat([c.pick(past, 0, i), part], 2);
  const [k, v] = [joined(k0, 0), joined(v0, 1)];
  const [rows, columns] = [c.dim(q, 2), c.dim(k, 2)];
  const isCausal = c.attributes.int('unidirectional', 0) === 1;
  const { y } = attend(c, {
    q,
    k,
    v,
    scale: scaleOf(c, c.dim(q, 3)),
    bias: sum(c, [
      isCausal ? causal(c, rows, columns, columns - rows, q) : undefined,
      mask && paddingBias(c, mask, columns, q),
      extra,
    ]),
    softcap: 0,
    precision: q.type.dtype,
    guardsEmptyRows: false,
  });
  const present = c.wants(1) ? [c.concat([c.unsqueeze(k, [0]), c.unsqueeze(v, [0])], 0)] : [];
  return [mergeHeads(c, y), ...present];
};

/** Operands [B,L,heads*D], keys and values also [B,heads,L,D]; or query with all three packed as [B,L,heads,3,D]. */
const multiHeadAttention: Handler = (c): readonly Item[] => {
  const heads = c.attributes.int('num_heads');
  const [query, key, value, bias, mask, extra, pastK, pastV] = [0, 1, 2, 3, 4, 5, 6, 7].map((i) =>
    c.optional(i),
  );
  if (query === undefined) throw c.bad('the query is missing');
  const [q0, k0, v0] = separate(c, heads, query, key, value, bias);
  const joined = (old: Value | undefined, now: Value) => (old === undefined ? now : c.concat([old, now], 2));
  const [k, v] = [joined(pastK, k0), joined(pastV, v0)];
  const [rows, columns] = [c.dim(q0, 2), c.dim(k, 2)];
  const isCausal = c.attributes.int('unidirectional', 0) === 1;
  const { y } = attend(c, {
    q: q0,
    k,
    v,
    scale: scaleOf(c, c.dim(q0, 3)),
    bias: sum(c, [
      isCausal ? causal(c, rows, columns, columns - rows, q0) : undefined,
      mask && paddingBias(c, mask, columns, q0),
      extra,
    ]),
    softcap: 0,
    precision: q0.type.dtype,
    guardsEmptyRows: false,
  });
  return [mergeHeads(c, y), k, v];
};

function separate(
  c: NodeContext,
  heads: number,
  query: Value,
  key: Value | undefined,
  value: Value | undefined,
  bias: Value | undefined,
): readonly [Value, Value, Value] {
  if (c.rank(query) === 5) {
    const part = (i: number) => c.transpose(c.pick(query, 3, i), [0, 2, 1, 3]);
    return [part(0), part(1), part(2)];
  }
  if (key === undefined) throw c.bad('the key is missing');
  const width = c.dim(query, 2);
  if (c.rank(key) === 5) {
    const part = (i: number) => c.transpose(c.pick(key, 3, i), [0, 2, 1, 3]);
    return [splitHeads(c, query, heads), part(0), part(1)];
  }
  if (value === undefined) throw c.bad('the value is missing');
  if (c.rank(key) === 4) {
    const q = bias === undefined ? query : c.add(query, c.slice(bias, 0, 0, width));
    return [splitHeads(c, q, heads), key, value];
  }
  const [keyWidth, valueWidth] = [c.dim(key, 2), c.dim(value, 2)];
  const [qb, kb, vb] = bias === undefined ? [] : c.split(bias, 0, [width, keyWidth, valueWidth]);
  const biased = (x: Value, b: Value | undefined) => splitHeads(c, b === undefined ? x : c.add(x, b), heads);
  return [biased(query, qb), biased(key, kb), biased(value, vb)];
}

/** A cache of fewer key heads; every sample has its own number of tokens before this block. */
const groupQueryAttention: Handler = (c): readonly Item[] => {
  const [query, key, value, pastK, pastV, lengths] = [0, 1, 2, 3, 4, 5].map((i) => c.optional(i));
  if (query === undefined || lengths === undefined) throw c.bad('an operand is missing');
  const { attributes: a } = c;
  const [heads, keyHeads] = [a.int('num_heads'), a.int('kv_num_heads')];
  const [packedQ, packedK, packedV] =
    key && value ? [query, key, value] : unpackHeads(c, query, heads, keyHeads);
  let [q, k] = [splitHeads(c, packedQ, heads), splitHeads(c, packedK, keyHeads)];
  const v = splitHeads(c, packedV, keyHeads);
  const [batch, rows, size] = [c.dim(q, 0), c.dim(q, 2), c.dim(q, 3)];
  // `seqlens_k` is the number of tokens including this block, less one.
  const total = c.add(c.alongAxis(c.cast(c.reshape(lengths, [batch]), 'i64'), 0, 4), c.scalar('i64', 1));
  const before = c.sub(total, c.scalar('i64', rows));
  if (a.flag('do_rotary')) {
    const place = c.add(before, positions(c, rows, 2));
    const angle = (i: number) => {
      const cache = c.input(i);
      const at = c.reshape(place, [batch, 1, rows]);
      return c.gather(cache, c.max(at, c.like(at, 0)), 0);
    };
    const [cos, sin] = [angle(7), angle(8)];
    const isInterleaved = a.flag('rotary_interleaved');
    q = rotate(c, q, cos, sin, isInterleaved);
    k = rotate(c, k, cos, sin, isInterleaved);
  }
  const [presentK, presentV] = [extended(c, pastK, k, before), extended(c, pastV, v, before)];
  const columns = c.dim(presentK, 2);
  const distance = c.sub(c.add(positions(c, rows, 2), before), positions(c, columns, 3));
  const { dtype } = q.type;
  const window = a.int('local_window_size', -1);
  const near = window > 0 ? biasOf(c, c.op('lt', [distance, c.like(distance, window)]), dtype) : undefined;
  const { y } = attend(c, {
    q,
    k: repeatHeads(c, presentK, heads / keyHeads),
    v: repeatHeads(c, presentV, heads / keyHeads),
    scale: scaleOf(c, size),
    bias: sum(c, [biasOf(c, c.op('ge', [distance, c.like(distance, 0)]), dtype), near, c.optional(10)]),
    softcap: a.float('softcap', 0),
    precision: dtype,
    guardsEmptyRows: true,
  });
  return [mergeHeads(c, y), presentK, presentV];
};

/** Query, key and value from one tensor [B,L,(heads + 2 * keyHeads)*D]. */
function unpackHeads(
  c: NodeContext,
  x: Value,
  heads: number,
  keyHeads: number,
): readonly [Value, Value, Value] {
  const size = c.dim(x, 2) / (heads + 2 * keyHeads);
  return c.split(x, 2, [heads * size, keyHeads * size, keyHeads * size]) as unknown as readonly [
    Value,
    Value,
    Value,
  ];
}

/** The cache with this block after each sample's own tokens; as long as the longest sample needs. */
function extended(c: NodeContext, past: Value | undefined, block: Value, before: Value): Value {
  if (past === undefined || c.dim(past, 2) === 0) return block;
  const [cached, rows] = [c.dim(past, 2), c.dim(block, 2)];
  const given = c.optional(6);
  const total = given && c.known(given)?.[0];
  const length = total === undefined ? cached + rows : Math.max(total, cached);
  const place = positions(c, length, 2);
  const inBlock = c.add(c.sub(place, before), c.scalar('i64', cached));
  const isOld = c.op('lt', [place, before]);
  const last = c.scalar('i64', cached + rows - 1);
  const index = c.where(isOld, c.min(place, last), c.max(c.min(inBlock, last), c.scalar('i64', 0)));
  const joined = c.concat([past, block], 2);
  const shape = c.shape(joined).map((d, axis) => (axis === 2 ? length : d));
  const rowsInPlace = c.op('gather_elements', [joined, c.broadcast(index, shape)], { axis: 2 });
  // Behind a shorter sample there is nothing yet.
  const isFilled = c.op('lt', [place, c.add(before, c.scalar('i64', rows))]);
  if (c.known(isFilled)?.every((filled) => filled !== 0)) return rowsInPlace;
  return c.where(isFilled, rowsInPlace, c.like(joined, 0));
}

/** Positions per token, or one offset for all. */
const rotaryEmbedding: Handler = (c) => {
  const [x, places, cos, sin] = [c.input(0), c.input(1), c.input(2), c.input(3)];
  const { attributes: a } = c;
  const isPacked = c.rank(x) === 3;
  const rotated = a.int('rotary_embedding_dim', 0) || 2 * c.dim(cos, 1);
  const width = isPacked ? c.dim(x, 2) : c.dim(x, 3);
  const heads = isPacked ? splitHeads(c, x, a.int('num_heads', 0) || width / rotated) : x;
  const rows = c.dim(heads, 2);
  const steps = c.reshape(positions(c, rows, 2), [1, rows]);
  const index = c.size(places) === 1 ? c.add(c.reshape(places, [1, 1]), steps) : places;
  const angle = (cache: Value) => c.unsqueeze(c.gather(cache, index, 0), [1]);
  const turned = rotate(c, heads, angle(cos), angle(sin), a.flag('interleaved'));
  return isPacked ? mergeHeads(c, turned) : turned;
};

export const CONTRIB_ATTENTION: HandlerTable = {
  Attention: attention,
  GroupQueryAttention: groupQueryAttention,
  MultiHeadAttention: multiHeadAttention,
  RotaryEmbedding: rotaryEmbedding,
};

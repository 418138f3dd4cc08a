// Attention of ai.onnx and what belongs to it: rotary embedding, linear attention, causal convolution with state. Also the
// parts that the attention operators of com.microsoft share (contrib-attention.ts).
import type { DType } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import type { Item } from '../items.js';
import { typeAttribute } from './constants.js';
import { swishOf } from './elementwise.js';

/** [B,L,heads*D] as [B,heads,L,D]. */
export function splitHeads(c: NodeContext, x: Value, heads: number): Value {
  const [batch = 1, length = 1, width = 1] = c.shape(x);
  if (heads < 1 || width % heads !== 0) throw c.bad(`${width} features do not make ${heads} heads`);
  return c.transpose(c.reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
}

/** [B,heads,L,D] as [B,L,heads*D]. */
export function mergeHeads(c: NodeContext, x: Value): Value {
  const [batch = 1, heads = 1, length = 1, width = 1] = c.shape(x);
  return c.reshape(c.transpose(x, [0, 2, 1, 3]), [batch, length, heads * width]);
}

/** Each head of keys or values `times` times in a row. */
export function repeatHeads(c: NodeContext, x: Value, times: number): Value {
  if (times === 1) return x;
  const [batch = 1, heads = 1, length = 1, width = 1] = c.shape(x);
  const repeated = c.broadcast(c.unsqueeze(x, [2]), [batch, heads, times, length, width]);
  return c.reshape(repeated, [batch, heads * times, length, width]);
}

/** 0 where a query may see a key, `hidden` elsewhere; from a bool. */
export function biasOf(c: NodeContext, allowed: Value, dtype: DType, hidden = -Infinity): Value {
  return c.where(allowed, c.scalar(dtype, 0), c.scalar(dtype, hidden));
}

/** Positions 0, 1, … as i64 along axis `axis` of rank 4. */
export function positions(c: NodeContext, count: number, axis: number): Value {
  return c.alongAxis(c.iota(count), axis, 4);
}

export interface Scores {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  readonly scale: number;
  /** Added to the scores; broadcasts to [B,H,Lq,Lk]. */
  readonly bias: Value | undefined;
  readonly softcap: number;
  /** Element type of the softmax. */
  readonly precision: DType;
  /** Rows that see no key give 0; without it NaN, or what the finite bias leaves. */
  readonly guardsEmptyRows: boolean;
}

export interface Attended {
  readonly y: Value;
  /** Scores as they are; with the soft cap; with the bias too; after the softmax. */
  readonly stages: readonly [Value, Value, Value, Value];
}

/** softmax(softcap(scale * q k^T) + bias) v over [B,H,L,D] operands with as many heads each. */
export function attend(c: NodeContext, s: Scores): Attended {
  const scaled = s.scale === 1 ? s.q : c.mul(s.q, c.like(s.q, s.scale));
  const raw = c.matmul(scaled, c.transpose(s.k, [0, 1, 3, 2]));
  const cap = c.like(raw, s.softcap);
  const capped = s.softcap > 0 ? c.mul(c.op('tanh', [c.div(raw, cap)]), cap) : raw;
  const biased = s.bias === undefined ? capped : c.add(capped, s.bias);
  const soft = c.op('softmax', [c.cast(biased, s.precision)], { axis: 3 });
  const guarded = s.bias !== undefined && s.guardsEmptyRows ? guardRows(c, soft, s.bias) : soft;
  const weights = c.cast(guarded, s.v.type.dtype);
  return { y: c.matmul(weights, s.v), stages: [raw, capped, biased, weights] };
}

/** Zeros in the rows whose bias is minus infinity everywhere. */
function guardRows(c: NodeContext, soft: Value, bias: Value): Value {
  const peak = c.reduce('max', bias, [c.rank(bias) - 1], true);
  const known = c.known(peak);
  if (known?.every((x) => x !== -Infinity)) return soft;
  return c.where(c.op('eq', [peak, c.like(peak, -Infinity)]), c.like(soft, 0), soft);
}

const attention: Handler = (c): readonly Item[] => {
  const { attributes: a } = c;
  const [q0, k0, v0] = [c.input(0), c.input(1), c.input(2)];
  const isPacked = c.rank(q0) === 3;
  const heads = (x: Value, name: string) => (isPacked ? splitHeads(c, x, a.int(name)) : x);
  const q = heads(q0, 'q_num_heads');
  const [pastK, pastV] = [c.optional(4), c.optional(5)];
  const joined = (past: Value | undefined, x: Value) => (past === undefined ? x : c.concat([past, x], 2));
  const k = joined(pastK, heads(k0, 'kv_num_heads'));
  const v = joined(pastV, heads(v0, 'kv_num_heads'));
  const [queryHeads, keyHeads] = [c.dim(q, 1), c.dim(k, 1)];
  const times = queryHeads % keyHeads === 0 ? queryHeads / keyHeads : 1;
  const precision =
    a.int('softmax_precision', 0) === 0 ? q.type.dtype : typeAttribute(c, 'softmax_precision');
  const { y, stages } = attend(c, {
    q,
    k: repeatHeads(c, k, times),
    v: repeatHeads(c, v, times),
    scale: a.float('scale', 1 / Math.sqrt(c.dim(q, 3))),
    bias: attentionBias(c, q, k, pastK),
    softcap: a.float('softcap', 0),
    precision,
    guardsEmptyRows: true,
  });
  const stage = stages[a.int('qk_matmul_output_mode', 0)];
  if (stage === undefined) throw c.bad('qk_matmul_output_mode is not one of 0 to 3');
  return [isPacked ? mergeHeads(c, y) : y, k, v, stage];
};

/** Mask, causality, window and padding as one summand of the scores; constant parts first, so that they fold. */
function attentionBias(c: NodeContext, q: Value, k: Value, past: Value | undefined): Value | undefined {
  const { dtype } = q.type;
  const [rows, columns] = [c.dim(q, 2), c.dim(k, 2)];
  const lengths = c.optional(6);
  const perBatch = lengths === undefined ? undefined : c.alongAxis(c.cast(lengths, 'i64'), 0, 4);
  // Keys before this block of queries: of the cache, or of what is filled of it.
  const offset =
    perBatch === undefined || past !== undefined
      ? c.scalar('i64', past ? c.dim(past, 2) : 0)
      : c.sub(perBatch, c.scalar('i64', rows));
  const distance = c.sub(c.add(positions(c, rows, 2), offset), positions(c, columns, 3));
  const parts: Value[] = [];
  const allow = (allowed: Value) => parts.push(biasOf(c, allowed, dtype));
  if (c.attributes.flag('is_causal')) allow(c.op('ge', [distance, c.like(distance, 0)]));
  const [left, right] = [c.attributes.int('left_window_size', -1), c.attributes.int('right_window_size', -1)];
  if (left >= 0) allow(c.op('le', [distance, c.like(distance, left)]));
  if (right >= 0) allow(c.op('ge', [distance, c.like(distance, -right)]));
  if (perBatch !== undefined) allow(c.op('lt', [positions(c, columns, 3), perBatch]));
  const mask = c.optional(3);
  if (mask !== undefined) parts.push(maskBias(c, mask, columns, dtype));
  return parts.length === 0 ? undefined : c.chain('add', parts);
}

/** A mask of fewer keys than there are hides the others. */
function maskBias(c: NodeContext, mask: Value, columns: number, dtype: DType): Value {
  const bias = mask.type.dtype === 'bool' ? biasOf(c, mask, dtype) : c.cast(mask, dtype);
  const last = c.rank(bias) - 1;
  const missing = columns - c.dim(bias, last);
  if (missing <= 0 || c.dim(bias, last) === 1) return bias;
  const amounts = (n: number) => bias.type.shape.map((_, axis) => (axis === last ? n : 0));
  return c.pad(bias, amounts(0), amounts(missing), 'constant', -Infinity);
}

/**
 * Rotates pairs of features of [B,heads,L,D] by angles whose cosines and sines are [B or 1,1,L,rotated/2]: pairs are
 * neighbours where interleaved, else (i, i + rotated/2). Features beyond the rotated ones stay.
 */
export function rotate(c: NodeContext, x: Value, cos: Value, sin: Value, isInterleaved: boolean): Value {
  const half = c.dim(cos, 3);
  const rest = c.dim(x, 3) - 2 * half;
  const [first, second] = isInterleaved
    ? [c.slice(x, 3, 0, half, 2), c.slice(x, 3, 1, half, 2)]
    : [c.slice(x, 3, 0, half), c.slice(x, 3, half, half)];
  const real = c.sub(c.mul(cos, first), c.mul(sin, second));
  const imaginary = c.add(c.mul(sin, first), c.mul(cos, second));
  const shape = c.shape(real);
  const turned = isInterleaved
    ? c.reshape(c.concat([c.unsqueeze(real, [4]), c.unsqueeze(imaginary, [4])], 4), [
        ...shape.slice(0, 3),
        2 * half,
      ])
    : c.concat([real, imaginary], 3);
  return rest === 0 ? turned : c.concat([turned, c.slice(x, 3, 2 * half, rest)], 3);
}

const rotaryEmbedding: Handler = (c) => {
  const x = c.input(0);
  const isPacked = c.rank(x) === 3;
  const heads = isPacked ? splitHeads(c, x, c.attributes.int('num_heads')) : x;
  const places = c.optional(3);
  const [cos, sin] = [1, 2].map((i) => {
    const cache = c.input(i);
    const rows = places === undefined ? cache : c.gather(cache, c.wrapIndex(places, c.dim(cache, 0)), 0);
    return c.unsqueeze(rows, [1]);
  }) as [Value, Value];
  const turned = rotate(c, heads, cos, sin, c.attributes.flag('interleaved'));
  return isPacked ? mergeHeads(c, turned) : turned;
};

const UPDATE_RULES = ['linear', 'gated', 'delta', 'gated_delta'] as const;

/** A matrix per head as state: decayed, corrected, written and read once a token. */
const linearAttention: Handler = (c): readonly Item[] => {
  const { attributes: a } = c;
  const rule = a.oneOf('update_rule', UPDATE_RULES, 'gated_delta');
  const [queryHeads, heads] = [a.int('q_num_heads'), a.int('kv_num_heads')];
  const { dtype } = c.input(0).type;
  const wide = (i: number) => c.cast(c.input(i), 'f32');
  const [q, k, v] = [
    splitHeads(c, wide(0), queryHeads),
    splitHeads(c, wide(1), heads),
    splitHeads(c, wide(2), heads),
  ];
  const [batch = 1, , steps = 1, keys = 1] = c.shape(k);
  const decay = rule.startsWith('gated') ? perHead(c, wide(4), heads) : undefined;
  const beta = rule.endsWith('delta') ? perHead(c, wide(5), heads) : undefined;
  const past = c.optional(3);
  const given = a.float('scale', 0);
  const scale = c.scalar('f32', given === 0 ? 1 / Math.sqrt(keys) : given);
  let state =
    past === undefined ? c.filled('f32', [batch, heads, keys, c.dim(v, 3)], 0) : c.cast(past, 'f32');
  const rows: Value[] = [];
  for (let t = 0; t < steps; t++) {
    const at = (x: Value) => c.slice(x, 2, t, 1);
    const key = at(k);
    let value = at(v);
    const column = c.transpose(key, [0, 1, 3, 2]);
    if (decay !== undefined) state = c.mul(state, c.op('exp', [c.transpose(at(decay), [0, 1, 3, 2])]));
    if (beta !== undefined) value = c.mul(at(beta), c.sub(value, c.matmul(key, state)));
    state = c.add(state, c.matmul(column, value));
    rows.push(c.mul(c.matmul(at(q), repeatHeads(c, state, queryHeads / heads)), scale));
  }
  const y = c.cast(mergeHeads(c, c.concat(rows, 2)), dtype);
  return [y, c.cast(state, past?.type.dtype ?? dtype)];
};

/** [B,T,heads*n], or [B,T,1], as [B,heads,T,n]. */
function perHead(c: NodeContext, x: Value, heads: number): Value {
  return splitHeads(c, x, c.dim(x, 2) === 1 ? 1 : heads);
}

/** Depthwise, over the kept end of the past and the input; the new end is kept. */
const causalConvWithState: Handler = (c): readonly Item[] => {
  const [x, w, bias, past] = [c.input(0), c.input(1), c.optional(2), c.optional(3)];
  const channels = c.dim(x, 1);
  const kept = c.dim(w, 2) - 1;
  const whole = past === undefined ? c.pad(x, [0, 0, kept], [0, 0, 0]) : c.concat([past, x], 2);
  const one = {
    strides: [1],
    low: [0],
    high: [0],
    dilations: [1],
    groups: channels,
    bias: bias !== undefined,
  };
  const y = c.op('conv', bias === undefined ? [whole, w] : [whole, w, bias], one);
  const activation = c.attributes.oneOf('activation', ['none', 'silu', 'swish'], 'none');
  const state = c.slice(whole, 2, c.dim(whole, 2) - kept, kept);
  return [activation === 'none' ? y : c.inSingle(y, (wide) => swishOf(c, wide, 1)), state];
};

const swiGlu: Handler = (c) => c.mul(swishOf(c, c.input(0), c.attributes.float('alpha', 1)), c.input(1));

export const ATTENTION: HandlerTable = {
  Attention: attention,
  CausalConvWithState: causalConvWithState,
  LinearAttention: linearAttention,
  RotaryEmbedding: rotaryEmbedding,
  SwiGLU: swiGlu,
};

// Attention in its closed forms: scaled dot products, multi-head attention with packed projections, and the fused encoder
// layer. All become products, softmax and layer norm; a pass recognises the pattern, from wherever it comes.
import type { Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import type { Lowering } from '../lower/lowering.js';
import { shapeOf, sliceAxis } from '../lower/views.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { linear, swapped } from './linear.js';
import { layerNorm } from './normalization.js';

const MINUS_INFINITY = Number.NEGATIVE_INFINITY;

/** 0 where a key may be seen, minus infinity behind the query's own place. */
function causalMask(c: Lowering, rows: number, columns: number, like: Value): Value {
  const { dtype } = like.type;
  const place = (axis: number): Value => c.one('iota', [], { shape: [rows, columns], axis, dtype: 'i32' });
  const behind = c.one('gt', [place(1), place(0)]);
  return c.one('where', [behind, c.constantF(dtype, MINUS_INFINITY), c.constantF(dtype, 0)]);
}

interface Masks {
  readonly causal?: boolean;
  /** Added to the scores. */
  readonly added?: Value | undefined;
  /** True where a key may be seen. */
  readonly seen?: Value | undefined;
}

/** Softmax of the masked, scaled scores. */
function attentionWeights(c: Lowering, q: Value, k: Value, scale: number, masks: Masks): Value {
  const product = c.one('matmul', [q, swapped(c, k)]);
  let scores = scale === 1 ? product : c.one('mul', [product, c.constantF(q.type.dtype, scale)]);
  const [rows = 1, columns = 1] = shapeOf(scores).slice(-2);
  if (masks.causal === true) scores = c.one('add', [scores, causalMask(c, rows, columns, scores)]);
  if (masks.added !== undefined) scores = c.one('add', [scores, c.cast(masks.added, scores.type.dtype)]);
  if (masks.seen !== undefined)
    scores = c.one('where', [masks.seen, scores, c.constantF(scores.type.dtype, MINUS_INFINITY)]);
  return c.one('softmax', [scores], { axis: shapeOf(scores).length - 1 });
}

/** Heads of keys and values repeated to the number of the queries' heads. */
function sharedHeads(c: Lowering, x: Value, heads: number): Value {
  const shape = shapeOf(x);
  const axis = shape.length - 3;
  const own = shape[axis] ?? 1;
  if (own === heads) return x;
  const apart = c.reshape(x, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
  const spread = c.broadcast(apart, [...shape.slice(0, axis + 1), heads / own, ...shape.slice(axis + 1)]);
  return c.reshape(
    spread,
    shape.map((n, i) => (i === axis ? heads : n)),
  );
}

const scaledDotProduct: Handler = (c, a) => {
  const q = c.value(a.tensor('query'));
  const grouped = a.flag('enable_gqa');
  const heads = shapeOf(q).at(-3) ?? 1;
  const [k, v] = ['key', 'value'].map((name) => {
    const x = c.value(a.tensor(name));
    return grouped ? sharedHeads(c, x, heads) : x;
  }) as [Value, Value];
  const scale = a.numberOr('scale') ?? 1 / Math.sqrt(shapeOf(q).at(-1) ?? 1);
  const mask = a.optional('attn_mask');
  const value = mask && c.value(mask);
  const masks = mask?.dtype === 'bool' ? { seen: value } : { added: value };
  return c.one('matmul', [attentionWeights(c, q, k, scale, { causal: a.flag('is_causal'), ...masks }), v]);
};

/** [N, L, E] to [N, heads, L, E / heads]. */
function toHeads(c: Lowering, x: Value, heads: number): Value {
  const [n = 1, length = 1, width = 1] = shapeOf(x);
  return c.transpose(c.reshape(x, [n, length, heads, width / heads]), [0, 2, 1, 3]);
}

interface Projections {
  readonly heads: number;
  readonly inWeight: Value;
  readonly inBias: Value | undefined;
  readonly outWeight: Value;
  readonly outBias: Value | undefined;
  /** True where a key is left out, broadcastable to the scores. */
  readonly hidden: Value | undefined;
}

/** Batch-first attention with the projections of query, key and value packed in one weight; also returns the weights. */
function multiHead(
  c: Lowering,
  inputs: readonly [Value, Value, Value],
  p: Projections,
): readonly [Value, Value] {
  const width = (shapeOf(p.inWeight)[0] ?? 3) / 3;
  const [q, k, v] = inputs.map((x, i) => {
    const bias = p.inBias && sliceAxis(c.builder, p.inBias, 0, i * width, width);
    return toHeads(c, linear(c, x, sliceAxis(c.builder, p.inWeight, 0, i * width, width), bias), p.heads);
  }) as [Value, Value, Value];
  const seen = p.hidden && c.one('not', [p.hidden]);
  const weights = attentionWeights(c, q, k, 1 / Math.sqrt(width / p.heads), { seen });
  const mixed = c.transpose(c.one('matmul', [weights, v]), [0, 2, 1, 3]);
  const [n = 1, length = 1] = shapeOf(mixed);
  return [linear(c, c.reshape(mixed, [n, length, width]), p.outWeight, p.outBias), weights];
}

/** The mask of the native operators: of [L, L], of padded keys [N, L], or of every head. */
function hiddenKeys(c: Lowering, a: Args): Value | undefined {
  const mask = a.optional('mask');
  if (mask === undefined) return undefined;
  const value = c.cast(c.value(mask), 'bool');
  const kind = a.numberOr('mask_type');
  const [n = 1, length = 1] = mask.shape;
  return kind === 1 ? c.reshape(value, [n, 1, 1, length]) : value;
}

const projections = (c: Lowering, a: Args, heads: string): Projections => {
  const bias = (name: string): Value | undefined => {
    const t = a.optional(name);
    return t && c.value(t);
  };
  return {
    heads: a.number(heads),
    inWeight: c.value(a.tensor('qkv_weight')),
    inBias: bias('qkv_bias'),
    outWeight: c.value(a.tensor('proj_weight')),
    outBias: bias('proj_bias'),
    hidden: hiddenKeys(c, a),
  };
};

const nativeMultiHead: Handler = (c, a) => {
  const inputs = ['query', 'key', 'value'].map((name) => c.value(a.tensor(name))) as [Value, Value, Value];
  const [out, weights] = multiHead(c, inputs, projections(c, a, 'num_head'));
  if (!a.flag('need_weights'))
    return [out, { kind: 'absent', why: 'the attention weights were not asked for' }];
  return [
    out,
    a.flag('average_attn_weights') ? c.one('reduce_mean', [weights], { axes: [1], keep: false }) : weights,
  ];
};

const encoderLayer: Handler = (c, a) => {
  const x = c.value(a.tensor('src'));
  const epsilon = a.number('eps');
  const value = (name: string): Value => c.value(a.tensor(name));
  const norm = (y: Value, i: number): Value =>
    layerNorm(c, y, 1, value(`norm_weight_${i}`), value(`norm_bias_${i}`), epsilon);
  const attend = (y: Value): Value => multiHead(c, [y, y, y], projections(c, a, 'num_heads'))[0];
  const feed = (y: Value): Value => {
    const inner = linear(c, y, value('ffn_weight_1'), value('ffn_bias_1'));
    const active = c.one(a.flag('use_gelu') ? 'gelu' : 'relu', [inner]);
    return linear(c, active, value('ffn_weight_2'), value('ffn_bias_2'));
  };
  const add = (p: Value, q: Value): Value => c.one('add', [p, q]);
  if (a.flag('norm_first')) {
    const attended = add(x, attend(norm(x, 1)));
    return add(attended, feed(norm(attended, 2)));
  }
  const attended = norm(add(x, attend(x)), 1);
  return norm(add(attended, feed(attended)), 2);
};

const PROJECTIONS = 'Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias';

export const ATTENTION: Family = {
  'scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False)':
    scaledDotProduct,
  [`_native_multi_head_attention(Tensor query, Tensor key, Tensor value, int embed_dim, int num_head, ${PROJECTIONS}, Tensor? mask=None, bool need_weights=True, bool average_attn_weights=True, int? mask_type=None)`]:
    nativeMultiHead,
  [`_transformer_encoder_layer_fwd(Tensor src, int embed_dim, int num_heads, ${PROJECTIONS}, bool use_gelu, bool norm_first, float eps, Tensor norm_weight_1, Tensor norm_bias_1, Tensor norm_weight_2, Tensor norm_bias_2, Tensor ffn_weight_1, Tensor ffn_bias_1, Tensor ffn_weight_2, Tensor ffn_bias_2, Tensor? mask=None, int? mask_type=None)`]:
    encoderLayer,
  'cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08)': (c, a) => {
    const [x, y] = [c.value(a.tensor('x1')), c.value(a.tensor('x2'))];
    const rank = shapeOf(x).length;
    const axes = [(a.number('dim') + rank) % rank];
    const sum = (p: Value, q: Value): Value =>
      c.one('reduce_sum', [c.one('mul', [p, q])], { axes, keep: false });
    const floor = c.constantF(x.type.dtype, a.number('eps'));
    const length = (p: Value): Value => c.one('max', [c.one('sqrt', [sum(p, p)]), floor]);
    return c.one('div', [sum(x, y), c.one('mul', [length(x), length(y)])]);
  },
  'pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False)': (c, a) => {
    const difference = c.one('sub', [c.value(a.tensor('x1')), c.value(a.tensor('x2'))]);
    if (a.number('p') !== 2)
      throw c.refuse('E4318', `pairwise_distance with p = ${a.number('p')} is not supported`);
    const moved = c.one('add', [difference, c.constantF(difference.type.dtype, a.number('eps'))]);
    const axes = [shapeOf(moved).length - 1];
    return c.one('sqrt', [
      c.one('reduce_sum', [c.one('mul', [moved, moved])], { axes, keep: a.flag('keepdim') }),
    ]);
  },
  'cdist(Tensor x1, Tensor x2, float p=2, int? compute_mode=None)': (c, a) => {
    const [x, y] = [c.value(a.tensor('x1')), c.value(a.tensor('x2'))];
    if (a.number('p') !== 2) throw c.refuse('E4318', `cdist with p = ${a.number('p')} is not supported`);
    const last = (v: Value): number => shapeOf(v).length - 1;
    const insert = (v: Value, at: number): Value =>
      c.reshape(v, [...shapeOf(v).slice(0, at), 1, ...shapeOf(v).slice(at)]);
    const difference = c.one('sub', [insert(x, last(x)), insert(y, last(y) - 1)]);
    elementCount(shapeOf(difference));
    return c.one('sqrt', [
      c.one('reduce_sum', [c.one('mul', [difference, difference])], {
        axes: [last(difference)],
        keep: false,
      }),
    ]);
  },
};

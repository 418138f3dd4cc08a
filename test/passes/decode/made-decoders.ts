// Small decoders made node by node, sound and unsound ones: each is a function of the builder, the tokens and a context.
import { createRandom } from '../../../src/base/random.js';
import { fromNumbers } from '../../../src/base/tensor.js';
import { bytesConstant } from '../../../src/ir/constant.js';
import type { Graph, Value } from '../../../src/ir/graph.js';
import { tensorType } from '../../../src/ir/type.js';
import { GraphBuilder } from '../../../src/ops/build.js';
import type { PrefixSource } from '../../../src/passes/decode/model.js';
import { generation, identityPrologue } from './real-models.js';

export const VOCABULARY = 11;
export const WIDTH = 8;
export const HEADS = 2;
export const MEMORY = 5;

/** What a decoder is made with: weights are the same at every length, by name. */
export class Maker {
  readonly b: GraphBuilder;
  readonly length: number;
  readonly batch: number;

  constructor(b: GraphBuilder, length: number, batch: number) {
    this.b = b;
    this.length = length;
    this.batch = batch;
  }

  weight(name: string, shape: readonly number[]): Value {
    const random = createRandom([...name].reduce((h, c) => (h * 31 + c.charCodeAt(0)) % 65521, 7));
    const values = Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => random.normal() * 0.5);
    return this.b.constant(bytesConstant('f32', shape, fromNumbers('f32', shape, values).data, name));
  }

  /** A constant from a function of its indices. */
  table(
    shape: readonly number[],
    of: (...index: number[]) => number,
    dtype: 'f32' | 'bool' | 'i64' = 'f32',
  ): Value {
    const size = shape.reduce((n, d) => n * d, 1);
    const values = Array.from({ length: size }, (_, flat) => {
      const index: number[] = [];
      let rest = flat;
      for (const dim of [...shape].reverse()) {
        index.unshift(rest % dim);
        rest = Math.floor(rest / dim);
      }
      return of(...index);
    });
    return this.b.constant(bytesConstant(dtype, shape, fromNumbers(dtype, shape, values).data));
  }

  scalar(x: number): Value {
    return this.b.scalar('f32', x);
  }

  embed(tokens: Value): Value {
    return this.b.one('gather', [this.weight('embed', [VOCABULARY, WIDTH]), tokens], { axis: 0 });
  }

  positions(x: Value): Value {
    const all = this.weight('positions', [64, WIDTH]);
    const rows = this.b.one('slice', [all], { starts: [0, 0], sizes: [this.length, WIDTH], steps: [1, 1] });
    return this.b.one('add', [x, rows]);
  }

  linear(x: Value, name: string, out = WIDTH): Value {
    const width = x.type.shape.at(-1) as number;
    return this.b.one('matmul', [x, this.weight(name, [width, out])]);
  }

  norm(x: Value, name: string): Value {
    return this.b.one(
      'layer_norm',
      [x, this.weight(`${name}.scale`, [WIDTH]), this.weight(`${name}.bias`, [WIDTH])],
      {
        axis: x.type.shape.length - 1,
        epsilon: 1e-5,
        scale: true,
        bias: true,
      },
    );
  }

  heads(x: Value): Value {
    const [n, rows] = x.type.shape as [number, number];
    const split = this.b.one('reshape', [x], { shape: [n, rows, HEADS, WIDTH / HEADS] });
    return this.b.one('transpose', [split], { perm: [0, 2, 1, 3] });
  }

  /** Attention of x to y; `mask` makes scores [N, H, L, M] what softmax takes. */
  attend(x: Value, y: Value, name: string, mask: (scores: Value) => Value): Value {
    const { b } = this;
    const q = this.heads(this.linear(x, `${name}.q`));
    const k = b.one('transpose', [this.heads(this.linear(y, `${name}.k`))], { perm: [0, 1, 3, 2] });
    const v = this.heads(this.linear(y, `${name}.v`));
    const scores = b.one('mul', [b.one('matmul', [q, k]), this.scalar(0.5)]);
    const mixed = b.one('matmul', [b.one('softmax', [mask(scores)], { axis: 3 }), v]);
    const rows = b.one('transpose', [mixed], { perm: [0, 2, 1, 3] });
    const [n, length] = x.type.shape as [number, number];
    return this.linear(b.one('reshape', [rows], { shape: [n, length, WIDTH] }), `${name}.o`);
  }

  feed(x: Value, name: string): Value {
    const up = this.b.one('relu', [this.linear(x, `${name}.up`, 2 * WIDTH)]);
    return this.linear(up, `${name}.down`);
  }

  /** Scores [L, L] that are `hidden` where the key lies more than `ahead` behind the row. */
  triangle(hidden: number, ahead = 0): Value {
    return this.table([this.length, this.length], (q = 0, k = 0) => (k > q + ahead ? hidden : 0));
  }
}

export type Mask = (m: Maker, scores: Value, tokens: Value) => Value;
export const causal: Mask = (m, scores) => m.b.one('add', [scores, m.triangle(-Infinity)]);

/** A pre-norm transformer of two layers with cross-attention. */
export function transformer(
  m: Maker,
  tokens: Value,
  memory: Value,
  mask: Mask = causal,
  mid = (x: Value) => x,
): Value {
  let x = m.positions(m.embed(tokens));
  for (const name of ['a', 'b']) {
    const normed = m.norm(x, `${name}.1`);
    x = m.b.one('add', [x, m.attend(normed, normed, `${name}.self`, (scores) => mask(m, scores, tokens))]);
    x = m.b.one('add', [x, m.attend(m.norm(x, `${name}.2`), memory, `${name}.cross`, (scores) => scores)]);
    x = mid(m.b.one('add', [x, m.feed(m.norm(x, `${name}.3`), name)]));
  }
  return m.linear(m.norm(x, 'last'), 'out', VOCABULARY);
}

/** [N, L, V] to the last row. */
export function lastRow(m: Maker, logits: Value): Value {
  const [n, length, v] = logits.type.shape as [number, number, number];
  const row = m.b.one('slice', [logits], { starts: [0, length - 1, 0], sizes: [n, 1, v], steps: [1, 1, 1] });
  return m.b.one('reshape', [row], { shape: [n, v] });
}

/** A source of a decoder that makes all rows [N, L, V], or the last one [N, V]. */
export function decoderOf(
  make: (m: Maker, tokens: Value, memory: Value) => Value,
  { steps = 7, batch = 1, prompt = 0 } = {},
): PrefixSource {
  const memory = tensorType('f32', [batch, MEMORY, WIDTH]);
  const decoderAt = (length: number): Graph => {
    const b = new GraphBuilder('decoder');
    const tokens = b.input('tokens', tensorType('i64', [batch, length]));
    const context = b.input('memory', memory);
    const m = new Maker(b, length, batch);
    const logits = make(m, tokens, context);
    return b.finish([logits.type.shape.length === 3 ? lastRow(m, logits) : logits], ['logits']);
  };
  const given = prompt > 0 ? [memory, tensorType('i64', [batch, prompt])] : [memory];
  return {
    kind: 'prefix',
    generation: generation(steps, batch),
    prologue: identityPrologue(given),
    context: [0],
    decoderAt,
    shortest: Math.max(1, prompt),
    ...(prompt > 0 && { prompt: { result: 1, length: prompt } }),
  };
}

/** An LSTM over the tokens of x [N, L, W], unrolled as importers do it; also what its last cell leaves. */
export function lstm(
  m: Maker,
  x: Value,
  name: string,
  start?: Value,
  reverse = false,
): { readonly rows: Value; readonly last: Value } {
  const { b } = m;
  const [n, length] = x.type.shape as [number, number];
  const projected = b.one('transpose', [m.linear(x, `${name}.x`, 4 * WIDTH)], { perm: [1, 0, 2] });
  const zeros = m.table([n, WIDTH], () => 0);
  let [h, c] = [start ?? zeros, zeros];
  const rows: Value[] = new Array(length);
  for (let i = 0; i < length; i++) {
    const t = reverse ? length - 1 - i : i;
    const cut = b.one('slice', [projected], {
      starts: [t, 0, 0],
      sizes: [1, n, 4 * WIDTH],
      steps: [1, 1, 1],
    });
    const row = b.one('reshape', [cut], { shape: [n, 4 * WIDTH] });
    const all = b.one('add', [row, m.linear(h, `${name}.h`, 4 * WIDTH)]);
    const gate = (k: number, op: string): Value =>
      b.one(op, [b.one('slice', [all], { starts: [0, k * WIDTH], sizes: [n, WIDTH], steps: [1, 1] })]);
    c = b.one('add', [
      b.one('mul', [gate(0, 'sigmoid'), c]),
      b.one('mul', [gate(1, 'sigmoid'), gate(2, 'tanh')]),
    ]);
    h = b.one('mul', [gate(3, 'sigmoid'), b.one('tanh', [c])]);
    rows[t] = b.one('reshape', [h], { shape: [1, n, WIDTH] });
  }
  return { rows: b.one('transpose', [b.one('concat', rows, { axis: 0 })], { perm: [1, 0, 2] }), last: h };
}

// Decoders that are prefix-stable, as exporters write them: a step is derived, and says what the decoder says.
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../src/ir/graph.js';
import { deriveStep, paddedStep } from '../../../src/passes/decode/derive.js';
import { mismatch } from './compare.js';
import {
  causal,
  decoderOf,
  HEADS,
  lstm,
  type Maker,
  type Mask,
  transformer,
  VOCABULARY,
  WIDTH,
} from './made-decoders.js';

type Make = (m: Maker, tokens: Value, memory: Value) => Value;
const masked =
  (mask: Mask): Make =>
  (m, tokens, memory) =>
    transformer(m, tokens, memory, mask);

const lower = (m: Maker, value: (q: number, k: number) => number, dtype: 'f32' | 'bool' = 'f32') =>
  m.table([1, 1, m.length, m.length], (_, __, q = 0, k = 0) => value(q, k), dtype);

/** token != 0 as a mask over keys. */
function present(m: Maker, tokens: Value): Value {
  const there = m.b.one('ne', [tokens, m.b.scalar('i64', 0)]);
  return m.b.one('reshape', [there], { shape: [m.batch, 1, 1, m.length] });
}

const MASKS: Readonly<Record<string, Mask>> = {
  'added -inf': causal,
  'added -3.4e38': (m, s) => m.b.one('add', [s, m.triangle(-3.4028234663852886e38)]),
  'added -1e9': (m, s) => m.b.one('add', [s, m.triangle(-1e9)]),
  'added -1e4': (m, s) => m.b.one('add', [s, m.triangle(-1e4)]),
  'where with -1e9': (m, s) =>
    m.b.one('where', [lower(m, (q, k) => (k <= q ? 1 : 0), 'bool'), s, m.scalar(-1e9)]),
  'where of the hidden ones': (m, s) =>
    m.b.one('where', [lower(m, (q, k) => (k > q ? 1 : 0), 'bool'), m.scalar(-Infinity), s]),
  'product with a triangle and -1e10 times its complement': (m, s) => {
    const open = lower(m, (q, k) => (k <= q ? 1 : 0));
    const hidden = m.b.one('mul', [m.b.one('sub', [m.scalar(1), open]), m.scalar(-1e10)]);
    return m.b.one('add', [m.b.one('mul', [s, open]), hidden]);
  },
  'with ALiBi': (m, s) => {
    const slopes = m.table([1, HEADS, m.length, m.length], (_, h = 0, q = 0, k = 0) =>
      k > q ? -Infinity : (k - q) / (1 + h),
    );
    return m.b.one('add', [s, slopes]);
  },
  'with relative bias': (m, s) => {
    const bias = m.weight('bias', [32, HEADS]);
    const places = m.table([m.length, m.length], (q = 0, k = 0) => Math.max(0, q - k), 'i64');
    const rows = m.b.one('transpose', [m.b.one('gather', [bias, places], { axis: 0 })], { perm: [2, 0, 1] });
    return m.b.one('add', [m.b.one('add', [s, rows]), m.triangle(-1e9)]);
  },
  'within a window of three tokens': (m, s) =>
    m.b.one('add', [
      s,
      m.table([m.length, m.length], (q = 0, k = 0) => (k > q || k < q - 2 ? -Infinity : 0)),
    ]),
  'with keys hidden by their token': (m, s, tokens) => {
    const hidden = m.b.one('where', [present(m, tokens), m.scalar(0), m.scalar(-30)]);
    return m.b.one('add', [causal(m, s, tokens), hidden]);
  },
};

describe.each(Object.entries(MASKS))('a transformer under a mask %s', (_, mask) => {
  it('is derived', () => {
    const source = decoderOf(masked(mask));
    const derived = deriveStep(source);
    expect('refusal' in derived ? derived.refusal : 'derived').toBe('derived');
    if ('program' in derived)
      expect(mismatch(source, derived.program, [0, 1, 2, 3, 4, 5, 6])).toBeUndefined();
  });
});

const left = (m: Maker, x: Value, name: string, padded: 'conv' | 'pad' | 'cut'): Value => {
  const { b } = m;
  const kernel = m.weight(name, [WIDTH, WIDTH, 3]);
  const attrs = {
    strides: [1],
    dilations: [1],
    groups: 1,
    bias: false,
    act: '',
    alpha: 0,
    residual: false,
    out: '',
  };
  const columns = b.one('transpose', [x], { perm: [0, 2, 1] });
  const shape = [m.batch, WIDTH, m.length];
  const made = {
    conv: () => b.one('conv', [columns, kernel], { ...attrs, low: [2], high: [0] }),
    pad: () => {
      const wider = b.one('pad', [columns], { low: [0, 0, 2], high: [0, 0, 0], mode: 'constant', value: 0 });
      return b.one('conv', [b.one('relu', [wider]), kernel], { ...attrs, low: [0], high: [0] });
    },
    cut: () => {
      const longer = b.one('conv', [columns, kernel], { ...attrs, low: [2], high: [2] });
      return b.one('slice', [longer], { starts: [0, 0, 0], sizes: shape, steps: [1, 1, 1] });
    },
  }[padded]();
  return b.one('transpose', [made], { perm: [0, 2, 1] });
};

const OTHERS: Readonly<Record<string, Make>> = {
  'post-norm, tied embeddings': (m, tokens) => {
    let x = m.positions(m.embed(tokens));
    for (const name of ['a', 'b']) {
      x = m.norm(m.b.one('add', [x, m.attend(x, x, name, (s) => causal(m, s, tokens))]), `${name}.1`);
      x = m.norm(m.b.one('add', [x, m.feed(x, name)]), `${name}.2`);
    }
    const table = m.b.one('transpose', [m.weight('embed', [VOCABULARY, WIDTH])], { perm: [1, 0] });
    return m.b.one('matmul', [x, table]);
  },
  'rows of all batches in one axis': (m, tokens, memory) =>
    transformer(m, tokens, memory, causal, (x) => {
      const flat = m.b.one('reshape', [x], { shape: [m.batch * m.length, WIDTH] });
      return m.b.one('reshape', [m.feed(m.norm(flat, 'flat'), 'flat')], {
        shape: [m.batch, m.length, WIDTH],
      });
    }),
  'softmax taken apart': (m, tokens, memory) => {
    const apart = (s: Value): Value => {
      const top = m.b.one('reduce_max', [s], { axes: [3], keep: true });
      const e = m.b.one('exp', [m.b.one('sub', [s, top])]);
      return m.b.one('div', [e, m.b.one('reduce_sum', [e], { axes: [3], keep: true })]);
    };
    const x = m.positions(m.embed(tokens));
    const { b } = m;
    const attend = (y: Value, name: string): Value => {
      const scores = b.one('matmul', [
        m.linear(y, `${name}.q`),
        b.one('transpose', [m.linear(y, `${name}.k`)], { perm: [0, 2, 1] }),
      ]);
      const shape = [m.batch, 1, m.length, m.length];
      const weights = apart(causal(m, b.one('reshape', [scores], { shape }), tokens));
      return b.one('matmul', [
        b.one('reshape', [weights], { shape: shape.with(1, m.batch).slice(1) }),
        m.linear(y, `${name}.v`),
      ]);
    };
    void memory;
    return m.linear(b.one('add', [attend(b.one('add', [x, attend(x, 'a')]), 'b'), x]), 'out', VOCABULARY);
  },
  'the attention operator, causal': (m, tokens) => {
    let x = m.positions(m.embed(tokens));
    for (const name of ['a', 'b']) {
      const [q, k, v] = ['q', 'k', 'v'].map((part) => m.heads(m.linear(x, `${name}.${part}`))) as [
        Value,
        Value,
        Value,
      ];
      const mixed = m.b.one('attention', [q, k, v], { scale: 0.5, causal: true, mask: false });
      const rows = m.b.one('reshape', [m.b.one('transpose', [mixed], { perm: [0, 2, 1, 3] })], {
        shape: [m.batch, m.length, WIDTH],
      });
      x = m.norm(m.b.one('add', [x, rows]), name);
    }
    return m.linear(x, 'out', VOCABULARY);
  },
  'a convolution padded on the left': (m, tokens, memory) =>
    transformer(m, tokens, memory, causal, (x) => left(m, x, 'conv', 'conv')),
  'padding on the left, then a convolution': (m, tokens, memory) =>
    transformer(m, tokens, memory, causal, (x) => left(m, x, 'conv', 'pad')),
  'a convolution padded on both sides and cut': (m, tokens, memory) =>
    transformer(m, tokens, memory, causal, (x) => left(m, x, 'conv', 'cut')),
  'two LSTM layers, then attention': (m, tokens, memory) => {
    const x = lstm(m, lstm(m, m.embed(tokens), 'one').rows, 'two').rows;
    const mixed = m.b.one('add', [x, m.attend(x, memory, 'cross', (s) => s)]);
    return m.linear(mixed, 'out', VOCABULARY);
  },
  'an LSTM that starts from the encoder, under a transformer': (m, tokens, memory) => {
    const start = m.b.one('reduce_mean', [memory], { axes: [1], keep: false });
    return transformer(m, tokens, memory, causal, (x) => lstm(m, x, 'cell', start).rows);
  },
  'a running sum': (m, tokens, memory) =>
    transformer(m, tokens, memory, causal, (x) =>
      m.norm(m.b.one('cumsum', [x], { axis: 1, exclusive: false, reverse: false }), 'sum'),
    ),
};

it('takes what the last cell of an LSTM leaves', () => {
  const source = decoderOf((m, tokens) => {
    const { last } = lstm(m, lstm(m, m.embed(tokens), 'one').rows, 'two');
    return m.linear(last, 'out', VOCABULARY);
  });
  const derived = deriveStep(source);
  expect('refusal' in derived ? derived.refusal : 'derived').toBe('derived');
  if ('program' in derived) expect(mismatch(source, derived.program, [0, 1, 2, 3, 4, 5, 6])).toBeUndefined();
});

it('takes the last row for the query before the last layer', () => {
  const source = decoderOf((m, tokens) => {
    const x = m.positions(m.embed(tokens));
    const y = m.b.one('add', [x, m.attend(x, x, 'a', (s) => causal(m, s, tokens))]);
    const starts = [0, m.length - 1, 0];
    const last = m.b.one('slice', [y], { starts, sizes: [m.batch, 1, WIDTH], steps: [1, 1, 1] });
    const row = m.b.one('add', [last, m.attend(last, y, 'b', (s) => s)]);
    return m.b.one('reshape', [m.linear(row, 'out', VOCABULARY)], { shape: [m.batch, VOCABULARY] });
  });
  for (const made of [deriveStep(source), paddedStep(source)]) {
    expect('refusal' in made ? made.refusal : 'made').toBe('made');
    if ('program' in made) expect(mismatch(source, made.program, [0, 1, 2, 3, 4, 5, 6])).toBeUndefined();
  }
});

describe.each(Object.entries(OTHERS))('%s', (name, make) => {
  const batch = name.startsWith('softmax') ? 1 : 2;
  it.each([0, 3])('is derived for a prompt of %i tokens', (prompt) => {
    const source = decoderOf(make, { batch, prompt });
    const derived = deriveStep(source);
    expect('refusal' in derived ? derived.refusal : 'derived').toBe('derived');
    if ('program' in derived)
      expect(mismatch(source, derived.program, [0, 1, 2, 3, 4, 5, 6])).toBeUndefined();
  });
  it.each([0, 3])('is padded for a prompt of %i tokens', (prompt) => {
    const source = decoderOf(make, { batch, prompt });
    const padded = paddedStep(source);
    expect('refusal' in padded ? padded.refusal : 'padded').toBe('padded');
    if ('program' in padded) expect(mismatch(source, padded.program, [0, 1, 2, 3, 4, 5, 6])).toBeUndefined();
  });
});

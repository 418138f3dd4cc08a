// Decoders in which a row depends on later tokens or on the number of tokens: refused, with the operator and the reason.
import { expect, it } from 'vitest';
import type { Value } from '../../../src/ir/graph.js';
import { tensorType } from '../../../src/ir/type.js';
import { GraphBuilder } from '../../../src/ops/build.js';
import { deriveStep, paddedStep } from '../../../src/passes/decode/derive.js';
import { exactSteps } from '../../../src/passes/decode/exact.js';
import type { PrefixSource } from '../../../src/passes/decode/model.js';
import { mismatch } from './compare.js';
import { decoderOf, lastRow, lstm, Maker, transformer, WIDTH } from './made-decoders.js';
import { generation, identityPrologue } from './real-models.js';

type Make = (m: Maker, tokens: Value, memory: Value) => Value;
const mid =
  (change: (m: Maker, x: Value) => Value): Make =>
  (m, tokens, memory) =>
    transformer(m, tokens, memory, undefined, (x) => change(m, x));
const masked =
  (mask: (m: Maker, scores: Value, tokens: Value) => Value): Make =>
  (m, tokens, memory) =>
    transformer(m, tokens, memory, mask);

const convolution = (low: number, high: number) =>
  mid((m, x) => {
    const attrs = {
      strides: [1],
      dilations: [1],
      groups: 1,
      bias: false,
      act: '',
      alpha: 0,
      residual: false,
      out: '',
      low: [low],
      high: [high],
    };
    const columns = m.b.one('transpose', [x], { perm: [0, 2, 1] });
    const made = m.b.one('conv', [columns, m.weight('conv', [WIDTH, WIDTH, 3])], attrs);
    return m.b.one('transpose', [made], { perm: [0, 2, 1] });
  });

const CASES: Readonly<Record<string, Make>> = {
  'no mask': masked((_, s) => s),
  'a mask that looks one token ahead': masked((m, s) => m.b.one('add', [s, m.triangle(-Infinity, 1)])),
  'a mask that is not low enough': masked((m, s) => m.b.one('add', [s, m.triangle(-50)])),
  'a finite mask over rows with nothing open': masked((m, s, tokens) => {
    const there = m.b.one('reshape', [m.b.one('ne', [tokens, m.b.scalar('i64', 0)])], {
      shape: [m.batch, 1, 1, m.length],
    });
    const hidden = m.b.one('where', [there, m.scalar(0), m.scalar(-1e9)]);
    return m.b.one('add', [m.b.one('add', [s, m.triangle(-1e9)]), hidden]);
  }),
  'an upside-down mask': masked((m, s) =>
    m.b.one('add', [s, m.table([m.length, m.length], (q = 0, k = 0) => (k < q ? -Infinity : 0))]),
  ),
  'a mean over tokens': mid((m, x) =>
    m.b.one('sub', [x, m.b.one('reduce_mean', [x], { axes: [1], keep: true })]),
  ),
  'a maximum over tokens': mid((m, x) =>
    m.b.one('sub', [x, m.b.one('reduce_max', [x], { axes: [1], keep: true })]),
  ),
  'normalisation over tokens': mid((m, x) => {
    const columns = m.b.one('transpose', [x], { perm: [0, 2, 1] });
    const normed = m.b.one('layer_norm', [columns], { axis: 2, epsilon: 1e-5, scale: false, bias: false });
    return m.b.one('transpose', [normed], { perm: [0, 2, 1] });
  }),
  'softmax over tokens': mid((m, x) => m.b.one('softmax', [x], { axis: 1 })),
  'a convolution that looks ahead': convolution(1, 1),
  'a convolution that looks two ahead': convolution(0, 2),
  'a value that depends on the length': mid((m, x) => m.b.one('add', [x, m.scalar(m.length / 10)])),
  'positions counted from the end': mid((m, x) =>
    m.b.one('add', [x, m.table([m.length, 1], (i = 0) => m.length - i)]),
  ),
  'a running sum from the end': mid((m, x) =>
    m.b.one('cumsum', [x], { axis: 1, exclusive: false, reverse: true }),
  ),
  'an LSTM from the last token on': mid((m, x) => lstm(m, x, 'cell', undefined, true).rows),
  'reversed tokens': mid((m, x) =>
    m.b.one('slice', [x], {
      starts: [0, m.length - 1, 0],
      sizes: [m.batch, m.length, WIDTH],
      steps: [1, -1, 1],
    }),
  ),
  'a learned mixture of tokens': mid((m, x) => {
    const all = m.weight('mix', [32, 32]);
    const part = m.b.one('slice', [all], { starts: [0, 0], sizes: [m.length, m.length], steps: [1, 1] });
    return m.b.one('matmul', [part, x]);
  }),
  'tokens mixed with features': mid((m, x) => {
    const mixed = m.b.one('reshape', [x], { shape: [m.batch, WIDTH, m.length] });
    const normed = m.b.one('softmax', [mixed], { axis: 1 });
    return m.b.one('reshape', [normed], { shape: [m.batch, m.length, WIDTH] });
  }),
  'a step less of work at even lengths': mid((m, x) => (m.length % 2 === 0 ? x : m.b.one('tanh', [x]))),
};

it('is said what and where', () => {
  const reasons = Object.entries(CASES).map(([name, make]) => {
    const derived = deriveStep(decoderOf(make));
    const padded = paddedStep(decoderOf(make));
    const said = 'refusal' in derived ? `${derived.refusal.op}: ${derived.refusal.reason}` : 'derived';
    return [name, 'program' in padded ? `${said}, but padded` : said];
  });
  expect(Object.fromEntries(reasons)).toMatchSnapshot();
});

it.each(Object.entries(CASES))('%s is recomputed at each number of tokens', (_, make) => {
  for (const prompt of [0, 3]) {
    const source = decoderOf(make, { steps: 4, batch: 2, prompt });
    const program = exactSteps(source);
    expect(program && mismatch(source, program, [0, 1, 2, 3])).toBeUndefined();
    expect(program?.later).toHaveLength(3);
  }
});

it('refuses a mask that is an input and grows with the tokens', () => {
  const types = (length: number) => [
    tensorType('i64', [1, length]),
    tensorType('f32', [1, 1, length, length]),
  ];
  const source: PrefixSource = {
    kind: 'prefix',
    generation: generation(6),
    prologue: identityPrologue(types(6).slice(1)),
    context: [0],
    shortest: 1,
    decoderAt(length) {
      const b = new GraphBuilder('decoder');
      const [tokens, mask] = types(length).map((t, i) => b.input(`i${i}`, t)) as [Value, Value];
      const m = new Maker(b, length, 1);
      const x = m.embed(tokens);
      const y = m.attend(x, x, 'a', (s) => b.one('add', [s, mask]));
      return b.finish([lastRow(m, m.linear(y, 'out', 11))], ['logits']);
    },
  };
  expect(deriveStep(source)).toMatchSnapshot();
});

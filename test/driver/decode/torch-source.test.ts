// TorchScript models of undeclared inputs: their types and places are found from the tensors at hand.
import { describe, expect, it } from 'vitest';
import { fromNumbers, type HostTensor } from '../../../src/base/tensor.js';
import { decodeGreedily } from '../../../src/driver/decode/greedy.js';
import { recognisePair } from '../../../src/driver/decode/pair.js';
import type { DecodeFlags, Port, SourceModel } from '../../../src/driver/decode/request.js';
import { recogniseTeacher } from '../../../src/driver/decode/teacher.js';
import { torchSource } from '../../../src/driver/decode/torch-source.js';
import { constantOf } from '../../../src/ir/graph.js';
import { interpretGraph } from '../../../src/ops/interpret.js';
import { codeOf } from '../../helpers/codes.js';
import { decoderArchive, WIDTH } from '../../helpers/torch-decoder.js';

const method = (args: string, ...lines: readonly string[]): string =>
  `  def forward(self: __torch__.Tiny,\n    ${args}) -> Tensor:\n${lines.map((line) => `    ${line}\n`).join('')}`;

const ENCODER = ['memory = torch.tanh(torch.mul(x, 2.))'];
/** A causal decoder: a running mean of embeddings, and attention over the memory. */
const DECODER = [
  'weight = self.weight',
  'e = torch.cumsum(torch.embedding(weight, y), 1)',
  'a = torch.softmax(torch.matmul(e, torch.transpose(memory, 1, 2)), -1)',
  'z = torch.sin(torch.mul(torch.add(e, torch.matmul(a, memory)), 3.))',
];
const SCORES = 'return torch.linear(z, weight)';

const source = (body: string, file = 'model.pt') => torchSource(decoderArchive(body), file);
const encoder = source(method('x: Tensor', ...ENCODER, 'return memory'), 'encoder.pt');
const decoder = source(method('memory: Tensor,\n    y: Tensor', ...DECODER, SCORES), 'decoder.pt');
const teacher = source(method('y: Tensor,\n    x: Tensor', ...ENCODER, ...DECODER, SCORES));

const flags = (
  shapes: Readonly<Record<string, readonly number[]>>,
  more: Partial<DecodeFlags> = {},
): DecodeFlags => ({
  inputShapes: new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape }])),
  bind: [],
  state: [],
  bos: 1,
  eos: 2,
  pad: 0,
  maxSteps: 6,
  ...more,
});

const input: HostTensor = fromNumbers(
  'f32',
  [2, 3, WIDTH],
  Array.from({ length: 6 * WIDTH }, (_, i) => ((i * 7) % 11) / 5 - 1),
);
/** Tokens of the model by running all of it again for each. */
const expected = (() => {
  const rows = [[1], [1]];
  for (let t = 1; t <= 6; t++) {
    const types = new Map([
      ['y', { dtype: 'i64' as const, shape: [2, t] }],
      ['x', { dtype: 'f32' as const, shape: input.shape }],
    ]);
    const [scores] = interpretGraph(teacher.graphAt(types, new Map()), [
      fromNumbers('i64', [2, t], rows.flat()),
      input,
    ]);
    const data = new Float32Array(scores?.data.slice().buffer ?? new ArrayBuffer(0));
    const width = data.length / (2 * t);
    for (const [n, row] of rows.entries()) {
      const last = [...data.subarray((n * t + t - 1) * width, (n * t + t) * width)];
      row.push(last.indexOf(Math.max(...last)));
    }
  }
  return rows.map((row) => row.slice(1));
})();

/** Rows up to their end. */
const upToEnd = (rows: readonly (readonly number[])[]) =>
  rows.map((row) => (row.includes(2) ? row.slice(0, row.indexOf(2) + 1) : row));

function tokensOf(found: ReturnType<typeof recognisePair>): readonly (readonly number[])[] {
  const { steps } = decodeGreedily(found.source, [input]);
  return upToEnd([0, 1].map((n) => steps.map((row) => row[n] ?? -1)));
}

describe('a pair of scripted archives', () => {
  it('is wired by what builds', () => {
    const found = recognisePair({ encoder, decoder }, flags({ x: input.shape }));
    expect(found.source.kind).toBe('prefix');
    expect(tokensOf(found)).toEqual(upToEnd(expected));
  });

  it('takes the shape by position, and the tokens input by name or position', () => {
    for (const tokensInput of ['y', '1'])
      expect(
        tokensOf(recognisePair({ encoder, decoder }, flags({ 0: input.shape }, { tokensInput }))),
      ).toEqual(upToEnd(expected));
  });

  it('is refused where no arrangement builds', () => {
    const other = source(
      method(
        'memory: Tensor,\n    y: Tensor,\n    z: Tensor',
        'return torch.linear(torch.add(memory, z), self.weight)',
      ),
    );
    expect(codeOf(() => recognisePair({ encoder, decoder: other }, flags({ 0: input.shape })))).toBe('E4205');
  });
});

const returnsTwo = (body: string) => body.replace('-> Tensor', '-> Tuple[Tensor, Tensor]');
/** A decoder of one token a row, with a hidden state. */
const recurrent = source(
  returnsTwo(
    method(
      'y: Tensor,\n    h: Tensor,\n    memory: Tensor',
      'weight = self.weight',
      'a = torch.softmax(torch.matmul(memory, torch.unsqueeze(h, 2)), 1)',
      'c = torch.squeeze(torch.matmul(torch.transpose(memory, 1, 2), a), 2)',
      'g = torch.tanh(torch.add(torch.add(torch.embedding(weight, torch.reshape(y, [-1])), h), c))',
      'return (torch.linear(g, weight), g)',
    ),
  ),
);
const front = source(returnsTwo(method('x: Tensor', ...ENCODER, 'return (memory, torch.mean(memory, [1]))')));

it('finds the state of a decoder that takes one token a row, and where it starts', () => {
  const { source: found, notes } = recognisePair(
    { encoder: front, decoder: recurrent },
    flags({ x: input.shape }),
  );
  expect(found).toMatchObject({ kind: 'carried', states: [{ name: 'h', start: { kind: 'prologue' } }] });
  expect(notes.join('\n')).toContain("'memory' is the encoder output 'output.0'");
});

it.each([1, 2])('finds it for %i rows where no dim of the decoder is declared', (rows) => {
  const port = (name: string, dtype: 'i64' | 'f32', rank: number): Port => ({
    name,
    dtype,
    dims: new Array<undefined>(rank).fill(undefined),
  });
  const open: SourceModel = {
    file: recurrent.file,
    graphAt: recurrent.graphAt,
    inputs: [port('y', 'i64', 2), port('h', 'f32', 2), port('memory', 'f32', 3)],
    outputs: [port('output.0', 'f32', 2), port('output.1', 'f32', 2)],
  };
  const { source: found } = recognisePair({ encoder: front, decoder: open }, flags({ x: [rows, 3, WIDTH] }));
  expect(found).toMatchObject({ kind: 'carried', states: [{ name: 'h' }] });
});

describe('a teacher-forced archive', () => {
  it('has its tokens input found by integer use, though its shape is not given', () => {
    expect(tokensOf(recogniseTeacher(teacher, flags({ x: input.shape })))).toEqual(upToEnd(expected));
    expect(tokensOf(recogniseTeacher(teacher, flags({ 1: input.shape }, { tokensInput: '0' })))).toEqual(
      upToEnd(expected),
    );
  });

  it('says which shape is missing', () => {
    const two = source(
      method(
        'y: Tensor,\n    x: Tensor,\n    v: Tensor',
        ...ENCODER,
        ...DECODER,
        'return torch.linear(torch.cat([z, v], 1), weight)',
      ),
    );
    expect(codeOf(() => recogniseTeacher(two, flags({ x: [2, 5, 4] })))).toMatch(/^E/);
  });
});

it('makes constants of inputs with a value, which stay parameters', () => {
  const types = new Map([['x', { dtype: 'f32' as const, shape: input.shape }]]);
  const { body } = encoder.graphAt(types, new Map([['x', input]]));
  expect(body.params.map(({ name }) => name)).toEqual(['x']);
  expect(body.results.map((v) => constantOf(v) !== undefined)).toEqual([true]);
});

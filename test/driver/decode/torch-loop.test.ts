// Loops of TorchScript decoders: what the recognised source decodes, with the rules of its outputs, is what the program computes.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.js';
import { fromNumbers, type HostTensor, toNumbers } from '../../../src/base/tensor.js';
import { decodeGreedily } from '../../../src/driver/decode/greedy.js';
import { recogniseLoop } from '../../../src/driver/decode/loop.js';
import { applyRule, type TokenRule } from '../../../src/driver/decode/loop-rules.js';
import { recognise } from '../../../src/driver/decode/recognise.js';
import type { DecodeFlags, RecognisedDecode, ShapesByName } from '../../../src/driver/decode/request.js';
import { torchLoopSite } from '../../../src/driver/decode/torch-loop.js';
import { readNpy } from '../../../src/driver/tensor-files/npy.js';
import type { TorchArchive } from '../../../src/frontend/torchscript/archive/read.js';
import { openLoop } from '../../../src/frontend/torchscript/loop-site.js';
import { choosesInLoop, hasWhile } from '../../../src/frontend/torchscript/signature.js';
import { codeOf } from '../../helpers/codes.js';
import { decoderArchive, runLoop, WIDTH } from '../../helpers/torch-decoder.js';

const flags = (inputShapes: ShapesByName, more: Partial<DecodeFlags> = {}): DecodeFlags => ({
  inputShapes,
  bind: [],
  state: [],
  ...more,
});

/** The outputs of a recognised source, by its meaning. */
function decoded(
  { source, outputs }: RecognisedDecode,
  inputs: readonly HostTensor[],
): readonly HostTensor[] {
  const rows = decodeGreedily(source, inputs);
  const done = { count: rows.steps.length, ...rows };
  return outputs.map((rule) => applyRule(rule as TokenRule, done, source.generation));
}

const plain = (tensors: readonly HostTensor[]) =>
  tensors.map((t) => ({ dtype: t.dtype, shape: t.shape, values: [...toNumbers(t)] }));

function loopOf(archive: TorchArchive, shape: readonly number[]): RecognisedDecode {
  const shapes: ShapesByName = new Map([['0', { shape }]]);
  const site = torchLoopSite(archive, 'decoder.pt', shapes);
  if (site === undefined) throw new Error('no loop');
  return recogniseLoop(site, flags(shapes), []);
}

/** Compares the recognised source with the program on some inputs. */
function agreesWithProgram(archive: TorchArchive, shape: readonly number[]): RecognisedDecode {
  const found = loopOf(archive, shape);
  const site = openLoop(archive, { file: 'decoder.pt', inputShapes: new Map([['0', { shape }]]) });
  const random = createRandom(5);
  const columns = new Set<number>();
  for (let run = 0; run < 16; run++) {
    const input = fromNumbers(
      'f32',
      shape,
      Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => random.between(-2, 2)),
    );
    const outputs = decoded(found, [input]);
    const [tokens] = outputs as [HostTensor];
    columns.add(tokens.shape[1] === 10 ? toNumbers(tokens).indexOf(15) : (tokens.shape[1] ?? 0));
    expect(plain(outputs)).toEqual(plain(site === undefined ? [] : runLoop(site, [input])));
  }
  // Some runs end before the limit.
  expect(columns.size).toBeGreaterThan(1);
  return found;
}

/** Parts of a greedy program: what goes before, in each iteration, and behind. */
function program(
  returns: string,
  before: readonly string[],
  body: readonly string[],
  after: readonly string[],
): string {
  const lines = [
    'weight = self.weight',
    'n = torch.size(x, 0)',
    ...before,
    'i0 = 0',
    '_0 = True',
    'while _0:',
    ...body.map((line) => `  ${line}`),
    '  i1 = torch.add(i0, 1)',
    '  if torch.lt(i1, 9):',
    '    _2 = torch.__not__(bool(torch.all(done1)))',
    '  else:',
    '    _2 = False',
    ...after,
  ];
  return `  def forward(self: __torch__.Tiny,\n    x: Tensor) -> ${returns}:\n${lines.map((line) => `    ${line}\n`).join('')}`;
}

/** A recurrent decoder that keeps its tokens in a list, of shape [N] or [N, 1]. */
const recurrent = (column: boolean) =>
  program(
    'Tensor',
    [
      'h0 = torch.mean(x, [1])',
      column ? 't0 = torch.full([n, 1], 1, dtype=4)' : 't0 = torch.full([n], 1, dtype=4)',
      column ? 'done0 = torch.zeros([n, 1], dtype=11)' : 'done0 = torch.zeros([n], dtype=11)',
      'r = annotate(List[Tensor], [])',
      'seen = annotate(List[Tensor], [])',
    ],
    [
      `q = torch.reshape(torch.embedding(weight, t0), [n, ${WIDTH}])`,
      'h1 = torch.tanh(torch.add(torch.mul(h0, 1.1), q))',
      't1 = torch.argmax(torch.linear(torch.sin(torch.mul(h1, 3.)), weight), 1, '.concat(
        column ? 'True)' : 'False)',
      ),
      't2 = torch.where(done0, torch.full_like(t1, 2), t1)',
      'done1 = torch.__or__(done0, torch.__or__(torch.eq(t2, 12), torch.eq(t2, 13)))',
      '_1 = torch.append(r, t2)',
      '_3 = torch.append(seen, h1)',
    ],
    [
      '  _0, done0, h0, i0, t0 = _2, done1, h1, i1, t2',
      column ? 'return torch.cat(r, 1)' : 'return torch.stack(r, 1)',
    ],
  );

/** Recomputes from all tokens so far: attention of the last one over all of them. */
const PREFIX = program(
  'Tuple[Tensor, Tensor]',
  ['m = torch.mean(x, [1])', 'y0 = torch.full([n, 1], 3, dtype=4)', 'done0 = torch.zeros([n], dtype=11)'],
  [
    'e = torch.embedding(weight, y0)',
    'q = torch.add(torch.select(e, 1, -1), m)',
    'a = torch.softmax(torch.matmul(e, torch.unsqueeze(q, 2)), 1)',
    'c = torch.select(torch.matmul(torch.transpose(e, 1, 2), a), 2, 0)',
    't1 = torch.argmax(torch.linear(torch.sin(torch.mul(torch.add(c, q), 4.)), weight), -1)',
    't2 = torch.where(done0, torch.zeros_like(t1), t1)',
    'y1 = torch.cat([y0, torch.unsqueeze(t2, 1)], 1)',
    'done1 = torch.logical_or(done0, torch.eq(t2, 15))',
  ],
  ['  _0, done0, i0, y0 = _2, done1, i1, y1', 'return (y0, torch.sum(torch.ne(y0, 0), [1]))'],
);

/** The decoder over a buffer of fixed length that is written in place; `read` is what it sees of it, `row` the row it takes. */
const buffered = (read: string, row: string) =>
  program(
    'Tensor',
    [
      'm = torch.mean(x, [1])',
      'y = torch.full([n, 10], 0, dtype=4)',
      '_y = torch.copy_(torch.select(y, 1, 0), torch.full([n], 3, dtype=4))',
      'done0 = torch.zeros([n], dtype=11)',
    ],
    [
      `e = torch.embedding(weight, ${read})`,
      'c = torch.sin(torch.mul(torch.add(torch.cumsum(e, 1), torch.unsqueeze(m, 1)), 4.))',
      `s = torch.select(torch.linear(c, weight), 1, ${row})`,
      't1 = torch.argmax(s, -1)',
      't2 = torch.where(done0, torch.zeros_like(t1), t1)',
      '_4 = torch.copy_(torch.select(y, 1, torch.add(i0, 1)), t2)',
      'done1 = torch.logical_or(done0, torch.eq(t2, 15))',
    ],
    ['  _0, done0, i0 = _2, done1, i1', 'return y'],
  );

describe('a decoding loop of a TorchScript archive', () => {
  it.each([
    ['up to the token', buffered('torch.slice(y, 1, 0, torch.add(i0, 1))', '-1')],
    ['whole', buffered('torch.slice(y, 1, 0, -1)', 'i0')],
  ])('recomputes from a buffer that it writes in place and reads %s', (_, text) => {
    const archive = decoderArchive(text);
    const { source, outputs } = agreesWithProgram(archive, [2, 3, WIDTH]);
    expect(source).toMatchObject({ kind: 'prefix', generation: { bos: 3, eos: [15], pad: 0, maxSteps: 9 } });
    expect(outputs).toMatchObject([{ kind: 'tokens', withStart: true, columns: 10, unused: 0 }]);
    // What stands behind the tokens is no part of the decoder.
    const { body } = (source as Extract<typeof source, { kind: 'prefix' }>).decoderAt(4);
    expect(body.nodes.map(({ op }) => op)).not.toContain('concat');
  });

  it.each([
    ['of one axis', false],
    ['of two axes', true],
  ])('carries its state and keeps tokens %s in a list', (_, column) => {
    const { source, outputs } = agreesWithProgram(decoderArchive(recurrent(column)), [2, 3, WIDTH]);
    expect(source).toMatchObject({
      kind: 'carried',
      generation: { bos: 1, eos: [12, 13], pad: 2, maxSteps: 9 },
    });
    expect(source.kind === 'carried' && source.states.map(({ name }) => name)).toEqual(['h0']);
    expect(outputs).toMatchObject([{ kind: 'tokens', withStart: false, columns: 'steps', layout: 'rows' }]);
  });

  it('recomputes from a buffer that grows, with its start and a length behind it', () => {
    const { source, outputs } = agreesWithProgram(decoderArchive(PREFIX), [2, 3, WIDTH]);
    expect(source).toMatchObject({ kind: 'prefix', generation: { bos: 3, eos: [15], pad: 0, maxSteps: 9 } });
    expect(outputs).toMatchObject([
      { kind: 'tokens', name: 'output.0', withStart: true },
      { kind: 'length', name: 'output.1', offset: 1, except: 0 },
    ]);
  });

  it('is found in the source, and only there where it chooses', () => {
    expect(choosesInLoop(decoderArchive(PREFIX))).toBe(true);
    const counting = decoderArchive(
      '  def forward(self: __torch__.Tiny,\n    x: Tensor) -> Tensor:\n    i = 0\n    while torch.lt(i, 3):\n      i = torch.add(i, 1)\n    return torch.mul(x, i)\n',
    );
    expect([hasWhile(counting), choosesInLoop(counting)]).toEqual([true, false]);
  });

  it('is refused where tokens are drawn from something else than an arg-max', () => {
    const drawn = PREFIX.replace(
      /t1 = torch.argmax\(.*\n/,
      't1 = torch.to(torch.select(torch.mul(c, 3.), 1, 0), 4)\n',
    );
    expect(codeOf(() => loopOf(decoderArchive(drawn), [2, 3, WIDTH]))).toBe('E4206');
  });
});

const CORPUS = '../shared/corpus/torchscript/nlp-random';

describe.skipIf(!existsSync(CORPUS))('greedy decoders of the corpus', () => {
  it.each(['gru_attention_greedy', 'gru_attention_frozen', 'transformer_greedy'])(
    '%s gives its recorded tokens',
    (name) => {
      const [input, output] = ['input_0', 'output_0'].map((file) =>
        readNpy(readFileSync(`${CORPUS}/${name}/${file}.npy`), file),
      ) as [HostTensor, HostTensor];
      const found = recognise(
        { model: `${CORPUS}/${name}/model.pt` },
        flags(new Map([['0', { shape: input.shape, dtype: input.dtype }]])),
      );
      expect(plain(decoded(found, [input]))).toEqual(plain([output]));
    },
  );
});

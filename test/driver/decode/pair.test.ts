// Pairs of files and teacher-forced graphs: how tensors are told apart, and what is refused.
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.js';
import { fromNumbers } from '../../../src/base/tensor.js';
import { decodeGreedily } from '../../../src/driver/decode/greedy.js';
import { recognisePair } from '../../../src/driver/decode/pair.js';
import { recogniseTeacher } from '../../../src/driver/decode/teacher.js';
import { verifyGraph } from '../../../src/ops/verify.js';
import { codeOf } from '../../helpers/codes.js';
import { type ModelSpec, node } from '../../helpers/onnx-builder.js';
import {
  encoder,
  flags,
  ints,
  PAD,
  PREFIX_WEIGHTS,
  prefixNodes,
  RECURRENT_WEIGHTS,
  recurrentNodes,
  source,
  WIDTH,
} from './small-models.js';

const SHAPE = { inputShapes: new Map([['x', { shape: [2, 3, WIDTH] }]]) };
const random = createRandom(5);
const X = fromNumbers(
  'f32',
  [2, 3, WIDTH],
  Array.from({ length: 6 * WIDTH }, () => random.between(-3, 3)),
);

/** (tokens, memory) -> scores, with more inputs where a test wants them. */
const decoder = (more: Readonly<Record<string, string>> = {}): ModelSpec => ({
  inputs: { memory: `f32[b,m,${WIDTH}]`, ids: 'i64[b,l]', ...more },
  outputs: { logits: 'f32[b,l,11]' },
  nodes: [...prefixNodes('ids', 'memory', 'raw'), ...maskNodes(Object.keys(more))],
  initializers: { ...PREFIX_WEIGHTS, last: ints([2]) },
});

/** Masks and positions are added to the scores as they are. */
function maskNodes(names: readonly string[]) {
  const nodes = [];
  let before = 'raw';
  for (const name of names) {
    nodes.push(
      node('Unsqueeze', [name, 'last'], [`${name}.column`]),
      node('Mul', [before, `${name}.column`], [`${name}.out`]),
    );
    before = `${name}.out`;
  }
  return [...nodes, node('Identity', [before], ['logits'])];
}

/** A recurrent decoder whose two states are of one type. */
const recurrent = (inputs: readonly [string, string], outputs: readonly [string, string]): ModelSpec => ({
  inputs: { [inputs[0]]: `f32[b,${WIDTH}]`, [inputs[1]]: `f32[b,${WIDTH}]`, token: 'i64[b,1]' },
  outputs: { scores: 'f32[b,11]', [outputs[0]]: `f32[b,${WIDTH}]`, [outputs[1]]: `f32[b,${WIDTH}]` },
  nodes: [
    node('Gather', ['table', 'token'], ['wide']),
    node('Squeeze', ['wide', 'one'], ['e0']),
    node('Add', ['e0', inputs[1]], ['e']),
    ...recurrentNodes('e', inputs[0], 'scores', outputs[0]),
    node('Tanh', ['e'], [outputs[1]]),
  ],
  initializers: { ...RECURRENT_WEIGHTS, one: ints([1]) },
});

/** Memory, tokens in one graph. */
const teacher = (tokens = 'i64[n,l]', more: Readonly<Record<string, string>> = {}): ModelSpec => ({
  inputs: { x: `f32[n,s,${WIDTH}]`, ids: tokens, ...more },
  outputs: { logits: 'f32[n,l,11]' },
  nodes: [
    ...(encoder(false).nodes ?? []),
    ...prefixNodes('ids', 'enc', 'raw'),
    ...maskNodes(Object.keys(more)),
  ],
  initializers: { ...encoder(false).initializers, ...PREFIX_WEIGHTS, last: ints([2]) },
});

const steps = (found: { readonly source: Parameters<typeof decodeGreedily>[0] }) =>
  decodeGreedily(found.source, [X]).steps;

describe('a pair', () => {
  it('without states is a prefix source, and decodes as the teacher-forced graph', () => {
    const pair = recognisePair({ encoder: source(encoder(false)), decoder: source(decoder()) }, flags(SHAPE));
    expect(pair.source.kind).toBe('prefix');
    expect(steps(recogniseTeacher(source(teacher()), flags(SHAPE)))).toEqual(steps(pair));
  });

  it('makes graphs whose values have numbers of their own, constants too', () => {
    const { source: found } = recognisePair(
      { encoder: source(encoder(false)), decoder: source(decoder()) },
      flags(SHAPE),
    );
    const graphs = found.kind === 'prefix' ? [found.prologue, found.decoderAt(3)] : [];
    expect(graphs.map(verifyGraph)).toEqual([[], []]);
  });

  it('pairs states by type, tied ones by name', () => {
    const models = {
      encoder: source(encoder(true)),
      decoder: source(recurrent(['h_in', 'c_in'], ['h_out', 'c_out'])),
    };
    const { source: found } = recognisePair(models, flags({ ...SHAPE, bind: [['enc_state', 'h_in']] }));
    expect(found).toMatchObject({
      kind: 'carried',
      states: [
        { name: 'h_in', start: { kind: 'prologue' } },
        { name: 'c_in', start: { kind: 'zeros' } },
      ],
    });
  });

  it('refuses what names do not tell apart, and takes the flags that do', () => {
    const models = { encoder: source(encoder(true)), decoder: source(recurrent(['a', 'b'], ['x1', 'x2'])) };
    const bind = [['enc_state', 'a']] as const;
    expect(codeOf(() => recognisePair(models, flags({ ...SHAPE, bind })))).toBe('E4204');
    const chosen = recognisePair(
      models,
      flags({
        ...SHAPE,
        bind,
        state: [
          ['a', 'x1'],
          ['b', 'x2'],
        ],
      }),
    );
    const named = recognisePair(
      { ...models, decoder: source(recurrent(['h_in', 'c_in'], ['h_out', 'c_out'])) },
      flags({ ...SHAPE, bind: [['enc_state', 'h_in']] }),
    );
    expect(steps(chosen)).toEqual(steps(named));
  });

  it('refuses an input that nothing gives, until it is bound', () => {
    const models = {
      encoder: source(encoder(false)),
      decoder: source(decoder({ mask: 'f32[b,l]', place: 'i64[b,l]' })),
    };
    const spec = source(decoder({ mask: 'f32[b,l]' }));
    expect(codeOf(() => recognisePair({ ...models, decoder: spec }, flags(SHAPE)))).toBe('E4205');
    const bound = recognisePair({ ...models, decoder: spec }, flags({ ...SHAPE, bind: [['mask', 'ones']] }));
    expect(steps(bound)).toEqual(
      steps(recognisePair({ ...models, decoder: source(decoder()) }, flags(SHAPE))),
    );
  });

  it('gives positions as a running count', () => {
    const models = { encoder: source(encoder(false)), decoder: source(decoder({ place: 'f32[b,l]' })) };
    const { source: found } = recognisePair(models, flags({ ...SHAPE, bind: [['place', 'count']] }));
    const graph = found.kind === 'prefix' ? found.decoderAt(4) : undefined;
    expect(graph?.body.params.map(({ name }) => name)).toEqual(['tokens', 'enc']);
  });

  it('names what is missing', () => {
    const models = { encoder: source(encoder(false)), decoder: source(decoder()) };
    for (const missing of ['bos', 'eos', 'maxSteps'] as const) {
      const { [missing]: _, ...rest } = flags(SHAPE);
      expect(codeOf(() => recognisePair(models, rest))).toBe('E4203');
    }
    expect(codeOf(() => recognisePair(models, flags({ ...SHAPE, bind: [['nothing', 'memory']] })))).toBe(
      'E2210',
    );
    expect(codeOf(() => recognisePair(models, flags({ ...SHAPE, batch: 3 })))).toBe('E2211');
  });
});

describe('a teacher-forced graph', () => {
  it('of a fixed length is padded and read at the token', () => {
    const spec = teacher('i64[n,9]');
    expect(steps(recogniseTeacher(source(spec), flags(SHAPE)))).toEqual(
      steps(recogniseTeacher(source(teacher()), flags(SHAPE))),
    );
    expect(codeOf(() => recogniseTeacher(source(spec), flags({ ...SHAPE, maxSteps: 10 })))).toBe('E4208');
  });

  it('with masks, or with several inputs that could be tokens, is refused', () => {
    expect(
      codeOf(() => recogniseTeacher(source(teacher('i64[n,l]', { mask: 'f32[n,l]' })), flags(SHAPE))),
    ).toBe('E4205');
    const twins = teacher('i64[n,l]', { other: 'i64[n,l]' });
    expect(
      codeOf(() =>
        recogniseTeacher(
          source({ ...twins, inputs: { x: `f32[n,s,${WIDTH}]`, one: 'i64[n,l]', other: 'i64[n,l]' } }),
          flags(SHAPE),
        ),
      ),
    ).toBe('E4201');
  });

  it('without tokens has nothing to decode', () => {
    expect(codeOf(() => recogniseTeacher(source(encoder(false)), flags(SHAPE)))).toBe('E4211');
  });

  it('computes once what the tokens do not reach', () => {
    const { source: found } = recogniseTeacher(source(teacher()), flags(SHAPE));
    expect(found.context).toHaveLength(1);
    expect(found.prologue.body.results[0]?.type.shape).toEqual([2, 1, WIDTH]);
    expect(found.generation.pad).toBe(PAD);
  });
});

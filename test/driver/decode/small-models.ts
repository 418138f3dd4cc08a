// Small decoding models for tests of recognition, in every form: the same tables of numbers behind different exporters' habits.

import type { DType } from '../../../src/base/dtype.js';
import { createRandom } from '../../../src/base/random.js';
import { onnxSource } from '../../../src/driver/decode/onnx-source.js';
import type { DecodeFlags, SourceModel } from '../../../src/driver/decode/request.js';
import type { OnnxModel } from '../../../src/frontend/onnx/proto/model.js';
import { readOnnxModel } from '../../../src/frontend/onnx/proto/read.js';
import {
  graph,
  type ModelSpec,
  model,
  type NodeSpec,
  node,
  type TensorSpec,
  tensor,
} from '../../helpers/onnx-builder.js';

export const WIDTH = 6;
export const VOCABULARY = 11;
export const BOS = 1;
export const EOS = 4;
export const PAD = 0;

export function read(spec: ModelSpec, file = 'small.onnx'): OnnxModel {
  return readOnnxModel(model(spec), { file, readExternal: () => new Uint8Array(0) });
}

export function source(spec: ModelSpec, file = 'small.onnx'): SourceModel {
  return onnxSource(read(spec, file), file);
}

export function weights(seed: number, shape: readonly number[], scale = 1): TensorSpec {
  const random = createRandom(seed);
  const count = shape.reduce((n, dim) => n * dim, 1);
  return tensor(
    'f32',
    shape,
    Array.from({ length: count }, () => random.between(-scale, scale)),
  );
}

export const ints = (
  values: readonly number[],
  shape: readonly number[] = [values.length],
  dtype: DType = 'i64',
): TensorSpec => tensor(dtype, shape, [...values]);

export const FLAGS: DecodeFlags = {
  inputShapes: new Map(),
  bind: [],
  state: [],
  bos: BOS,
  eos: EOS,
  pad: PAD,
  maxSteps: 9,
};

export function flags(more: Partial<DecodeFlags>): DecodeFlags {
  return { ...FLAGS, ...more };
}

/** Encoder: x [N, S, WIDTH] -> memory [N, S, WIDTH], and a state h0 [N, WIDTH] where asked for. */
export function encoder(withState: boolean): ModelSpec {
  const outputs: Record<string, string> = { enc: `f32[n,s,${WIDTH}]` };
  if (withState) outputs.enc_state = `f32[n,${WIDTH}]`;
  return {
    inputs: { x: `f32[n,s,${WIDTH}]` },
    outputs,
    nodes: [
      node('MatMul', ['x', 'we'], ['y']),
      node('Tanh', ['y'], ['enc']),
      ...(withState ? [node('ReduceMean', ['enc'], ['enc_state'], { axes: [1], keepdims: 0 })] : []),
    ],
    initializers: { we: weights(1, [WIDTH, WIDTH], 2) },
  };
}

/** From tokens [N, L] and memory to scores of every token: each row sees the tokens up to its own, by a running sum. */
export function prefixNodes(tokens: string, memory: string, scores: string): readonly NodeSpec[] {
  return [
    node('Gather', ['table', tokens], [`${scores}.e`]),
    node('CumSum', [`${scores}.e`, 'axis1'], [`${scores}.sum`]),
    node('ReduceMean', [memory], [`${scores}.m`], { axes: [1], keepdims: 1 }),
    node('Add', [`${scores}.sum`, `${scores}.m`], [`${scores}.a`]),
    node('Tanh', [`${scores}.a`], [`${scores}.t`]),
    node('MatMul', [`${scores}.t`, 'wo'], [scores]),
  ];
}

export const PREFIX_WEIGHTS: Readonly<Record<string, TensorSpec>> = {
  table: weights(2, [VOCABULARY, WIDTH]),
  wo: weights(3, [WIDTH, VOCABULARY], 3),
  axis1: ints([1], []),
};

/** One step of a recurrent decoder: token embedding, state [N, WIDTH] -> scores [N, V], next state. */
export function recurrentNodes(
  embedded: string,
  state: string,
  scores: string,
  next: string,
): readonly NodeSpec[] {
  return [
    node('MatMul', [state, 'wh'], [`${next}.r`]),
    node('Add', [`${next}.r`, embedded], [`${next}.a`]),
    node('Tanh', [`${next}.a`], [next]),
    node('MatMul', [next, 'wo'], [scores]),
  ];
}

export const RECURRENT_WEIGHTS: Readonly<Record<string, TensorSpec>> = {
  table: weights(4, [VOCABULARY, WIDTH], 2),
  wh: weights(5, [WIDTH, WIDTH]),
  wo: weights(6, [WIDTH, VOCABULARY], 3),
};

/** Bookkeeping of a greedy loop: from `best` [N] and `done` to the next tokens, flags and condition. */
const maskingNodes = (masked: boolean): readonly NodeSpec[] => [
  ...(masked ? [node('Where', ['done', 'pad', 'best'], ['next'])] : [node('Identity', ['best'], ['next'])]),
  node('Equal', ['next', 'eos'], ['is_eos']),
  node('Or', ['done', 'is_eos'], ['done_out']),
  node('Cast', ['done_out'], ['done_int'], { to: 7 }),
  node('ReduceMin', ['done_int'], ['all'], { keepdims: 0 }),
  node('Cast', ['all'], ['all_bool'], { to: 9 }),
  node('Not', ['all_bool'], ['go_on']),
];

export interface LoopForm {
  /** How tokens are kept: a buffer that grows, one of fixed length, or scan outputs beside a carried state. */
  readonly form: 'grown' | 'fixed' | 'scan';
  /** Finished rows get PAD. */
  readonly masked?: boolean;
  /** Whether the loop ends when all rows have. */
  readonly stops?: boolean;
  readonly trips?: number;
}

/** A model with its loop. Outputs: tokens, and a length that counts what is no PAD. */
export function loopModel({ form, masked = true, stops = true, trips = 9 }: LoopForm): ModelSpec {
  const condition = stops ? 'go_on' : 'always';
  const body = {
    grown: {
      inputs: { i: 'i64[]', c: 'bool[]', tokens: 'i64[n,t]', done: 'bool[n]' },
      nodes: [
        ...prefixNodes('tokens', 'enc', 'scores'),
        node('Gather', ['scores', 'minus1'], ['row'], { axis: 1 }),
        node('ArgMax', ['row'], ['best'], { axis: 1, keepdims: 0 }),
        ...maskingNodes(masked),
        node('Unsqueeze', ['next', 'ax1'], ['column']),
        node('Concat', ['tokens', 'column'], ['tokens_out'], { axis: 1 }),
      ],
      results: ['tokens_out', 'done_out'],
    },
    fixed: {
      inputs: { i: 'i64[]', c: 'bool[]', tokens: `i64[n,${trips + 1}]`, done: 'bool[n]' },
      nodes: [
        ...prefixNodes('tokens', 'enc', 'scores'),
        node('Gather', ['scores', 'i'], ['row'], { axis: 1 }),
        node('ArgMax', ['row'], ['best'], { axis: 1, keepdims: 0 }),
        ...maskingNodes(masked),
        node('Unsqueeze', ['next', 'ax1'], ['column']),
        node('Add', ['i', 'one'], ['slot']),
        node('Shape', ['column'], ['column_shape']),
        node('Expand', ['slot', 'column_shape'], ['slots']),
        node('ScatterElements', ['tokens', 'slots', 'column'], ['tokens_out'], { axis: 1 }),
      ],
      results: ['tokens_out', 'done_out'],
    },
    scan: {
      inputs: {
        i: 'i64[]',
        c: 'bool[]',
        last: 'i64[n]',
        done: 'bool[n]',
        h: `f32[n,${WIDTH}]`,
        count: 'i64[n]',
      },
      nodes: [
        node('Gather', ['table', 'last'], ['e']),
        ...recurrentNodes('e', 'h', 'row', 'h_out'),
        node('ArgMax', ['row'], ['best'], { axis: 1, keepdims: 0 }),
        ...maskingNodes(masked),
        node('Not', ['done'], ['running']),
        node('Cast', ['running'], ['running_int'], { to: 7 }),
        node('Add', ['count', 'running_int'], ['count_out']),
        node('Identity', ['next'], ['written']),
      ],
      results: ['next', 'done_out', 'h_out', 'count_out', 'written'],
    },
  }[form];
  const bodyGraph = graph({
    inputs: body.inputs,
    outputs: Object.fromEntries([condition, ...body.results].map((name) => [name, ''])),
    nodes: [...body.nodes, ...(stops ? [] : [node('Identity', ['c'], ['always'])])],
  });
  const start = {
    grown: ['tokens0', 'done0'],
    fixed: ['buffer0', 'done0'],
    scan: ['last0', 'done0', 'enc_state', 'count0'],
  }[form];
  const loop = node(
    'Loop',
    ['trips', 'yes', ...start],
    [...start.map((_, i) => `final${i}`), ...(form === 'scan' ? ['rows'] : [])],
    { body: bodyGraph },
  );
  const behind =
    form === 'scan'
      ? [
          node('Transpose', ['rows'], ['tokens_final'], { perm: [1, 0] }),
          node('Identity', ['final3'], ['length']),
        ]
      : [
          node('Slice', ['final0', 'one1', 'huge', 'ax1'], ['tokens_final']),
          node('Equal', ['tokens_final', 'pad'], ['is_pad']),
          node('Not', ['is_pad'], ['is_token']),
          node('Cast', ['is_token'], ['token_int'], { to: 7 }),
          node('ReduceSum', ['token_int', 'ax1'], ['length'], { keepdims: 0 }),
        ];
  return {
    inputs: { x: `f32[n,s,${WIDTH}]` },
    outputs: { tokens_final: 'i64[n,len]', length: 'i64[n]' },
    nodes: [
      ...(encoder(true).nodes ?? []),
      node('Shape', ['x'], ['n'], { start: 0, end: 1 }),
      node('Concat', ['n', 'one1'], ['n_1'], { axis: 0 }),
      node('ConstantOfShape', ['n_1'], ['tokens0'], { value: ints([BOS]) }),
      node('ConstantOfShape', ['n'], ['last0'], { value: ints([BOS]) }),
      node('ConstantOfShape', ['n'], ['count0'], { value: ints([0]) }),
      node('ConstantOfShape', ['n'], ['done0'], { value: tensor('bool', [1], [false]) }),
      node('Concat', ['n', 'trips1'], ['n_rest'], { axis: 0 }),
      node('ConstantOfShape', ['n_rest'], ['rest'], { value: ints([PAD]) }),
      node('Concat', ['tokens0', 'rest'], ['buffer0'], { axis: 1 }),
      loop,
      ...behind,
    ],
    initializers: {
      ...encoder(false).initializers,
      ...(form === 'scan' ? RECURRENT_WEIGHTS : PREFIX_WEIGHTS),
      minus1: ints([-1], []),
      ax1: ints([1]),
      one: ints([1], []),
      one1: ints([1]),
      huge: ints([2 ** 40]),
      trips: ints([trips], []),
      trips1: ints([trips]),
      yes: tensor('bool', [], [true]),
      pad: ints([PAD], []),
      eos: ints([EOS], []),
    },
  };
}

/**
 * Another exporter's habits: only the condition ends the loop (a carried counter against a limit), tokens are i32 with the start
 * kept, the arg-max is taken of all positions, two tokens end a row, and the counter is an output.
 */
export function countedLoop(): ModelSpec {
  const body = graph({
    inputs: { i: 'i64[]', c: 'bool[]', tokens: 'i32[n,t]', done: 'bool[n,1]', step: 'i64[]' },
    outputs: { go_on: '', tokens_out: '', done_out: '', step_out: '' },
    nodes: [
      ...prefixNodes('tokens', 'enc', 'scores'),
      node('ArgMax', ['scores'], ['best'], { axis: 2, keepdims: 0 }),
      node('Cast', ['best'], ['best32'], { to: 6 }),
      node('Slice', ['best32', 'minus1', 'huge', 'ax1'], ['column']),
      node('Where', ['done', 'pad', 'column'], ['next']),
      node('Equal', ['next', 'eos'], ['is_eos']),
      node('Equal', ['next', 'eos2'], ['is_eos2']),
      node('Or', ['is_eos', 'is_eos2'], ['is_end']),
      node('Or', ['done', 'is_end'], ['done_out']),
      node('Concat', ['tokens', 'next'], ['tokens_out'], { axis: 1 }),
      node('Not', ['done_out'], ['open']),
      node('Cast', ['open'], ['open_int'], { to: 7 }),
      node('ReduceSum', ['open_int'], ['left'], { keepdims: 0 }),
      node('Greater', ['left', 'zero'], ['some_left']),
      node('Add', ['step', 'one'], ['step_out']),
      node('Less', ['step_out', 'limit'], ['in_limit']),
      node('And', ['some_left', 'in_limit'], ['go_on']),
    ],
  });
  return {
    inputs: { x: `f32[n,s,${WIDTH}]` },
    outputs: { sequences: 'i32[n,len]', steps: 'i64[]' },
    nodes: [
      ...(encoder(false).nodes ?? []),
      node('Shape', ['x'], ['n'], { start: 0, end: 1 }),
      node('Concat', ['n', 'one1'], ['n_1'], { axis: 0 }),
      node('ConstantOfShape', ['n_1'], ['tokens0'], { value: ints([BOS], [1], 'i32') }),
      node('ConstantOfShape', ['n_1'], ['done0'], { value: tensor('bool', [1], [false]) }),
      node('Loop', ['', 'yes', 'tokens0', 'done0', 'zero'], ['sequences', 'done_final', 'steps'], { body }),
    ],
    initializers: {
      ...encoder(false).initializers,
      ...PREFIX_WEIGHTS,
      minus1: ints([-1]),
      ax1: ints([1]),
      one: ints([1], []),
      one1: ints([1]),
      zero: ints([0], []),
      limit: ints([9], []),
      huge: ints([2 ** 40]),
      yes: tensor('bool', [], [true]),
      pad: ints([PAD], [], 'i32'),
      eos: ints([EOS], [], 'i32'),
      eos2: ints([7], [], 'i32'),
    },
  };
}

// Recurrent layers, step by step: the inputs of all steps are projected by one product, then each step is a few operators.
// Sequences packed with lengths are taken where all lengths are known and equal, for then packing is only a reshape.
import { constantOf, type Value } from '../../../ir/graph.js';
import { constantNumbers } from '../../../ops/evaluate.js';
import type { Lowering } from '../lower/lowering.js';
import type { TensorItem } from '../lower/tensor-item.js';
import { shapeOf, sliceAxis } from '../lower/views.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { linear } from './linear.js';

export type Cell = 'lstm' | 'gru' | 'rnn_tanh' | 'rnn_relu';

/** What the parameters of one layer in one direction make of its input and of its state. */
export interface Weights {
  /** The part of the gates that comes from the input of all steps: [.., gates * size]. */
  input(x: Value): Value;
  /** The part that comes from the state. */
  hidden(h: Value): Value;
  /** Of an LSTM whose output is projected. */
  readonly projection?: Value | undefined;
}

interface Parameters {
  readonly input: Value;
  readonly hidden: Value;
  readonly inputBias: Value | undefined;
  readonly hiddenBias: Value | undefined;
  readonly projection: Value | undefined;
}

interface State {
  readonly h: Value;
  /** Of an LSTM. */
  readonly c: Value | undefined;
}

/** Products with the parameters. Biases that may be joined are. */
function products(c: Lowering, cell: Cell, p: Parameters): Weights {
  const joint =
    cell === 'gru' ? undefined : p.inputBias && p.hiddenBias && c.one('add', [p.inputBias, p.hiddenBias]);
  return {
    input: (x) => linear(c, x, p.input, joint ?? p.inputBias),
    hidden: (h) => linear(c, h, p.hidden, cell === 'gru' ? p.hiddenBias : undefined),
    projection: p.projection,
  };
}

const part = (c: Lowering, gates: Value, i: number, size: number): Value =>
  sliceAxis(c.builder, gates, shapeOf(gates).length - 1, i * size, size);

/** The next state from the projected input of a step. */
function step(c: Lowering, cell: Cell, projected: Value, state: State, w: Weights): State {
  const op = (name: string, ...inputs: Value[]): Value => c.one(name, inputs);
  if (cell === 'gru') {
    const hidden = w.hidden(state.h);
    const size = shapeOf(state.h).at(-1) ?? 1;
    const gate = (i: number): Value =>
      op('sigmoid', op('add', part(c, projected, i, size), part(c, hidden, i, size)));
    const [reset, update] = [gate(0), gate(1)];
    const fresh = op(
      'tanh',
      op('add', part(c, projected, 2, size), op('mul', reset, part(c, hidden, 2, size))),
    );
    return { h: op('add', fresh, op('mul', update, op('sub', state.h, fresh))), c: undefined };
  }
  const sum = op('add', projected, w.hidden(state.h));
  if (cell !== 'lstm') return { h: op(cell === 'rnn_tanh' ? 'tanh' : 'relu', sum), c: undefined };
  const size = (shapeOf(sum).at(-1) ?? 4) / 4;
  const gate = (i: number, f: string): Value => op(f, part(c, sum, i, size));
  const [input, forget, candidate, output] = [
    gate(0, 'sigmoid'),
    gate(1, 'sigmoid'),
    gate(2, 'tanh'),
    gate(3, 'sigmoid'),
  ];
  const memory = op('add', op('mul', forget, state.c as Value), op('mul', input, candidate));
  const h = op('mul', output, op('tanh', memory));
  return { h: w.projection === undefined ? h : linear(c, h, w.projection, undefined), c: memory };
}

/** A layer over [T, N, I] in one direction: outputs by time, and the last state. */
function direction(
  c: Lowering,
  cell: Cell,
  x: Value,
  start: State,
  w: Weights,
  reverse: boolean,
): { steps: Value[]; last: State } {
  const [length = 0, batch = 1] = shapeOf(x);
  const projected = w.input(x);
  const width = shapeOf(projected).at(-1) ?? 1;
  const steps = new Array<Value>(length);
  let state = start;
  for (let i = 0; i < length; i++) {
    const t = reverse ? length - 1 - i : i;
    const row = c.reshape(sliceAxis(c.builder, projected, 0, t, 1), [batch, width]);
    state = step(c, cell, row, state, w);
    steps[t] = state.h;
  }
  return { steps, last: state };
}

const stacked = (c: Lowering, values: readonly Value[]): Value =>
  c.one(
    'concat',
    values.map((v) => c.reshape(v, [1, ...shapeOf(v)])),
    { axis: 0 },
  );

const row = (c: Lowering, v: Value, i: number): Value =>
  c.reshape(sliceAxis(c.builder, v, 0, i, 1), shapeOf(v).slice(1));

/** Weights by layer and direction. */
export type WeightsOf = (c: Lowering, a: Args, cell: Cell, count: number) => readonly Weights[];

/** From parameters in the order of `_flat_weights`. */
const weightsOf: WeightsOf = (c, a, cell, count) => {
  c.checkElements(count);
  const flat = a.tensors('params').map((t) => c.value(t));
  const each = flat.length / count;
  const biases = a.flag('has_biases');
  const wanted = biases ? [4, 5] : [2, 3];
  if (!wanted.includes(each))
    throw c.refuse(
      'E4323',
      `a recurrent layer has ${flat.length} parameters for ${count} directions, which is no known arrangement`,
    );
  return Array.from({ length: count }, (_, i) => {
    const [input, hidden, ...rest] = flat.slice(i * each, (i + 1) * each) as [Value, Value, ...Value[]];
    return products(c, cell, {
      input,
      hidden,
      inputBias: biases ? rest[0] : undefined,
      hiddenBias: biases ? rest[1] : undefined,
      projection: each === wanted[1] ? rest.at(-1) : undefined,
    });
  });
};

interface Sequence {
  /** [T, N, I]. */
  readonly x: Value;
  readonly h: Value;
  readonly c: Value | undefined;
}

/** All layers: outputs [T, N, directions * size], last states [layers * directions, N, size]. */
function layers(
  c: Lowering,
  a: Args,
  cell: Cell,
  sequence: Sequence,
  read: WeightsOf,
): { y: Value; h: Value; c: Value | undefined } {
  const directions = a.flag('bidirectional') ? 2 : 1;
  const count = a.number('num_layers') * directions;
  if (a.flag('train') && a.number('dropout') > 0)
    throw c.refuse(
      'E4313',
      'dropout between recurrent layers is applied in training mode',
      'call eval() on the model before saving it',
    );
  const weights = read(c, a, cell, count);
  const last: State[] = [];
  let x = sequence.x;
  for (let layer = 0; layer < count; layer += directions) {
    const runs = Array.from({ length: directions }, (_, d) => {
      const start = { h: row(c, sequence.h, layer + d), c: sequence.c && row(c, sequence.c, layer + d) };
      return direction(c, cell, x, start, weights[layer + d] as Weights, d === 1);
    });
    last.push(...runs.map((run) => run.last));
    const sides = runs.map((run) => stacked(c, run.steps));
    x = sides.length === 1 ? (sides[0] as Value) : c.one('concat', sides, { axis: 2 });
  }
  const memories = last.map((s) => s.c);
  const h = stacked(
    c,
    last.map((s) => s.h),
  );
  return { y: x, h, c: sequence.c && stacked(c, memories as Value[]) };
}

/** A tensor [N, T, I] or [T, N, I], or an unbatched [T, I]. */
export const overTensor =
  (cell: Cell, read: WeightsOf = weightsOf): Handler =>
  (c, a) => {
    const given = c.value(a.tensor('input'));
    const single = shapeOf(given).length === 2;
    const first = a.flag('batch_first') && !single;
    const batched = single ? c.reshape(given, [shapeOf(given)[0] ?? 1, 1, shapeOf(given)[1] ?? 1]) : given;
    const states = statesOf(c, a, cell, single);
    const out = layers(c, a, cell, { x: first ? c.transpose(batched, [1, 0, 2]) : batched, ...states }, read);
    const y = first ? c.transpose(out.y, [1, 0, 2]) : out.y;
    const drop = (v: Value): Value =>
      single
        ? c.reshape(
            v,
            shapeOf(v).filter((_, i) => i !== 1),
          )
        : v;
    return [y, out.h, ...(out.c === undefined ? [] : [out.c])].map(drop);
  };

function statesOf(c: Lowering, a: Args, cell: Cell, single: boolean): { h: Value; c: Value | undefined } {
  const tensors = cell === 'lstm' ? a.tensors('hx') : [a.tensor('hx')];
  const raise = (v: Value): Value =>
    single && shapeOf(v).length === 2 ? c.reshape(v, [shapeOf(v)[0] ?? 1, 1, shapeOf(v)[1] ?? 1]) : v;
  const [h, memory] = tensors.map((t) => raise(c.value(t)));
  return { h: h as Value, c: memory };
}

/** Lengths of the steps of a packed sequence. E4324 where they are unknown or differ. */
function uniformBatch(c: Lowering, sizes: TensorItem): { steps: number; batch: number } {
  const constant = constantOf(c.value(sizes));
  const numbers = constant === undefined ? [] : Array.from(constantNumbers(constant));
  const [batch] = numbers;
  if (batch !== undefined && numbers.every((n) => n === batch)) return { steps: numbers.length, batch };
  throw c.refuse(
    'E4324',
    constant === undefined
      ? 'a packed sequence has lengths that depend on the values of an input'
      : 'a packed sequence has rows of different lengths',
    'export the model for full-length sequences, without pack_padded_sequence',
  );
}

const overPacked =
  (cell: Cell): Handler =>
  (c, a) => {
    const { steps, batch } = uniformBatch(c, a.tensor('batch_sizes'));
    const data = c.value(a.tensor('data'));
    const x = c.reshape(data, [steps, batch, shapeOf(data)[1] ?? 1]);
    const out = layers(c, a, cell, { x, ...statesOf(c, a, cell, false) }, weightsOf);
    const y = c.reshape(out.y, [steps * batch, shapeOf(out.y)[2] ?? 1]);
    return [y, out.h, ...(out.c === undefined ? [] : [out.c])];
  };

type StepWeights = (c: Lowering, a: Args, cell: Cell) => Weights;

const stepWeights: StepWeights = (c, a, cell) => {
  const bias = (name: string): Value | undefined => {
    const t = a.optional(name);
    return t && c.value(t);
  };
  return products(c, cell, {
    input: c.value(a.tensor('w_ih')),
    hidden: c.value(a.tensor('w_hh')),
    inputBias: bias('b_ih'),
    hiddenBias: bias('b_hh'),
    projection: undefined,
  });
};

export const oneStep =
  (cell: Cell, read: StepWeights = stepWeights): Handler =>
  (c, a) => {
    const x = c.value(a.tensor('input'));
    const single = shapeOf(x).length === 1;
    const raise = (v: Value): Value => (single ? c.reshape(v, [1, ...shapeOf(v)]) : v);
    const tensors = cell === 'lstm' ? a.tensors('hx') : [a.tensor('hx')];
    const [h, memory] = tensors.map((t) => raise(c.value(t)));
    const w = read(c, a, cell);
    const next = step(c, cell, w.input(raise(x)), { h: h as Value, c: memory }, w);
    const drop = (v: Value): Value => (single ? c.reshape(v, shapeOf(v).slice(1)) : v);
    return next.c === undefined ? drop(next.h) : [drop(next.h), drop(next.c)];
  };

/** [T, N, I] flattened by time, and the batch size of every step. */
const pack: Handler = (c, a) => {
  const x = c.value(a.tensor('input'));
  const first = a.flag('batch_first');
  const byTime = first ? c.transpose(x, [1, 0, 2]) : x;
  const [length = 0, batch = 0, ...rest] = shapeOf(byTime);
  const lengths = uniformBatch(c, a.tensor('lengths'));
  if (lengths.batch > length)
    throw c.refuse('E4324', `a sequence of ${length} steps is packed with the length ${lengths.batch}`);
  const used = sliceAxis(c.builder, byTime, 0, 0, lengths.batch);
  return [
    c.reshape(used, [lengths.batch * batch, ...rest]),
    c.builder.ints(new Array<number>(lengths.batch).fill(batch)),
  ];
};

const unpack: Handler = (c, a) => {
  const { steps, batch } = uniformBatch(c, a.tensor('batch_sizes'));
  const data = c.value(a.tensor('data'));
  const byTime = c.reshape(data, [steps, batch, ...shapeOf(data).slice(1)]);
  const total = a.number('total_length');
  const padded =
    total > steps
      ? c.one(
          'concat',
          [
            byTime,
            c.filled(data.type.dtype, [total - steps, ...shapeOf(byTime).slice(1)], {
              kind: 'float',
              value: a.number('padding_value'),
            }),
          ],
          { axis: 0 },
        )
      : byTime;
  const y = a.flag('batch_first')
    ? c.transpose(padded, [
        1,
        0,
        ...shapeOf(padded)
          .slice(2)
          .map((_, i) => i + 2),
      ])
    : padded;
  return [y, c.builder.ints(new Array<number>(batch).fill(steps))];
};

const SETTINGS =
  'Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional';
const CELL = 'Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None';

const hx = (cell: Cell): string => (cell === 'lstm' ? 'Tensor[] hx' : 'Tensor hx');

export const RECURRENT: Family = {
  ...Object.fromEntries(
    (['lstm', 'gru', 'rnn_tanh', 'rnn_relu'] as const).flatMap((cell): [string, Handler][] => [
      [`${cell}(Tensor input, ${hx(cell)}, ${SETTINGS}, bool batch_first)`, overTensor(cell)],
      [`${cell}(Tensor data, Tensor batch_sizes, ${hx(cell)}, ${SETTINGS})`, overPacked(cell)],
      [`${cell}_cell(Tensor input, ${hx(cell)}, ${CELL})`, oneStep(cell)],
    ]),
  ),
  '_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first)': pack,
  '_pad_packed_sequence(Tensor data, Tensor batch_sizes, bool batch_first, Scalar padding_value, int total_length)':
    unpack,
};

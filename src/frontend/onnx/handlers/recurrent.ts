// LSTM, GRU and RNN, unrolled step by step. The products of all inputs with their weights are one matrix product before the
// first step; a step is a product of the hidden state, gates and elementwise updates.
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import { clampTo, hardSigmoidOf } from './elementwise.js';

type Activation = (c: NodeContext, x: Value, alpha: number | undefined, beta: number | undefined) => Value;

const plain =
  (op: string): Activation =>
  (c, x) =>
    c.op(op, [x]);

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  affine: (c, x, alpha = 1, beta = 0) => c.add(c.mul(x, c.like(x, alpha)), c.like(x, beta)),
  elu: (c, x, alpha = 1) => c.op('elu', [x], { alpha }),
  hardsigmoid: (c, x, alpha = 0.2, beta = 0.5) => hardSigmoidOf(c, x, alpha, beta),
  leakyrelu: (c, x, alpha = 0.01) => c.op('leaky_relu', [x], { alpha }),
  relu: plain('relu'),
  scaledtanh: (c, x, alpha = 1, beta = 1) =>
    c.mul(c.op('tanh', [c.mul(x, c.like(x, beta))]), c.like(x, alpha)),
  sigmoid: plain('sigmoid'),
  softplus: plain('softplus'),
  softsign: (c, x) => c.div(x, c.add(c.op('abs', [x]), c.like(x, 1))),
  tanh: plain('tanh'),
  thresholdedrelu: (c, x, alpha = 1) => c.where(c.op('gt', [x, c.like(x, alpha)]), x, c.like(x, 0)),
};

/** Activations that take a parameter, so that the lists of parameters can be dealt out. */
const TAKES_ALPHA = new Set(['affine', 'elu', 'hardsigmoid', 'leakyrelu', 'scaledtanh', 'thresholdedrelu']);
const TAKES_BETA = new Set(['affine', 'hardsigmoid', 'scaledtanh']);

type Apply = (x: Value) => Value;

/** The first activations of a direction are those of gates and candidates. */
const GATE_ACTIVATIONS = 2;

/**
 * The activations of all directions in order, with clipping before those of gates. What leaves an LSTM's cell state is not
 * clipped, as in ONNX Runtime; the specification leaves it open.
 */
function activationsOf(c: NodeContext, defaults: readonly string[], directions: number): readonly Apply[] {
  const wanted = defaults.length * directions;
  const repeated = Array.from({ length: directions }, () => defaults).flat();
  const names = c.attributes.strings('activations', repeated);
  const alphas = [...c.attributes.floats('activation_alpha', [])];
  const betas = [...c.attributes.floats('activation_beta', [])];
  const clip = c.attributes.has('clip') ? c.attributes.float('clip') : 0;
  if (names.length !== wanted) throw c.bad(`it has ${names.length} activations and needs ${wanted}`);
  return names.map((name, i) => {
    const clips = clip > 0 && i % defaults.length < GATE_ACTIVATIONS;
    const key = name.toLowerCase();
    const activation = ACTIVATIONS[key];
    if (activation === undefined) throw c.bad(`'${name}' is no activation`);
    const alpha = TAKES_ALPHA.has(key) ? alphas.shift() : undefined;
    const beta = TAKES_BETA.has(key) ? betas.shift() : undefined;
    return (x) => activation(c, clips ? clampTo(c, x, -clip, clip) : x, alpha, beta);
  });
}

/** Everything of one direction. */
interface Direction {
  readonly isReverse: boolean;
  readonly w: Value;
  /** Weights of the recurrence, [hidden, gates * hidden]. */
  readonly r: Value;
  /** Biases of inputs and of the recurrence, [gates * hidden] each. */
  readonly wb: Value | undefined;
  readonly rb: Value | undefined;
  readonly peepholes: Value | undefined;
  readonly activations: readonly Apply[];
  readonly hidden: number;
}

interface State {
  readonly h: Value;
  readonly c: Value | undefined;
}

/** One step: products of the inputs (biases added where the cell says) and the state before give the state after. */
type Step = (xw: Value, state: State) => State;
/** The steps of a direction; what all of them take is made once. */
type Steps = (c: NodeContext, d: Direction) => Step;

interface Cell {
  readonly gates: number;
  readonly activations: readonly string[];
  readonly hasCellState: boolean;
  /** Whether the recurrent bias may be added to the inputs' products. */
  addsRecurrentBias(c: NodeContext): boolean;
  readonly steps: Steps;
}

/** Piece `index` of the gates along the last axis. */
function gate(c: NodeContext, x: Value, index: number, hidden: number): Value {
  return c.slice(x, c.rank(x) - 1, index * hidden, hidden);
}

const lstmSteps: Steps = (c, d) => {
  const { hidden } = d;
  const [f, g, h] = d.activations as [Apply, Apply, Apply];
  const peepholes = d.peepholes && [0, 1, 2].map((k) => gate(c, d.peepholes as Value, k, hidden));
  const peeped = (x: Value, index: number, cell: Value) =>
    peepholes === undefined ? x : c.add(x, c.mul(peepholes[index] as Value, cell));
  return (xw, state) => {
    const old = state.c as Value;
    const all = c.add(xw, c.matmul(state.h, d.r));
    const [i, o, forget, candidate] = [0, 1, 2, 3].map((k) => gate(c, all, k, hidden)) as [
      Value,
      Value,
      Value,
      Value,
    ];
    const input = f(peeped(i, 0, old));
    const coupled = c.attributes.flag('input_forget');
    const kept = coupled ? c.sub(c.like(input, 1), input) : f(peeped(forget, 2, old));
    const cell = c.add(c.mul(kept, old), c.mul(input, g(candidate)));
    const output = f(peeped(o, 1, cell));
    return { h: c.mul(output, h(cell)), c: cell };
  };
};

const gruSteps: Steps = (c, d) => {
  const { hidden, r, rb } = d;
  const [f, g] = d.activations as [Apply, Apply];
  const plus = (x: Value, b: Value | undefined) => (b === undefined ? x : c.add(x, b));
  const gates = (xw: Value, recurrent: Value) =>
    [0, 1].map((k) => f(c.add(gate(c, xw, k, hidden), gate(c, recurrent, k, hidden)))) as [Value, Value];
  if (c.attributes.flag('linear_before_reset')) {
    return (xw, { h: before }) => {
      const recurrent = plus(c.matmul(before, r), rb);
      const [z, reset] = gates(xw, recurrent);
      const candidate = g(c.add(gate(c, xw, 2, hidden), c.mul(reset, gate(c, recurrent, 2, hidden))));
      return { h: blend(c, z, before, candidate), c: undefined };
    };
  }
  const part = (x: Value, axis: number, from: number, count: number) =>
    c.slice(x, axis, from * hidden, count * hidden);
  const [gateWeights, candidateWeights] = [part(r, 1, 0, 2), part(r, 1, 2, 1)];
  const [gateBias, candidateBias] = [rb && part(rb, 0, 0, 2), rb && part(rb, 0, 2, 1)];
  return (xw, { h: before }) => {
    const [z, reset] = gates(xw, plus(c.matmul(before, gateWeights), gateBias));
    const product = plus(c.matmul(c.mul(reset, before), candidateWeights), candidateBias);
    return { h: blend(c, z, before, g(c.add(gate(c, xw, 2, hidden), product))), c: undefined };
  };
};

/** z * before + (1 - z) * candidate */
function blend(c: NodeContext, z: Value, before: Value, candidate: Value): Value {
  return c.add(c.mul(c.sub(c.like(z, 1), z), candidate), c.mul(z, before));
}

const rnnSteps: Steps = (c, d) => {
  const [f] = d.activations as [Apply];
  return (xw, state) => ({ h: f(c.add(xw, c.matmul(state.h, d.r))), c: undefined });
};

const CELLS: Readonly<Record<'LSTM' | 'GRU' | 'RNN', Cell>> = {
  LSTM: {
    gates: 4,
    activations: ['Sigmoid', 'Tanh', 'Tanh'],
    hasCellState: true,
    addsRecurrentBias: () => true,
    steps: lstmSteps,
  },
  GRU: {
    gates: 3,
    activations: ['Sigmoid', 'Tanh'],
    hasCellState: false,
    addsRecurrentBias: () => false,
    steps: gruSteps,
  },
  RNN: {
    gates: 1,
    activations: ['Tanh'],
    hasCellState: false,
    addsRecurrentBias: () => true,
    steps: rnnSteps,
  },
};

/** Most steps that are unrolled. */
const MOST_STEPS = 4096;

interface Sequence {
  /** [steps, batch, features] */
  readonly x: Value;
  readonly steps: number;
  /** i64 [batch]; undefined where every sequence has all steps. */
  readonly lengths: Value | undefined;
}

/** The steps in reverse order: of each sequence within its own length. */
function reversed(c: NodeContext, x: Value, { steps, lengths }: Sequence): Value {
  if (lengths === undefined) return c.slice(x, 0, steps - 1, steps, -1);
  const times = c.alongAxis(c.iota(steps), 0, 3);
  const length = c.alongAxis(lengths, 1, 3);
  const mirrored = c.sub(c.sub(length, c.like(length, 1)), times);
  const index = c.where(c.op('lt', [times, length]), mirrored, times);
  return c.op('gather_elements', [x, c.broadcast(index, c.shape(x))], { axis: 0 });
}

interface Run {
  /** [steps, batch, hidden] */
  readonly y: Value;
  readonly last: State;
}

function runDirection(c: NodeContext, cell: Cell, sequence: Sequence, d: Direction, start: State): Run {
  const { steps, lengths } = sequence;
  const x = d.isReverse ? reversed(c, sequence.x, sequence) : sequence.x;
  const product = c.matmul(x, c.transpose(d.w, [1, 0]));
  const bias =
    cell.addsRecurrentBias(c) && d.wb !== undefined && d.rb !== undefined ? c.add(d.wb, d.rb) : d.wb;
  const xw = bias === undefined ? product : c.add(product, bias);
  const step = cell.steps(c, d);
  let state = start;
  const rows: Value[] = [];
  for (let t = 0; t < steps; t++) {
    const next = step(c.pick(xw, 0, t), state);
    if (lengths === undefined) {
      state = next;
      rows.push(c.unsqueeze(next.h, [0]));
      continue;
    }
    // Beyond its end a sequence keeps its state and puts out zeros.
    const runs = c.unsqueeze(c.op('gt', [lengths, c.like(lengths, t)]), [1]);
    const kept = (now: Value | undefined, before: Value | undefined) =>
      now === undefined || before === undefined ? undefined : c.where(runs, now, before);
    rows.push(c.unsqueeze(c.where(runs, next.h, c.like(next.h, 0)), [0]));
    state = { h: kept(next.h, state.h) as Value, c: kept(next.c, state.c) };
  }
  const y = c.concat(rows, 0);
  return { y: d.isReverse ? reversed(c, y, sequence) : y, last: state };
}

const recurrent =
  (name: keyof typeof CELLS): Handler =>
  (c) => {
    const cell = CELLS[name];
    const isBatchFirst = c.attributes.int('layout', 0) === 1;
    const given = c.input(0);
    const x = isBatchFirst ? c.swapAxes(given, 0, 1) : given;
    const [steps = 0, batch = 1] = c.shape(x);
    if (steps === 0 || steps > MOST_STEPS)
      throw c.refuse(`a sequence of ${steps} steps is not supported (1 to ${MOST_STEPS} are)`);
    const mode = c.attributes.oneOf('direction', ['forward', 'reverse', 'bidirectional'], 'forward');
    const count = mode === 'bidirectional' ? 2 : 1;
    const [w, r, b] = [c.input(1), c.input(2), c.optional(3)];
    const hidden = c.dim(r, 2);
    const activations = activationsOf(c, cell.activations, count);
    const initial = (index: number, direction: number): Value => {
      const value = c.optional(index);
      if (value === undefined) return c.filled(x.type.dtype, [batch, hidden], 0);
      return c.pick(isBatchFirst ? c.swapAxes(value, 0, 1) : value, 0, direction);
    };
    const sequence = { x, steps, lengths: lengthsOf(c, steps) };
    const runs = Array.from({ length: count }, (_, k): Run => {
      const width = cell.gates * hidden;
      const both = b && c.pick(b, 0, k);
      const p = cell.hasCellState ? c.optional(7) : undefined;
      const direction: Direction = {
        isReverse: mode === 'reverse' || k === 1,
        w: c.pick(w, 0, k),
        r: c.transpose(c.pick(r, 0, k), [1, 0]),
        wb: both && c.slice(both, 0, 0, width),
        rb: both && c.slice(both, 0, width, width),
        peepholes: p && c.pick(p, 0, k),
        activations: activations.slice(k * cell.activations.length, (k + 1) * cell.activations.length),
        hidden,
      };
      const start = { h: initial(5, k), c: cell.hasCellState ? initial(6, k) : undefined };
      return runDirection(c, cell, sequence, direction, start);
    });
    const along = (values: readonly Value[], axis: number) =>
      c.concat(
        values.map((v) => c.unsqueeze(v, [axis])),
        axis,
      );
    const y = along(
      runs.map((run) => run.y),
      1,
    );
    const lastH = along(
      runs.map((run) => run.last.h),
      0,
    );
    const lastC = cell.hasCellState
      ? [
          along(
            runs.map((run) => run.last.c as Value),
            0,
          ),
        ]
      : [];
    if (!isBatchFirst) return [y, lastH, ...lastC];
    return [c.transpose(y, [2, 0, 1, 3]), ...[lastH, ...lastC].map((v) => c.swapAxes(v, 0, 1))];
  };

/** Undefined where all sequences are known to have every step. */
function lengthsOf(c: NodeContext, steps: number): Value | undefined {
  const lengths = c.optional(4);
  if (lengths === undefined || c.known(lengths)?.every((n) => n === steps)) return undefined;
  return c.cast(lengths, 'i64');
}

export const RECURRENT: HandlerTable = {
  GRU: recurrent('GRU'),
  LSTM: recurrent('LSTM'),
  RNN: recurrent('RNN'),
};

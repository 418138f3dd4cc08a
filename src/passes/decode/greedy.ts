// A step with the choice of the next token: arg-max, forbidden and forced tokens, end tokens, finished rows and the buffer of
// tokens, all in core operators, so that nothing but a flag need reach the host between steps.
import { fromNumbers } from '../../base/tensor.js';
import { bytesConstant } from '../../ir/constant.js';
import type { Dim } from '../../ir/dim.js';
import type { Graph, Value } from '../../ir/graph.js';
import { type TensorType, tensorType } from '../../ir/type.js';
import { GraphBuilder } from '../../ops/build.js';
import type { Generation, StepProgram } from './model.js';
import { copyValues } from './prologue.js';

export interface GreedyStep {
  /**
   * params [token i64 [N, 1], position i64 [1], ...context, ...states, finished i32 [N], length i32 [N], tokens i32 [N, T]];
   * results [token, position, ...states, finished, length, tokens, flag i32 [1]]: those after the step, the flag 1 where all
   * rows are finished. Finished and length start as zeros, tokens as `pad`, token as `bos`, position as 0. Where logits are
   * kept, a buffer of them [N, T, V] that starts as zeros follows the tokens in both.
   */
  readonly graph: Graph;
  /** How many contexts and states stand between position and finished. */
  readonly contexts: number;
  readonly states: number;
  /** Type of the buffer of logits, where they are kept. */
  readonly logits?: TensorType;
}

/** The step with selection on the chip. `keepLogits`: the scores of each step, before anything is suppressed, are kept. */
export function greedyStep(program: StepProgram, generation: Generation, keepLogits = false): GreedyStep {
  const { batch, maxSteps } = generation;
  const { body } = program.step;
  const b = new GraphBuilder('greedy');
  const params = body.params.map((v) => b.input(v.name, v.type));
  const [finished, length] = ['finished', 'length'].map((name) =>
    b.input(name, tensorType('i32', [batch])),
  ) as [Value, Value];
  const tokens = b.input('tokens', tensorType('i32', [batch, maxSteps]));
  const scores = body.results[0]?.type as TensorType;
  const kept = keepLogits
    ? b.input('logits', tensorType(scores.dtype, [batch, maxSteps, scores.shape[1] as Dim]))
    : undefined;
  const given = new Map(body.params.map((v, i) => [v, params[i] as Value] as const));
  const [logits, ...states] = copyValues(b, body.results, given) as [Value, ...Value[]];
  b.origin = [];
  const position = params[1] as Value;
  const chosen = choose(b, logits, position, generation);
  const here = stepMask(b, position, maxSteps);
  const after = advance(b, { chosen, position, finished, length, tokens, here }, generation);
  const rows = kept && [keepRow(b, kept, logits, here)];
  const results = [
    after.token,
    after.position,
    ...states,
    after.finished,
    after.length,
    after.tokens,
    ...(rows ?? []),
    after.flag,
  ];
  const names = [
    'token',
    'position',
    ...states.map((_, i) => program.states[i]?.name ?? ''),
    'finished',
    'length',
    'tokens',
    ...(kept === undefined ? [] : ['logits']),
    'flag',
  ];
  return {
    graph: b.finish(results, names),
    contexts: program.context.length,
    states: program.states.length,
    ...(kept !== undefined && { logits: kept.type }),
  };
}

/** i32 [N]: the best token that may be chosen at this step. */
function choose(b: GraphBuilder, logits: Value, position: Value, generation: Generation): Value {
  const { suppressed, suppressedFirst, forced, maxSteps } = generation;
  const vocabulary = logits.type.shape[1] as number;
  let scores = logits;
  const without = (scores: Value, from: readonly number[], when?: Value): Value => {
    const banned = Array.from({ length: vocabulary }, (_, i) => (from.includes(i) ? 1 : 0));
    const all = b.constant(constantFrom('bool', [1, vocabulary], banned));
    const now = when === undefined ? all : b.one('and', [all, when]);
    return b.one('where', [now, b.scalar(logits.type.dtype, -Infinity), scores]);
  };
  if (suppressed.length > 0) scores = without(scores, suppressed);
  if (suppressedFirst.length > 0) {
    const first = b.one('reshape', [b.one('eq', [position, b.ints([0])])], { shape: [1, 1] });
    scores = without(scores, suppressedFirst, first);
  }
  const best = b.one('cast', [b.one('argmax', [scores], { axis: 1, keep: false, last: false })], {
    to: 'i32',
  });
  const steps = Array.from({ length: maxSteps }, (_, t) => forced.get(t) ?? -1);
  if (steps.every((token) => token < 0)) return best;
  const token = b.one('gather', [b.constant(constantFrom('i32', [maxSteps], steps)), position], { axis: 0 });
  return b.one('where', [b.one('ge', [token, int(b, 0)]), token, best]);
}

const int = (b: GraphBuilder, value: number): Value => b.scalar('i32', value);

function constantFrom(dtype: 'bool' | 'i32', shape: readonly number[], values: readonly number[]) {
  return bytesConstant(dtype, shape, fromNumbers(dtype, shape, values).data);
}

/** bool [1, T]: true at this step. */
function stepMask(b: GraphBuilder, position: Value, maxSteps: number): Value {
  return b.one('eq', [b.one('iota', [], { shape: [1, maxSteps], axis: 1, dtype: 'i64' }), position]);
}

/** The buffer [N, T, V] with these scores [N, V] as the row of this step. */
function keepRow(b: GraphBuilder, buffer: Value, scores: Value, here: Value): Value {
  const [batch, maxSteps, vocabulary] = buffer.type.shape as [number, number, number];
  const row = b.one('reshape', [scores], { shape: [batch, 1, vocabulary] });
  return b.one('where', [b.one('reshape', [here], { shape: [1, maxSteps, 1] }), row, buffer]);
}

interface Progress {
  readonly chosen: Value;
  readonly position: Value;
  readonly finished: Value;
  readonly length: Value;
  readonly tokens: Value;
  readonly here: Value;
}

/** What a chosen token makes of the counters; rows that were finished before get padding. */
function advance(b: GraphBuilder, p: Progress, { batch, eos, pad }: Generation) {
  const done = b.one('ne', [p.finished, int(b, 0)]);
  const next = b.one('where', [done, int(b, pad), p.chosen]);
  const ends = eos.map((token) => b.one('eq', [next, int(b, token)]));
  const ended = ends.reduce((any, end) => b.one('or', [any, end]), done);
  const finished = b.one('cast', [ended], { to: 'i32' });
  return {
    token: b.one('cast', [b.one('reshape', [next], { shape: [batch, 1] })], { to: 'i64' }),
    position: b.one('add', [p.position, b.ints([1])]),
    finished,
    length: b.one('add', [p.length, b.one('sub', [int(b, 1), p.finished])]),
    tokens: b.one('where', [p.here, b.one('reshape', [next], { shape: [batch, 1] }), p.tokens]),
    flag: b.one('reduce_min', [finished], { axes: [0], keep: true }),
  };
}

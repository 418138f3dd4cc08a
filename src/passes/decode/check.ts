// The guard behind the proof: the step is run on random tokens and compared with the decoder itself, token after token. A
// difference is a mistake of ours, and makes a refusal, never a wrong program.
import { dtypeKind } from '../../base/dtype.js';
import { createRandom, type Random } from '../../base/random.js';
import { elementCount, fromNumbers, type HostTensor, toNumbers, zeros } from '../../base/tensor.js';
import type { Graph, Value } from '../../ir/graph.js';
import type { TensorType } from '../../ir/type.js';
import { GraphBuilder } from '../../ops/build.js';
import { interpretGraph } from '../../ops/interpret.js';
import type { Family } from './family.js';
import type { CarriedSource, DecodeSource, StepState } from './model.js';
import { copyValues } from './prologue.js';

/** Values of the decoder graph that depend on its context parameters alone. */
export interface Hoisted {
  readonly params: readonly Value[];
  readonly values: readonly Value[];
}

export interface Subject {
  readonly family: Family;
  readonly step: Graph;
  readonly states: readonly StepState[];
  readonly hoisted: Hoisted;
  readonly source: DecodeSource;
}

/** Steps compared. */
const STEPS = 6;
/** Of the largest logit: sums in another order. */
const TOLERANCE = 1e-4;

/** The first difference from the decoder; undefined where there is none. */
export function stepProblem(subject: Subject): string | undefined {
  const { family, step, hoisted, source } = subject;
  const random = createRandom(1);
  const contexts = hoisted.params.map((v) => randomTensor(random, v.type));
  const made = interpretGraph(hoistGraph(hoisted), contexts);
  const tokens: number[][] = [];
  const vocabulary = (step.body.results[0]?.type.shape[1] as number | undefined) ?? 1;
  const { batch } = source.generation;
  let own = source.kind === 'carried' ? startStates(random, source, family) : [];
  let states: readonly HostTensor[] = subject.states.map((s, i) => widened(own[i], s));
  for (let t = 0; t < Math.min(STEPS, family.max - family.first + 1); t++) {
    tokens.push(Array.from({ length: batch }, () => random.integer(0, vocabulary - 1)));
    const token = fromNumbers('i64', [batch, 1], tokens[t] ?? []);
    const [logits, ...next] = interpretGraph(step, [token, fromNumbers('i64', [1], [t]), ...made, ...states]);
    states = next;
    const wanted = decoderResults(subject, tokens, contexts, own, t);
    if (wanted === undefined) continue;
    own = wanted.slice(1);
    const problem = difference(logits, wanted[0]);
    if (problem !== undefined) return `step ${t} of the derived program ${problem}: it is not used`;
  }
  return undefined;
}

/** What the decoder says at step t; undefined where a prefix decoder is not valid at that length. */
function decoderResults(
  { family, source }: Subject,
  tokens: readonly (readonly number[])[],
  contexts: readonly HostTensor[],
  own: readonly HostTensor[],
  t: number,
): readonly HostTensor[] | undefined {
  const { batch } = source.generation;
  if (source.kind === 'prefix' && t + 1 < source.shortest) return undefined;
  const seen = source.kind === 'prefix' ? tokens : tokens.slice(-1);
  const rows = Array.from({ length: batch }, (_, n) => seen.map((step) => step[n] ?? 0)).flat();
  const input = fromNumbers('i64', [batch, seen.length], rows);
  return interpretGraph(family.at(family.first + t), [input, ...contexts, ...own]);
}

function hoistGraph({ params, values }: Hoisted): Graph {
  const builder = new GraphBuilder('context');
  const given = new Map(params.map((v) => [v, builder.input(v.name, v.type)] as const));
  const results = copyValues(builder, values, given);
  return builder.finish(results, values.map((v) => v.name));
}

/** States of the decoder itself before its first step. */
function startStates(random: Random, source: CarriedSource, family: Family): HostTensor[] {
  const params = family.at(family.first).body.params.slice(1 + source.context.length);
  return source.states.map((state, i) => {
    const type = params[i]?.type ?? { dtype: state.dtype, shape: [] };
    return state.start.kind === 'prologue' ? randomTensor(random, type) : zeros(type.dtype, type.shape as readonly number[]);
  });
}

/** A state as the step has it: its entries in a larger buffer of zeros. */
function widened(own: HostTensor | undefined, state: StepState): HostTensor {
  const buffer = zeros(state.dtype, state.shape);
  if (own === undefined || elementCount(own.shape) === 0) return buffer;
  const builder = new GraphBuilder('start');
  const x = builder.input('x', { dtype: own.dtype, shape: own.shape });
  const high = state.shape.map((dim, i) => dim - (own.shape[i] ?? dim));
  const padded = builder.one('pad', [x], { low: high.map(() => 0), high, mode: 'constant', value: 0 });
  return interpretGraph(builder.finish([padded], ['']), [own])[0] ?? buffer;
}

/** Integers are masks and counts: ones, which hide nothing. */
function randomTensor(random: Random, { dtype, shape }: TensorType): HostTensor {
  const dims = shape as readonly number[];
  const draw = dtypeKind(dtype) === 'float' ? () => random.between(-1, 1) : () => 1;
  return fromNumbers(dtype, dims, Array.from({ length: elementCount(dims) }, draw));
}

function difference(found: HostTensor | undefined, wanted: HostTensor | undefined): string | undefined {
  if (found === undefined || wanted === undefined) return 'has no logits';
  const [a, b] = [toNumbers(found), toNumbers(wanted)];
  if (a.length !== b.length) return `has ${a.length} logits, not ${b.length}`;
  const scale = b.reduce((top, x) => (Number.isFinite(x) ? Math.max(top, Math.abs(x)) : top), 1e-3);
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? 0;
    const same = x === y || (Number.isNaN(x) && Number.isNaN(y)) || Math.abs(x - y) <= TOLERANCE * scale;
    if (!same) return `gives ${x} where the decoder gives ${y}`;
  }
  return undefined;
}

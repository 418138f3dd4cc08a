// What is computed once a request, before the first step: values of the decoder that depend on the context alone, and what
// the states hold of a prompt whose last token the first step takes. Rows of a prompt are rows of the decoder at any length
// that has them: that is what has been proven.
import { constantOf, type Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import { constantNumbers } from '../../ops/evaluate.js';
import type { DecodeSource, StepProgram, StepState } from './model.js';
import { Continuation, copyValues } from './prologue.js';
import type { Proof } from './prove.js';
import { refuse } from './refusal.js';
import type { Kept, StepParts } from './step-parts.js';
import { unroll } from './unroll.js';

export interface ContextPart {
  readonly proof: Proof;
  readonly parts: StepParts;
  readonly source: DecodeSource;
}

export interface ContextValues {
  /** In the order of the step's contexts. */
  readonly contexts: readonly Value[];
  /** By state; undefined for states that start as zeros, and for those of the decoder itself. */
  readonly starts: readonly (Value | undefined)[];
}

/** `contexts`: the decoder's own; `prompt`: i64 [N, P], where rows start with tokens of the request. */
export function contextPart(
  builder: GraphBuilder,
  { proof, parts, source }: ContextPart,
  contexts: readonly Value[],
  prompt: Value | undefined,
): ContextValues {
  const { family } = proof;
  const params = family.reference.body.params.filter((_, i) => family.parameters[i]?.kind === 'context');
  const given = new Map(params.map((v, i) => [v, contexts[i] as Value] as const));
  const hoisted = copyValues(builder, [...parts.contexts.keys()], given);
  const before = family.first - 1;
  if (source.kind === 'carried' || before === 0 || prompt === undefined)
    return {
      contexts: hoisted,
      starts: parts.states.map(({ kept }) => recurrentStart(builder, proof, kept, given)),
    };
  const length = Math.max(family.first, source.shortest);
  const graph = family.at(length);
  const high = [0, length - family.first];
  const tokens = builder.one('pad', [prompt], { low: [0, 0], high, mode: 'constant', value: 0 });
  const here = new Map(
    graph.body.params.map((v, i) => [v, i === 0 ? tokens : (contexts[i - 1] as Value)] as const),
  );
  const starts = parts.states.map(({ kept, state }) => {
    if (kept === undefined) return undefined;
    const partner =
      kept.what === 'state'
        ? stateAfter(proof, kept, length, before - 1)
        : proof.partnerAt(kept.value, length);
    const [value] = copyValues(builder, [partner], here);
    return value === undefined
      ? refuse(undefined, 'a state has no value')
      : startOf(builder, value, kept, state, before);
  });
  return { contexts: hoisted, starts };
}

/** What the first cell of a recurrence starts from; undefined for zeros. */
function recurrentStart(
  builder: GraphBuilder,
  proof: Proof,
  kept: Kept | undefined,
  given: ReadonlyMap<Value, Value>,
): Value | undefined {
  const node = kept?.what === 'state' ? proof.view.producer(kept.value) : undefined;
  const start = node?.inputs[1 + (kept?.depth ?? 0)];
  if (start === undefined) return undefined;
  const constant = constantOf(start);
  if (constant !== undefined && Array.from(constantNumbers(constant)).every((x) => x === 0)) return undefined;
  return copyValues(builder, [start], given)[0];
}

/** What a cell of a recurrence leaves at another length. */
function stateAfter(proof: Proof, kept: Kept, length: number, token: number): Value {
  const node = proof.view.producer(kept.value);
  const cell = node && proof.view.recurrences.get(node);
  const output = cell?.outputs[node?.outputs.indexOf(kept.value) ?? 0];
  if (cell === undefined || output === undefined) return refuse(node, 'a recurrence is not known');
  const cells = unroll(cell, output, proof.partnerAt(kept.value, length), length);
  const value = 'states' in cells ? cells.states[token]?.[kept.depth] : undefined;
  return value ?? refuse(node, 'a state of the recurrence is not found at the length of the prompt');
}

/** What a state holds after `before` rows of its value. */
function startOf(
  builder: GraphBuilder,
  value: Value,
  { axis, what, depth }: Kept,
  state: StepState,
  before: number,
): Value {
  if (what === 'state') return value;
  const shape = value.type.shape as readonly number[];
  const from = what === 'window' ? Math.max(0, before - depth) : 0;
  const rows = builder.one('slice', [value], {
    starts: shape.map((_, i) => (i === axis ? from : 0)),
    sizes: shape.with(axis, before - from),
    steps: shape.map(() => 1),
  });
  if (what === 'sum') return builder.one('reduce_sum', [rows], { axes: [axis], keep: true });
  const missing = (state.shape[axis] ?? 0) - (before - from);
  const none = shape.map(() => 0);
  const [low, high] = what === 'window' ? [none.with(axis, missing), none] : [none, none.with(axis, missing)];
  return builder.one('pad', [rows], { low, high, mode: 'constant', value: 0 });
}

/** The prologue of the program: contexts first, then the starts of states, then the first token. */
export function prologueOf(
  part: ContextPart,
): Pick<StepProgram, 'prologue' | 'context' | 'states' | 'firstToken'> {
  const { parts, source, proof } = part;
  const chain = new Continuation(source.prologue);
  const { builder } = chain;
  const prompt = source.prompt && chain.result(source.prompt.result);
  const own = source.context.map((index) => chain.result(index));
  const made = contextPart(builder, part, own, prompt);
  const results = [...made.contexts];
  const names = results.map((v, i) => (v.name === '' ? `context.${i}` : v.name));
  const add = (v: Value, name: string): number => {
    names.push(name);
    return results.push(v) - 1;
  };
  const states = parts.states.map(({ state }, i): StepState => {
    const start =
      made.starts[i] ??
      (state.start.kind === 'prologue'
        ? widened(builder, chain.result(state.start.result), state)
        : undefined);
    return start === undefined
      ? state
      : { ...state, start: { kind: 'prologue', result: add(start, state.name) } };
  });
  if (prompt === undefined || source.prompt === undefined)
    return { prologue: chain.finish(results, names), context: made.contexts.map((_, i) => i), states };
  const last = source.prompt.length - 1;
  if (proof.family.first !== source.prompt.length)
    refuse(undefined, 'the states do not hold all of the prompt but its last token');
  const token = builder.one('slice', [prompt], {
    starts: [0, last],
    sizes: [source.generation.batch, 1],
    steps: [1, 1],
  });
  const firstToken = add(token, 'token');
  return {
    prologue: chain.finish(results, names),
    context: made.contexts.map((_, i) => i),
    states,
    firstToken,
  };
}

/** A prompt's state in a buffer that has room for all steps. */
function widened(builder: GraphBuilder, value: Value, state: StepState): Value {
  const own = value.type.shape as readonly number[];
  const high = state.shape.map((dim, i) => dim - (own[i] ?? dim));
  return builder.one('pad', [value], { low: high.map(() => 0), high, mode: 'constant', value: 0 });
}

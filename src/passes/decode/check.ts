// The guard behind the proof: the step is run on random tokens and compared with the decoder itself, token after token. A
// difference is a mistake of ours, and makes a refusal, never a wrong program.
import { dtypeKind } from '../../base/dtype.js';
import { createRandom, type Random } from '../../base/random.js';
import { elementCount, fromNumbers, type HostTensor, toNumbers, zeros } from '../../base/tensor.js';
import type { Graph } from '../../ir/graph.js';
import type { TensorType } from '../../ir/type.js';
import { GraphBuilder } from '../../ops/build.js';
import { interpretGraph } from '../../ops/interpret.js';
import { type ContextPart, contextPart } from './context-part.js';
import type { Family } from './family.js';
import type { CarriedSource, StepState } from './model.js';

/** Steps compared. */
const STEPS = 6;
/** Of the largest logit: sums in another order. */
const TOLERANCE = 1e-4;

/** The first difference of a step from the decoder it was made from; undefined where there is none. */
export function stepProblem(part: ContextPart, step: Graph): string | undefined {
  const { proof, parts, source } = part;
  const { family } = proof;
  const { batch } = source.generation;
  const vocabulary = (step.body.results[0]?.type.shape[1] as number | undefined) ?? 1;
  const random = createRandom(1);
  const draw = (): number[] => Array.from({ length: batch }, () => random.integer(0, vocabulary - 1));
  const contexts = family.reference.body.params
    .filter((_, i) => family.parameters[i]?.kind === 'context')
    .map((v) => randomTensor(random, v.type));
  // Columns of tokens: those of a prompt before the one that the first step takes.
  const tokens = Array.from({ length: source.kind === 'prefix' ? family.first - 1 : 0 }, draw);
  const made = contextValues(part, contexts, tokens);
  let own = source.kind === 'carried' ? startStates(random, source, family) : [];
  let states = parts.states.map((s, i) => widened(s.kept === undefined ? own[i] : made.starts[i], s.state));
  for (let t = 0; t < Math.min(STEPS, family.max - family.first + 1); t++) {
    tokens.push(draw());
    const token = columns(tokens.slice(-1), batch);
    const [logits, ...next] = interpretGraph(step, [
      token,
      fromNumbers('i64', [1], [t]),
      ...made.contexts,
      ...states,
    ]);
    states = next;
    if (source.kind === 'prefix' && family.first + t < source.shortest) continue;
    const seen = source.kind === 'prefix' ? columns(tokens, batch) : token;
    const [wanted, ...after] = interpretGraph(family.at(family.first + t), [seen, ...contexts, ...own]);
    own = after;
    const problem = difference(logits, wanted);
    if (problem !== undefined) return `step ${t} of the derived program ${problem}: it is not used`;
  }
  return undefined;
}

/** i64 [N, columns] */
function columns(tokens: readonly (readonly number[])[], batch: number): HostTensor {
  const rows = Array.from({ length: batch }, (_, n) => tokens.map((column) => column[n] ?? 0));
  return fromNumbers('i64', [batch, tokens.length], rows.flat());
}

/** What the prologue would make for the step from these contexts and the tokens before the first step. */
function contextValues(
  part: ContextPart,
  contexts: readonly HostTensor[],
  tokens: readonly (readonly number[])[],
): { readonly contexts: readonly HostTensor[]; readonly starts: readonly (HostTensor | undefined)[] } {
  const builder = new GraphBuilder('context');
  const params = contexts.map(({ dtype, shape }, i) => builder.input(`context.${i}`, { dtype, shape }));
  const { batch } = part.source.generation;
  const prompt = builder.input('prompt', { dtype: 'i64', shape: [batch, tokens.length + 1] });
  const values = contextPart(builder, part, params, prompt);
  const given = values.starts.flatMap((v) => (v === undefined ? [] : [v]));
  const graph = builder.finish([...values.contexts, ...given], []);
  const results = [
    ...interpretGraph(graph, [...contexts, columns([...tokens, new Array<number>(batch).fill(0)], batch)]),
  ];
  const made = results.splice(0, values.contexts.length);
  return {
    contexts: made,
    starts: values.starts.map((v) => (v === undefined ? undefined : results.shift())),
  };
}

/** States of the decoder itself before its first step. */
function startStates(random: Random, source: CarriedSource, family: Family): HostTensor[] {
  const params = family.at(family.first).body.params.slice(1 + source.context.length);
  return source.states.map((state, i) => {
    const type = params[i]?.type ?? { dtype: state.dtype, shape: [] };
    return state.start.kind === 'prologue'
      ? randomTensor(random, type)
      : zeros(type.dtype, type.shape as readonly number[]);
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

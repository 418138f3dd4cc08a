// One iteration of a decoding loop, told apart: the choice of the next token (an arg-max), the bookkeeping that follows from it
// (integers only), and the scores that it is taken of. The bookkeeping can be run for any chosen tokens.

import { dtypeKind } from '../../base/dtype.js';
import { fromNumbers, type HostTensor, toNumbers } from '../../base/tensor.js';
import { constantOf, type Graph, producer, type Value } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import { constantTensor } from '../../ops/evaluate.js';
import { interpretGraph } from '../../ops/interpret.js';
import { buildGraph, copyPart } from './graph-parts.js';
import type { LoopStep } from './loop-site.js';
import { loopNotUnderstood } from './refusals.js';

/** Integer and bool leaves by name. */
export type LoopState = ReadonlyMap<string, HostTensor>;

export interface StepParts {
  readonly step: LoopStep;
  /** The tokens chosen, of shape [N], [N, 1] or [N, L]. */
  readonly choice: Value;
  /** What the arg-max is taken of. */
  readonly scores: Value;
  readonly vocabulary: number;
  /** Carried parameters, by name. */
  readonly bookkept: ReadonlyMap<string, Value>;
  readonly floats: ReadonlyMap<string, Value>;
  readonly context: ReadonlyMap<string, Value>;
  /** Next values of all leaves that change. */
  readonly next: ReadonlyMap<string, Value>;
  /** The bookkeeping: params [choice, ...bookkept], results [condition if computed, ...next integers]. */
  readonly control: Graph;
}

export function isBookkept(v: Value): boolean {
  const kind = dtypeKind(v.type.dtype);
  return kind === 'int' || kind === 'uint' || kind === 'bool';
}

/** @throws E4206 where no arg-max separates scores from bookkeeping */
export function takeApart(step: LoopStep, file: string): StepParts {
  const { graph, again } = step;
  const params = new Map(step.inputs.map((name, i) => [name, graph.body.params[i] as Value] as const));
  const isCarried = ([name]: readonly [string, Value]) => step.carried.has(name);
  const bookkept = new Map([...params].filter((entry) => isCarried(entry) && isBookkept(entry[1])));
  const floats = new Map([...params].filter((entry) => isCarried(entry) && !isBookkept(entry[1])));
  const context = new Map([...params].filter((entry) => !isCarried(entry)));
  const first = again === 'computed' ? 1 : 0;
  const next = new Map(
    step.outputs.slice(first).map((name, i) => [name, graph.body.results[first + i] as Value] as const),
  );
  const kept = [...next].filter(([, v]) => isBookkept(v));
  const wanted = [...graph.body.results.slice(0, first), ...kept.map(([, v]) => v)];
  const choice = findChoice(graph, wanted, new Set(bookkept.values()));
  if (choice === undefined) {
    throw loopNotUnderstood(
      'the loop does not choose its tokens by an arg-max from which all of its bookkeeping follows',
      { file },
      'Greedy decoding is known: tokens, flags and the condition may depend on the scores only through one arg-max.',
    );
  }
  const scores = producer(choice)?.inputs[0] as Value;
  const control = buildGraph(
    'bookkeeping',
    [{ name: 'choice', type: choice.type }, ...[...bookkept].map(([name, v]) => ({ name, type: v.type }))],
    (b, [chosen, ...carried]) => {
      const known = new Map<Value, Value>([
        [choice, chosen as Value],
        ...[...bookkept.values()].map((v, i) => [v, carried[i] as Value] as const),
      ]);
      const made = copyPart(b, graph, known, wanted);
      return made.map((v, i) => [i < first ? 'again' : (kept[i - first]?.[0] ?? ''), v] as const);
    },
  );
  const vocabulary = (staticShape(scores.type) ?? []).at(-1) ?? 0;
  return { step, choice, scores, vocabulary, bookkept, floats, context, next, control };
}

/** The arg-max without which nothing wanted depends on anything but bookkept parameters. */
function findChoice(graph: Graph, wanted: readonly Value[], allowed: ReadonlySet<Value>): Value | undefined {
  const candidates = graph.body.nodes.flatMap((node) => {
    const [x] = node.inputs;
    const isLast = node.attrs.axis === (x?.type.shape.length ?? 0) - 1;
    if (node.op === 'argmax' && isLast) return node.outputs.slice(0, 1);
    return node.op === 'topk' && isLast && node.attrs.k === 1 ? node.outputs.slice(1, 2) : [];
  });
  return candidates.findLast((choice) => {
    const seen = new Set<Value>();
    const waiting = [...wanted];
    for (let v = waiting.pop(); v !== undefined; v = waiting.pop()) {
      if (seen.has(v)) continue;
      seen.add(v);
      if (v === choice || allowed.has(v) || constantOf(v) !== undefined) continue;
      const node = producer(v);
      if (node === undefined) return false;
      waiting.push(...node.inputs);
    }
    return seen.has(choice);
  });
}

export interface StepResult {
  readonly goesOn: boolean;
  readonly state: LoopState;
}

/** Runs the bookkeeping of an iteration for these tokens, one a row (at every position of a row that has several). */
export function runBookkeeping(
  { control, step, bookkept }: StepParts,
  state: LoopState,
  tokens: readonly number[],
  otherwise?: { readonly position: number; readonly tokens: readonly number[] },
): StepResult {
  const [choiceParam] = control.body.params;
  const shape = (choiceParam && staticShape(choiceParam.type)) ?? [];
  const count = shape.reduce((n, dim) => n * dim, 1);
  const width = Math.max(1, count / tokens.length);
  const values = Array.from({ length: count }, (_, i) => {
    const row = Math.floor(i / width);
    return otherwise !== undefined && i % width === otherwise.position
      ? (otherwise.tokens[row] ?? 0)
      : (tokens[row] ?? 0);
  });
  const chosen = fromNumbers(choiceParam?.type.dtype ?? 'i64', shape, values);
  const inputs = [...bookkept.keys()].map((name) => state.get(name) as HostTensor);
  const results = interpretGraph(control, [chosen, ...inputs]);
  const first = step.again === 'computed' ? 1 : 0;
  const goesOn =
    step.again === 'computed' ? (toNumbers(results[0] as HostTensor)[0] ?? 0) !== 0 : step.again === true;
  const after = new Map(state);
  for (const [i, name] of control.outputNames.slice(first).entries())
    after.set(name, results[first + i] as HostTensor);
  return { goesOn, state: after };
}

/** Integers that a graph reads as small constants: its special tokens are among them. */
export function specialNumbers({ body }: Graph, vocabulary: number): ReadonlySet<number> {
  const found = new Set<number>();
  const see = (v: Value): void => {
    const constant = constantOf(v);
    if (constant === undefined || constant.shape.reduce((n, dim) => n * dim, 1) > 64) return;
    const kind = dtypeKind(constant.dtype);
    if (kind !== 'int' && kind !== 'uint') return;
    for (const value of toNumbers(constantTensor(constant)))
      if (value >= 0 && value < vocabulary) found.add(value);
  };
  for (const node of body.nodes) node.inputs.forEach(see);
  body.results.forEach(see);
  return found;
}

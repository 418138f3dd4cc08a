// Greedy decoding of a DecodeSource by the operators' evaluators: what a source means, against which compiled variants are
// compared. Slow and simple: one graph a step.
import { elementCount, fromNumbers, type HostTensor, toNumbers, zeros } from '../../base/tensor.js';
import { staticShape } from '../../ir/type.js';
import { interpretGraph } from '../../ops/interpret.js';
import type { CarriedSource, DecodeSource, Generation, PrefixSource } from '../../passes/decode/model.js';

export interface GreedyRows {
  /** [step][row]; finished rows hold the pad token. */
  readonly steps: readonly (readonly number[])[];
  /** Tokens of each row, its end counted. */
  readonly lengths: readonly number[];
  readonly ended: readonly boolean[];
  /** Scores [N, V] of each step, before anything is suppressed. */
  readonly scores: readonly HostTensor[];
}

/** `stepLimit` ends decoding early, as a shorter `maxSteps` would. */
export function decodeGreedily(
  source: DecodeSource,
  inputs: readonly HostTensor[],
  stepLimit = Infinity,
): GreedyRows {
  const front = interpretGraph(source.prologue, inputs);
  const { generation } = source;
  const next = source.kind === 'prefix' ? prefixScores(source, front) : carriedScores(source, front);
  const steps: number[][] = [];
  const scores: HostTensor[] = [];
  const ended = new Array<boolean>(generation.batch).fill(false);
  const lengths = new Array<number>(generation.batch).fill(0);
  for (let step = 0; step < Math.min(generation.maxSteps, stepLimit) && ended.includes(false); step++) {
    const row = next(step, steps.at(-1));
    const chosen = chooseTokens(row, generation, step).map((token, n) => (ended[n] ? generation.pad : token));
    for (const [n, token] of chosen.entries()) {
      if (ended[n]) continue;
      lengths[n] = step + 1;
      ended[n] = generation.eos.includes(token);
    }
    steps.push(chosen);
    scores.push(row);
  }
  return { steps, lengths, ended, scores };
}

type NextScores = (step: number, last: readonly number[] | undefined) => HostTensor;

function startTokens(source: DecodeSource, front: readonly HostTensor[]): number[][] {
  const { batch, bos } = source.generation;
  const prompt = source.prompt && front[source.prompt.result];
  if (source.prompt === undefined || prompt === undefined) return [new Array<number>(batch).fill(bos)];
  const tokens = toNumbers(prompt);
  const { length } = source.prompt;
  return Array.from({ length }, (_, t) =>
    Array.from({ length: batch }, (__, n) => tokens[n * length + t] ?? 0),
  );
}

function prefixScores(source: PrefixSource, front: readonly HostTensor[]): NextScores {
  const columns = startTokens(source, front);
  const context = source.context.map((i) => front[i] as HostTensor);
  return (_, last) => {
    if (last !== undefined) columns.push([...last]);
    const { batch, pad } = source.generation;
    const length = Math.max(columns.length, source.shortest);
    if (length > columns.length) return shortPrefix(source, columns, context, length, pad, batch);
    const [scores] = interpretGraph(source.decoderAt(length), [rowsOf(columns, batch), ...context]);
    return scores as HostTensor;
  };
}

/** Below the shortest length, the decoder's own rows cannot be had: it has no such graph. */
function shortPrefix(
  source: PrefixSource,
  columns: readonly number[][],
  context: readonly HostTensor[],
  length: number,
  pad: number,
  batch: number,
): HostTensor {
  const filled = [
    ...columns,
    ...Array.from({ length: length - columns.length }, () => new Array<number>(batch).fill(pad)),
  ];
  const [scores] = interpretGraph(source.decoderAt(length, columns.length - 1), [
    rowsOf(filled, batch),
    ...context,
  ]);
  return scores as HostTensor;
}

function rowsOf(columns: readonly (readonly number[])[], batch: number): HostTensor {
  const length = columns.length;
  return fromNumbers(
    'i64',
    [batch, length],
    Array.from({ length: batch * length }, (_, i) => columns[i % length]?.[Math.floor(i / length)] ?? 0),
  );
}

function carriedScores(source: CarriedSource, front: readonly HostTensor[]): NextScores {
  const { batch } = source.generation;
  const context = source.context.map((i) => front[i] as HostTensor);
  const start = startTokens(source, front).at(-1) ?? [];
  let states: readonly HostTensor[] | undefined;
  return (step, last) => {
    const graph = source.stepAt(source.promptLength + step);
    const params = graph.body.params.slice(1 + context.length);
    states ??= source.states.map((state, i) => {
      const shape = staticShape(params[i]?.type ?? { dtype: state.dtype, shape: [] }) ?? [];
      return state.start.kind === 'prologue'
        ? (front[state.start.result] as HostTensor)
        : zeros(state.dtype, shape);
    });
    const token = fromNumbers('i64', [batch, 1], last ?? start);
    const [scores, ...after] = interpretGraph(graph, [token, ...context, ...states]);
    states = after;
    return scores as HostTensor;
  };
}

/** The best token of each row under forced and suppressed ones. */
export function chooseTokens(
  scores: HostTensor,
  { forced, suppressed, suppressedFirst }: Generation,
  step: number,
): number[] {
  const [batch = 1] = scores.shape;
  const vocabulary = elementCount(scores.shape) / batch;
  const values = toNumbers(scores);
  const must = forced.get(step);
  if (must !== undefined) return new Array<number>(batch).fill(must);
  const never = new Set([...suppressed, ...(step === 0 ? suppressedFirst : [])]);
  return Array.from({ length: batch }, (_, n) => {
    let best = -1;
    for (let v = 0; v < vocabulary; v++) {
      if (never.has(v)) continue;
      if (best < 0 || (values[n * vocabulary + v] ?? 0) > (values[n * vocabulary + best] ?? 0)) best = v;
    }
    return best;
  });
}

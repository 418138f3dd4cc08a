// What is checked about the decoder inside a loop by running it on random values: that a step reads the last token alone, and
// that the tail of a buffer of fixed length does not matter.
import { createRandom } from '../../base/random.js';
import { fromNumbers, type HostTensor, zeros } from '../../base/tensor.js';
import type { Graph, Value } from '../../ir/graph.js';
import { interpretGraph } from '../../ops/interpret.js';
import { randomTensor } from '../../ops/samples.js';
import { dependents, shapeOf } from './graph-parts.js';
import { type LoopDecoder, loopDecoder } from './loop-decoder.js';
import { type Columns, type Decoded, tensorOfMeaning } from './loop-leaves.js';
import { type LoopBehaviour, plainDecoding } from './loop-run.js';
import type { LoopSite } from './loop-site.js';
import { isBookkept, type StepParts, takeApart } from './loop-step.js';
import { nearlyEqual } from './nearly-equal.js';
import { loopNotUnderstood } from './refusals.js';

/** A loop with states must look at the last token alone: the tokens before it are other ones, and nothing may change. */
export function requireLastOnly(decoder: LoopDecoder): void {
  const { behaviour, file } = decoder;
  const t = Math.min(2, behaviour.maxSteps - 1);
  const parts = behaviour.parts(t);
  const scores = [
    parts.scores,
    ...decoder.stateNames.map((name) => parts.next.get(name)).filter((v) => v !== undefined),
  ];
  const tokenParams = [...parts.bookkept].filter(
    ([name]) => behaviour.meanings.get(name)?.kind === 'columns',
  );
  const on = dependents(
    parts.step.graph,
    tokenParams.map(([, v]) => v),
  );
  if (!scores.some((v) => on.has(v))) return;
  const graph: Graph = {
    ...parts.step.graph,
    body: { ...parts.step.graph.body, results: scores },
    outputNames: scores.map(() => ''),
  };
  const random = createRandom(2);
  const base = plainDecoding(behaviour.batch, t, behaviour.plain);
  const changed: Decoded = {
    ...base,
    steps: base.steps.map((row, i) =>
      i < t - 1 ? row.map((token) => (token + 1) % behaviour.vocabulary) : row,
    ),
  };
  const floats = new Map(
    graph.body.params.map(
      (v) => [v, isBookkept(v) ? undefined : randomTensor(random, v.type.dtype, shapeOf(v), -1, 1)] as const,
    ),
  );
  const run = (decoded: Decoded) =>
    interpretGraph(
      graph,
      parts.step.inputs.map((name, i) => {
        const param = graph.body.params[i] as Value;
        const meaning = behaviour.meanings.get(name);
        return (
          floats.get(param) ??
          (meaning === undefined
            ? zeros(param.type.dtype, shapeOf(param))
            : tensorOfMeaning(meaning, decoded))
        );
      }),
    );
  const [one, two] = [run(base), run(changed)];
  if (one.every((x, i) => nearlyEqual(x, two[i] as HostTensor))) return;
  throw loopNotUnderstood('the loop carries states and looks at tokens before the last one as well', {
    file,
  });
}

/** Numbers of tokens at which a cropped buffer is compared with the whole one. */
const COMPARED = [0, 1, 6];

/**
 * The iterations to make the decoder from. Where the loop reads a buffer of fixed length, its tail holds no tokens yet: the
 * iteration over the tokens alone is taken, where it gives the same scores (on random values).
 */
export function croppedParts(
  site: LoopSite,
  decoder: LoopDecoder,
  notes: string[],
): (t: number) => StepParts {
  const { behaviour } = decoder;
  const whole = behaviour.parts;
  const buffer = [...whole(0).bookkept.keys()].find((name) => {
    const m = behaviour.meanings.get(name);
    return m?.kind === 'columns' && m.fixed !== undefined && readsLeaf(whole(0), name);
  });
  const meaning = buffer === undefined ? undefined : behaviour.meanings.get(buffer);
  if (buffer === undefined || meaning?.kind !== 'columns' || site.reshaped === undefined) return whole;
  const all = () => true;
  const agree = (cropped: Cropped): boolean =>
    COMPARED.filter((t) => t < behaviour.maxSteps).every((t) => {
      const parts = cropped(t);
      return (
        parts !== undefined &&
        sameScores(
          loopDecoder(decoder, whole(t), t, all, false),
          loopDecoder(decoder, parts, t, all, false),
          behaviour,
          decoder.start,
        )
      );
    });
  // Where a write beyond the end is an error, the buffer has to have a place for the next token.
  const cropped = [0, 1].map((more) => croppedTo(site, decoder, buffer, meaning, more)).find(agree);
  if (cropped === undefined) return whole;
  notes.push(
    'the loop reads a buffer of fixed length; what stands behind the tokens does not matter (checked on random values), and is left out',
  );
  return (t) => cropped(t) ?? whole(t);
}

type Cropped = (t: number) => StepParts | undefined;

/** Iterations over a buffer that ends `more` columns behind the tokens so far. */
function croppedTo(site: LoopSite, decoder: LoopDecoder, buffer: string, m: Columns, more: number): Cropped {
  const { batch } = decoder.behaviour;
  const made = new Map<number, StepParts | undefined>();
  return (t) => {
    if (made.has(t)) return made.get(t);
    const length = m.start.length + t + more;
    const shape = { rows: [batch, length], columns: [length, batch], flat: [length] }[m.layout];
    const step = site.reshaped?.(t, buffer, shape);
    const parts = step && takeApart(step, decoder.file);
    made.set(t, parts);
    return parts;
  };
}

function readsLeaf({ step, bookkept, scores }: StepParts, name: string): boolean {
  const param = bookkept.get(name);
  return param !== undefined && dependents(step.graph, [param]).has(scores);
}

function sameScores(
  a: Graph,
  b: Graph,
  { batch, plain, vocabulary }: LoopBehaviour,
  start: readonly (readonly number[])[],
): boolean {
  const random = createRandom(3);
  const inputs = a.body.params.map((v, i) => {
    const shape = shapeOf(v);
    if (i > 0) return randomTensor(random, v.type.dtype, shape, -1, 1);
    const length = shape[1] ?? 1;
    const token = (column: number, n: number): number =>
      start[column]?.[n] ?? (plain + column * 7) % vocabulary;
    return fromNumbers(
      'i64',
      shape,
      Array.from({ length: batch * length }, (_, k) => token(k % length, Math.floor(k / length))),
    );
  });
  return nearlyEqual(interpretGraph(a, inputs)[0] as HostTensor, interpretGraph(b, inputs)[0] as HostTensor);
}

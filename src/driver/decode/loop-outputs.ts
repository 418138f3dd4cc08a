// The outputs behind a decoding loop as rules over its tokens: the part of the model behind the loop is run on the states of
// decodings that tell conventions apart, and each output takes the rule that gives all of its results.
import { type HostTensor, zeros } from '../../base/tensor.js';
import { constantOf, type Graph, type Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import { interpretGraph } from '../../ops/interpret.js';
import type { Generation } from '../../passes/decode/model.js';
import { copyPart, dependents, followFrom, shapeOf } from './graph-parts.js';
import type { LoopDecoder } from './loop-decoder.js';
import { type Decoded, tensorOfMeaning } from './loop-leaves.js';
import { ruleOf } from './loop-rules.js';
import { decodedAfter, type LoopBehaviour, nothing } from './loop-run.js';
import type { LoopSite } from './loop-site.js';
import { specialNumbers } from './loop-step.js';
import { outputNotUnderstood } from './refusals.js';
import type { OutputRule } from './request.js';

/** Decodings that tell conventions apart. */
function exampleDecodings(
  { batch, eos, pad, plain, maxSteps, vocabulary }: LoopBehaviour,
  special: readonly number[],
): readonly Decoded[] {
  const isEnd = (token: number) => eos.includes(token);
  const padToken = pad ?? plain;
  const decode = (count: number, choose: (t: number, n: number) => number): Decoded => {
    let d = nothing(batch);
    for (let t = 0; t < count && (t === 0 || d.ended.includes(false)); t++)
      d = decodedAfter(
        d,
        Array.from({ length: batch }, (_, n) => choose(t, n)),
        isEnd,
        pad,
      );
    return d;
  };
  const end = eos[0] ?? plain;
  const plainAt = (t: number, n: number): number => {
    const token = (plain + t + 2 * n) % vocabulary;
    return isEnd(token) || token === padToken ? plain : token;
  };
  const few = Math.min(4, maxSteps);
  const shapes: Decoded[] = [
    decode(maxSteps, plainAt),
    decode(maxSteps, (t, n) => (t === maxSteps - 1 ? end : plainAt(t, n))),
  ];
  if (eos.length > 0) {
    shapes.push(decode(1, () => end));
    shapes.push(decode(maxSteps, (t, n) => (t === (few - 1 + n) % few ? end : plainAt(t, n))));
    // A row may choose a special token, that of padding for one, before its end.
    for (const token of special)
      shapes.push(
        decode(maxSteps, (t, n) => (t === few - 1 ? end : t === 1 && n === 0 ? token : plainAt(t, n))),
      );
  }
  return shapes;
}

/** Of so many special tokens it is seen whether lengths count them. */
const SPECIAL_TRIED = 8;

export function loopOutputs(
  site: LoopSite,
  { behaviour, file }: LoopDecoder,
  generation: Generation,
  prologue: Graph,
): readonly OutputRule[] {
  const behindLoop = site.epilogue(Math.min(2, behaviour.maxSteps));
  const numbers = specialNumbers(behindLoop.graph, behaviour.vocabulary);
  const special = [...numbers].filter((token) => !behaviour.eos.includes(token)).slice(0, SPECIAL_TRIED);
  const decodings = exampleDecodings(behaviour, special);
  const samples = decodings.map((decoded) => ({ decoded, results: behind(site, behaviour, decoded) }));
  return behindLoop.outputs.map((name, i): OutputRule => {
    const own = samples.flatMap(({ decoded, results }) => {
      const tensor = results[i];
      return tensor === undefined ? [] : [{ decoded, tensor }];
    });
    const rule = own.length < samples.length ? undefined : ruleOf(name, own, generation, special);
    if (rule !== undefined) return rule;
    const result = prologue.outputNames.indexOf(`output ${name}`);
    if (result >= 0) return { kind: 'prologue', name, result };
    throw outputNotUnderstood(
      `how the output '${name}' follows from the tokens is not known`,
      { file },
      'Known are the tokens (with or without the start, cropped or padded), lengths, flags of rows that ended, and the number of steps. Take the output out of the model.',
    );
  });
}

/** Outputs that the loop has no part in, made from the model's inputs. */
export function untouchedOutputs(
  b: GraphBuilder,
  site: LoopSite,
  inputs: ReadonlyMap<string, Value>,
): readonly (readonly [name: string, value: Value])[] {
  const { graph, inputs: names, outputs } = site.epilogue(1);
  const known = new Map(
    names.flatMap((name, i) => {
      const [inner, outer] = [graph.body.params[i], inputs.get(name)];
      return inner === undefined || outer === undefined ? [] : [[inner, outer] as const];
    }),
  );
  const free = outputs.flatMap((name, i) => {
    const value = graph.body.results[i];
    return value !== undefined && constantOf(value) === undefined && followFrom(known, [value])
      ? [[`output ${name}`, value] as const]
      : [];
  });
  const made = copyPart(
    b,
    graph,
    known,
    free.map(([, value]) => value),
  );
  return free.map(([name], i) => [name, made[i] as Value] as const);
}

/** What the model gives after a decoding; undefined for an output that needs more than the integers of the loop. */
function behind(
  site: LoopSite,
  { meanings }: LoopBehaviour,
  decoded: Decoded,
): readonly (HostTensor | undefined)[] {
  const { graph, inputs } = site.epilogue(decoded.count);
  const given = graph.body.params.map((_, i): HostTensor | undefined => {
    const meaning = meanings.get(inputs[i] ?? '');
    return meaning && tensorOfMeaning(meaning, decoded);
  });
  const unknown = graph.body.params.filter((_, i) => given[i] === undefined);
  const on = dependents(graph, unknown);
  const known = graph.body.results.map((v) => !on.has(v));
  const wanted = graph.body.results.filter((_, i) => known[i]);
  const nodes = graph.body.nodes.filter((node) => !node.outputs.some((v) => on.has(v)));
  const part: Graph = {
    name: graph.name,
    body: { params: graph.body.params, nodes, results: wanted },
    outputNames: wanted.map(() => ''),
  };
  const tensors = interpretGraph(
    part,
    given.map((x, i) => x ?? zeros(graph.body.params[i]?.type.dtype ?? 'f32', shapeOf(graph.body.params[i]))),
  );
  let at = 0;
  return known.map((isKnown) => (isKnown ? tensors[at++] : undefined));
}

// A model that holds its decoding loop, to a DecodeSource with the outputs of the source. The loop's bookkeeping is run to
// see how it decodes (loop-run.ts); its scores become the decoder (loop-decoder.ts); what is behind it becomes rules.
import type { Diagnostic } from '../../base/diagnostic.js';
import { createRandom } from '../../base/random.js';
import { fromNumbers, type HostTensor, zeros } from '../../base/tensor.js';
import { constantOf, type Graph, type Value } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import { constantTensor } from '../../ops/evaluate.js';
import { interpretGraph } from '../../ops/interpret.js';
import { randomTensor } from '../../ops/samples.js';
import type { Generation } from '../../passes/decode/model.js';
import { carriedSource, type Front, prefixSource } from './build-source.js';
import { applyGraph, constantValue, dependents } from './graph-parts.js';
import { type LoopDecoder, loopDecoder } from './loop-decoder.js';
import type { Columns, Decoded } from './loop-leaves.js';
import { tensorOfMeaning } from './loop-leaves.js';
import { ruleOf } from './loop-rules.js';
import { decodedAfter, type LoopBehaviour, nothing, observeLoop, plainDecoding } from './loop-run.js';
import type { LoopSite } from './loop-site.js';
import { isBookkept, type StepParts, takeApart } from './loop-step.js';
import { nearlyEqual } from './pair.js';
import { generationUnknown, loopNotUnderstood, outputNotUnderstood } from './refusals.js';
import type { DecodeFlags, DecodeInput, OutputRule, RecognisedDecode } from './request.js';

/** @throws E4203, E4206, E4207, E4208 */
export function recogniseLoop(site: LoopSite, flags: DecodeFlags, diagnostics: readonly Diagnostic[]): RecognisedDecode {
  const { file, prologue } = site;
  const inputs = prologue.graph.body.params.map((v, i): DecodeInput => ({ name: prologue.inputs[i] ?? '', dtype: v.type.dtype, shape: staticShape(v.type) ?? [] }));
  const batch = inputs[0]?.shape[0] ?? 1;
  const behaviour = observeLoop(site, batch, flags.maxSteps);
  const start = startTokens(site, behaviour);
  const first = behaviour.parts(0);
  const decoder: LoopDecoder = { file, behaviour, start, contextNames: [...first.context.keys()], stateNames: [...first.floats.keys()] };
  const generation: Generation = {
    batch,
    bos: start.at(-1)?.[0] ?? 0,
    eos: behaviour.eos,
    pad: behaviour.pad ?? flags.pad ?? behaviour.eos[0] ?? 0,
    maxSteps: behaviour.maxSteps,
    forced: new Map(),
    suppressed: [],
    suppressedFirst: [],
  };
  const notes = describe(behaviour, generation);
  const common = { file, contextCount: decoder.contextNames.length, generation };
  const prompt = isPlainStart(start) ? {} : { prompt: { length: start.length } };
  if (decoder.stateNames.length === 0) {
    const parts = croppedParts(site, decoder, notes);
    const source = prefixSource({
      ...common,
      ...prompt,
      front: loopFront(site, decoder, start),
      decoder: (length, keep) => {
        const t = length - start.length;
        return loopDecoder(decoder, parts(t), t, keep, false);
      },
    });
    return { source, inputs, outputs: loopOutputs(site, decoder, generation, source.prologue), notes, diagnostics };
  }
  if (start.length > 1) throw loopNotUnderstood('the loop carries states and starts with several tokens', { file });
  requireLastOnly(decoder);
  const source = carriedSource({
    ...common,
    front: loopFront(site, decoder, start),
    step: (past, keep) => loopDecoder(decoder, behaviour.parts(past), past, keep, true),
    states: stateSlots(decoder),
    pastAtStart: 0,
  });
  return { source, inputs, outputs: loopOutputs(site, decoder, generation, source.prologue), notes, diagnostics };
}

function describe(behaviour: LoopBehaviour, { bos, eos, pad, maxSteps }: Generation): string[] {
  const ends = eos.length === 0 ? 'no token ends a row' : `rows end at ${eos.join(' or ')}`;
  const early = behaviour.stopsEarly || eos.length === 0 ? '' : '; the source goes on padding, which is left out';
  return [`the loop starts from ${bos}, ${ends}, are padded with ${pad} and have at most ${maxSteps} tokens${early}`];
}

/** [column][row] tokens before the first one chosen: of the record, or where it has none, of the leaf that is the last token. */
function startTokens({ file }: LoopSite, { record, meanings, batch }: LoopBehaviour): readonly (readonly number[])[] {
  const all = [record, ...[...meanings.values()].filter((m): m is Columns => m.kind === 'columns')];
  const longest = all.reduce((best, one) => (one.start.length > best.start.length ? one : best));
  if (longest.start.length > 0) return longest.start;
  const last = [...meanings.values()].find((m) => m.kind === 'last');
  if (last?.kind === 'last') return [last.start];
  if (batch === 0) return [];
  throw generationUnknown('the token that the loop starts from is not known', { file });
}

/** One start token, the same in all rows. */
function isPlainStart(start: readonly (readonly number[])[]): boolean {
  return start.length === 1 && new Set(start[0]).size === 1;
}

function loopFront({ prologue }: LoopSite, { contextNames, stateNames }: LoopDecoder, start: readonly (readonly number[])[]): Front {
  return {
    params: prologue.graph.body.params.map((v, i) => ({ name: prologue.inputs[i] ?? '', type: v.type })),
    make: (b, params) => {
      const results = applyGraph(b, prologue.graph, params);
      const at = (name: string): Value => results[prologue.outputs.indexOf(name)] as Value;
      const batch = start[0]?.length ?? 1;
      const tokens = Array.from({ length: batch * start.length }, (_, i) => start[i % start.length]?.[Math.floor(i / start.length)] ?? 0);
      return {
        context: contextNames.map(at),
        starts: stateNames.map((name) => (isEmptyOrZero(at(name)) ? undefined : at(name))),
        ...(!isPlainStart(start) && { prompt: constantValue(b, fromNumbers('i64', [batch, start.length], tokens)) }),
      };
    },
  };
}

function isEmptyOrZero(v: Value): boolean {
  const constant = constantOf(v);
  return constant !== undefined && constantTensor(constant).data.every((byte) => byte === 0);
}

/** States by how they change from the first iteration to the second. */
function stateSlots({ behaviour, stateNames }: LoopDecoder) {
  return stateNames.map((name) => {
    const shape = shapeOf(behaviour.parts(0).floats.get(name));
    const after = shapeOf(behaviour.parts(1).floats.get(name));
    const axis = shape.findIndex((dim, i) => dim !== after[i]);
    return { name, dtype: behaviour.parts(0).floats.get(name)?.type.dtype ?? ('f32' as const), shape, tokenAxis: axis < 0 ? undefined : axis };
  });
}

const shapeOf = (v: Value | undefined): readonly number[] => (v && staticShape(v.type)) ?? [];

/** A loop with states must look at the last token alone: the tokens before it are other ones, and nothing may change. */
function requireLastOnly(decoder: LoopDecoder): void {
  const { behaviour, file } = decoder;
  const t = Math.min(2, behaviour.maxSteps - 1);
  const parts = behaviour.parts(t);
  const scores = [parts.scores, ...decoder.stateNames.map((name) => parts.next.get(name)).filter((v) => v !== undefined)];
  const tokenParams = [...parts.bookkept].filter(([name]) => behaviour.meanings.get(name)?.kind === 'columns');
  const on = dependents(parts.step.graph, tokenParams.map(([, v]) => v));
  if (!scores.some((v) => on.has(v))) return;
  const graph: Graph = { ...parts.step.graph, body: { ...parts.step.graph.body, results: scores }, outputNames: scores.map(() => '') };
  const random = createRandom(2);
  const base = plainDecoding(behaviour.batch, t, behaviour.plain);
  const changed: Decoded = { ...base, steps: base.steps.map((row, i) => (i < t - 1 ? row.map((token) => (token + 1) % behaviour.vocabulary) : row)) };
  const floats = new Map(graph.body.params.map((v) => [v, isBookkept(v) ? undefined : randomTensor(random, v.type.dtype, shapeOf(v), -1, 1)] as const));
  const run = (decoded: Decoded) =>
    interpretGraph(
      graph,
      parts.step.inputs.map((name, i) => {
        const param = graph.body.params[i] as Value;
        const meaning = behaviour.meanings.get(name);
        return floats.get(param) ?? (meaning === undefined ? zeros(param.type.dtype, shapeOf(param)) : tensorOfMeaning(meaning, decoded));
      }),
    );
  const [one, two] = [run(base), run(changed)];
  if (one.every((x, i) => nearlyEqual(x, two[i] as HostTensor))) return;
  throw loopNotUnderstood('the loop carries states and looks at tokens before the last one as well', { file });
}

/** Numbers of tokens at which a cropped buffer is compared with the whole one. */
const COMPARED = [0, 1, 6];

/**
 * The iterations to make the decoder from. Where the loop reads a buffer of fixed length, its tail holds no tokens yet: the
 * iteration over the tokens alone is taken, where it gives the same scores (on random values).
 */
function croppedParts(site: LoopSite, decoder: LoopDecoder, notes: string[]): (t: number) => StepParts {
  const { behaviour, file } = decoder;
  const whole = behaviour.parts;
  const buffer = [...whole(0).bookkept.keys()].find((name) => {
    const m = behaviour.meanings.get(name);
    return m?.kind === 'columns' && m.fixed !== undefined && readsLeaf(whole(0), name);
  });
  const meaning = buffer === undefined ? undefined : behaviour.meanings.get(buffer);
  if (buffer === undefined || meaning?.kind !== 'columns' || site.reshaped === undefined) return whole;
  const made = new Map<number, StepParts | undefined>();
  const cropped = (t: number): StepParts | undefined => {
    if (made.has(t)) return made.get(t);
    const length = meaning.start.length + t;
    const shape = meaning.layout === 'rows' ? [behaviour.batch, length] : meaning.layout === 'columns' ? [length, behaviour.batch] : [length];
    const step = site.reshaped?.(t, buffer, shape);
    const parts = step && takeApart(step, file);
    made.set(t, parts);
    return parts;
  };
  const all = () => true;
  const agrees = COMPARED.filter((t) => t < behaviour.maxSteps).every((t) => {
    const parts = cropped(t);
    return parts !== undefined && sameScores(loopDecoder(decoder, whole(t), t, all, false), loopDecoder(decoder, parts, t, all, false), behaviour, decoder.start);
  });
  if (!agrees) return whole;
  notes.push('the loop reads a buffer of fixed length; what stands behind the tokens does not matter (checked on random values), and is left out');
  return (t) => cropped(t) ?? whole(t);
}

function readsLeaf({ step, bookkept, scores }: StepParts, name: string): boolean {
  const param = bookkept.get(name);
  return param !== undefined && dependents(step.graph, [param]).has(scores);
}

function sameScores(a: Graph, b: Graph, { batch, plain, vocabulary }: LoopBehaviour, start: readonly (readonly number[])[]): boolean {
  const random = createRandom(3);
  const inputs = a.body.params.map((v, i) => {
    const shape = shapeOf(v);
    if (i > 0) return randomTensor(random, v.type.dtype, shape, -1, 1);
    const length = shape[1] ?? 1;
    const token = (column: number, n: number): number => start[column]?.[n] ?? (plain + column * 7) % vocabulary;
    return fromNumbers('i64', shape, Array.from({ length: batch * length }, (_, k) => token(k % length, Math.floor(k / length))));
  });
  return nearlyEqual(interpretGraph(a, inputs)[0] as HostTensor, interpretGraph(b, inputs)[0] as HostTensor);
}

// ---- outputs ----

/** Decodings that tell conventions apart. */
function exampleDecodings({ batch, eos, pad, plain, maxSteps, vocabulary }: LoopBehaviour): readonly Decoded[] {
  const isEnd = (token: number) => eos.includes(token);
  const padToken = pad ?? plain;
  const decode = (count: number, choose: (t: number, n: number) => number): Decoded => {
    let d = nothing(batch);
    for (let t = 0; t < count && (t === 0 || d.ended.includes(false)); t++) d = decodedAfter(d, Array.from({ length: batch }, (_, n) => choose(t, n)), isEnd, pad);
    return d;
  };
  const end = eos[0] ?? plain;
  const plainAt = (t: number, n: number): number => {
    const token = (plain + t + 2 * n) % vocabulary;
    return isEnd(token) || token === padToken ? plain : token;
  };
  const few = Math.min(4, maxSteps);
  const shapes: Decoded[] = [decode(maxSteps, plainAt), decode(maxSteps, (t, n) => (t === maxSteps - 1 ? end : plainAt(t, n)))];
  if (eos.length > 0) {
    shapes.push(decode(1, () => end));
    shapes.push(decode(maxSteps, (t, n) => (t === (few - 1 + n) % few ? end : plainAt(t, n))));
    // A row may choose the padding token itself before its end.
    if (!isEnd(padToken)) shapes.push(decode(maxSteps, (t, n) => (t === few - 1 ? end : t === 1 && n === 0 ? padToken : plainAt(t, n))));
  }
  return shapes;
}

function loopOutputs(site: LoopSite, { behaviour, file }: LoopDecoder, generation: Generation, prologue: Graph): readonly OutputRule[] {
  const decodings = exampleDecodings(behaviour);
  const samples = decodings.map((decoded) => ({ decoded, results: behind(site, behaviour, decoded, file) }));
  const names = site.epilogue(Math.min(2, behaviour.maxSteps)).outputs;
  return names.map((name, i): OutputRule => {
    const own = samples.flatMap(({ decoded, results }) => {
      const tensor = results[i];
      return tensor === undefined ? [] : [{ decoded, tensor }];
    });
    const rule = own.length < samples.length ? undefined : ruleOf(name, own, generation);
    if (rule !== undefined) return rule;
    const result = prologue.outputNames.indexOf(name);
    if (result >= 0) return { kind: 'prologue', name, result };
    throw outputNotUnderstood(
      `how the output '${name}' follows from the tokens is not known`,
      { file },
      'Known are the tokens (with or without the start, cropped or padded), lengths, flags of rows that ended, and the number of steps. Take the output out of the model.',
    );
  });
}

/** What the model gives after a decoding; undefined for an output that needs more than the integers of the loop. */
function behind(site: LoopSite, { meanings }: LoopBehaviour, decoded: Decoded, file: string): readonly (HostTensor | undefined)[] {
  const { graph, inputs } = site.epilogue(decoded.count);
  const given = graph.body.params.map((param, i): HostTensor | undefined => {
    const meaning = meanings.get(inputs[i] ?? '');
    return meaning && tensorOfMeaning(meaning, decoded);
  });
  const unknown = graph.body.params.filter((_, i) => given[i] === undefined);
  const on = dependents(graph, unknown);
  const known = graph.body.results.map((v) => !on.has(v));
  const wanted = graph.body.results.filter((_, i) => known[i]);
  if (wanted.length === 0) throw outputNotUnderstood('no output of the model follows from the tokens', { file });
  const nodes = graph.body.nodes.filter((node) => !node.outputs.some((v) => on.has(v)));
  const part: Graph = { name: graph.name, body: { params: graph.body.params, nodes, results: wanted }, outputNames: wanted.map(() => '') };
  const tensors = interpretGraph(part, given.map((x, i) => x ?? zeros(graph.body.params[i]?.type.dtype ?? 'f32', shapeOf(graph.body.params[i]))));
  let at = 0;
  return known.map((isKnown) => (isKnown ? tensors[at++] : undefined));
}

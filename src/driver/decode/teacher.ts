// A teacher-forced graph, (inputs, tokens) -> scores of every token, to a prefix source. What does not depend on the tokens is
// the prologue: the graph is made at some numbers of tokens, and where values that do depend on them meet values that do
// not, it is cut. Cuts at different numbers of tokens are matched by what is computed there.

import { Emitter } from '../../frontend/onnx/emit.js';
import { constantOf, type Graph, type Value } from '../../ir/graph.js';
import type { Generation } from '../../passes/decode/model.js';
import { buildable, type Front, type PrefixParts, prefixSource } from './build-source.js';
import { findScores, findTokens, looksLikeTokens } from './find-ports.js';
import { generation } from './generation.js';
import { buildGraph, copyPart, dependents, followFrom, named } from './graph-parts.js';
import {
  inputUnbound,
  lengthNotBuildable,
  nothingToDecode,
  scoresNotFound,
  unknownName,
} from './refusals.js';
import {
  type DecodeFlags,
  type Port,
  type RecognisedDecode,
  type ShapedType,
  type SourceModel,
  standardOutputs,
  withTypes,
} from './request.js';
import { bindPorts } from './shapes.js';
import { ValueKeys } from './value-keys.js';
import {
  decoderGraph,
  type Feed,
  fixedLength,
  outputValue,
  rowAt,
  type Surroundings,
  scoreValue,
  tokensAs,
  type WiredDecoder,
} from './wired-decoder.js';

/** @throws E2010 to E2013, E2211, E4201 to E4203, E4205, E4208, E4211 */
export function recogniseTeacher(source: SourceModel, flags: DecodeFlags): RecognisedDecode {
  const model = withTypes(source, flags, flags.inputShapes, []);
  const bound = boundFeeds(model, flags);
  const free = model.inputs.filter(({ name }) => !bound.has(name));
  if (flags.tokensInput === undefined && !free.some(looksLikeTokens)) {
    throw nothingToDecode(
      'the model holds no decoding loop and has no input for tokens',
      { file: model.file },
      'Compile it without --decode, or name its input with --tokens-input.',
    );
  }
  const tokens = findTokens(model, free, flags.tokensInput);
  const own = model.inputs.filter((port) => port !== tokens && !bound.has(port.name));
  refuseMasks(own, tokens, model.file);
  const shapes = new Map(
    [...flags.inputShapes].map(([key, value]) => [nameOfKey(model, key), value] as const),
  );
  const { types, diagnostics } = bindPorts(own, withoutKey(shapes, tokens.name), model.file, flags.batch);
  const [first] = types.values();
  const batch = first?.shape[0] ?? 1;
  const gen = generation(flags, {}, batch, model.file);
  const inputs = own.flatMap(({ name }) => {
    const type = types.get(name);
    return type === undefined ? [] : [{ name, ...type }];
  });
  const split = splitTeacher({ model, tokens, own: inputs, bound, generation: gen });
  const prefix = prefixSource({
    file: model.file,
    front: split.front,
    decoder: split.decoder,
    contextCount: split.contextCount,
    generation: gen,
  });
  return {
    source: prefix,
    inputs,
    outputs: standardOutputs(gen.pad),
    notes: [
      `tokens go into '${tokens.name}', scores come out of '${split.scores}'`,
      `what does not depend on the tokens is computed once: ${split.contextCount} values`,
    ],
    diagnostics,
  };
}

function nameOfKey(model: SourceModel, key: string): string {
  const byPosition = /^\d+$/.test(key) ? model.inputs[Number(key)]?.name : undefined;
  return model.inputs.some(({ name }) => name === key) ? key : (byPosition ?? key);
}

function withoutKey<T>(map: ReadonlyMap<string, T>, key: string): ReadonlyMap<string, T> {
  return new Map([...map].filter(([name]) => name !== key));
}

function boundFeeds(model: SourceModel, flags: DecodeFlags): Map<string, Feed> {
  const names = model.inputs.map(({ name }) => name);
  const feeds = new Map<string, Feed>();
  for (const [name, what] of flags.bind) {
    if (!names.includes(name)) throw unknownName('--bind', name, names, model.file);
    if (what === 'ones' || what === 'count') feeds.set(name, { kind: what });
  }
  return feeds;
}

/** Inputs that are as long as the tokens are masks or positions, and it is not known what they are to be. */
function refuseMasks(own: readonly Port[], tokens: Port, file: string): void {
  const length = tokens.dims?.at(-1);
  const masks = own.filter(({ dims }) => typeof length === 'string' && dims?.includes(length));
  if (masks.length === 0) return;
  throw inputUnbound(
    `the input ${masks.map(({ name }) => `'${name}'`).join(', ')} is as long as the tokens, and nothing gives it`,
    { file },
    'Say what it is with --bind NAME=ones (a mask that hides nothing) or --bind NAME=count (the running position).',
  );
}

/** Numbers of tokens at which the cut is looked for: it may differ at one token, where broadcasts vanish. */
const SAMPLED = [1, 2, 3, 4];

/** A value that does not depend on the tokens and is read where they matter. */
interface CutValue {
  readonly graph: Graph;
  readonly value: Value;
}

interface Split {
  readonly scores: string;
  readonly front: Front;
  readonly contextCount: number;
  readonly decoder: PrefixParts['decoder'];
}

interface TeacherParts {
  readonly model: SourceModel;
  readonly tokens: Port;
  /** The other inputs, in order, with their types. */
  readonly own: readonly ({ readonly name: string } & ShapedType)[];
  readonly bound: ReadonlyMap<string, Feed>;
  readonly generation: Generation;
}

function splitTeacher({ model, tokens, own, bound, generation: { batch, pad } }: TeacherParts): Split {
  const feeds = new Map<string, Feed>([...bound, [tokens.name, { kind: 'tokens' }]]);
  for (const [index, { name }] of own.entries()) feeds.set(name, { kind: 'context', index });
  const around: Surroundings = { context: own, states: [] };
  const draft: WiredDecoder = { model, feeds, scores: '', stateOutputs: [] };
  const graphAt = (length: number) => decoderGraph(draft, { batch, tokens: length, past: 0 }, around);
  const samples = SAMPLED.flatMap((length) => {
    const graph = buildable(() => graphAt(length));
    return graph === undefined ? [] : [{ length, graph }];
  });
  const probe = samples.at(-1) ?? { length: 2, graph: graphAt(2) };
  const scores = findScores(model, probe.graph, batch, fixedLength(tokens) ?? probe.length, () => false);
  const place = (graph: Graph, name: string) =>
    graph.body.params[model.inputs.findIndex((port) => port.name === name)];
  const keys = new ValueKeys();
  const cuts = new Map<number, CutValue>();
  for (const { graph } of samples) {
    const numbers = keys.of(graph);
    const tokenParam = place(graph, tokens.name);
    for (const value of frontier(graph, tokenParam, outputValue(graph, scores))) {
      const key = numbers.get(value);
      if (key !== undefined && !cuts.has(key)) cuts.set(key, { graph, value });
    }
  }
  const order = [...cuts.keys()];
  const front: Front = {
    params: own.map(({ name, dtype, shape }) => named(name, dtype, shape)),
    make: (b, params) => ({
      context: [...cuts.values()].map(({ graph, value }) => {
        const known = new Map(own.flatMap(({ name }, i) => pairOf(place(graph, name), params[i])));
        return copyPart(b, graph, known, [value])[0] ?? value;
      }),
      starts: [],
    }),
  };
  const decoder: PrefixParts['decoder'] = (length, keep, position = length - 1) => {
    const graph = graphAt(length);
    const numbers = keys.of(graph);
    const kept = order.filter((_, i) => keep(i));
    const types = kept.map((key) => cuts.get(key)?.value.type).filter((type) => type !== undefined);
    const params = [
      named('tokens', 'i64', [batch, length]),
      ...types.map((type, i) => ({ name: `context.${i}`, type })),
    ];
    return buildGraph(`${graph.name}.${length}`, params, (b, [tokenRows, ...context]) => {
      const e = new Emitter(b);
      const input = place(graph, tokens.name);
      const known = new Map<Value, Value>();
      for (const [v, key] of numbers) {
        const param = context[kept.indexOf(key)];
        if (param !== undefined) known.set(v, param);
      }
      if (input !== undefined && tokenRows !== undefined)
        known.set(input, tokensAs(e, tokenRows, input, pad));
      const scored = scoreValue(outputValue(graph, scores));
      if (scored !== undefined && !followFrom(known, [scored]))
        throw lengthNotBuildable(
          `at ${length} tokens the graph reads its inputs in another way than at others`,
          { file: model.file },
        );
      const [made] = scored === undefined ? [] : copyPart(b, graph, known, [scored]);
      if (made === undefined)
        throw scoresNotFound(`the graph has no scores '${scores}'`, { file: model.file });
      return [['scores', rowAt(e, made, { batch, tokens: length, past: 0 }, position, model.file)] as const];
    });
  };
  return { scores, front, contextCount: order.length, decoder };
}

function pairOf(inner: Value | undefined, outer: Value | undefined): readonly (readonly [Value, Value])[] {
  return inner === undefined || outer === undefined ? [] : [[inner, outer]];
}

/** Values that do not depend on the tokens, computed at run time, that others read which do. */
function frontier(graph: Graph, tokens: Value | undefined, scores: Value | undefined): readonly Value[] {
  const on = dependents(graph, tokens === undefined ? [] : [tokens]);
  const found = new Set<Value>();
  const see = (v: Value): void => {
    if (!on.has(v) && constantOf(v) === undefined) found.add(v);
  };
  for (const node of graph.body.nodes) if (node.outputs.some((v) => on.has(v))) node.inputs.forEach(see);
  if (scores !== undefined) see(scores);
  return [...found];
}

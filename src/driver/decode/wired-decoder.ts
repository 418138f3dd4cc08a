// A decoder model whose inputs have been told apart: tokens, context, carried states, and those whose values follow from
// the position. Makes its graph at a number of tokens, with the parameters and results that a DecodeSource has.
import type { DType } from '../../base/dtype.js';
import { elementCount, fromNumbers, type HostTensor } from '../../base/tensor.js';
import { Emitter } from '../../frontend/onnx/emit.js';
import { type Graph, producer, type Value } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import { buildGraph, copyPart, named } from './graph-parts.js';
import { lengthNotBuildable, scoresNotFound } from './refusals.js';
import type { DeclaredDim, Port, ShapedType, SourceModel } from './request.js';
import { Symbols } from './shapes.js';

/** What an input of the decoder is. */
export type Feed =
  | { readonly kind: 'tokens' }
  /** A tensor that is the same at every step. */
  | { readonly kind: 'context'; readonly index: number }
  | { readonly kind: 'state'; readonly index: number }
  /** All ones; as long as all tokens so far where the length counts those in the states, or is not declared. */
  | { readonly kind: 'ones' }
  /** The position of each token of this run. */
  | { readonly kind: 'count' }
  | { readonly kind: 'constant'; readonly value: HostTensor };

/** A tensor carried from step to step. */
export interface StateSlot {
  readonly name: string;
  readonly dtype: DType;
  /** Its shape with no token in it (tokenAxis given) or at every step. */
  readonly shape: readonly number[];
  readonly tokenAxis: number | undefined;
}

export interface WiredDecoder {
  readonly model: SourceModel;
  readonly feeds: ReadonlyMap<string, Feed>;
  /** Output with the scores of the next token, or with the token itself. */
  readonly scores: string;
  /** Outputs that are the states after the step, in the order of the states; empty where there are none. */
  readonly stateOutputs: readonly string[];
}

/** Where in a generation a graph stands. */
export interface Moment {
  readonly batch: number;
  /** Tokens that go in. */
  readonly tokens: number;
  /** Tokens in the states. */
  readonly past: number;
}

export interface Surroundings {
  readonly context: readonly ({ readonly name: string } & ShapedType)[];
  readonly states: readonly StateSlot[];
}

export function stateShape({ shape, tokenAxis }: StateSlot, past: number): readonly number[] {
  return shape.map((dim, axis) => (axis === tokenAxis ? dim + past : dim));
}

/** The tokens input's declared length where it is fixed and longer than a step's. */
export function fixedLength(port: Port): number | undefined {
  const last = port.dims?.at(-1);
  return typeof last === 'number' && last > 1 ? last : undefined;
}

/** The model's own graph at a moment. */
export function decoderGraph({ model, feeds }: WiredDecoder, at: Moment, around: Surroundings): Graph {
  const symbols = new Symbols();
  const types = new Map<string, ShapedType>();
  const values = new Map<string, HostTensor>();
  const pastSymbols = new Set<string>();
  const take = (port: Port, type: ShapedType): void => {
    types.set(port.name, type);
    symbols.learn(port.dims, type.shape);
  };
  for (const port of model.inputs) {
    const feed = feeds.get(port.name);
    if (feed?.kind === 'tokens') {
      const length = fixedLength(port) ?? at.tokens;
      const rank = port.dims?.length ?? 2;
      take(port, { dtype: port.dtype ?? 'i64', shape: rank === 1 ? [at.batch] : [at.batch, length] });
    }
    const given = feed?.kind === 'context' ? around.context[feed.index] : undefined;
    if (given !== undefined) take(port, { dtype: given.dtype, shape: given.shape });
    const state = feed?.kind === 'state' ? around.states[feed.index] : undefined;
    if (state !== undefined) {
      take(port, { dtype: state.dtype, shape: stateShape(state, at.past) });
      if (state.tokenAxis !== undefined) addSymbol(pastSymbols, port.dims?.[state.tokenAxis]);
    }
    if (feed?.kind === 'constant') {
      take(port, feed.value);
      values.set(port.name, feed.value);
    }
  }
  for (const port of model.inputs) {
    const feed = feeds.get(port.name);
    if (feed?.kind !== 'ones' && feed?.kind !== 'count') continue;
    const value = positional(port, feed.kind, at, symbols, pastSymbols);
    types.set(port.name, value);
    values.set(port.name, value);
  }
  return model.graphAt(types, values);
}

function addSymbol(symbols: Set<string>, d: DeclaredDim): void {
  if (typeof d === 'string') symbols.add(d);
}

/** Ones or positions in the shape of the input. */
function positional(
  port: Port,
  kind: 'ones' | 'count',
  at: Moment,
  symbols: Symbols,
  pastSymbols: ReadonlySet<string>,
): HostTensor {
  const dims = port.dims ?? [undefined, undefined];
  const span = kind === 'ones' ? at.past + at.tokens : at.tokens;
  const overAll = (d: DeclaredDim): boolean =>
    typeof d !== 'number' &&
    (symbols.value(d) === undefined || (typeof d === 'string' && mentions(d, pastSymbols)));
  const shape = dims.map((d, axis) => {
    if (axis === dims.length - 1 && overAll(d)) return span;
    return symbols.value(d) ?? (axis === 0 ? at.batch : 1);
  });
  const length = shape.at(-1) ?? 1;
  const dtype = port.dtype ?? 'i64';
  const count = elementCount(shape);
  const value = (i: number): number =>
    kind === 'ones' ? 1 : at.past + (shape.length === 0 ? 0 : i % length);
  return fromNumbers(
    dtype,
    shape,
    Array.from({ length: count }, (_, i) => value(i)),
  );
}

function mentions(text: string, symbols: ReadonlySet<string>): boolean {
  return (text.match(/[A-Za-z_][\w.:]*/g) ?? [text]).some((word) => symbols.has(word)) || symbols.has(text);
}

export interface AssembleOptions {
  /** Context that becomes a parameter; the others are not needed. */
  readonly keep: (index: number) => boolean;
  /** Fills a token input of fixed length behind the tokens. */
  readonly pad: number;
  /** Values of the model's graph that a context replaces, by output name. */
  readonly replaced?: ReadonlyMap<string, number>;
  /** Whose scores are wanted; the last token's if not given. */
  readonly position?: number;
}

/** Params [tokens i64 [N, L], ...context kept, ...states], results [scores [N, V] of a token, ...states]. */
export function assembleDecoder(
  wired: WiredDecoder,
  at: Moment,
  around: Surroundings,
  { keep, pad, replaced = new Map(), position = at.tokens - 1 }: AssembleOptions,
): Graph {
  const graph = decoderGraph(wired, at, around);
  const { model, feeds } = wired;
  const params = [
    named('tokens', 'i64', [at.batch, at.tokens]),
    ...around.context.filter((_, i) => keep(i)).map(({ name, dtype, shape }) => named(name, dtype, shape)),
    ...around.states.map((state) => named(state.name, state.dtype, stateShape(state, at.past))),
  ];
  const kept = around.context.flatMap((_, i) => (keep(i) ? [i] : []));
  return buildGraph(`${graph.name}.${at.past + at.tokens}`, params, (b, given) => {
    const e = new Emitter(b);
    const [tokens, ...rest] = given;
    const contextParam = (index: number): Value | undefined =>
      keep(index) ? rest[kept.indexOf(index)] : undefined;
    const known = new Map<Value, Value>();
    const know = (inner: Value | undefined, outer: Value | undefined): void => {
      if (inner !== undefined && outer !== undefined) known.set(inner, outer);
    };
    for (const [i, port] of model.inputs.entries()) {
      const feed = feeds.get(port.name);
      const inner = graph.body.params[i];
      if (feed?.kind === 'tokens' && tokens !== undefined && inner !== undefined)
        know(inner, tokensAs(e, tokens, inner, pad));
      if (feed?.kind === 'context') know(inner, contextParam(feed.index));
      if (feed?.kind === 'state') know(inner, rest[kept.length + feed.index]);
    }
    for (const [output, index] of replaced) know(outputValue(graph, output), contextParam(index));
    const wanted = [
      outputValue(graph, wired.scores),
      ...wired.stateOutputs.map((name) => outputValue(graph, name)),
    ];
    const scored = scoreValue(wanted[0]);
    const [scores, ...states] = copyPart(
      b,
      graph,
      known,
      [scored, ...wanted.slice(1)].filter((v) => v !== undefined),
    );
    if (scores === undefined)
      throw scoresNotFound(`the decoder has no output '${wired.scores}'`, { file: model.file });
    const row = rowAt(e, scores, at, position, model.file);
    return [['scores', row] as const, ...states.map((v, i) => [around.states[i]?.name ?? '', v] as const)];
  });
}

export function outputValue(graph: Graph, name: string): Value | undefined {
  return graph.body.results[graph.outputNames.indexOf(name)];
}

/** The i64 tokens [N, L] as the model's own input takes them. */
export function tokensAs(e: Emitter, tokens: Value, input: Value, pad: number): Value {
  const shape = staticShape(input.type) ?? [];
  const own = input.type.dtype === 'i64' ? tokens : e.cast(tokens, input.type.dtype);
  if (shape.length === 1) return e.reshape(own, shape);
  const [batch = 1, length = 1] = staticShape(tokens.type) ?? [];
  const missing = (shape[1] ?? length) - length;
  if (missing < 0) throw lengthNotBuildable(`the decoder takes ${shape[1]} tokens at most`);
  if (missing === 0) return own;
  return e.concat([own, e.filled(input.type.dtype, [batch, missing], pad)], 1);
}

/** Operators that move a token between its arg-max and the model's output. */
const CARRIES_TOKEN = new Set(['cast', 'reshape', 'slice', 'transpose', 'broadcast', 'concat']);

/** The scores behind an output: the output itself, or what the arg-max that makes it is taken of. */
export function scoreValue(output: Value | undefined): Value | undefined {
  let v = output;
  while (v !== undefined && (v.type.dtype === 'i64' || v.type.dtype === 'i32')) {
    const node = producer(v);
    if (node === undefined) return undefined;
    const [x] = node.inputs;
    if (node.op === 'argmax') {
      const rank = x?.type.shape.length ?? 0;
      return node.attrs.axis === rank - 1 ? x : undefined;
    }
    if (!CARRIES_TOKEN.has(node.op)) return undefined;
    v = x;
  }
  return v;
}

/** The scores of one token, [N, V]. */
export function rowAt(
  e: Emitter,
  scores: Value,
  { batch, tokens }: Moment,
  position: number,
  file: string,
): Value {
  const shape = staticShape(scores.type) ?? [];
  const [first, length = 1] = shape;
  const row = length < tokens ? length - 1 : position;
  if (shape.length === 3 && first === batch) return e.pick(scores, 1, row);
  if (shape.length === 2 && first === batch && position === tokens - 1) return scores;
  if (batch === 1 && shape.length === 2 && first === tokens) return e.slice(scores, 0, position, 1);
  if (batch === 1 && shape.length === 1 && position === tokens - 1)
    return e.reshape(scores, [1, shape[0] ?? 1]);
  throw scoresNotFound(
    `the scores have the shape [${shape.join(', ')}]; known are [N, L, V] and [N, V]`,
    { file },
    'Export the decoder with scores of shape [batch, tokens, vocabulary].',
  );
}

// An encoder file and a decoder file, with or without a second decoder file for the later steps, to a DecodeSource: a prefix
// source where the decoder carries no state, else a carried one.
import { createRandom } from '../../base/random.js';
import { fromNumbers, type HostTensor, zeros } from '../../base/tensor.js';
import type { Graph, Value } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import { interpretGraph } from '../../ops/interpret.js';
import { randomTensor } from '../../ops/samples.js';
import type { DecodeSource, Generation } from '../../passes/decode/model.js';
import {
  buildable,
  carriedSource,
  carriedStep,
  type Front,
  prefixDecoder,
  prefixSource,
} from './build-source.js';
import { generation } from './generation.js';
import { applyGraph, copyPart, dependents, type Named, named } from './graph-parts.js';
import { nearlyEqual } from './nearly-equal.js';
import { offersOf } from './offers.js';
import { inputUnbound } from './refusals.js';
import {
  type DecodeFlags,
  type DecodeInput,
  type RecognisedDecode,
  type SourceModel,
  standardOutputs,
  withTypes,
} from './request.js';
import { bindPorts } from './shapes.js';
import { type EncoderSide, encoderSources, wireLater, wirePair } from './wire-pair.js';
import { PROBE } from './wire-states.js';
import { decoderGraph, outputValue, type Surroundings, type WiredDecoder } from './wired-decoder.js';
import type { ContextSource, WiredPair } from './wired-pair.js';

export interface PairModels {
  readonly encoder: SourceModel;
  readonly decoder: SourceModel;
  /** Makes every step but the first. */
  readonly later?: SourceModel;
}

/** @throws E2010 to E2013, E2211, E4201 to E4205, E4208 */
export function recognisePair(models: PairModels, flags: DecodeFlags): RecognisedDecode {
  const model = withTypes(models.encoder, flags, flags.inputShapes, []);
  const { later } = models;
  const { types, diagnostics } = bindPorts(model.inputs, flags.inputShapes, model.file, flags.batch);
  const [firstType] = types.values();
  const batch = firstType?.shape[0] ?? 1;
  const encoder: EncoderSide = { model, types, graph: model.graphAt(types, new Map()), batch };
  const decoder = withTypes(models.decoder, flags, new Map(), offered(encoder));
  const gen = generation(flags, {}, batch, decoder.file);
  const pair = wirePair(encoder, decoder, flags);
  const made = later === undefined ? single(encoder, pair, gen) : withLater(encoder, pair, later, gen, flags);
  return {
    source: made.source,
    inputs: encoderInputs(encoder),
    outputs: standardOutputs(gen.pad),
    notes: made.notes,
    diagnostics,
  };
}

/** What the encoder has for a decoder: its outputs before its inputs. */
function offered(encoder: EncoderSide): readonly ContextSource[] {
  const sources = [...encoderSources(encoder).values()];
  return [
    ...sources.filter(({ from }) => from === 'encoder output'),
    ...sources.filter(({ from }) => from === 'encoder input'),
  ];
}

export function encoderInputs({ model, types }: EncoderSide): readonly DecodeInput[] {
  return model.inputs.flatMap(({ name }) => {
    const type = types.get(name);
    return type === undefined ? [] : [{ name, ...type }];
  });
}

export interface Recognised {
  readonly source: DecodeSource;
  readonly notes: readonly string[];
}

export function encoderParams(encoder: EncoderSide): readonly Named[] {
  return encoderInputs(encoder).map(({ name, dtype, shape }) => named(name, dtype, shape));
}

/** A source over one decoder file. */
export function single(encoder: EncoderSide, pair: WiredPair, gen: Generation): Recognised {
  const { wired, context, states } = pair;
  const around: Surroundings = { context, states };
  const front: Front = {
    params: encoderParams(encoder),
    make: (b, params) => {
      const value = encoderValues(encoder, params, applyGraph(b, encoder.graph, params));
      return { context: context.map(value), starts: pair.starts.map((source) => source && value(source)) };
    },
  };
  const { file } = wired.model;
  const common = { file, front, contextCount: context.length, generation: gen };
  const source =
    states.length === 0
      ? prefixSource({ ...common, decoder: prefixDecoder(wired, around, gen.batch, gen.pad) })
      : carriedSource({
          ...common,
          step: carriedStep(wired, around, gen.batch, gen.pad),
          states,
          pastAtStart: 0,
        });
  return { source, notes: pair.notes };
}

/** Gives the values that contexts name, of the encoder's parameters and results. */
function encoderValues(encoder: EncoderSide, params: readonly Value[], results: readonly Value[]) {
  const { inputs, outputs } = encoder.model;
  return ({ name, from }: ContextSource): Value => {
    const list = from === 'encoder input' ? inputs : outputs;
    const value = (from === 'encoder input' ? params : results)[list.findIndex((port) => port.name === name)];
    if (value === undefined)
      throw inputUnbound(`the encoder has no ${from} '${name}'`, { file: encoder.model.file });
    return value;
  };
}

function withLater(
  encoder: EncoderSide,
  first: WiredPair,
  later: SourceModel,
  gen: Generation,
  flags: DecodeFlags,
): Recognised {
  const around: Surroundings = { context: first.context, states: first.states };
  const graph = decoderGraph(first.wired, { batch: encoder.batch, tokens: PROBE, past: 0 }, around);
  const offers = offersOf(first.wired.model, graph).map(({ port: { name }, type }) => ({ name, ...type }));
  const typed = withTypes(later, flags, new Map(), [...offers, ...offered(encoder)]);
  const pair = wireLater(
    encoder,
    typed,
    { model: first.wired.model, graph, scores: first.wired.scores },
    flags,
  );
  return firstAndLater(encoder, first, pair, gen);
}

/**
 * A source whose first step is one decoder, without states, and whose later steps are another: the first one's outputs are
 * the later one's states, and context where they do not depend on the tokens.
 * @throws E4205 where a tensor that the later steps take and nobody carries on depends on the tokens
 */
export function firstAndLater(
  encoder: EncoderSide,
  first: WiredPair,
  later: WiredPair,
  gen: Generation,
): Recognised {
  const around: Surroundings = { context: first.context, states: [] };
  const graph = decoderGraph(first.wired, { batch: gen.batch, tokens: 1, past: 0 }, around);
  const tokenParams = graph.body.params.filter((_, i) => {
    const port = first.wired.model.inputs[i];
    return port !== undefined && first.wired.feeds.get(port.name)?.kind === 'tokens';
  });
  const onTokens = dependents(graph, tokenParams);
  const crossed = later.context.filter(({ from }) => from === 'first step');
  for (const { name } of crossed) {
    const value = outputValue(graph, name);
    if (value === undefined || !onTokens.has(value)) continue;
    throw inputUnbound(
      `'${name}' of the first step depends on the tokens, and the later steps take it but do not give it on`,
      { file: later.wired.model.file },
      'Say with --state DEC_IN=DEC_OUT which output carries it on.',
    );
  }
  // Contexts of both: those of the later steps first.
  const context = [...later.context, ...first.context];
  const offset = later.context.length;
  const ownFeeds = [...first.wired.feeds].map(
    ([name, feed]) =>
      [name, feed.kind === 'context' ? { ...feed, index: feed.index + offset } : feed] as const,
  );
  const stateNames = later.states.map((state, i) => startOutput(first, later, i, graph) ?? state.name);
  const firstWired: WiredDecoder = { ...first.wired, feeds: new Map(ownFeeds), stateOutputs: stateNames };
  const laterAround: Surroundings = { context, states: later.states };
  const replaced = new Map(
    later.context.flatMap(({ name, from }, i) => (from === 'first step' ? [[name, i] as const] : [])),
  );
  const firstStep = carriedStep(firstWired, laterAround, gen.batch, gen.pad, replaced);
  const laterStep = carriedStep(later.wired, laterAround, gen.batch, gen.pad);
  const uniform = agreeOnFirstStep(graph, context, firstWired, firstStep, laterStep, gen);
  const front: Front = {
    params: encoderParams(encoder),
    make: (b, params) => {
      const results = applyGraph(b, encoder.graph, params);
      const value = encoderValues(encoder, params, results);
      const known = new Map<Value, Value>();
      for (const [i, port] of first.wired.model.inputs.entries()) {
        const feed = first.wired.feeds.get(port.name);
        const source = feed?.kind === 'context' ? first.context[feed.index] : undefined;
        const param = graph.body.params[i];
        if (source !== undefined && param !== undefined) known.set(param, value(source));
      }
      const wanted = crossed.map(({ name }) => outputValue(graph, name)).filter((v) => v !== undefined);
      const made = copyPart(b, graph, known, wanted);
      const crossedValue = new Map(crossed.map(({ name }, i) => [name, made[i]] as const));
      const crossOr = (source: ContextSource): Value => crossedValue.get(source.name) ?? value(source);
      return {
        context: context.map((source) => (source.from === 'first step' ? crossOr(source) : value(source))),
        starts: later.states.map(() => undefined),
      };
    },
  };
  const source = carriedSource({
    file: later.wired.model.file,
    front,
    step: (past, keep) => (past === 0 && !uniform ? firstStep(past, keep) : laterStep(past, keep)),
    contextCount: context.length,
    states: later.states,
    pastAtStart: 0,
    generation: gen,
  });
  const how = uniform
    ? 'the decoder of the later steps gives the first step too, from empty states (checked on random values)'
    : 'the first step has a decoder of its own';
  return { source, notes: [...later.notes, how] };
}

/** The output of the first step that is the start of state `i` of the later ones. */
function startOutput(first: WiredPair, later: WiredPair, i: number, graph: Graph): string | undefined {
  const name = later.firstOutputs[i];
  return name !== undefined && graph.outputNames.includes(name) && first.wired.scores !== name
    ? name
    : undefined;
}

type Step = (past: number, keep: (index: number) => boolean) => Graph;

/**
 * Whether the later steps' decoder on empty states computes what the first step's own does, on random values. States that
 * do not grow have no empty form.
 */
function agreeOnFirstStep(
  graph: Graph,
  context: readonly ContextSource[],
  wired: WiredDecoder,
  first: Step,
  later: Step,
  gen: Generation,
): boolean {
  const all = () => true;
  const general = buildable(() => later(0, all));
  if (general === undefined) return false;
  const own = first(0, all);
  const values = randomContext(graph, context, wired, gen);
  const states = own.body.params
    .slice(1 + context.length)
    .map(({ type }) => zeros(type.dtype, staticShape(type) ?? []));
  const inputs = [tokensOf(gen), ...values, ...states];
  const results = interpretGraph(general, inputs);
  return interpretGraph(own, inputs).every((x, i) => results[i] !== undefined && nearlyEqual(x, results[i]));
}

const tokensOf = ({ batch, bos }: Generation): HostTensor =>
  fromNumbers('i64', [batch, 1], new Array<number>(batch).fill(bos));

/** Random tensors from the encoder, and what the first step's decoder makes of them. */
function randomContext(
  graph: Graph,
  context: readonly ContextSource[],
  wired: WiredDecoder,
  gen: Generation,
): readonly HostTensor[] {
  const random = createRandom(1);
  const made = new Map<string, HostTensor>(
    context.flatMap(({ name, from, dtype, shape }) =>
      from === 'first step' ? [] : [[`${from} ${name}`, randomTensor(random, dtype, shape, -1, 1)] as const],
    ),
  );
  const inputs = graph.body.params.map(({ type }, i): HostTensor => {
    const feed = wired.feeds.get(wired.model.inputs[i]?.name ?? '');
    const source = feed?.kind === 'context' ? context[feed.index] : undefined;
    const value = source && made.get(`${source.from} ${source.name}`);
    if (feed?.kind === 'tokens') return tokensOf(gen);
    return value ?? zeros(type.dtype, staticShape(type) ?? []);
  });
  const results = interpretGraph(graph, inputs);
  return context.map((source) => {
    const own = made.get(`${source.from} ${source.name}`) ?? results[graph.outputNames.indexOf(source.name)];
    return own ?? zeros(source.dtype, source.shape);
  });
}

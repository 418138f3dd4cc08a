// How the files of a pair belong together: encoder outputs to decoder inputs, decoder outputs to the inputs of the next step.
// By element type and shape, the file's declarations first, then sizes; names only break ties; --bind and --state before all.
import type { Graph } from '../../ir/graph.js';
import { findTokens, looksLikeTokens } from './find-ports.js';
import { offersOf, pairWithOffers } from './offers.js';
import type { Offer } from './pairing.js';
import { unknownName } from './refusals.js';
import type { DecodeFlags, Port, ShapedType, SourceModel } from './request.js';
import { withStates } from './wire-states.js';
import type { Feed } from './wired-decoder.js';
import type { ContextSource, Needed, WiredPair } from './wired-pair.js';

export interface EncoderSide {
  readonly model: SourceModel;
  readonly types: ReadonlyMap<string, ShapedType>;
  readonly graph: Graph;
  readonly batch: number;
}

/** The inputs that flags say are ones or positions. */
function boundInputs(model: SourceModel, flags: DecodeFlags): Map<string, Feed> {
  const feeds = new Map<string, Feed>();
  for (const [name, what] of flags.bind)
    if ((what === 'ones' || what === 'count') && model.inputs.some((port) => port.name === name))
      feeds.set(name, { kind: what });
  return feeds;
}

/** Pairs of `--bind` that are no ones or positions, checked against the decoder's inputs. */
function explicitPairs(
  flags: DecodeFlags,
  decoders: readonly SourceModel[],
  sources: ReadonlyMap<string, unknown>,
  file: string,
): ReadonlyMap<string, string> {
  const inputs = decoders.flatMap((model) => model.inputs.map(({ name }) => name));
  const pairs = new Map<string, string>();
  for (const [from, to] of flags.bind) {
    if (to === 'ones' || to === 'count') {
      if (!inputs.includes(from)) throw unknownName('--bind', from, inputs, file);
      continue;
    }
    if (!inputs.includes(to)) throw unknownName('--bind', to, inputs, file);
    if (!sources.has(from)) throw unknownName('--bind', from, [...sources.keys()], file);
    pairs.set(to, from);
  }
  return pairs;
}

export function encoderSources({ model, types, graph }: EncoderSide): Map<string, ContextSource> {
  const sources = new Map<string, ContextSource>();
  for (const { name } of model.inputs) {
    const type = types.get(name);
    if (type !== undefined) sources.set(name, { name, ...type, from: 'encoder input' });
  }
  for (const { port, type } of offersOf(model, graph))
    sources.set(port.name, { name: port.name, ...type, from: 'encoder output' });
  return sources;
}

/** Gives decoder inputs what the encoder side has; what is left over is `open`. */
function feedFromEncoder(
  decoder: SourceModel,
  tokens: Port,
  encoder: EncoderSide,
  flags: DecodeFlags,
  explicit: ReadonlyMap<string, string>,
  extra: readonly { readonly offers: readonly Offer[]; readonly model: SourceModel }[] = [],
): Needed {
  const feeds = boundInputs(decoder, flags);
  feeds.set(tokens.name, { kind: 'tokens' });
  const sources = encoderSources(encoder);
  const context: ContextSource[] = [];
  const give = (need: Port, source: ContextSource): void => {
    feeds.set(need.name, { kind: 'context', index: context.length });
    context.push(source);
  };
  const isOpen = ({ name }: Port) => !feeds.has(name);
  for (const need of decoder.inputs) {
    const source = sources.get(explicit.get(need.name) ?? '');
    if (source !== undefined && isOpen(need)) give(need, source);
  }
  for (const { offers, model } of extra) {
    const pairs = pairWithOffers(decoder.inputs.filter(isOpen), offers, model, decoder.file);
    for (const [need, { port, type }] of pairs) give(need, { name: port.name, ...type, from: 'first step' });
  }
  const used = new Set(explicit.values());
  const offers = offersOf(encoder.model, encoder.graph).filter(({ port }) => !used.has(port.name));
  const pairs = pairWithOffers(decoder.inputs.filter(isOpen), offers, encoder.model, decoder.file);
  for (const [need, { port }] of pairs) {
    const source = sources.get(port.name);
    if (source !== undefined) give(need, source);
  }
  for (const need of decoder.inputs.filter(isOpen)) {
    const same = encoder.model.inputs.find((port) => sameDeclaration(port, need));
    const source = same && sources.get(same.name);
    if (source !== undefined) give(need, source);
  }
  return { feeds, context, open: decoder.inputs.filter(isOpen) };
}

function sameDeclaration(a: Port, b: Port): boolean {
  const sameDims = a.dims?.length === b.dims?.length && (a.dims ?? []).every((d, i) => d === b.dims?.[i]);
  return a.name === b.name && a.dtype === b.dtype && sameDims;
}

/** Tokens are among what is left when the encoder's own inputs are set aside, where that leaves something like them. */
function tokensOf(
  decoder: SourceModel,
  encoder: SourceModel,
  flags: DecodeFlags,
  bound: ReadonlyMap<string, Feed>,
): Port {
  const free = decoder.inputs.filter(({ name }) => !bound.has(name));
  const own = free.filter((need) => !encoder.inputs.some((port) => sameDeclaration(port, need)));
  return findTokens(decoder, own.some(looksLikeTokens) ? own : free, flags.tokensInput);
}

/** @throws E4201, E4202, E4204, E4205 */
export function wirePair(encoder: EncoderSide, decoder: SourceModel, flags: DecodeFlags): WiredPair {
  const sources = encoderSources(encoder);
  const explicit = explicitPairs(flags, [decoder], sources, decoder.file);
  const tokens = tokensOf(decoder, encoder.model, flags, boundInputs(decoder, flags));
  const needed = feedFromEncoder(decoder, tokens, encoder, flags, explicit);
  return withStates(decoder, tokens, needed, encoder.batch, flags, new Map());
}

/**
 * The decoder of the later steps. `first` is the graph of the first step's decoder for PROBE tokens: its outputs are what
 * the later ones start from.
 */
export function wireLater(
  encoder: EncoderSide,
  later: SourceModel,
  first: { readonly model: SourceModel; readonly graph: Graph; readonly scores: string },
  flags: DecodeFlags,
): WiredPair {
  const sources = encoderSources(encoder);
  const explicit = explicitPairs(flags, [later, first.model], sources, later.file);
  const tokens = tokensOf(later, encoder.model, flags, boundInputs(later, flags));
  const offers = offersOf(first.model, first.graph).filter(({ port }) => port.name !== first.scores);
  const needed = feedFromEncoder(later, tokens, encoder, flags, explicit, [{ offers, model: first.model }]);
  const probe = new Map(needed.context.map((source, i) => [i, source] as const));
  return withStates(later, tokens, needed, encoder.batch, flags, probe);
}

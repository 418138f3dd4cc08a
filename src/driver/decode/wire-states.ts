// The carried states of a decoder whose other inputs are known: which output is which input of the next step, what starts it,
// and what is left as context.
import { EXIT, NeffcError } from '../../base/diagnostic.js';
import type { Graph } from '../../ir/graph.js';
import { buildable } from './build-source.js';
import { findScores } from './find-ports.js';
import { nameOf, offersOf, refuseUndecided } from './offers.js';
import { type Offer, pairUp } from './pairing.js';
import { inputUnbound, unknownName } from './refusals.js';
import type { DecodeFlags, Port, ShapedType, SourceModel } from './request.js';
import { Symbols } from './shapes.js';
import {
  decoderGraph,
  type Feed,
  type Moment,
  type StateSlot,
  type Surroundings,
  stateShape,
  type WiredDecoder,
} from './wired-decoder.js';
import type { ContextSource, Needed, WiredPair } from './wired-pair.js';

/** Tokens in the states while shapes are compared: a number that other dims seldom have. */
export const PROBE = 3;

/** Finds the carried states and the scores of a decoder whose other inputs are known. */
export function withStates(
  decoder: SourceModel,
  tokens: Port,
  needed: Needed,
  batch: number,
  flags: DecodeFlags,
  probed: ReadonlyMap<number, ContextSource>,
): WiredPair {
  const { file } = decoder;
  const feeds = new Map(needed.feeds);
  const open = openStates(decoder, needed, batch);
  for (const [i, { port }] of open.entries()) feeds.set(port.name, { kind: 'state', index: i });
  const isStep = open.length > 0 || probed.size > 0;
  const fixed = typeof tokens.dims?.[1] === 'number' ? tokens.dims[1] : undefined;
  const around: Surroundings = { context: needed.context, states: open.map(({ slot }) => slot) };
  const draft: WiredDecoder = { model: decoder, feeds, scores: '', stateOutputs: [] };
  const at = (length: number): Moment => ({ batch, tokens: length, past: isStep ? PROBE : 0 });
  const one = fixed === undefined && (tokens.dims?.length === 1 || isStep || takesOne(draft, around, batch));
  const length = fixed ?? (one ? 1 : 2);
  const graph = probeGraph(draft, at(length), around);
  if (graph === undefined)
    throw unbound(
      open.map(({ port }) => port.name),
      file,
    );
  const states = pairStates(decoder, graph, needed, open, flags, length);
  const unfed = open.filter(({ port }) => !states.has(port)).map(({ port }) => port.name);
  if (unfed.length > 0) throw unbound(unfed, file);
  const scores = findScores(decoder, graph, batch, length, (name) =>
    [...states.values()].some((out) => out.port.name === name),
  );
  return arrange(decoder, needed, open, states, scores, tokens);
}

/**
 * Whether a decoder takes one token a row, though it does not say so: it cannot be built with two, or takes them for rows, so
 * that it gives twice as many of something as it is given.
 */
function takesOne(draft: WiredDecoder, around: Surroundings, batch: number): boolean {
  const build = (tokens: number) => buildable(() => decoderGraph(draft, { batch, tokens, past: 0 }, around));
  const two = build(2);
  if (two === undefined) return build(1) !== undefined;
  const given = around.context.map(({ dtype, shape }) => `${dtype} ${shape.with(0, 2 * (shape[0] ?? 0))}`);
  return two.body.results.some((v) => given.includes(`${v.type.dtype} ${v.type.shape}`));
}

/** The decoder's graph; nothing where inputs that were taken for states do not fit together. */
function probeGraph(draft: WiredDecoder, at: Moment, around: Surroundings): Graph | undefined {
  if (around.states.length === 0) return decoderGraph(draft, at, around);
  try {
    return decoderGraph(draft, at, around);
  } catch (error) {
    if (error instanceof NeffcError && error.exitCode === EXIT.badInput) return undefined;
    throw error;
  }
}

interface OpenState {
  readonly port: Port;
  readonly slot: StateSlot;
}

/** Inputs that only a carried state can give: their shapes, from symbols that are known; one open dim counts the tokens. */
function openStates(
  decoder: SourceModel,
  { feeds, context, open }: Needed,
  batch: number,
): readonly OpenState[] {
  const symbols = new Symbols();
  for (const port of decoder.inputs) {
    const feed = feeds.get(port.name);
    const source = feed?.kind === 'context' ? context[feed.index] : undefined;
    if (source !== undefined) symbols.learn(port.dims, source.shape);
    if (feed?.kind === 'tokens') symbols.learn(port.dims?.slice(0, 1), [batch]);
  }
  return open.map((port) => {
    const { dims, dtype } = port;
    if (dims === undefined || dtype === undefined) throw unbound([port.name], decoder.file);
    const sizes = dims.map(
      (d, axis) => symbols.value(d) ?? (axis === 0 && d === undefined ? batch : undefined),
    );
    const unknown = sizes.flatMap((size, axis) => (size === undefined ? [axis] : []));
    const [tokenAxis] = unknown;
    if (unknown.length > 1) throw unbound([port.name], decoder.file);
    const shape = sizes.map((size) => size ?? 0);
    return { port, slot: { name: port.name, dtype, shape, tokenAxis } };
  });
}

function unbound(names: readonly string[], file: string) {
  const list = names.map((name) => `'${name}'`).join(', ');
  return inputUnbound(
    `nothing gives the decoder's input${names.length > 1 ? 's' : ''} ${list}`,
    { file },
    'Say what it is: --bind ENC_OUT=DEC_IN, --bind NAME=ones (a mask that hides nothing), --bind NAME=count (the running position), or --state DEC_IN=DEC_OUT.',
  );
}

/** Which decoder output is which input of the next step. */
function pairStates(
  decoder: SourceModel,
  graph: Graph,
  { feeds, context }: Needed,
  open: readonly OpenState[],
  flags: DecodeFlags,
  tokens: number,
): ReadonlyMap<Port, Offer> {
  const given = new Map<Port, Offer>();
  const offers = offersOf(decoder, graph).filter(({ port }) => !passesThrough(decoder, graph, port));
  for (const [input, output] of flags.state) {
    const port = decoder.inputs.find(({ name }) => name === input);
    const offer = offers.find(({ port: out }) => out.name === output);
    if (port === undefined)
      throw unknownName(
        '--state',
        input,
        decoder.inputs.map(({ name }) => name),
        decoder.file,
      );
    if (offer === undefined)
      throw unknownName(
        '--state',
        output,
        decoder.outputs.map(({ name }) => name),
        decoder.file,
      );
    given.set(port, offer);
  }
  const taken = new Set(given.values());
  const typeOf = (port: Port): ShapedType | undefined => {
    const feed = feeds.get(port.name);
    if (feed?.kind === 'context') return context[feed.index];
    const state = open.find((one) => one.port === port);
    return state && { dtype: state.slot.dtype, shape: stateShape(state.slot, PROBE) };
  };
  const inputs = decoder.inputs.filter((port) => !given.has(port) && typeOf(port) !== undefined);
  const canFollow = (offer: Offer, port: Port): boolean => {
    const before = typeOf(port);
    return before !== undefined && follows(before, offer.type, port, offer.port, tokens);
  };
  const rest = offers.filter((offer) => !taken.has(offer));
  const pairing = pairUp<Offer, Port>(
    rest,
    (offer) => inputs.filter((port) => canFollow(offer, port)),
    nameOf,
  );
  refuseUndecided(
    pairing,
    nameOf,
    decoder.file,
    '--state DEC_IN=DEC_OUT',
    (offer, port) => `${port}=${offer}`,
  );
  for (const [offer, port] of pairing.pairs) given.set(port, offer);
  return given;
}

function passesThrough({ outputs }: SourceModel, graph: Graph, port: Port): boolean {
  const value = graph.body.results[outputs.indexOf(port)];
  return value !== undefined && graph.body.params.includes(value);
}

/** Whether a tensor of type `after` can be the next step's `before`: the same, but for one open axis that grew by the tokens. */
function follows(before: ShapedType, after: ShapedType, input: Port, output: Port, tokens: number): boolean {
  if (before.dtype !== after.dtype || before.shape.length !== after.shape.length) return false;
  const grown = before.shape.flatMap((dim, axis) => (dim === after.shape[axis] ? [] : [axis]));
  const [axis] = grown;
  const fixedAgree = (input.dims ?? []).every(
    (d, i) => typeof d === 'number' || typeof output.dims?.[i] !== 'number',
  );
  if (axis === undefined) return fixedAgree;
  const isOpen = typeof input.dims?.[axis] !== 'number';
  return grown.length === 1 && isOpen && after.shape[axis] === (before.shape[axis] ?? 0) + tokens;
}

/** Context and states apart, states that start from the encoder with the context that they start from. */
function arrange(
  decoder: SourceModel,
  needed: Needed,
  open: readonly OpenState[],
  outputs: ReadonlyMap<Port, Offer>,
  scores: string,
  tokens: Port,
): WiredPair {
  const feeds = new Map<string, Feed>();
  const context: ContextSource[] = [];
  const states: StateSlot[] = [];
  const starts: (ContextSource | undefined)[] = [];
  const firstOutputs: (string | undefined)[] = [];
  const stateOutputs: string[] = [];
  const notes = [`tokens go into '${tokens.name}', scores come out of '${scores}'`];
  for (const port of decoder.inputs) {
    const feed = needed.feeds.get(port.name);
    const offer = outputs.get(port);
    const source = feed?.kind === 'context' ? needed.context[feed.index] : undefined;
    if (offer !== undefined) {
      feeds.set(port.name, { kind: 'state', index: states.length });
      const slot = open.find((one) => one.port === port)?.slot ?? stateFrom(port, source, offer);
      states.push(slot);
      starts.push(source?.from === 'first step' ? undefined : source);
      firstOutputs.push(source?.from === 'first step' ? source.name : undefined);
      stateOutputs.push(offer.port.name);
      notes.push(
        `'${offer.port.name}' is carried into '${port.name}'${source === undefined ? '' : `, which starts as the ${source.from} '${source.name}'`}`,
      );
    } else if (source !== undefined) {
      feeds.set(port.name, { kind: 'context', index: context.length });
      context.push(source);
      notes.push(`'${port.name}' is the ${source.from} '${source.name}'`);
    } else if (feed !== undefined) {
      feeds.set(port.name, feed);
      if (feed.kind === 'ones' || feed.kind === 'count')
        notes.push(`'${port.name}' is ${feed.kind === 'ones' ? 'all ones' : 'the running position'}`);
    }
  }
  return {
    wired: { model: decoder, feeds, scores, stateOutputs },
    context,
    states,
    starts,
    firstOutputs,
    notes,
  };
}

function stateFrom(port: Port, source: ContextSource | undefined, offer: Offer): StateSlot {
  const shape = source?.shape ?? offer.type.shape;
  const axis = shape.findIndex((dim, i) => dim !== offer.type.shape[i]);
  const tokenAxis = axis < 0 ? undefined : axis;
  const probed = source?.from === 'first step' ? PROBE : 0;
  return {
    name: port.name,
    dtype: offer.type.dtype,
    shape: shape.map((dim, i) => (i === tokenAxis ? dim - probed : dim)),
    tokenAxis,
  };
}

// A teacher-forced graph, (inputs, tokens) -> scores of every token, to a prefix source. What does not depend on the tokens is
// the prologue: the graph is made at some numbers of tokens, and where values that do depend on them meet values that do
// not, it is cut. Cuts at different numbers of tokens are matched by what is computed there.
import { constantOf, type Graph, type Value } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import { Emitter } from '../../frontend/onnx/emit.js';
import { type Front, prefixSource } from './build-source.js';
import { findScores, findTokens } from './find-ports.js';
import { generation } from './generation.js';
import { buildGraph, copyPart, dependents, named } from './graph-parts.js';
import { inputUnbound, unknownName } from './refusals.js';
import { type DecodeFlags, type Port, type RecognisedDecode, type ShapedType, type SourceModel, standardOutputs } from './request.js';
import { bindPorts } from './shapes.js';
import { ValueKeys } from './value-keys.js';
import { decoderGraph, type Feed, outputValue, rowAt, scoreValue, type Surroundings, tokensAs, type WiredDecoder } from './wired-decoder.js';

/** @throws E2010 to E2013, E2211, E4201 to E4203, E4205, E4208 */
export function recogniseTeacher(model: SourceModel, flags: DecodeFlags): RecognisedDecode {
  const bound = boundFeeds(model, flags);
  const tokens = findTokens(model, model.inputs.filter(({ name }) => !bound.has(name)), flags.tokensInput);
  const own = model.inputs.filter((port) => port !== tokens && !bound.has(port.name));
  refuseMasks(own, tokens, model.file);
  const shapes = new Map([...flags.inputShapes].map(([key, value]) => [nameOfKey(model, key), value] as const));
  const { types, diagnostics } = bindPorts(own, withoutKey(shapes, tokens.name), model.file, flags.batch);
  const [first] = types.values();
  const batch = first?.shape[0] ?? 1;
  const gen = generation(flags, {}, batch, model.file);
  const split = new SplitTeacher(model, tokens, own, types, bound, batch, gen.pad);
  const source = prefixSource({
    file: model.file,
    front: split.front,
    decoder: (length, keep, position) => split.decoder(length, keep, position),
    contextCount: split.context.length,
    generation: gen,
  });
  return {
    source,
    inputs: own.flatMap(({ name }) => {
      const type = types.get(name);
      return type === undefined ? [] : [{ name, ...type }];
    }),
    outputs: standardOutputs(gen.pad),
    notes: [
      `tokens go into '${tokens.name}', scores come out of '${split.scores}'`,
      `${split.context.length} values do not depend on the tokens and are computed once`,
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

interface ContextValue extends ShapedType {
  readonly name: string;
  readonly key: number;
}

/** Numbers of tokens at which the cut is looked for: what is cut may differ at one token, where broadcasts vanish. */
const SAMPLED = [1, 2, 3, 4];

class SplitTeacher {
  readonly scores: string;
  readonly context: readonly ContextValue[];
  readonly front: Front;
  private readonly keys = new ValueKeys();
  private readonly wired: WiredDecoder;
  private readonly around: Surroundings;
  private readonly batch: number;
  private readonly pad: number;
  private readonly tokens: Port;

  constructor(
    model: SourceModel,
    tokens: Port,
    own: readonly Port[],
    types: ReadonlyMap<string, ShapedType>,
    bound: ReadonlyMap<string, Feed>,
    batch: number,
    pad: number,
  ) {
    const feeds = new Map<string, Feed>([...bound, [tokens.name, { kind: 'tokens' }]]);
    const inputs = own.map((port, index) => {
      feeds.set(port.name, { kind: 'context', index });
      return { name: port.name, ...(types.get(port.name) ?? { dtype: 'f32' as const, shape: [] }) };
    });
    this.batch = batch;
    this.pad = pad;
    this.tokens = tokens;
    this.around = { context: inputs, states: [] };
    const draft: WiredDecoder = { model, feeds, scores: '', stateOutputs: [] };
    const samples = SAMPLED.map((length) => this.sample(draft, length)).filter((graph) => graph !== undefined);
    const probe = samples.at(-1) ?? decoderGraph(draft, { batch, tokens: 2, past: 0 }, this.around);
    this.scores = findScores(model, probe, batch, SAMPLED[samples.length - 1] ?? 2, () => false);
    this.wired = { ...draft, scores: this.scores };
    const { context, where } = this.cuts(samples);
    this.context = context;
    this.front = {
      params: inputs.map(({ name, dtype, shape }) => named(name, dtype, shape)),
      make: (b, params) => ({ context: context.map(({ key }) => this.once(b, where.get(key), params)), starts: [] }),
    };
  }
}

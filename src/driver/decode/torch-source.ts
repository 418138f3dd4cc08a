// A TorchScript archive as a source of graphs at given shapes. Archives declare neither shapes nor, mostly, element types of
// inputs: what they are is found from the example inputs that tracing keeps, or by building the model with the tensors at hand
// in the places where it takes them. An input is integer where its use says so.
import type { HostTensor } from '../../base/tensor.js';
import type { TorchArchive } from '../../frontend/torchscript/archive/read.js';
import { type ImportedModel, type InputShape, importTorchScript } from '../../frontend/torchscript/import.js';
import { type Argument, forwardArguments } from '../../frontend/torchscript/signature.js';
import type { Graph, Value } from '../../ir/graph.js';
import { sameType } from '../../ir/type.js';
import { buildable } from './build-source.js';
import { applyGraph, buildGraph, constantValue } from './graph-parts.js';
import { inputUnbound } from './refusals.js';
import type { DeclaredDim, Port, ShapedType, SourceModel, TypeHints } from './request.js';

export function torchSource(archive: TorchArchive, file: string): SourceModel {
  const args = forwardArguments(archive);
  const load = (inputShapes: ReadonlyMap<string, InputShape>) =>
    importTorchScript(archive, { file, inputShapes });
  const source: SourceModel = {
    file,
    inputs: args
      .filter(({ optional }) => !optional)
      .map(({ name, example }) => port(name, example?.dtype, openDims(example?.shape))),
    outputs: [],
    graphAt: (types, values) => withValues(load(types).graph, values),
    typed: (hints) => ({ file, graphAt: source.graphAt, ...portsOf(args, hints, load, file) }),
  };
  return source;
}

type Load = (shapes: ReadonlyMap<string, InputShape>) => ImportedModel;
type Ports = Pick<SourceModel, 'inputs' | 'outputs'>;

const port = (name: string, dtype: Port['dtype'], dims: Port['dims']): Port => ({ name, dtype, dims });
const openDims = (shape: readonly number[] | undefined): Port['dims'] => shape?.map(() => undefined);

/** The graph with these parameters as constants; the parameters stay, and nothing reads them. */
function withValues(graph: Graph, values: ReadonlyMap<string, HostTensor>): Graph {
  if (values.size === 0) return graph;
  const params = graph.body.params.map(({ name, type }) => ({ name, type }));
  return buildGraph(graph.name, params, (b, given) => {
    const args = given.map((v) => {
      const known = values.get(v.name);
      return known === undefined ? v : constantValue(b, known);
    });
    const results = applyGraph(b, graph, args);
    return results.map((v, i) => [graph.outputNames[i] ?? '', v] as const);
  });
}

/** @throws E4205 where no arrangement of the tensors at hand builds the model; what the importer throws */
function portsOf(args: readonly Argument[], hints: TypeHints, load: Load, file: string): Ports {
  const given = byName(args, hints.given);
  const named = (name: string): boolean =>
    given.has(name) || hints.bind.some((pair) => pair.includes(name)) || name === tokensName(args, hints);
  const wanted = args.filter(({ name, optional }) => !optional || named(name));
  if (wanted.every(({ name, type }) => given.has(name) || type !== 'Tensor'))
    return declared(load(hints.given), (_, v) => openDims(shapeOf(v)));
  if (wanted.every(({ example }) => example !== undefined)) {
    const examples = new Map(wanted.map(({ name, example }) => [name, example as ShapedType] as const));
    const model = load(examples);
    return declared(model, (_, v) => cacheDims(model.graph, v) ?? openDims(shapeOf(v)));
  }
  return tried(wanted, given, hints, load, file);
}

/** Dims of an input that an output is one longer than, a cache: the tokens are open, and the rows; the others are what they are. */
function cacheDims({ body }: Graph, v: Value): Port['dims'] {
  const shape = shapeOf(v);
  for (const result of body.results) {
    const after = shapeOf(result);
    const grown = shape.flatMap((dim, axis) => (dim === after[axis] ? [] : [axis]));
    const [axis = 0] = grown;
    const follows = after.length === shape.length && after[axis] === (shape[axis] ?? 0) + 1;
    if (grown.length === 1 && axis > 0 && follows && result.type.dtype === v.type.dtype)
      return shape.map((dim, i) => (i === 0 || i === axis ? undefined : dim));
  }
  return undefined;
}

function byName(args: readonly Argument[], given: TypeHints['given']): ReadonlyMap<string, InputShape> {
  return new Map(
    [...given].map(([key, shape]) => [
      args.some(({ name }) => name === key) ? key : (args[Number(key)]?.name ?? key),
      shape,
    ]),
  );
}

function tokensName(args: readonly Argument[], { tokensInput }: TypeHints): string | undefined {
  return args.find(({ name }, i) => name === tokensInput || String(i) === tokensInput)?.name;
}

const shapeOf = (v: Value): readonly number[] => v.type.shape.map(Number);

function declared(
  { graph, inputNames }: ImportedModel,
  dimsOf: (name: string, v: Value) => Port['dims'],
): Ports {
  const inputs = inputNames.flatMap((name, i) => {
    const v = graph.body.params[i];
    return v === undefined ? [] : [port(name, v.type.dtype, dimsOf(name, v))];
  });
  const outputs = graph.outputNames.map((name, i) => {
    const v = graph.body.results[i];
    return port(name, v?.type.dtype, v && openDims(shapeOf(v)));
  });
  return { inputs, outputs };
}

/** What tokens look like in a decoder, the usual first: rows of any length, one token a row, one token a row without an axis for it. */
const TOKEN_FORMS: readonly { readonly columns: readonly number[]; readonly dims: readonly DeclaredDim[] }[] =
  [
    { columns: [2], dims: [undefined, 'tokens'] },
    { columns: [1], dims: [undefined, 1] },
    { columns: [], dims: [undefined] },
  ];

/** Arrangements tried before a model is given up. */
const MOST_ARRANGEMENTS = 60;

/** Builds the model with the tensors at hand in its places, in every arrangement until one fits, tokens in the places left over. */
function tried(
  args: readonly Argument[],
  given: ReadonlyMap<string, InputShape>,
  hints: TypeHints,
  load: Load,
  file: string,
): Ports {
  const batch = hints.batch ?? [...given.values(), ...hints.offers][0]?.shape[0] ?? 1;
  let tries = 0;
  for (const places of arrangements(args, given, hints)) {
    if (tries++ === MOST_ARRANGEMENTS) break;
    const built = TOKEN_FORMS.flatMap(({ columns, dims }) => {
      const tokens = { shape: [batch, ...columns] };
      const model = imported(
        load,
        new Map(args.map(({ name }) => [name, places.get(name) ?? tokens] as const)),
      );
      return model !== undefined && takesTokens(model, places) ? [{ model, dims }] : [];
    });
    const found = built.find(({ model }) => carries(model, places)) ?? built[0];
    if (found === undefined) continue;
    return declared(found.model, (name, v) =>
      given.has(name) ? openDims(shapeOf(v)) : places.has(name) ? shapeOf(v) : found.dims,
    );
  }
  if (hints.offers.length === 0) load(hints.given);
  throw inputUnbound(
    `the shapes and types of the inputs ${args.map(({ name }) => `'${name}'`).join(', ')} are not known, and no arrangement of ${hints.offers.map(({ name }) => `'${name}'`).join(', ')} and tokens builds the model`,
    { file },
    'Say with --bind ENC_OUT=DEC_IN what goes where and with --tokens-input which input takes the tokens, or trace the decoder: its example inputs say it.',
  );
}

function imported(load: Load, shapes: ReadonlyMap<string, InputShape>): ImportedModel | undefined {
  let model: ImportedModel | undefined;
  buildable(() => {
    model = load(shapes);
    return model.graph;
  });
  return model;
}

/** Whether an output can be the next value of an input: a model that broadcasts builds with tokens of other shapes as well. */
function carries({ graph, inputNames }: ImportedModel, places: ReadonlyMap<string, InputShape>): boolean {
  const { params, results } = graph.body;
  return results.some((v) => {
    const before = params.findIndex((param) => sameType(param.type, v.type));
    return !params.includes(v) && places.has(inputNames[before] ?? '');
  });
}

/** Whether an input that no tensor at hand went into is integer by its use. */
function takesTokens({ graph, inputNames }: ImportedModel, places: ReadonlyMap<string, InputShape>): boolean {
  return graph.body.params.some(
    (v, i) => !places.has(inputNames[i] ?? '') && (v.type.dtype === 'i64' || v.type.dtype === 'i32'),
  );
}

/** Tensors for the inputs, at least one input left for the tokens; those that are used most come first. */
function* arrangements(
  args: readonly Argument[],
  given: ReadonlyMap<string, InputShape>,
  hints: TypeHints,
): Generator<ReadonlyMap<string, InputShape>> {
  const tokens = tokensName(args, hints);
  function* from(
    i: number,
    places: ReadonlyMap<string, InputShape>,
    left: readonly TypeHints['offers'][number][],
  ): Generator<ReadonlyMap<string, InputShape>> {
    const arg = args[i];
    if (arg === undefined) {
      if (places.size < args.length) yield places;
      return;
    }
    const { name } = arg;
    const own = given.get(name);
    const bound = hints.bind.find(([, to]) => to === name)?.[0];
    const isCounted = hints.bind.some(([key, what]) => key === name && (what === 'ones' || what === 'count'));
    if (own !== undefined) {
      yield* from(i + 1, new Map([...places, [name, own]]), left);
      return;
    }
    if (name !== tokens && !isCounted) {
      const fitting = bound === undefined ? left : left.filter((offer) => offer.name === bound);
      const ordered = [
        ...fitting.filter((offer) => offer.name === name),
        ...fitting.filter((offer) => offer.name !== name),
      ];
      for (const offer of ordered) {
        const { dtype, shape } = offer;
        yield* from(
          i + 1,
          new Map([...places, [name, { dtype, shape }]]),
          left.filter((one) => one !== offer),
        );
      }
      if (bound !== undefined) return;
    }
    yield* from(i + 1, places, left);
  }
  yield* from(0, new Map(), hints.offers);
}

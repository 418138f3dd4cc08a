// Decoders of the model folder as sources, without recognition: which input is what is said here by name.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fromNumbers, type HostTensor } from '../../../src/base/tensor.js';
import { importOnnx, modelInputs } from '../../../src/frontend/onnx/import.js';
import { externalDataReader } from '../../../src/frontend/onnx/proto/external-files.js';
import { readOnnxModel } from '../../../src/frontend/onnx/proto/read.js';
import type { Graph, Value } from '../../../src/ir/graph.js';
import { type TensorType, tensorType } from '../../../src/ir/type.js';
import { GraphBuilder } from '../../../src/ops/build.js';
import type {
  CarriedSource,
  CarriedState,
  Generation,
  PrefixSource,
} from '../../../src/passes/decode/model.js';

export const MODELS = join('..', 'shared', 'models');

export const present = (path: string): boolean => existsSync(join(MODELS, path));

export function generation(maxSteps: number, batch = 1): Generation {
  return {
    batch,
    bos: 1,
    eos: [2],
    pad: 0,
    maxSteps,
    forced: new Map(),
    suppressed: [],
    suppressedFirst: [],
  };
}

/** A prologue that gives its inputs as they are. */
export function identityPrologue(types: readonly TensorType[]): Graph {
  const b = new GraphBuilder('prologue');
  const params = types.map((t, i) => b.input(`c${i}`, t));
  return b.finish(
    params,
    params.map((_, i) => `c${i}`),
  );
}

/** The graph with its parameters in another order, and other results. */
function rearranged(graph: Graph, params: readonly Value[], results: readonly Value[]): Graph {
  return { ...graph, body: { ...graph.body, params, results }, outputNames: results.map((_, i) => `r${i}`) };
}

/** logits [N, L, V] to those of the last position. */
function lastRow(graph: Graph, b: GraphBuilder, logits: Value): Value {
  const [n, length, v] = logits.type.shape as [number, number, number];
  for (const node of graph.body.nodes) b.adopt(node);
  const row = b.one('slice', [logits], { starts: [0, length - 1, 0], sizes: [n, 1, v], steps: [1, 1, 1] });
  return b.one('reshape', [row], { shape: [n, v] });
}

function importer(path: string) {
  const file = basename(path);
  const full = join(MODELS, path);
  const model = readOnnxModel(readFileSync(full), { file, readExternal: externalDataReader(dirname(full)) });
  const names = modelInputs(model).map(({ name }) => name);
  return {
    names,
    at(shapes: ReadonlyMap<string, readonly number[]>, values: ReadonlyMap<string, HostTensor>): Graph {
      const given = [...shapes]
        .filter(([name]) => names.includes(name))
        .map(([name, shape]) => [name, { shape }] as const);
      return importOnnx(model, { file, inputShapes: new Map(given), inputValues: values }).graph;
    },
  };
}

const ones = (n: number, length: number): HostTensor =>
  fromNumbers('i64', [n, length], new Array<number>(n * length).fill(1));
const counting = (n: number, length: number, from = 0): HostTensor =>
  fromNumbers(
    'i64',
    [n, length],
    Array.from({ length: n * length }, (_, i) => from + (i % length)),
  );

/** A decoder without a cache: `tokens` is the input that grows, `context` the others that are no shape-only values. */
export function prefixModel(
  path: string,
  tokens: string,
  context: ReadonlyMap<string, readonly number[]>,
  maxSteps: number,
  batch = 1,
): PrefixSource {
  const model = importer(path);
  const decoderAt = (length: number): Graph => {
    const shapes = new Map<string, readonly number[]>([...context, [tokens, [batch, length]]]);
    const values = new Map<string, HostTensor>();
    for (const [name, value] of [
      ['attention_mask', ones(batch, length)],
      ['position_ids', counting(batch, length)],
    ] as const) {
      if (!model.names.includes(name)) continue;
      shapes.set(name, value.shape);
      values.set(name, value);
    }
    const graph = model.at(shapes, values);
    const param = (name: string): Value => graph.body.params.find((v) => v.name === name) as Value;
    const b = new GraphBuilder('decoder', 1_000_000);
    const [logits] = graph.body.results;
    const last = lastRow(graph, b, logits as Value);
    const rows = rearranged(graph, [param(tokens), ...[...context.keys()].map(param)], [last]);
    return { ...rows, body: { ...rows.body, nodes: b.made } };
  };
  const types = decoderAt(maxSteps)
    .body.params.slice(1)
    .map((v) => v.type);
  return {
    kind: 'prefix',
    generation: generation(maxSteps, batch),
    prologue: identityPrologue(types),
    context: types.map((_, i) => i),
    decoderAt,
    shortest: 1,
  };
}

/** A decoder with its cache: inputs `past_key_values.*` whose outputs `present.*` grow are states, the others context. */
export function carriedModel(
  path: string,
  shapeOf: (name: string, past: number) => readonly number[] | undefined,
  maxSteps: number,
): CarriedSource {
  const model = importer(path);
  const full = (past: number): Graph => {
    const shapes = new Map<string, readonly number[]>([['input_ids', [1, 1]]]);
    const values = new Map<string, HostTensor>();
    for (const name of model.names) {
      const shape = shapeOf(name, past);
      if (shape !== undefined) shapes.set(name, shape);
    }
    const known: readonly (readonly [string, HostTensor])[] = [
      ['attention_mask', ones(1, past + 1)],
      ['position_ids', counting(1, 1, past)],
      ['cache_position', fromNumbers('i64', [1], [past])],
    ];
    for (const [name, value] of known) {
      if (!model.names.includes(name)) continue;
      shapes.set(name, value.shape);
      values.set(name, value);
    }
    return model.at(shapes, values);
  };
  const sample = full(3);
  const outputs = sample.outputNames.slice(1);
  const stateNames = outputs.map((name) => name.replace('present', 'past_key_values'));
  const isContext = (v: Value): boolean =>
    v.name !== 'input_ids' &&
    !stateNames.includes(v.name) &&
    !['attention_mask', 'position_ids', 'cache_position'].includes(v.name);
  const contextNames = sample.body.params.filter(isContext).map((v) => v.name);
  const stepAt = (past: number): Graph => {
    const graph = full(past);
    const param = (name: string): Value => graph.body.params.find((v) => v.name === name) as Value;
    const b = new GraphBuilder('decoder', 1_000_000);
    const [logits, ...states] = graph.body.results;
    const last = lastRow(graph, b, logits as Value);
    const params = ['input_ids', ...contextNames, ...stateNames].map(param);
    const rows = rearranged(graph, params, [last, ...states]);
    return { ...rows, body: { ...rows.body, nodes: b.made } };
  };
  const types = contextNames.map(
    (name) => sample.body.params.find((v) => v.name === name)?.type ?? tensorType('f32', []),
  );
  const states = stateNames.map(
    (name): CarriedState => ({
      name,
      dtype: 'f32',
      start: { kind: 'empty' },
      tokenAxis: 2,
    }),
  );
  return {
    kind: 'carried',
    generation: generation(maxSteps),
    prologue: identityPrologue(types),
    context: types.map((_, i) => i),
    states,
    stepAt,
    promptLength: 0,
  };
}

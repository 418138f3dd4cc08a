// Graphs cut apart and put together: which values depend on a parameter, a part of a graph copied into another, one graph
// feeding the next. Knows nothing of decoding. Nodes are only ever copied, so that a graph can be used any number of times.
import { bug } from '../../base/diagnostic.js';
import type { HostTensor } from '../../base/tensor.js';
import { bytesConstant } from '../../ir/constant.js';
import { constantOf, type Graph, type Node, producer, type Value } from '../../ir/graph.js';
import { staticShape, type TensorType, tensorType } from '../../ir/type.js';
import { GraphBuilder } from '../../ops/build.js';
import { inlineRegion } from '../../passes/control/inline.js';

/** All values of the graph that depend on one of these parameters, the parameters included. */
export function dependents(graph: Graph, params: readonly Value[]): ReadonlySet<Value> {
  const found = new Set<Value>(params);
  for (const node of graph.body.nodes)
    if (node.inputs.some((v) => found.has(v))) for (const v of node.outputs) found.add(v);
  return found;
}

interface Needs {
  readonly nodes: ReadonlySet<Node>;
  /** Parameters that are read and not given. */
  readonly missing: readonly Value[];
}

function needsOf(wanted: readonly Value[], known: ReadonlySet<Value>): Needs {
  const needed = new Set<Node>();
  const missing: Value[] = [];
  const waiting = [...wanted];
  for (let v = waiting.pop(); v !== undefined; v = waiting.pop()) {
    if (known.has(v)) continue;
    const node = producer(v);
    if (node === undefined) {
      if (constantOf(v) === undefined) missing.push(v);
      continue;
    }
    if (needed.has(node)) continue;
    needed.add(node);
    waiting.push(...node.inputs);
  }
  return { nodes: needed, missing };
}

/** Whether `wanted` values follow from the `known` ones alone. */
export function followFrom(known: ReadonlyMap<Value, Value>, wanted: readonly Value[]): boolean {
  return needsOf(wanted, new Set(known.keys())).missing.length === 0;
}

/** Makes `wanted` values of a graph in the graph being built, from what stands for the `known` ones. */
export function copyPart(
  b: GraphBuilder,
  graph: Graph,
  known: ReadonlyMap<Value, Value>,
  wanted: readonly Value[],
): readonly Value[] {
  const needs = needsOf(wanted, new Set(known.keys()));
  const [missing] = needs.missing;
  if (missing !== undefined) throw bug('E1432', `parameter '${missing.name}' of ${graph.name} is not given`);
  const nodes = graph.body.nodes.filter((node) => needs.nodes.has(node));
  const region = { params: [...known.keys()], nodes, results: wanted };
  return inlineRegion(b, region, [...known.values()], undefined, ownConstants(b));
}

/** Constants of another graph as values of the graph being built: numbers of values are a graph's own. */
function ownConstants(b: GraphBuilder): (v: Value) => Value {
  const made = new Map<Value, Value>();
  return (v) => {
    const constant = constantOf(v);
    if (constant === undefined) return v;
    const own = made.get(v) ?? b.constant(constant, v.name);
    made.set(v, own);
    return own;
  };
}

/** A graph's results over `args` in place of its parameters. */
export function applyGraph(b: GraphBuilder, graph: Graph, args: readonly Value[]): readonly Value[] {
  const { params, results } = graph.body;
  return copyPart(b, graph, new Map(params.map((param, i) => [param, args[i] ?? param])), results);
}

export interface Named {
  readonly name: string;
  readonly type: TensorType;
}

/** A graph over parameters of these types; `make` gives its results and their names. */
export function buildGraph(
  name: string,
  params: readonly Named[],
  make: (b: GraphBuilder, params: readonly Value[]) => readonly (readonly [name: string, value: Value])[],
): Graph {
  const b = new GraphBuilder(name);
  const results = make(
    b,
    params.map((param) => b.input(param.name, param.type)),
  );
  return b.finish(
    results.map(([, value]) => value),
    results.map(([own]) => own),
  );
}

export function constantValue(b: GraphBuilder, { dtype, shape, data }: HostTensor): Value {
  return b.constant(bytesConstant(dtype, shape, data));
}

export function named(name: string, dtype: TensorType['dtype'], shape: readonly number[]): Named {
  return { name, type: tensorType(dtype, shape) };
}

/** The dims of a value, which have to be known. */
export function shapeOf(v: Value | undefined): readonly number[] {
  return (v && staticShape(v.type)) ?? [];
}

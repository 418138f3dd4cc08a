// A graph cut into stages: parts that the chip runs, and single operators that the host runs between them. A part is as large as the
// order of dependences allows; values that pass from one to another go through the host.

import { CHIP_TYPE } from '../../backend/lower/chip-type.js';
import { KERNELS } from '../../backend/lower/kernels.js';
import { unsupported } from '../../base/diagnostic.js';
import { constantOf, type Graph, type Node, producer, type Value } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import { buildGraph, copyPart } from '../decode/graph-parts.js';

/** What a stage takes or gives, under its name on the host. */
export interface HostValue {
  readonly name: string;
  readonly value: Value;
}

export type Stage =
  | {
      readonly kind: 'chip';
      readonly name: string;
      readonly graph: Graph;
      readonly inputs: readonly HostValue[];
      readonly outputs: readonly HostValue[];
    }
  | { readonly kind: 'host'; readonly node: Node; readonly outputs: readonly HostValue[] };

/** Nodes that no engine can run, as far as operator and element types say. */
export function unrunnable(graph: Graph): ReadonlySet<Node> {
  const held = (v: Value): boolean => CHIP_TYPE[v.type.dtype] !== undefined;
  return new Set(
    graph.body.nodes.filter((n) => KERNELS[n.op] === undefined || ![...n.inputs, ...n.outputs].every(held)),
  );
}

/** The stages in an order in which they can run. Without host nodes: the graph as it is. */
export function stagesOf(graph: Graph, hosted: ReadonlySet<Node>): readonly Stage[] {
  const values = hostNames(graph);
  if (hosted.size === 0) return [wholeStage(graph)];
  const level = levels(graph, hosted);
  const last = Math.max(0, ...level.values());
  const stages: Stage[] = [];
  for (let k = 0; k <= last; k++) {
    const nodes = graph.body.nodes.filter((n) => level.get(n) === k);
    const chip = nodes.filter((n) => !hosted.has(n));
    const passed = k === 0 ? passedThrough(graph) : [];
    if (chip.length + passed.length > 0) stages.push(chipStage(graph, `chip${k}`, chip, passed, values));
    for (const node of nodes.filter((n) => hosted.has(n))) stages.push(hostStage(node, values));
  }
  return stages;
}

function wholeStage(graph: Graph): Stage {
  const { params, results } = graph.body;
  const name = (v: Value, i: number): HostValue => ({ name: graph.outputNames[i] ?? v.name, value: v });
  return {
    kind: 'chip',
    name: 'main',
    graph,
    inputs: params.map((value) => ({ name: value.name, value })),
    outputs: results.map(name),
  };
}

/** Names of values on the host: those of the model's inputs and outputs, else made up. */
type Names = (v: Value) => readonly string[];

function hostNames({ body, outputNames }: Graph): Names {
  const names = new Map<Value, string[]>();
  for (const [i, v] of body.results.entries())
    names.set(v, [...(names.get(v) ?? []), outputNames[i] ?? `output ${i}`]);
  const params = new Set(body.params);
  return (v) => (params.has(v) ? [v.name, ...(names.get(v) ?? [])] : (names.get(v) ?? [`value ${v.id}`]));
}

/** For each node the number of its stage: a chip node runs before the host nodes of its number, and after those of lower ones. */
function levels(graph: Graph, hosted: ReadonlySet<Node>): ReadonlyMap<Node, number> {
  const level = new Map<Node, number>();
  for (const node of graph.body.nodes) {
    const after = node.inputs.map((v) => {
      const made = producer(v);
      if (made === undefined) return 0;
      return (level.get(made) ?? 0) + (hosted.has(made) && !hosted.has(node) ? 1 : 0);
    });
    level.set(node, Math.max(0, ...after));
  }
  return level;
}

/** Outputs that no node makes; the chip passes them through. */
function passedThrough({ body }: Graph): readonly Value[] {
  return body.results.filter((v) => producer(v) === undefined);
}

/**
 * The graph with a node for each output that is an input or constant of a type that only the host holds: a cast to its own type,
 * which the host runs.
 */
export function withHostOutputs(graph: Graph): Graph {
  const { body } = graph;
  const copies = new Map<Value, Node>();
  const held = (v: Value): boolean => producer(v) !== undefined || CHIP_TYPE[v.type.dtype] !== undefined;
  let id =
    Math.max(
      0,
      ...body.nodes.flatMap((n) => [n.id, ...n.outputs.map((v) => v.id)]),
      ...body.params.map((v) => v.id),
    ) + 1;
  const results = body.results.map((v) => {
    if (held(v)) return v;
    const made = copies.get(v) ?? copyNode(v, id);
    copies.set(v, made);
    id += 2;
    return made.outputs[0] as Value;
  });
  return copies.size === 0
    ? graph
    : { ...graph, body: { ...body, nodes: [...body.nodes, ...copies.values()], results } };
}

function copyNode(v: Value, id: number): Node {
  const outputs: Value[] = [];
  const node: Node = {
    id,
    op: 'cast',
    attrs: { to: v.type.dtype },
    inputs: [v],
    outputs,
    regions: [],
    origins: [{ node: v.name || 'output' }],
  };
  outputs.push({ id: id + 1, name: '', type: v.type, def: { kind: 'result', node, index: 0 } });
  return node;
}

function chipStage(
  graph: Graph,
  name: string,
  nodes: readonly Node[],
  passed: readonly Value[],
  names: Names,
): Stage {
  const own = new Set(nodes);
  const outside = (v: Value): boolean => constantOf(v) === undefined && !own.has(producer(v) as Node);
  const taken = [...new Set([...nodes.flatMap((n) => n.inputs), ...passed].filter(outside))];
  const used = new Set(graph.body.nodes.filter((n) => !own.has(n)).flatMap((n) => n.inputs));
  for (const v of graph.body.results) used.add(v);
  const made = nodes.flatMap((n) => n.outputs).filter((v) => used.has(v));
  const given = [...made, ...passed].flatMap((value) =>
    outputNamesOf(value, graph, names).map((own): HostValue => ({ name: own, value })),
  );
  const part = buildGraph(
    name,
    taken.map((v) => ({ name: firstName(v, names), type: v.type })),
    (b, params) => {
      const results = copyPart(
        b,
        graph,
        new Map(taken.map((v, i) => [v, params[i] as Value])),
        given.map((g) => g.value),
      );
      return given.map((g, i) => [g.name, results[i] as Value]);
    },
  );
  return {
    kind: 'chip',
    name,
    graph: part,
    inputs: taken.map((value) => ({ name: firstName(value, names), value })),
    outputs: given,
  };
}

const firstName = (v: Value, names: Names): string => names(v)[0] ?? `value ${v.id}`;

/** Names under which a value of the chip is fetched: every output that it is, else the made-up one. */
function outputNamesOf(v: Value, graph: Graph, names: Names): readonly string[] {
  return graph.body.params.includes(v) ? names(v).slice(1) : names(v);
}

function hostStage(node: Node, names: Names): Stage {
  const dynamic = node.outputs.find((v) => staticShape(v.type) === undefined);
  if (dynamic !== undefined)
    throw unsupported('E4023', `the shape of a result of ${node.op} depends on data`, {
      node: node.origins[0]?.node ?? node.op,
    });
  const outputs = node.outputs.map((value): HostValue => {
    const [name = '', ...more] = names(value);
    if (more.length > 0)
      throw unsupported(
        'E4023',
        `outputs ${[name, ...more].join(' and ')} are the same value, made on the host`,
        { node: node.origins[0]?.node ?? node.op },
      );
    return { name, value };
  });
  return { kind: 'host', node, outputs };
}

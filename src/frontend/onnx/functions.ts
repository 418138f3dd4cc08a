// Model-local functions: which node calls one, and its body with the caller's attributes in the place of references.
import type { OnnxAttribute, OnnxFunction, OnnxGraph, OnnxNode } from './proto/model.js';

export type Functions = ReadonlyMap<string, OnnxFunction>;

const keyOf = (domain: string, name: string, overload: string): string =>
  JSON.stringify([domain, name, overload]);

export function functionTable(functions: readonly OnnxFunction[]): Functions {
  return new Map(functions.map((f) => [keyOf(f.domain, f.name, f.overload), f]));
}

export function calledFunction(functions: Functions, node: OnnxNode): OnnxFunction | undefined {
  return functions.get(keyOf(node.domain, node.opType, node.overload));
}

type Bindings = ReadonlyMap<string, OnnxAttribute>;

/** Nodes of the body as this call runs them. */
export function instantiate(f: OnnxFunction, call: OnnxNode): readonly OnnxNode[] {
  const bindings = new Map([...f.attributeDefaults, ...call.attributes]);
  return f.nodes.map((node) => bindNode(node, bindings));
}

function bindNode(node: OnnxNode, bindings: Bindings): OnnxNode {
  const attributes = new Map<string, OnnxAttribute>();
  for (const [name, attribute] of node.attributes) {
    const bound = bindAttribute(attribute, bindings);
    if (bound !== undefined) attributes.set(name, bound);
  }
  return { ...node, attributes };
}

/** Undefined where the caller leaves the attribute out: then the inner node has none either. */
function bindAttribute(attribute: OnnxAttribute, bindings: Bindings): OnnxAttribute | undefined {
  switch (attribute.kind) {
    case 'ref':
      return bindings.get(attribute.value);
    case 'graph':
      return { kind: 'graph', value: bindGraph(attribute.value, bindings) };
    case 'graphs':
      return { kind: 'graphs', value: attribute.value.map((graph) => bindGraph(graph, bindings)) };
    default:
      return attribute;
  }
}

function bindGraph(graph: OnnxGraph, bindings: Bindings): OnnxGraph {
  return { ...graph, nodes: graph.nodes.map((node) => bindNode(node, bindings)) };
}

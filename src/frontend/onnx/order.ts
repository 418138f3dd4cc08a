// Which nodes of a graph are needed and in which order: files need not be topological, and what no output depends on is
// not imported. Names a body reads from the graphs around it count as operands of the node that has the body.
import { badInput, type Place } from '../../base/diagnostic.js';
import type { OnnxGraph, OnnxNode } from './proto/model.js';

/** Nodes as `graph.nodes`, or those of a model-local function. */
export interface NodeList {
  readonly nodes: readonly OnnxNode[];
  readonly results: readonly string[];
}

export function outputsOf(graph: OnnxGraph): NodeList {
  return { nodes: graph.nodes, results: graph.outputs.map((output) => output.name) };
}

const free = new WeakMap<OnnxGraph, ReadonlySet<string>>();

/** Names that a body reads and does not define itself. */
export function freeNames(graph: OnnxGraph): ReadonlySet<string> {
  const known = free.get(graph);
  if (known !== undefined) return known;
  const own = new Set<string>([...graph.initializers.keys(), ...graph.sparseInitializers.keys()]);
  for (const input of graph.inputs) own.add(input.name);
  for (const node of graph.nodes) for (const name of node.outputs) own.add(name);
  const read = new Set<string>();
  for (const node of graph.nodes) for (const name of operandNames(node)) if (!own.has(name)) read.add(name);
  for (const { name } of graph.outputs) if (!own.has(name)) read.add(name);
  free.set(graph, read);
  return read;
}

/** Bodies of a node, in the order of its attributes. */
export function bodiesOf(node: OnnxNode): readonly OnnxGraph[] {
  const bodies: OnnxGraph[] = [];
  for (const attribute of node.attributes.values()) {
    if (attribute.kind === 'graph') bodies.push(attribute.value);
    if (attribute.kind === 'graphs') bodies.push(...attribute.value);
  }
  return bodies;
}

/** Names a node reads: its operands and what its bodies read from outside. */
export function operandNames(node: OnnxNode): readonly string[] {
  const names = node.inputs.filter((name) => name !== '');
  for (const body of bodiesOf(node)) names.push(...freeNames(body));
  return names;
}

/** Nodes of a body and of the bodies in it. */
export function countNodes(graph: OnnxGraph): number {
  let count = graph.nodes.length;
  for (const node of graph.nodes) for (const body of bodiesOf(node)) count += countNodes(body);
  return count;
}

/**
 * The nodes that the results need, each after those it reads from; in file order as far as that allows.
 * E3103 where two nodes have a result of one name, E3104 where a value depends on itself.
 */
export function neededInOrder(
  { nodes, results }: NodeList,
  place: (node: OnnxNode) => Place,
): readonly OnnxNode[] {
  const makers = new Map<string, OnnxNode>();
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (name === '') continue;
      if (makers.has(name)) {
        throw badInput(
          'E3103',
          `the value '${name}' is computed twice`,
          place(node),
          'Export the model again.',
        );
      }
      makers.set(name, node);
    }
  }
  const state = new Map<OnnxNode, 'open' | 'done'>();
  const order: OnnxNode[] = [];
  // An own stack: chains of nodes are longer than the call stack is deep.
  const visit = (root: OnnxNode): void => {
    const stack: { readonly node: OnnxNode; readonly reads: readonly string[]; next: number }[] = [];
    const enter = (node: OnnxNode): void => {
      state.set(node, 'open');
      stack.push({ node, reads: operandNames(node), next: 0 });
    };
    enter(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const name = top.reads[top.next++];
      if (name === undefined) {
        state.set(top.node, 'done');
        order.push(top.node);
        stack.pop();
        continue;
      }
      const maker = makers.get(name);
      if (maker === undefined || state.get(maker) === 'done') continue;
      if (state.get(maker) === 'open') {
        throw badInput(
          'E3104',
          `the value '${name}' depends on itself`,
          place(maker),
          'The graph has a cycle; export the model again.',
        );
      }
      enter(maker);
    }
  };
  const needed = reachable(results, makers);
  for (const node of nodes) if (needed.has(node) && !state.has(node)) visit(node);
  return order;
}

function reachable(results: readonly string[], makers: ReadonlyMap<string, OnnxNode>): ReadonlySet<OnnxNode> {
  const needed = new Set<OnnxNode>();
  const waiting = [...results];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const node = makers.get(name);
    if (node === undefined || needed.has(node)) continue;
    needed.add(node);
    waiting.push(...operandNames(node));
  }
  return needed;
}

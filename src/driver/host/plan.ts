// Which nodes run on the host: those whose operator or types no engine has, and those that their kernels refuse. With host operators
// forbidden, all of them are reported at once.

import { lower } from '../../backend/lower/lower.js';
import { planGraph } from '../../backend/plan/plan.js';
import { type Diagnostic, EXIT, NeffcError, type Place, warning } from '../../base/diagnostic.js';
import type { Target } from '../../chip/target.js';
import { constantOf, type Graph, type Node, type Value } from '../../ir/graph.js';
import { typeBytes } from '../../ops/cost.js';
import { declarationOf } from '../../ops/table.js';
import { buildGraph, copyPart } from '../decode/graph-parts.js';
import { hostNs } from './operator-record.js';
import { unrunnable } from './stages.js';

/** A node that no engine runs, and why. */
export interface RefusedNode {
  readonly node: Node;
  readonly reason: string;
}

/** By operator and element types alone. */
export function refusedByType(graph: Graph): readonly RefusedNode[] {
  return [...unrunnable(graph)].map((node) => ({ node, reason: `no engine runs it on ${typesText(node)}` }));
}

const typesText = (node: Node): string =>
  [...new Set([...node.inputs, ...node.outputs].map((v) => v.type.dtype))].join(', ');

/** By trying to lower each node alone: what a kernel refuses, it refuses there too. */
export function refusedByKernel(graph: Graph, target: Target): readonly RefusedNode[] {
  return graph.body.nodes.flatMap((node): RefusedNode[] => {
    const reason = kernelRefusal(graph, node, target);
    return reason === undefined ? [] : [{ node, reason }];
  });
}

function kernelRefusal(graph: Graph, node: Node, target: Target): string | undefined {
  const operands = [...new Set(node.inputs.filter((v) => constantOf(v) === undefined))];
  const alone = buildGraph(
    node.op,
    operands.map((v, i) => ({ name: `operand ${i}`, type: v.type })),
    (b, params) =>
      copyPart(b, graph, new Map(operands.map((v, i) => [v, params[i] as Value])), node.outputs).map(
        (v, i) => [`result ${i}`, v],
      ),
  );
  try {
    lower(alone, planGraph(alone), target);
    return undefined;
  } catch (error) {
    if (error instanceof NeffcError && error.exitCode === EXIT.unsupported)
      return error.diagnostics[0]?.message;
    throw error;
  }
}

function placeOf({ origins, op }: Node): Place {
  const [source] = origins;
  return {
    node: source?.node ?? op,
    ...(source?.file !== undefined && { file: source.file }),
    ...(source?.line !== undefined && { line: source.line }),
  };
}

const NAMED = 8;

/** Refused nodes of one operator for one reason. */
interface Group {
  readonly nodes: readonly Node[];
  readonly reason: string;
}

function grouped(refused: readonly RefusedNode[]): Group[] {
  const groups = new Map<string, { nodes: Node[]; reason: string }>();
  for (const { node, reason } of refused) {
    const key = `${node.op} ${reason}`;
    const group = groups.get(key) ?? { nodes: [], reason };
    group.nodes.push(node);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function subject({ nodes, reason }: Group): string {
  const [first] = nodes;
  const names = [...new Set(nodes.flatMap((n) => n.origins.map((o) => o.node)))];
  const more = names.length - NAMED;
  const list = `${names
    .slice(0, NAMED)
    .map((name) => `'${name}'`)
    .join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return `${first?.origins[0]?.op ?? first?.op} (${first?.op}) of ${list}: ${reason}`;
}

/** @throws E4100 for every operator and reason, all at once */
export function refuseHostOperators(refused: readonly RefusedNode[]): void {
  if (refused.length === 0) return;
  const diagnostics = grouped(refused).map(
    (group): Diagnostic => ({
      code: 'E4100',
      severity: 'error',
      message: `no engine runs ${subject(group)}`,
      where: placeOf(group.nodes[0] as Node),
      hint: group.nodes.some(isEvaluable)
        ? '--host-ops allow runs it on the host; `neffc ops` lists what is supported'
        : '`neffc ops` lists what is supported',
    }),
  );
  throw new NeffcError(diagnostics, EXIT.unsupported);
}

/** Whether the host has a function for the node. */
export function isEvaluable(node: Node): boolean {
  return declarationOf(node.op).evaluate !== undefined;
}

/** A warning for each operator that goes to the host, with its estimated cost. */
export function hostWarnings(refused: readonly RefusedNode[]): Diagnostic[] {
  return grouped(refused).map((group) => {
    const ns = group.nodes.reduce((sum, node) => sum + hostNs(node), 0);
    const bytes = group.nodes.reduce(
      (sum, { inputs, outputs }) => sum + [...inputs, ...outputs].reduce((n, v) => n + typeBytes(v.type), 0),
      0,
    );
    return warning(
      'W4100',
      `${subject(group)}: it runs on the host, about ${Math.ceil(ns / 1000)} us and ${bytes} bytes a request`,
      placeOf(group.nodes[0] as Node),
      '--host-ops forbid refuses models that need the host',
    );
  });
}

// Which operators of a graph no engine runs. The table that lowers is the table that is asked, so the answer cannot be wrong.

import { KERNELS } from '../backend/lower/kernels.js';
import { type Diagnostic, EXIT, NeffcError } from '../base/diagnostic.js';
import type { Graph, Node } from '../ir/graph.js';

const NAMED = 8;

function namesOf(nodes: readonly Node[]): string {
  const names = [...new Set(nodes.flatMap((n) => n.origins.map((o) => o.node)))];
  const more = names.length - NAMED;
  return `${names
    .slice(0, NAMED)
    .map((name) => `'${name}'`)
    .join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** @throws E4100 for each operator without a kernel, all of them at once */
export function requireKernels(graph: Graph): void {
  const missing = new Map<string, Node[]>();
  for (const node of graph.body.nodes) {
    if (KERNELS[node.op] === undefined) missing.set(node.op, [...(missing.get(node.op) ?? []), node]);
  }
  if (missing.size === 0) return;
  const diagnostics = [...missing].map(([op, nodes]): Diagnostic => {
    const source = nodes[0]?.origins[0];
    return {
      code: 'E4100',
      severity: 'error',
      message: `no engine runs the operator ${source?.op ?? op} (${op}), used by ${namesOf(nodes)}`,
      where: {
        node: source?.node ?? op,
        ...(source?.file !== undefined && { file: source.file }),
        ...(source?.line !== undefined && { line: source.line }),
      },
      hint: '`neffc ops` lists what is supported',
    };
  });
  throw new NeffcError(diagnostics, EXIT.unsupported);
}

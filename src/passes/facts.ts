// Facts about graphs that passes need, give and keep. Each has a test that shares nothing with the passes: the runner takes
// no pass's word for a fact when it verifies.
import type { Graph, Node, Region } from '../ir/graph.js';
import { elementCount, staticShape, type TensorType } from '../ir/type.js';

export type Fact = 'lowerable';

/** What each fact says, and the first thing that contradicts it; undefined where it holds. */
export const FACTS: Readonly<
  Record<Fact, { readonly doc: string; violation(graph: Graph): string | undefined }>
> = {
  lowerable: {
    doc: 'no operator of static shape is in a form that has to be expanded first',
    violation: (graph) => find(graph.body, (node) => !isSymbolic(node) && expandable(node)),
  },
};

/** Text of the first node for which `bad` holds. */
function find(region: Region, bad: (node: Node) => boolean): string | undefined {
  for (const node of region.nodes) {
    if (bad(node))
      return `${node.op} (node ${node.id}${node.origins[0] ? ` from '${node.origins[0].node}'` : ''})`;
    for (const inner of node.regions) {
      const found = find(inner, bad);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function isSymbolic(node: Node): boolean {
  return [...node.inputs, ...node.outputs].some((v) => staticShape(v.type) === undefined);
}

const WINDOWED = new Set(['conv', 'conv_transpose', 'max_pool', 'avg_pool']);
const REDUCED = new Set(['reduce_sum', 'reduce_mean', 'reduce_max', 'reduce_min', 'reduce_prod']);

/** Forms that the expand passes take apart. Shapes are static. */
function expandable(node: Node): boolean {
  const count = (t: TensorType | undefined): number =>
    t === undefined ? 1 : elementCount(t.shape as readonly number[]);
  const [x, w] = node.inputs;
  if (node.regions.length > 0) return false;
  if (node.outputs.every((v) => count(v.type) === 0)) return true;
  if (node.op === 'attention') return true;
  if (node.op === 'avg_pool' && (node.attrs.uncounted as readonly number[]).length > 0) return true;
  if (WINDOWED.has(node.op) && (x?.type.shape.length ?? 0) > 4) return true;
  if ((node.op === 'matmul' || node.op === 'conv') && (x?.type.dtype === 'u8' || w?.type.dtype === 'u8'))
    return true;
  if (node.op === 'conv' && node.attrs.groups !== 1 && w?.def.kind !== 'constant') return true;
  if (node.op === 'conv_transpose' && w?.def.kind !== 'constant') return true;
  return REDUCED.has(node.op) && count(x?.type) === 0;
}

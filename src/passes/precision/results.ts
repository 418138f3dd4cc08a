// Where casts stand. A product whose sums every user wants in the 16-bit type gives them so, moves between it and its users
// take them so, and a product whose 16-bit result is only widened gives its sums as they are: casts that cost an instruction
// become the rounding that the product does anyway.
import type { Graph, Node, Region, Value } from '../../ir/graph.js';
import { type Rewriter, rewriteGraph } from '../../ops/rewrite.js';
import type { Pass, PassContext } from '../pass.js';
import { isNarrow, narrowed, widened } from './narrow.js';

const PRODUCTS = new Set(['matmul', 'conv', 'conv_transpose']);
/** Operators that give the same before rounding as after it: they move elements, or choose the greatest or least. */
const COMMUTING = new Set([
  'reshape',
  'transpose',
  'broadcast',
  'slice',
  'concat',
  'pad',
  'gather',
  'relu',
  'max',
  'min',
  'max_pool',
  'reduce_max',
  'reduce_min',
]);

/** Values in single precision that reach only casts to the narrow type, through such operators at most. */
function wantedNarrow(region: Region, narrow: PassContext['narrow'], found = new Set<Value>()): Set<Value> {
  const wide = new Set<Value>(region.results);
  const used = new Set<Value>();
  for (const node of region.nodes.toReversed()) {
    const out = node.outputs[0] as Value;
    const takesNarrow =
      (node.op === 'cast' && node.attrs.to === narrow) ||
      (COMMUTING.has(node.op) && used.has(out) && !wide.has(out));
    for (const v of node.inputs) {
      used.add(v);
      if (!takesNarrow) wide.add(v);
    }
    for (const inner of node.regions) wantedNarrow(inner, narrow, found);
  }
  for (const v of used) if (!wide.has(v) && v.type.dtype === 'f32') found.add(v);
  return found;
}

/** Whether operands are in the narrow type and the attribute says so of the result. */
function givesOut(node: Node, out: string, { narrow }: PassContext): boolean {
  return PRODUCTS.has(node.op) && node.attrs.out === out && node.inputs[0]?.type.dtype === narrow;
}

function narrowResult(node: Node, rw: Rewriter, context: PassContext): readonly Value[] | undefined {
  const { narrow } = context;
  const b = rw.builder;
  if (givesOut(node, 'f32', context)) {
    const residual = node.attrs.residual === true;
    const inputs = node.inputs.map((v, i) =>
      residual && i === node.inputs.length - 1 ? narrowed(b, v, narrow) : v,
    );
    return [widened(b, b.one(node.op, inputs, { ...node.attrs, out: '' }))];
  }
  if (!COMMUTING.has(node.op) || !node.inputs.some((v) => isNarrow(v, narrow))) return undefined;
  return [
    widened(
      b,
      b.one(
        node.op,
        node.inputs.map((v) => narrowed(b, v, narrow)),
        node.attrs,
      ),
    ),
  ];
}

/** cast(product) to single precision: the sums themselves. */
function wideResult(node: Node, rw: Rewriter, context: PassContext): readonly Value[] | undefined {
  const [x] = node.inputs as readonly [Value];
  const product = rw.uses(x) === 1 ? rw.producer(x) : undefined;
  if (product === undefined || !givesOut(product, '', context) || product.attrs.residual === true)
    return undefined;
  const [a, w, ...bias] = product.inputs as readonly [Value, Value, ...Value[]];
  const wideBias = bias.map((v) => widened(rw.builder, v));
  return rw.builder.node(product.op, [a, w, ...wideBias], { ...product.attrs, out: 'f32' });
}

export const CAST_RESULTS: Pass = {
  name: 'cast-results',
  theme: 'precision',
  level: 1,
  doc: 'Casts behind products, and behind moves and maxima of them, become the rounding of the product.',
  run(graph: Graph, context) {
    if (context.autoCast === 'none') return graph;
    const wanted = wantedNarrow(graph.body, context.narrow);
    return rewriteGraph(graph, (node, rw, old) => {
      const out = old.outputs[0];
      const result =
        node.op === 'cast' && node.attrs.to === 'f32'
          ? wideResult(node, rw, context)
          : out !== undefined && wanted.has(out)
            ? narrowResult(node, rw, context)
            : undefined;
      return result !== undefined && context.rewrite() ? result : undefined;
    });
  },
};

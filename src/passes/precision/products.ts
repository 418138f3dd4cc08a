// --auto-cast matmult: the source's matrix products and convolutions take their operands in the 16-bit type and give their sums
// in single precision. Products that the compiler makes of other operators (resizing, filters of local response norms, Fourier
// transforms) stay, as does everything else.
import type { Node, Value } from '../../ir/graph.js';
import { type Rewriter, rewriteGraph } from '../../ops/rewrite.js';
import type { Pass, PassContext } from '../pass.js';
import { narrowed } from './narrow.js';

/** Operators of the core set that multiply. */
const PRODUCTS = new Set(['matmul', 'conv', 'conv_transpose']);

/** Source operators that are no products of the model, though products stand for them. */
const NOT_PRODUCTS = new Set([
  'Resize',
  'Upsample',
  'LRN',
  'DFT',
  'STFT',
  'MelWeightMatrix',
  'AffineGrid',
  'GridSample',
  'CumSum',
]);
const NOT_PRODUCTS_PREFIX = 'aten::upsample';

export function isSourceProduct(node: Node): boolean {
  if (!PRODUCTS.has(node.op)) return false;
  const names = node.origins.flatMap((origin) => (origin.op === undefined ? [] : [origin.op]));
  return (
    names.length === 0 ||
    names.some((name) => !NOT_PRODUCTS.has(name) && !name.startsWith(NOT_PRODUCTS_PREFIX))
  );
}

function castOperands(node: Node, rw: Rewriter, { narrow }: PassContext): readonly Value[] | undefined {
  const [x, w, ...rest] = node.inputs as readonly [Value, Value, ...Value[]];
  if (!isSourceProduct(node) || x.type.dtype !== 'f32' || w.type.dtype !== 'f32') return undefined;
  const [a, b] = [x, w].map((v) => narrowed(rw.builder, v, narrow)) as [Value, Value];
  return rw.builder.node(node.op, [a, b, ...rest], { ...node.attrs, out: 'f32' });
}

export const CAST_PRODUCTS: Pass = {
  name: 'cast-products',
  theme: 'precision',
  level: 0,
  needs: ['lowerable'],
  doc: '--auto-cast matmult: operands of products and convolutions become 16-bit, their results stay in single precision.',
  run: (graph, context) =>
    context.autoCast === 'matmult'
      ? rewriteGraph(graph, (node, rw) => castOperands(node, rw, context))
      : graph,
};

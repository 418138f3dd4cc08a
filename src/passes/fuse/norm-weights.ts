// Scale and bias of a layer norm go into the weights of the products behind it, where all its users are products by constants:
// (n s + b) W is n (s W) + b W.
import { constantOf, type Graph, type Node, type Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import { rewriteGraph } from '../../ops/rewrite.js';
import { dimsOf, knownConstant } from '../match.js';
import type { Pass } from '../pass.js';

/** Scale and bias per row of the weights. */
interface Affine {
  readonly scale: Value | undefined;
  readonly bias: Value | undefined;
}

/** A product by a constant matrix in single precision, whose left operand is `x`. */
function takesAffine(node: Node, x: Value): boolean {
  const [a, w, bias] = node.inputs;
  if (node.op !== 'matmul' || a !== x || w === undefined || w === x || w.type.dtype !== 'f32') return false;
  return (
    knownConstant(w) !== undefined &&
    dimsOf(w)?.length === 2 &&
    (bias === undefined || knownConstant(bias) !== undefined)
  );
}

/** Norms with constant scale and bias over the last axis, whose users all take them. */
function candidates(graph: Graph): Set<Node> {
  const users = new Map<Value, Node[]>();
  for (const node of graph.body.nodes) {
    for (const v of node.inputs) {
      const list = users.get(v);
      if (list === undefined) users.set(v, [node]);
      else list.push(node);
    }
  }
  const results = new Set(graph.body.results);
  return new Set(
    graph.body.nodes.filter((node) => {
      const out = node.outputs[0];
      const norm = node.op === 'layer_norm' || node.op === 'rms_norm';
      if (!norm || out === undefined || node.inputs.length < 2 || results.has(out)) return false;
      const last = Number(node.attrs.axis) === out.type.shape.length - 1;
      const constant = node.inputs
        .slice(1)
        .every((v) => constantOf(v) !== undefined && knownConstant(v) !== undefined);
      return last && constant && (users.get(out) ?? []).every((user) => takesAffine(user, out));
    }),
  );
}

function withAffine(b: GraphBuilder, node: Node, { scale, bias }: Affine): readonly Value[] {
  const [x, w, own] = node.inputs as readonly [Value, Value, Value?];
  const [k = 1, n = 1] = dimsOf(w) ?? [];
  const column = scale && b.one('reshape', [scale], { shape: [k, 1] });
  const weights = column === undefined ? w : b.one('mul', [w, column]);
  const row =
    bias &&
    b.one('reshape', [b.one('matmul', [b.one('reshape', [bias], { shape: [1, k] }), w])], { shape: [n] });
  const sum = row !== undefined && own !== undefined ? b.one('add', [row, own]) : (row ?? own);
  return b.node('matmul', [x, weights, ...(sum ? [sum] : [])], { ...node.attrs, bias: sum !== undefined });
}

export const FUSE_NORM_WEIGHTS: Pass = {
  name: 'fuse-norm-weights',
  theme: 'fuse',
  level: 2,
  doc: 'Scale and bias of norms go into the weights of the products behind them, where every user is such a product.',
  run(graph, context) {
    const norms = candidates(graph);
    const affines = new Map<Value, Affine>();
    return rewriteGraph(graph, (node, rw, old) => {
      const affine = affines.get(node.inputs[0] as Value);
      if (affine !== undefined) return withAffine(rw.builder, node, affine);
      if (!norms.has(old) || !context.rewrite()) return undefined;
      const { axis = 0, epsilon = 0, scale, bias } = node.attrs;
      const plain = rw.builder.one(node.op, [node.inputs[0] as Value], { axis, epsilon });
      affines.set(plain, {
        scale: scale === true ? node.inputs[1] : undefined,
        bias: bias === true ? node.inputs.at(-1) : undefined,
      });
      return [plain];
    });
  },
};

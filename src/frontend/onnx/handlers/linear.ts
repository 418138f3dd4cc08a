// Matrix products of ai.onnx: MatMul, Gemm, Einsum and products of integers (see also quantised.ts).
import type { Value } from '../../../ir/graph.js';
import { constantOf } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import { einsum } from './einsum.js';

/** numpy's product: a vector on the left is a row, one on the right a column, and its axis goes away. */
export function matmulOf(c: NodeContext, a: Value, b: Value): Value {
  const [rankA, rankB] = [c.rank(a), c.rank(b)];
  if (rankA === 0 || rankB === 0) throw c.bad('an operand is a scalar');
  const left = rankA === 1 ? c.unsqueeze(a, [0]) : a;
  const right = rankB === 1 ? c.unsqueeze(b, [1]) : b;
  const product = c.matmul(left, right);
  const last = c.rank(product) - 1;
  const gone = [...(rankA === 1 ? [last - 1] : []), ...(rankB === 1 ? [last] : [])];
  return gone.length === 0 ? product : c.squeeze(product, gone);
}

const matmul: Handler = (c) => matmulOf(c, c.input(0), c.input(1));

/** alpha * a' b' + beta * c */
const gemm: Handler = (c) => {
  const transposed = (name: string, x: Value) => (c.attributes.flag(name) ? c.transpose(x, [1, 0]) : x);
  const a = transposed('transA', c.input(0));
  const b = transposed('transB', c.input(1));
  const scaled = (x: Value, by: number) => (by === 1 ? x : c.mul(x, c.like(x, by)));
  const alpha = c.attributes.float('alpha', 1);
  const beta = c.attributes.float('beta', 1);
  // The factor goes where it is multiplied at import.
  const onB = alpha !== 1 && constantOf(b) !== undefined;
  const product = c.matmul(a, onB ? scaled(b, alpha) : b);
  const left = onB ? product : scaled(product, alpha);
  const bias = c.optional(2);
  return bias === undefined || beta === 0 ? left : c.add(left, scaled(bias, beta));
};

export const LINEAR: HandlerTable = {
  Einsum: (c) => einsum(c, c.attributes.string('equation'), c.inputs()),
  Gemm: gemm,
  MatMul: matmul,
};

// What pays only where a graph computes one row: the residual joins the bias so that one eviction adds both, and a table whose
// rows are steps (a causal mask) becomes a comparison with the position.

import { fromNumbers } from '../../base/tensor.js';
import { bytesConstant, type Constant } from '../../ir/constant.js';
import { constantOf, type Graph, type Node, type Value } from '../../ir/graph.js';
import { elementCount, staticShape } from '../../ir/type.js';
import { constantNumbers } from '../../ops/evaluate.js';
import { type Rewriter, rewriteGraph } from '../../ops/rewrite.js';

export function rewriteRows(graph: Graph): Graph {
  return rewriteGraph(graph, (node, rw) => RULES[node.op]?.(node, rw));
}

const RULES: Readonly<Record<string, (node: Node, rw: Rewriter) => readonly Value[] | undefined>> = {
  add: residualAsBias,
  gather: stepTable,
};

/** x W + b + r with one row = x W + (b + r): the sum in brackets is ready before the product. */
function residualAsBias(node: Node, rw: Rewriter): readonly Value[] | undefined {
  for (const [a, r] of [
    [node.inputs[0], node.inputs[1]],
    [node.inputs[1], node.inputs[0]],
  ] as const) {
    if (a === undefined || r === undefined) continue;
    const product = rw.soleProducer(a, 'matmul');
    const shape = staticShape(a.type);
    if (
      product === undefined ||
      shape === undefined ||
      product.attrs.act !== '' ||
      constantOf(r) !== undefined
    )
      continue;
    const n = shape.at(-1) ?? 1;
    if (elementCount(shape) !== n || constantOf(product.inputs[1] as Value) === undefined) continue;
    const own = staticShape(r.type);
    if (own === undefined || elementCount(own) !== n || own.at(-1) !== n || r.type.dtype !== a.type.dtype)
      continue;
    // The residual must not wait for this product itself.
    if (dependsOn(rw, r, product)) continue;
    const { builder } = rw;
    const row = builder.one('reshape', [r], { shape: [n] });
    // A bias may be wider than the product.
    const constantBias = product.attrs.bias === true ? (product.inputs[2] as Value) : undefined;
    const bias =
      constantBias === undefined
        ? row
        : builder.one('add', [
            builder.one('cast', [row], { to: constantBias.type.dtype, saturate: true }),
            constantBias,
          ]);
    const made = builder.one('matmul', [product.inputs[0] as Value, product.inputs[1] as Value, bias], {
      ...product.attrs,
      bias: true,
    });
    const out = staticShape(node.outputs[0]?.type ?? a.type) ?? shape;
    return [out.length === shape.length ? made : builder.one('reshape', [made], { shape: out })];
  }
  return undefined;
}

/** Whether a value is computed from a node, looked for a few steps back; beyond that it counts as if it were. */
function dependsOn(rw: Rewriter, value: Value, node: Node, depth = 6): boolean {
  const from = rw.producer(value);
  if (from === undefined) return false;
  if (from === node) return true;
  return depth > 0 && from.op !== 'add' && from.inputs.some((v) => dependsOn(rw, v, node, depth - 1));
}

/** gather(table [R, C], position) whose row i is `a` up to column i and `b` behind: where(column <= position, a, b). */
function stepTable(node: Node, rw: Rewriter): readonly Value[] | undefined {
  const [table, position] = node.inputs as [Value, Value];
  const constant = constantOf(table);
  const shape = staticShape(table.type);
  if (
    constant === undefined ||
    shape?.length !== 2 ||
    node.attrs.axis !== 0 ||
    position.type.shape.length !== 1 ||
    position.type.shape[0] !== 1
  )
    return undefined;
  if (rw.producer(position) !== undefined) return undefined;
  const steps = stepsOf(constant);
  if (steps === undefined) return undefined;
  const { builder } = rw;
  const [, columns = 1] = shape;
  const iota = builder.constant(
    bytesConstant(
      'i64',
      [1, columns],
      fromNumbers(
        'i64',
        [1, columns],
        Array.from({ length: columns }, (_, i) => i),
      ).data,
    ),
  );
  const seen = builder.one('le', [iota, position]);
  return [
    builder.one('where', [
      seen,
      builder.scalar(table.type.dtype, steps.upTo),
      builder.scalar(table.type.dtype, steps.behind),
    ]),
  ];
}

function stepsOf(constant: Constant): { upTo: number; behind: number } | undefined {
  const [rows = 1, columns = 1] = constant.shape;
  if (rows < 2 || columns < rows || rows * columns > 1 << 22) return undefined;
  const numbers = constantNumbers(constant);
  const upTo = numbers[0] as number;
  const behind = numbers[1] as number;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++)
      if (!Object.is(numbers[i * columns + j], j <= i ? upTo : behind)) return undefined;
  }
  return { upTo, behind };
}

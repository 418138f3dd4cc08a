// Attention as exporters write it: softmax(scale * q kT + mask) times v. Shared by the passes that look for it.
import { constantOf, type Node, type Value } from '../ir/graph.js';
import { constantNumbers } from '../ops/evaluate.js';
import type { Rewriter } from '../ops/rewrite.js';

/** The node behind casts that makes a value, where it is of this operator. */
export function through(rw: Rewriter, value: Value, op: string): Node | undefined {
  const node = rw.producer(value);
  if (node?.op === 'cast') return through(rw, node.inputs[0] as Value, op);
  return node?.op === op ? node : undefined;
}

export interface Scores {
  readonly product: Node;
  readonly scale: number;
  /** Additive. */
  readonly mask?: Value;
}

export function scoresOf(rw: Rewriter, value: Value, fits: (mask: Value) => boolean): Scores | undefined {
  const node = rw.producer(value);
  if (node === undefined) return undefined;
  if (node.op === 'cast') return scoresOf(rw, node.inputs[0] as Value, fits);
  if (node.op === 'matmul')
    return node.attrs.bias === true || node.attrs.act !== '' ? undefined : { product: node, scale: 1 };
  const [a, b] = node.inputs as [Value, Value, Value?];
  const factor =
    node.op === 'mul' ? number(b) : node.op === 'div' ? 1 / (number(b) ?? Number.NaN) : undefined;
  if (factor !== undefined && Number.isFinite(factor)) {
    const inner = scoresOf(rw, a, fits);
    // A mask inside would be scaled too.
    return inner?.mask === undefined && inner !== undefined
      ? { ...inner, scale: inner.scale * factor }
      : undefined;
  }
  if (node.op === 'add') {
    for (const [scores, mask] of [
      [a, b],
      [b, a],
    ] as const) {
      const inner = scoresOf(rw, scores, fits);
      if (inner !== undefined && inner.mask === undefined && fits(mask)) return { ...inner, mask };
    }
  }
  if (node.op === 'where') return maskedBy(rw, node, fits);
  return undefined;
}

/** where(keep, scores, low): a low of -1e4 and below leaves nothing of a score, so adding it does the same. */
function maskedBy(rw: Rewriter, node: Node, fits: (mask: Value) => boolean): Scores | undefined {
  const [condition, yes, no] = node.inputs as [Value, Value, Value];
  const low = number(no);
  const inner = low !== undefined && low <= -1e4 ? scoresOf(rw, yes, fits) : undefined;
  if (inner === undefined || inner.mask !== undefined || !fits(condition)) return undefined;
  const { builder } = rw;
  const dtype = yes.type.dtype;
  const mask = builder.one('where', [
    condition,
    builder.scalar(dtype, 0),
    builder.scalar(dtype, low as number),
  ]);
  return { ...inner, mask };
}

function number(v: Value): number | undefined {
  const constant = constantOf(v);
  if (constant === undefined || constant.shape.some((n) => n !== 1)) return undefined;
  return constantNumbers(constant)[0];
}

// Slices of slices and of concatenations: rules that more than one theme uses.
import type { Node, Value } from '../ir/graph.js';
import type { Rewriter } from '../ops/rewrite.js';
import { dimsOf, madeBy } from './match.js';

/** A rule (rules.ts) that needs no context. */
type SliceRule = (node: Node, rw: Rewriter) => Value | undefined;

const ints = (node: Node, name: string): readonly number[] => node.attrs[name] as readonly number[];
const first = (node: Node): Value => node.inputs[0] as Value;

export interface Slice {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
}

export const sliceOf = (node: Node): Slice => ({
  starts: ints(node, 'starts'),
  sizes: ints(node, 'sizes'),
  steps: ints(node, 'steps'),
});

export function slice(rw: Rewriter, x: Value, s: Slice): Value {
  return rw.builder.one('slice', [x], { ...s });
}

/** A slice of a slice is one. */
export const sliceOfSlice: SliceRule = (node, rw) => {
  const inner = madeBy(first(node), 'slice');
  if (inner === undefined || dimsOf(node.outputs[0]) === undefined || dimsOf(first(inner)) === undefined)
    return undefined;
  const [a, b] = [sliceOf(inner), sliceOf(node)];
  return slice(rw, first(inner), {
    starts: a.starts.map((start, i) => start + (b.starts[i] ?? 0) * (a.steps[i] ?? 1)),
    sizes: b.sizes,
    steps: a.steps.map((step, i) => step * (b.steps[i] ?? 1)),
  });
};

/** A slice of a concatenation takes the parts it reaches. */
export const sliceOfConcat: SliceRule = (node, rw) => {
  const inner = madeBy(first(node), 'concat');
  if (inner === undefined || dimsOf(first(node)) === undefined) return undefined;
  const axis = Number(inner.attrs.axis);
  const { starts, sizes, steps } = sliceOf(node);
  const [from, size] = [starts[axis] ?? 0, sizes[axis] ?? 0];
  if (steps[axis] !== 1 || size === 0) return undefined;
  const parts: Value[] = [];
  let at = 0;
  for (const v of inner.inputs) {
    const length = dimsOf(v)?.[axis] ?? 0;
    const start = Math.max(from, at);
    const end = Math.min(from + size, at + length);
    if (end > start)
      parts.push(
        slice(rw, v, { starts: starts.with(axis, start - at), sizes: sizes.with(axis, end - start), steps }),
      );
    at += length;
  }
  return parts.length < inner.inputs.length ? rw.builder.one('concat', parts, { axis }) : undefined;
};

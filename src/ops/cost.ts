// Work of a use of an operator in multiplications and additions, and bytes that cross memory once. Symbolic dims count as
// one: costs are asked for when shapes are static.
import { elementBytes } from '../base/dtype.js';
import type { TensorType } from '../ir/type.js';
import type { OpCost, OpDecl } from './declare.js';

export function countElements(t: TensorType): number {
  return t.shape.reduce<number>((n, d) => n * (typeof d === 'number' ? d : 1), 1);
}

export function typeBytes(t: TensorType): number {
  return countElements(t) * elementBytes(t.dtype);
}

/** Bytes of all operands and results, and this much work. */
export function costOf(inputs: readonly TensorType[], outputs: readonly TensorType[], flops: number): OpCost {
  return { flops, bytes: [...inputs, ...outputs].reduce((n, t) => n + typeBytes(t), 0) };
}

/** Cost function of operators that do `flops` per element of the result. */
export function perResult(flops: number): NonNullable<OpDecl['cost']> {
  return (inputs, outputs) =>
    costOf(inputs, outputs, flops * outputs.reduce((n, t) => n + countElements(t), 0));
}

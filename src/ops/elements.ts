// Elements of host tensors as arrays of numbers, for evaluators: floats of fewer than 32 bits decoded to fp32 (exact),
// everything else as the typed array it is. 64-bit integers stay BigInt arrays. Loops here are over whole arrays.
import { DTYPES, type DType, isFloat } from '../base/dtype.js';
import { decodeSmallFloats, encodeSmallFloats, isSmallFloat } from '../base/float-formats.js';
import {
  type ElementArray,
  elementCount,
  type HostTensor,
  type NumberArray,
  typedView,
  zeros,
} from '../base/tensor.js';

export type BigArray = BigInt64Array | BigUint64Array;

export function isBig(t: DType): boolean {
  return t === 'i64' || t === 'u64';
}

/** Elements as computed with: small floats decoded, all else a view. Not to be written to; not for complex and strings. */
export function loadElements(t: HostTensor): ElementArray {
  const view = typedView(t);
  if (!isSmallFloat(t.dtype)) return view;
  const values = new Float32Array(view.length);
  decodeSmallFloats(t.dtype, view as Uint8Array | Uint16Array, values);
  return values;
}

/** loadElements with 64-bit integers as doubles: beyond 2^53 they lose their last bits. */
export function loadNumbers(t: HostTensor): NumberArray {
  const elements = loadElements(t);
  if (!(elements instanceof BigInt64Array || elements instanceof BigUint64Array)) return elements;
  const numbers = new Float64Array(elements.length);
  for (let i = 0; i < numbers.length; i++) numbers[i] = Number(elements[i]);
  return numbers;
}

/** An array to compute results of this type in: fp32 for small floats, else the array of a new tensor. */
export function resultArray(dtype: DType, count: number): ElementArray {
  return isSmallFloat(dtype) ? new Float32Array(count) : typedView(zeros(dtype, [count]));
}

/** The tensor of results computed in `values` (from resultArray): small floats rounded, narrow integers wrapped. */
export function storeElements(dtype: DType, shape: readonly number[], values: ElementArray): HostTensor {
  if (isSmallFloat(dtype)) {
    const t = zeros(dtype, shape);
    encodeSmallFloats(dtype, values as Float32Array, typedView(t) as Uint8Array | Uint16Array);
    return t;
  }
  const { bits, kind } = DTYPES[dtype];
  if (bits < 8) wrapNarrow(values as Int8Array | Uint8Array, bits, kind === 'int');
  return { dtype, shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

function wrapNarrow(values: Int8Array | Uint8Array, bits: number, signed: boolean): void {
  const spare = 32 - bits;
  for (let i = 0; i < values.length; i++) {
    const raised = values[i]! << spare;
    values[i] = signed ? raised >> spare : raised >>> spare;
  }
}

/** Least and greatest value of an integer type. */
export function integerRange(dtype: DType): { readonly low: bigint; readonly high: bigint } {
  const { bits, kind } = DTYPES[dtype];
  if (kind === 'bool') return { low: 0n, high: 1n };
  const size = 1n << BigInt(bits);
  return kind === 'int' ? { low: -size / 2n, high: size / 2n - 1n } : { low: 0n, high: size - 1n };
}

/** A splat's or scalar's bytes: one element of the type, rounded as elementWriter does. */
export function elementBytesOf(dtype: DType, value: number | bigint): Uint8Array {
  const t = zeros(dtype, [1]);
  const view = typedView(t);
  if (isSmallFloat(dtype)) {
    encodeSmallFloats(dtype, Float64Array.of(Number(value)), view as Uint8Array | Uint16Array);
  } else if (view instanceof BigInt64Array || view instanceof BigUint64Array) {
    view[0] = typeof value === 'bigint' ? value : BigInt(Number.isFinite(value) ? Math.trunc(value) : 0);
  } else if (dtype === 'bool') {
    view[0] = Number(value) !== 0 ? 1 : 0;
  } else {
    view[0] = isFloat(dtype) || typeof value === 'number' ? Number(value) : Number(BigInt.asIntN(32, value));
    const { bits, kind } = DTYPES[dtype];
    if (bits < 8) wrapNarrow(view as Int8Array | Uint8Array, bits, kind === 'int');
  }
  return t.data;
}

/** Elements of a static shape times their bytes. */
export function tensorBytes(dtype: DType, shape: readonly number[]): number {
  return elementCount(shape) * Math.max(1, DTYPES[dtype].bits >> 3);
}

// Elements of a tensor as doubles and back, for evaluators that compute in double and round once at the end: floats of 16
// bits and fewer through fp32, as the chip's accumulators do; integers modulo their width. Exact for f64 and all types of
// up to 32 bits; 64-bit integers do not come here.
import type { DType } from '../base/dtype.js';
import type { HostTensor } from '../base/tensor.js';
import { loadNumbers, resultArray, storeElements } from './elements.js';

/** A fresh array of the values. */
export function toDoubles(t: HostTensor): Float64Array {
  return new Float64Array(loadNumbers(t));
}

export function fromDoubles(dtype: DType, shape: readonly number[], values: Float64Array): HostTensor {
  const elements = resultArray(dtype, values.length);
  if (!(elements instanceof BigInt64Array || elements instanceof BigUint64Array)) elements.set(values);
  return storeElements(dtype, shape, elements);
}

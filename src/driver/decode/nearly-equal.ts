// Whether two tensors are the same arithmetic in another order: what checks on random values accept.
import { type HostTensor, toNumbers } from '../../base/tensor.js';

/** Largest difference, relative to the largest value, that counts as the same arithmetic in another order. */
const SAME = 1e-4;

export function nearlyEqual(x: HostTensor, y: HostTensor): boolean {
  if (x.data.length !== y.data.length) return false;
  const [a, b] = [toNumbers(x), toNumbers(y)];
  const scale = a.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);
  return a.every((value, k) => Math.abs(value - (b[k] ?? 0)) <= SAME * scale);
}

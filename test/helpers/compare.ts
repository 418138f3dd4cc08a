// Whether two runs of a graph agree.
import { isFloat } from '../../src/base/dtype.js';
import { equalTensors, type HostTensor, toNumbers } from '../../src/base/tensor.js';

/** The worst difference of floats, relative to the largest magnitude; Infinity where types, integers or NaNs differ. */
export function difference(a: readonly HostTensor[], b: readonly HostTensor[]): number {
  if (a.length !== b.length) return Infinity;
  return a.reduce((worst, t, i) => Math.max(worst, tensorDifference(t, b[i] as HostTensor)), 0);
}

function tensorDifference(a: HostTensor, b: HostTensor): number {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return Infinity;
  if (!isFloat(a.dtype)) return equalTensors(a, b) ? 0 : Infinity;
  const [x, y] = [toNumbers(a), toNumbers(b)];
  const scale = x.reduce((most, v) => Math.max(most, Number.isFinite(v) ? Math.abs(v) : 0), 1e-3);
  let worst = 0;
  for (const [i, v] of x.entries()) {
    const w = y[i] as number;
    if (Object.is(v, w) || v === w) continue;
    const apart = Math.abs(v - w) / scale;
    worst = Math.max(worst, Number.isNaN(apart) ? Infinity : apart);
  }
  return worst;
}

/** Whether every float is finite and of ordinary size: beyond, rounding says nothing. */
export function isTame(t: HostTensor): boolean {
  return !isFloat(t.dtype) || toNumbers(t).every((v) => Math.abs(v) < 1e5);
}

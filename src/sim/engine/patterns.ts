// Whether operands meet, from coarse to exact: most pairs are told apart by the hulls of their patterns, without making regions.
import type { Region } from '../../isa/footprint.js';
import { type Ap, CHIP_DTYPE_BYTES } from '../../isa/operands.js';
import { overlaps } from '../../isa/overlap.js';

/** Bytes from the pattern's base to its lowest byte (at most 0). */
function below({ counts, strides, dtype }: Ap): number {
  let elements = 0;
  for (let d = 0; d < 4; d++) if (strides[d]! < 0) elements += strides[d]! * (counts[d]! - 1);
  return elements * CHIP_DTYPE_BYTES[dtype];
}

/** Bytes from the pattern's base to the end of its highest element. */
function above({ counts, strides, dtype }: Ap): number {
  let elements = 1;
  for (let d = 0; d < 4; d++) if (strides[d]! > 0) elements += strides[d]! * (counts[d]! - 1);
  return elements * CHIP_DTYPE_BYTES[dtype];
}

/** Whether the hulls of two patterns share a byte: necessary for the patterns to. */
export function hullsMeet(a: Ap, b: Ap): boolean {
  if (a.space !== b.space || a.start >= b.start + b.parts || b.start >= a.start + a.parts) return false;
  return a.base + below(a) < b.base + above(b) && b.base + below(b) < a.base + above(a);
}

export function regionsMeet(some: readonly Region[], others: readonly Region[]): boolean {
  return some.some((r) => others.some((o) => overlaps(r, o)));
}

// Whether two footprints share a byte. Exact within a budget of steps: dims are peeled from the largest stride inwards, only the
// index differences whose hulls meet are followed. Over the budget: disjoint if the patterns differ modulo a common stride, else
// taken to overlap. Called up to a million times in a compile, so it allocates nothing.
import type { Region } from './footprint.js';

/** Steps of one question; enough for every pattern of tiles, interleaved halves, and windows seen in practice. */
const STEP_BUDGET = 256;
let steps = 0;

/** Whether two regions share a byte; conservative (true) only where the patterns are too irregular for the budget. */
export function overlaps(a: Region, b: Region): boolean {
  if (a.lo >= b.hi || b.lo >= a.hi || a.space !== b.space || a.variable !== b.variable) return false;
  if (!sharePartition(a, b)) return false;
  if (a.strides.length === 0 && b.strides.length === 0) return true;
  steps = STEP_BUDGET;
  if (meet(a, b, a.strides.length, b.strides.length, b.base - a.base)) return steps > 0 || !apart(a, b);
  return false;
}

function sharePartition(a: Region, b: Region): boolean {
  if (a.start >= b.start + (b.parts - 1) * b.partitionStep + 1) return false;
  if (b.start >= a.start + (a.parts - 1) * a.partitionStep + 1) return false;
  if (a.partitionStep === 1 && b.partitionStep === 1) return true;
  const [few, many] = a.parts < b.parts ? [a, b] : [b, a];
  for (let i = 0; i < few.parts; i++) {
    const offset = few.start + i * few.partitionStep - many.start;
    if (offset >= 0 && offset % many.partitionStep === 0 && offset / many.partitionStep < many.parts)
      return true;
  }
  return false;
}

/** Bytes from first to last of a region's innermost `dims` dims. */
function extent(r: Region, dims: number): number {
  let bytes = r.run;
  for (let d = 0; d < dims; d++) bytes += r.strides[d]! * (r.counts[d]! - 1);
  return bytes;
}

/** Whether the innermost da dims of a at 0 and the innermost db dims of b at `shift` share a byte; true when steps run out. */
function meet(a: Region, b: Region, da: number, db: number, shift: number): boolean {
  if (--steps <= 0) return true;
  const wideA = extent(a, da);
  const wideB = extent(b, db);
  if (shift >= wideA || shift + wideB <= 0) return false;
  if (da === 0 && db === 0) return true;
  const strideA = da > 0 ? a.strides[da - 1]! : 0;
  const strideB = db > 0 ? b.strides[db - 1]! : 0;
  const stride = Math.max(strideA, strideB);
  const inA = strideA === stride ? 1 : 0;
  const inB = strideB === stride ? 1 : 0;
  const moreA = inA ? a.counts[da - 1]! - 1 : 0;
  const moreB = inB ? b.counts[db - 1]! - 1 : 0;
  const innerA = wideA - stride * moreA;
  const innerB = wideB - stride * moreB;
  // k = index in b minus index in a, over those of the two that have a dim of this stride.
  const least = Math.max(-moreA, Math.floor((-shift - innerB) / stride) + 1);
  const most = Math.min(moreB, Math.ceil((innerA - shift) / stride) - 1);
  for (let k = least; k <= most; k++) {
    if (meet(a, b, da - inA, db - inB, shift + k * stride)) return true;
  }
  return false;
}

function gcd(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** Disjoint because all positions of one differ from those of the other modulo the greatest common stride. */
function apart(a: Region, b: Region): boolean {
  let modulus = 0;
  for (const stride of a.strides) modulus = gcd(modulus, stride);
  for (const stride of b.strides) modulus = gcd(modulus, stride);
  if (a.run + b.run > modulus) return false;
  const shift = (((b.base - a.base) % modulus) + modulus) % modulus;
  return shift >= a.run && shift + b.run <= modulus;
}

/** Whether any read or write of one meets a write of the other: their order matters. */
export function conflicts(
  a: { readonly reads: readonly Region[]; readonly writes: readonly Region[] },
  b: { readonly reads: readonly Region[]; readonly writes: readonly Region[] },
): boolean {
  return (
    a.writes.some((w) => b.writes.some((x) => overlaps(w, x)) || b.reads.some((x) => overlaps(w, x))) ||
    b.writes.some((w) => a.reads.some((x) => overlaps(w, x)))
  );
}

// The one matrix product under matmul, convolutions and attention: rows of `a` times rows of `b`, both contiguous along the
// contraction, in doubles. Every sum runs over the contraction in ascending order from 0, whatever the blocking, so that
// the bits of an element do not depend on its neighbours. Knows no tensors and no types.

/** Doubles of one panel of `b` that callers should pack at a time: a quarter of a megabyte stays in second-level caches. */
const PANEL = 32768;

/** How many rows of `b` of this depth make a panel. */
export function panelRows(depth: number, rows: number): number {
  return Math.min(rows, Math.max(12, Math.floor(PANEL / Math.max(1, depth))));
}

export interface Product {
  readonly a: Float64Array;
  /** First element of `a`, and its rows. */
  readonly aAt: number;
  readonly aRows: number;
  readonly b: Float64Array;
  readonly bRows: number;
  /** Length of the rows of both. */
  readonly depth: number;
  readonly out: Float64Array;
  /** Element (i, j) goes to out[outAt + i * pitch + j]. */
  readonly outAt: number;
  readonly pitch: number;
}

/** out = a x transposed b. Blocks of 3 x 3 keep nine sums in registers; the last block of a side overlaps its neighbour. */
export function multiply(p: Product): void {
  const { aRows, bRows } = p;
  if (aRows < 3 || bRows < 3) {
    multiplyPlainly(p);
    return;
  }
  for (let i = 0; i < aRows; i += 3) {
    const row = Math.min(i, aRows - 3);
    for (let j = 0; j < bRows; j += 3) block(p, row, Math.min(j, bRows - 3));
  }
}

function block(p: Product, i: number, j: number): void {
  const { a, b, depth, out, pitch } = p;
  const a0 = p.aAt + i * depth;
  const a1 = a0 + depth;
  const a2 = a1 + depth;
  const b0 = j * depth;
  const b1 = b0 + depth;
  const b2 = b1 + depth;
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s20 = 0;
  let s21 = 0;
  let s22 = 0;
  for (let k = 0; k < depth; k++) {
    const x = b[b0 + k]!;
    const y = b[b1 + k]!;
    const z = b[b2 + k]!;
    const u = a[a0 + k]!;
    s00 += u * x;
    s01 += u * y;
    s02 += u * z;
    const v = a[a1 + k]!;
    s10 += v * x;
    s11 += v * y;
    s12 += v * z;
    const w = a[a2 + k]!;
    s20 += w * x;
    s21 += w * y;
    s22 += w * z;
  }
  let o = p.outAt + i * pitch + j;
  out[o] = s00;
  out[o + 1] = s01;
  out[o + 2] = s02;
  o += pitch;
  out[o] = s10;
  out[o + 1] = s11;
  out[o + 2] = s12;
  o += pitch;
  out[o] = s20;
  out[o + 1] = s21;
  out[o + 2] = s22;
}

function multiplyPlainly({ a, aAt, aRows, b, bRows, depth, out, outAt, pitch }: Product): void {
  for (let i = 0; i < aRows; i++) {
    const row = aAt + i * depth;
    for (let j = 0; j < bRows; j++) {
      const column = j * depth;
      let sum = 0;
      for (let k = 0; k < depth; k++) sum += a[row + k]! * b[column + k]!;
      out[outAt + i * pitch + j] = sum;
    }
  }
}

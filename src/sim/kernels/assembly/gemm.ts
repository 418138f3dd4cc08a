// The PE core: out[m][n] = (start ? 0 : out[m][n]) + sum over k of a[k][m] * b[k][n], over linear memory.
//
// Order is part of the machine: for each output an accumulator starts at 0 and takes k ascending, a product rounded to
// f32, then a sum rounded to f32; the accumulator is added to `out` once. Tiles only choose which outputs are computed
// side by side. With relaxed SIMD (relaxed.ts) product and sum are one instruction, fused or not as the CPU likes: call
// that build only where every product is exact in f32, so that the bits are the same (exact-products.ts decides).
//
// Arguments, all addresses in bytes:
//   a        stationary [k][m], packed; b moving [k][n], packed. k <= 128, m <= 128, n <= 512
//   out      first output; row m begins at out + m * rowStride
//   columns  0: the outputs of a row are contiguous; else the address of n 32-bit byte offsets within a row
//   start    1: overwrite, 0: accumulate
//   scratch  16-byte aligned, gemmScratchBytes() bytes, overwritten
// Nothing may overlap. A NaN is stored as the canonical one, since CPUs differ in the sign they give it.

import { canonical, canonicalLanes } from './convert';

/** Limits of one instruction: contraction length, rows (stationary), columns (moving). */
const MAX_K: usize = 128;
const MAX_M: usize = 128;
const MAX_N: usize = 512;

/** A tile is 4 rows x 8 columns: 8 accumulators, 2 vectors of b, 1 of a; the best of the shapes measured on x86-64. */
const ROWS: usize = 4;
const COLUMNS: usize = 8;

// Scratch: a in tiles [m / 4][k][4], one panel of b [k][8], one tile or one row of results.
const PANEL: usize = MAX_K * MAX_M * 4;
const RESULT: usize = PANEL + MAX_K * COLUMNS * 4;
const SCRATCH_BYTES: usize = RESULT + MAX_N * 4;

export function gemmScratchBytes(): usize {
  return SCRATCH_BYTES;
}

// @ts-ignore: decorator
@inline
function multiplyAdd(a: v128, b: v128, acc: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, acc);
  return f32x4.add(acc, f32x4.mul(a, b));
}

/** Copies rows of `width` words (from `source`, `stride` bytes apart) to rows of `padded` words, zeros behind. */
function packWords(source: usize, stride: usize, rows: usize, width: usize, padded: usize, target: usize): void {
  const end = target + rows * padded * 4;
  while (target < end) {
    let i: usize = 0;
    for (; i + 4 <= width; i += 4) v128.store(target + i * 4, v128.load(source + i * 4));
    for (; i < width; ++i) store<u32>(target + i * 4, load<u32>(source + i * 4));
    for (; i < padded; ++i) store<u32>(target + i * 4, 0);
    source += stride;
    target += padded * 4;
  }
}

// @ts-ignore: decorator
@inline
function accumulateVector<T>(target: usize, value: v128, start: bool): void {
  const sum = start ? value : v128.add<T>(v128.load(target), value);
  v128.store(target, isFloat<T>() ? canonicalLanes(sum) : sum);
}

// @ts-ignore: decorator
@inline
function accumulateWord<T>(result: usize, target: usize, start: bool): void {
  const sum = start ? load<T>(result) : <T>(load<T>(target) + load<T>(result));
  if (isFloat<T>()) store<f32>(target, canonical(<f32>sum));
  else store<T>(target, sum);
}

/** Adds `count` packed words at `result` to outputs whose byte offsets from `row` lie at `offsets`. */
function scatter<T>(result: usize, row: usize, offsets: usize, count: usize, start: bool): void {
  const end = result + count * 4;
  for (; result < end; result += 4, offsets += 4) {
    const target = row + <usize>load<u32>(offsets);
    accumulateWord<T>(result, target, start);
  }
}

/** Adds `count` packed words at `result` to outputs `stride` bytes apart. */
function spread<T>(result: usize, target: usize, stride: usize, count: usize, start: bool): void {
  const end = result + count * 4;
  for (; result < end; result += 4, target += stride) {
    accumulateWord<T>(result, target, start);
  }
}

/** Adds packed words to the outputs n0 .. n0 + count - 1 of a row. */
function flushPacked<T>(result: usize, row: usize, columns: usize, n0: usize, count: usize, start: bool): void {
  if (columns == 0) spread<T>(result, row + n0 * 4, 4, count, start);
  else scatter<T>(result, row, columns + n0 * 4, count, start);
}

/** One row of a tile's outputs, contiguous. */
// @ts-ignore: decorator
@inline
function flushRow<T>(row: usize, left: v128, right: v128, start: bool): void {
  accumulateVector<T>(row, left, start);
  accumulateVector<T>(row + 16, right, start);
}

/** One step of a tile: k for f32; for i32 a pair of k, as each 32-bit word of a and b then holds two i16. */
// @ts-ignore: decorator
@inline
function step<T>(a: v128, b: v128, acc: v128): v128 {
  if (isFloat<T>()) return multiplyAdd(a, b, acc);
  return i32x4.add(acc, i32x4.dot_i16x8_s(a, b));
}

/** One tile, written out because v128 lives in variables only. `row0` is the first output, `stride` from row to row. */
function tile<T>(a: usize, b: usize, steps: usize, row0: usize, stride: usize, start: bool): void {
  let c00 = i32x4.splat(0), c01 = i32x4.splat(0);
  let c10 = i32x4.splat(0), c11 = i32x4.splat(0);
  let c20 = i32x4.splat(0), c21 = i32x4.splat(0);
  let c30 = i32x4.splat(0), c31 = i32x4.splat(0);
  const end = a + steps * 16;
  while (a < end) {
    const left = v128.load(b), right = v128.load(b, 16);
    let word = v128.load32_splat(a);
    c00 = step<T>(word, left, c00);
    c01 = step<T>(word, right, c01);
    word = v128.load32_splat(a, 4);
    c10 = step<T>(word, left, c10);
    c11 = step<T>(word, right, c11);
    word = v128.load32_splat(a, 8);
    c20 = step<T>(word, left, c20);
    c21 = step<T>(word, right, c21);
    word = v128.load32_splat(a, 12);
    c30 = step<T>(word, left, c30);
    c31 = step<T>(word, right, c31);
    a += 16;
    b += 32;
  }
  flushRow<T>(row0, c00, c01, start);
  flushRow<T>(row0 + stride, c10, c11, start);
  flushRow<T>(row0 + stride * 2, c20, c21, start);
  flushRow<T>(row0 + stride * 3, c30, c31, start);
}

/** All tiles of one panel of b against the packed a; whole contiguous tiles go straight to `out`. */
function panel<T>(
  steps: usize, m: usize, n0: usize, n: usize,
  out: usize, rowStride: usize, columns: usize, start: bool, scratch: usize,
): void {
  const width = min(COLUMNS, n - n0);
  const result = scratch + RESULT;
  for (let m0: usize = 0; m0 < m; m0 += ROWS) {
    const rows = min(ROWS, m - m0);
    const a = scratch + m0 * steps * 4;
    const row0 = out + m0 * rowStride;
    if (columns == 0 && width == COLUMNS && rows == ROWS) {
      tile<T>(a, scratch + PANEL, steps, row0 + n0 * 4, rowStride, start);
    } else {
      tile<T>(a, scratch + PANEL, steps, result, COLUMNS * 4, true);
      for (let r: usize = 0; r < rows; ++r) {
        flushPacked<T>(result + r * COLUMNS * 4, row0 + r * rowStride, columns, n0, width, start);
      }
    }
  }
}

export function gemmF32(
  a: usize, b: usize, k: usize, m: usize, n: usize,
  out: usize, rowStride: usize, columns: usize, start: bool, scratch: usize,
): void {
  if (m < ROWS) {
    for (let i: usize = 0; i < m; ++i) {
      thinF32(a + i * 4, m * 4, b, n, k, scratch + RESULT);
      flushPacked<f32>(scratch + RESULT, out + i * rowStride, columns, 0, n, start);
    }
    return;
  }
  if (n < ROWS) {
    for (let j: usize = 0; j < n; ++j) {
      thinF32(b + j * 4, n * 4, a, m, k, scratch + RESULT);
      const column = out + (columns == 0 ? j * 4 : <usize>load<u32>(columns + j * 4));
      spread<f32>(scratch + RESULT, column, rowStride, m, start);
    }
    return;
  }
  for (let m0: usize = 0; m0 < m; m0 += ROWS) {
    packWords(a + m0 * 4, m * 4, k, min(ROWS, m - m0), ROWS, scratch + m0 * k * 4);
  }
  for (let n0: usize = 0; n0 < n; n0 += COLUMNS) {
    packWords(b + n0 * 4, n * 4, k, min(COLUMNS, n - n0), COLUMNS, scratch + PANEL);
    panel<f32>(k, m, n0, n, out, rowStride, columns, start, scratch);
  }
}

/**
 * result[i] = sum over k of scalars[k] * vectors[k][i]: few rows (or few columns, with the operands exchanged: a product
 * does not depend on their order). Reads the vectors where they lie, in strips of 32, 4 and 1.
 */
function thinF32(scalars: usize, scalarStride: usize, vectors: usize, width: usize, k: usize, result: usize): void {
  const stride = width * 4;
  let i: usize = 0;
  for (; i + 32 <= width; i += 32) {
    let c0 = i32x4.splat(0), c1 = i32x4.splat(0), c2 = i32x4.splat(0), c3 = i32x4.splat(0);
    let c4 = i32x4.splat(0), c5 = i32x4.splat(0), c6 = i32x4.splat(0), c7 = i32x4.splat(0);
    let s = scalars, v = vectors + i * 4;
    for (let step: usize = 0; step < k; ++step) {
      const word = v128.load32_splat(s);
      c0 = multiplyAdd(word, v128.load(v), c0);
      c1 = multiplyAdd(word, v128.load(v, 16), c1);
      c2 = multiplyAdd(word, v128.load(v, 32), c2);
      c3 = multiplyAdd(word, v128.load(v, 48), c3);
      c4 = multiplyAdd(word, v128.load(v, 64), c4);
      c5 = multiplyAdd(word, v128.load(v, 80), c5);
      c6 = multiplyAdd(word, v128.load(v, 96), c6);
      c7 = multiplyAdd(word, v128.load(v, 112), c7);
      s += scalarStride;
      v += stride;
    }
    const r = result + i * 4;
    v128.store(r, c0);
    v128.store(r, c1, 16);
    v128.store(r, c2, 32);
    v128.store(r, c3, 48);
    v128.store(r, c4, 64);
    v128.store(r, c5, 80);
    v128.store(r, c6, 96);
    v128.store(r, c7, 112);
  }
  for (; i + 4 <= width; i += 4) {
    let c = i32x4.splat(0);
    let s = scalars, v = vectors + i * 4;
    for (let step: usize = 0; step < k; ++step) {
      c = multiplyAdd(v128.load32_splat(s), v128.load(v), c);
      s += scalarStride;
      v += stride;
    }
    v128.store(result + i * 4, c);
  }
  for (; i < width; ++i) {
    let c: f32 = 0;
    let s = scalars, v = vectors + i * 4;
    for (let step: usize = 0; step < k; ++step) {
      c += load<f32>(s) * load<f32>(v);
      s += scalarStride;
      v += stride;
    }
    store<f32>(result + i * 4, c);
  }
}

/** i8 at `source` and `next`, widened to i16 and paired along k: one word of target [padded] holds two values of k. */
function packPair(source: usize, next: usize, odd: bool, width: usize, padded: usize, target: usize): void {
  let i: usize = 0;
  for (; i + 4 <= width; i += 4) {
    const first = i16x8.extend_low_i8x16_s(v128.load32_zero(source + i));
    const second = odd ? i32x4.splat(0) : i16x8.extend_low_i8x16_s(v128.load32_zero(next + i));
    v128.store(target + i * 4, v128.shuffle<i16>(first, second, 0, 8, 1, 9, 2, 10, 3, 11));
  }
  for (; i < width; ++i) {
    const second: i32 = odd ? 0 : load<i8>(next + i);
    store<i32>(target + i * 4, (<i32>load<i8>(source + i) & 0xffff) | (second << 16));
  }
  for (; i < padded; ++i) store<u32>(target + i * 4, 0);
}

/** Pairs of rows [k / 2][padded]; an odd last row is paired with zeros. */
function packPairs(source: usize, stride: usize, k: usize, width: usize, padded: usize, target: usize): void {
  for (let k0: usize = 0; k0 < k; k0 += 2) {
    packPair(source, source + stride, k0 + 1 == k, width, padded, target);
    source += stride * 2;
    target += padded * 4;
  }
}

/** As gemmF32 with operands of i8 and outputs of i32, exact modulo 2^32. */
export function gemmI8(
  a: usize, b: usize, k: usize, m: usize, n: usize,
  out: usize, rowStride: usize, columns: usize, start: bool, scratch: usize,
): void {
  const steps = (k + 1) / 2;
  for (let m0: usize = 0; m0 < m; m0 += ROWS) {
    packPairs(a + m0, m, k, min(ROWS, m - m0), ROWS, scratch + m0 * steps * 4);
  }
  for (let n0: usize = 0; n0 < n; n0 += COLUMNS) {
    packPairs(b + n0, n, k, min(COLUMNS, n - n0), COLUMNS, scratch + PANEL);
    panel<i32>(steps, m, n0, n, out, rowStride, columns, start, scratch);
  }
}

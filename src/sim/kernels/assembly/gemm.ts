// The PE core: out[m][n] = (start ? 0 : out[m][n]) + sum over k of a[k][m] * b[k][n], over linear memory.
//
// Order is part of the machine: for each output an accumulator starts at 0 and takes k ascending, a product rounded to
// f32, then a sum rounded to f32; the accumulator is added to `out` once. Tiles only choose which outputs are computed
// side by side. With relaxed SIMD (relaxed.ts) product and sum are one instruction, fused or not as the CPU likes: call
// that build only where every product is exact in f32, so that the bits are the same (exact-products.ts decides).
//
// Arguments, all addresses in bytes:
//   a, b     stationary and moving operand, packed (pack.ts): in tiles for gemmF32, in pairs for gemmI8, in rows for
//            thinF32. k <= 128, m <= 128, n <= 512
//   out      first output; row m begins at out + m * rowStride
//   columns  0: the outputs of a row are contiguous; else the address of n 32-bit byte offsets within a row
//   start    1: overwrite, 0: accumulate
//   scratch  16-byte aligned, gemmScratchBytes() bytes, overwritten
// Nothing may overlap. A NaN is stored as the canonical one, since CPUs differ in the sign they give it.

import { canonical, canonicalLanes } from './convert';
import { PANEL_COLUMNS, TILE_ROWS } from './pack';

/** A tile is 4 rows x 8 columns: 8 accumulators, 2 vectors of b, 1 of a; the best of the shapes measured on x86-64. */
const HALF: usize = 4;
/** Rows that pass over all panels before the next: their part of a and their lines of the outputs stay in the L1 cache. */
const BAND_ROWS: usize = 32;

/** Results of a thin product, the longest row there is; tiles take less. */
const SCRATCH_BYTES: usize = 512 * 4;

export function gemmScratchBytes(): usize {
  return SCRATCH_BYTES;
}

// @ts-ignore: decorator
@inline
function multiplyAdd(a: v128, b: v128, acc: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, acc);
  return f32x4.add(acc, f32x4.mul(a, b));
}

/** One step of a tile: k for f32; for i32 a pair of k, as each 32-bit word of a and b then holds two i16. */
// @ts-ignore: decorator
@inline
function step<T>(a: v128, b: v128, acc: v128): v128 {
  if (isFloat<T>()) return multiplyAdd(a, b, acc);
  return i32x4.add(acc, i32x4.dot_i16x8_s(a, b));
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

/** Adds `count` packed words at `result` to outputs `stride` bytes apart. */
function spread<T>(result: usize, target: usize, stride: usize, count: usize, start: bool): void {
  const end = result + count * 4;
  for (; result < end; result += 4, target += stride) {
    accumulateWord<T>(result, target, start);
  }
}

/** Byte offset of output `n` within its row. */
// @ts-ignore: decorator
@inline
function columnOffset(columns: usize, n: usize): usize {
  return columns == 0 ? n * 4 : <usize>load<u32>(columns + n * 4);
}

/** Whether the outputs n0 .. n0 + 3 of a row are contiguous. */
function isRun(columns: usize, n0: usize): bool {
  if (columns == 0) return true;
  const first = load<u32>(columns + n0 * 4);
  const rising = i32x4.add(i32x4.splat(first), i32x4(0, 4, 8, 12));
  return i32x4.all_true(i32x4.eq(v128.load(columns + n0 * 4), rising));
}

/** Adds `count` packed words at `result` to the outputs n0 .. n0 + count - 1 of a row. */
function flush<T>(result: usize, row: usize, columns: usize, n0: usize, count: usize, start: bool): void {
  let i: usize = 0;
  for (; i + 4 <= count; i += 4) {
    if (!isRun(columns, n0 + i)) break;
    accumulateVector<T>(row + columnOffset(columns, n0 + i), v128.load(result + i * 4), start);
  }
  for (; i < count; ++i) accumulateWord<T>(result + i * 4, row + columnOffset(columns, n0 + i), start);
}

/**
 * `count` tiles one below the other, written out because v128 lives in variables only. Left and right half of the first row go to
 * `left` and `right`, the rows below at `stride`.
 */
function tiles<T>(a: usize, b: usize, steps: usize, count: usize, left: usize, right: usize, stride: usize, start: bool): void {
  for (; count > 0; --count) {
    let c00 = i32x4.splat(0), c01 = i32x4.splat(0);
    let c10 = i32x4.splat(0), c11 = i32x4.splat(0);
    let c20 = i32x4.splat(0), c21 = i32x4.splat(0);
    let c30 = i32x4.splat(0), c31 = i32x4.splat(0);
    const end = a + steps * 16;
    for (let panel = b; a < end; a += 16, panel += 32) {
      const b0 = v128.load(panel), b1 = v128.load(panel, 16);
      let word = v128.load32_splat(a);
      c00 = step<T>(word, b0, c00);
      c01 = step<T>(word, b1, c01);
      word = v128.load32_splat(a, 4);
      c10 = step<T>(word, b0, c10);
      c11 = step<T>(word, b1, c11);
      word = v128.load32_splat(a, 8);
      c20 = step<T>(word, b0, c20);
      c21 = step<T>(word, b1, c21);
      word = v128.load32_splat(a, 12);
      c30 = step<T>(word, b0, c30);
      c31 = step<T>(word, b1, c31);
    }
    accumulateVector<T>(left, c00, start);
    accumulateVector<T>(right, c01, start);
    left += stride;
    right += stride;
    accumulateVector<T>(left, c10, start);
    accumulateVector<T>(right, c11, start);
    left += stride;
    right += stride;
    accumulateVector<T>(left, c20, start);
    accumulateVector<T>(right, c21, start);
    left += stride;
    right += stride;
    accumulateVector<T>(left, c30, start);
    accumulateVector<T>(right, c31, start);
    left += stride;
    right += stride;
  }
}

/** The left half of a tile alone, to packed rows of a whole one. */
function halfTile<T>(a: usize, b: usize, steps: usize, result: usize): void {
  let c0 = i32x4.splat(0), c1 = i32x4.splat(0), c2 = i32x4.splat(0), c3 = i32x4.splat(0);
  const end = a + steps * 16;
  for (; a < end; a += 16, b += 32) {
    const b0 = v128.load(b);
    c0 = step<T>(v128.load32_splat(a), b0, c0);
    c1 = step<T>(v128.load32_splat(a, 4), b0, c1);
    c2 = step<T>(v128.load32_splat(a, 8), b0, c2);
    c3 = step<T>(v128.load32_splat(a, 12), b0, c3);
  }
  v128.store(result, c0);
  v128.store(result, c1, 32);
  v128.store(result, c2, 64);
  v128.store(result, c3, 96);
}

/** The first column of a panel against four tiles of a: 16 packed results. */
function singleColumn<T>(a: usize, b: usize, steps: usize, result: usize): void {
  let c0 = i32x4.splat(0), c1 = i32x4.splat(0), c2 = i32x4.splat(0), c3 = i32x4.splat(0);
  const next = steps * 16;
  const end = a + next;
  let a1 = a + next, a2 = a + next * 2, a3 = a + next * 3;
  while (a < end) {
    const word = v128.load32_splat(b);
    c0 = step<T>(v128.load(a), word, c0);
    c1 = step<T>(v128.load(a1), word, c1);
    c2 = step<T>(v128.load(a2), word, c2);
    c3 = step<T>(v128.load(a3), word, c3);
    a += 16;
    a1 += 16;
    a2 += 16;
    a3 += 16;
    b += 32;
  }
  v128.store(result, c0);
  v128.store(result, c1, 16);
  v128.store(result, c2, 32);
  v128.store(result, c3, 48);
}

/** A band of rows against one panel. Whole tiles of contiguous outputs go straight to `out`, others through `scratch`. */
function band<T>(
  a: usize, b: usize, steps: usize, rows: usize, n0: usize, width: usize,
  row0: usize, rowStride: usize, columns: usize, start: bool, scratch: usize,
): void {
  const left = row0 + columnOffset(columns, n0);
  let m0: usize = 0;
  if (width == PANEL_COLUMNS && isRun(columns, n0) && isRun(columns, n0 + HALF)) {
    const whole = rows / TILE_ROWS;
    tiles<T>(a, b, steps, whole, left, row0 + columnOffset(columns, n0 + HALF), rowStride, start);
    m0 = whole * TILE_ROWS;
  } else if (width == 1) {
    for (; m0 + 16 <= rows; m0 += 16) {
      singleColumn<T>(a + m0 * steps * 4, b, steps, scratch);
      spread<T>(scratch, left + m0 * rowStride, rowStride, 16, start);
    }
  }
  for (; m0 < rows; m0 += TILE_ROWS) {
    const part = a + m0 * steps * 4;
    if (width <= HALF) halfTile<T>(part, b, steps, scratch);
    else tiles<T>(part, b, steps, 1, scratch, scratch + 16, PANEL_COLUMNS * 4, true);
    const height = min(TILE_ROWS, rows - m0);
    for (let r: usize = 0; r < height; ++r) {
      flush<T>(scratch + r * 32, row0 + (m0 + r) * rowStride, columns, n0, width, start);
    }
  }
}

function multiply<T>(
  a: usize, b: usize, steps: usize, m: usize, n: usize,
  out: usize, rowStride: usize, columns: usize, start: bool, scratch: usize,
): void {
  for (let m0: usize = 0; m0 < m; m0 += BAND_ROWS) {
    const rows = min(BAND_ROWS, m - m0);
    for (let n0: usize = 0; n0 < n; n0 += PANEL_COLUMNS) {
      const width = min(PANEL_COLUMNS, n - n0);
      band<T>(
        a + m0 * steps * 4, b + n0 * steps * 4, steps, rows, n0, width,
        out + m0 * rowStride, rowStride, columns, start, scratch,
      );
    }
  }
}

export function gemmF32(
  a: usize, b: usize, k: usize, m: usize, n: usize,
  out: usize, rowStride: usize, columns: usize, start: bool, scratch: usize,
): void {
  multiply<f32>(a, b, k, m, n, out, rowStride, columns, start, scratch);
}

/** The same for few rows or few columns, over operands packed in rows. */
export function thinF32(
  a: usize, b: usize, k: usize, m: usize, n: usize,
  out: usize, rowStride: usize, columns: usize, start: bool, scratch: usize,
): void {
  if (m < n) {
    for (let i: usize = 0; i < m; ++i) {
      weightedSum(a + i * 4, m * 4, b, n, k, scratch);
      flush<f32>(scratch, out + i * rowStride, columns, 0, n, start);
    }
    return;
  }
  for (let j: usize = 0; j < n; ++j) {
    weightedSum(b + j * 4, n * 4, a, m, k, scratch);
    spread<f32>(scratch, out + columnOffset(columns, j), rowStride, m, start);
  }
}

/** As gemmF32 with operands of i8 and outputs of i32, exact modulo 2^32. */
export function gemmI8(
  a: usize, b: usize, k: usize, m: usize, n: usize,
  out: usize, rowStride: usize, columns: usize, start: bool, scratch: usize,
): void {
  multiply<i32>(a, b, (k + 1) / 2, m, n, out, rowStride, columns, start, scratch);
}

/**
 * result[i] = sum over k of scalars[k] * vectors[k][i]: few rows (or few columns, with the operands exchanged: a product
 * does not depend on their order). Reads the vectors where they lie, in strips of 32, 4 and 1.
 */
function weightedSum(scalars: usize, scalarStride: usize, vectors: usize, width: usize, k: usize, result: usize): void {
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

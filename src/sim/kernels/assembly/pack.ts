// Operands of the PE core, packed from access patterns.
//   tiles   [length / width][partition][width] words, zeros behind the last columns: a tile of results reads both operands
//           from end to end. The stationary operand has tiles of TILE_ROWS, the moving one panels of PANEL_COLUMNS
//   pairs   tiles of i8 operands: a word holds two partitions as i16, an odd last one is paired with zeros
//   rows    [partition][length], as fp32
import { FLOAT } from './convert';
import { gatherWords, lengthOf, rowAddress } from './pattern';
import { loadPacked, loadRow } from './row';

export const TILE_ROWS: usize = 4;
export const PANEL_COLUMNS: usize = 8;

/** Bytes of a row that waits to be packed: an operand has at most 512 elements; conversions write in vectors. */
const ROW_BYTES: usize = 512 * 4 + 64;

/** Bytes of scratch that packing needs. */
const PACK_SCRATCH: usize = 5 * ROW_BYTES;

export function packScratchBytes(): usize {
  return PACK_SCRATCH;
}

/** Partitions `p` and `p + 1` (below `parts`) as words of two i16, at `out`. */
function pairRow(parts: i32, src: usize, p: i32, out: usize, scratch: usize): usize {
  gatherWords(src, rowAddress(src, p), out);
  const paired = p + 1 < parts;
  if (paired) gatherWords(src, rowAddress(src, p + 1), scratch);
  const low = i32x4.splat(0xffff);
  const end = out + (<usize>lengthOf(src) << 2);
  for (let at = out; at < end; at += 16, scratch += 16) {
    const high = paired ? i32x4.shl(v128.load(scratch), 16) : i32x4.splat(0);
    v128.store(at, v128.or(v128.and(v128.load(at), low), high));
  }
  return out;
}

/** Words of row `q` of the packed operand, where they lie or in scratch row `slot`. */
// @ts-ignore: decorator
@inline
function rowOf<T>(parts: i32, src: usize, q: i32, slot: i32, scratch: usize): usize {
  const buffer = scratch + <usize>slot * ROW_BYTES;
  if (isFloat<T>()) return loadRow(src, q, FLOAT, buffer);
  return pairRow(parts, src, q * 2, buffer, scratch + 4 * ROW_BYTES);
}

/** `width` words at `source`, of which the row has `count`, zeros behind. */
function packRest(source: usize, count: usize, width: usize, target: usize): void {
  for (let i: usize = 0; i < width; ++i) {
    store<u32>(target + i * 4, i < count ? load<u32>(source + i * 4) : 0);
  }
}

/** `width` words, 4 or 8. */
// @ts-ignore: decorator
@inline
function copyTile(source: usize, width: usize, target: usize): void {
  v128.store(target, v128.load(source));
  if (width == 8) v128.store(target, v128.load(source, 16), 16);
}

/** One row of `length` words; its tiles lie `stride` bytes apart. */
// @ts-ignore: decorator
@inline
function packRow(row: usize, length: usize, width: usize, target: usize, stride: usize): void {
  let at: usize = 0;
  for (; at + width <= length; at += width, target += stride) copyTile(row + at * 4, width, target);
  if (at < length) packRest(row + at * 4, length - at, width, target);
}

/** Four rows at once: whole cache lines are written. */
// @ts-ignore: decorator
@inline
function packRows(r0: usize, r1: usize, r2: usize, r3: usize, length: usize, width: usize, target: usize, stride: usize): void {
  const bytes = width * 4;
  let at: usize = 0;
  for (; at + width <= length; at += width, target += stride) {
    copyTile(r0 + at * 4, width, target);
    copyTile(r1 + at * 4, width, target + bytes);
    copyTile(r2 + at * 4, width, target + bytes * 2);
    copyTile(r3 + at * 4, width, target + bytes * 3);
  }
  if (at == length) return;
  packRest(r0 + at * 4, length - at, width, target);
  packRest(r1 + at * 4, length - at, width, target + bytes);
  packRest(r2 + at * 4, length - at, width, target + bytes * 2);
  packRest(r3 + at * 4, length - at, width, target + bytes * 3);
}

/** Packs tiles of `width`, a constant; the result is the number of words. T: f32 for tiles of fp32, i32 for pairs. */
// @ts-ignore: decorator
@inline
function packTiles<T>(parts: i32, src: usize, width: usize, out: usize, scratch: usize): usize {
  const length = <usize>lengthOf(src);
  const rows = isFloat<T>() ? parts : (parts + 1) / 2;
  const bytes = width * 4;
  const stride = <usize>rows * bytes;
  let q: i32 = 0;
  let target = out;
  for (; q + 4 <= rows; q += 4, target += bytes * 4) {
    const r0 = rowOf<T>(parts, src, q, 0, scratch);
    const r1 = rowOf<T>(parts, src, q + 1, 1, scratch);
    const r2 = rowOf<T>(parts, src, q + 2, 2, scratch);
    const r3 = rowOf<T>(parts, src, q + 3, 3, scratch);
    packRows(r0, r1, r2, r3, length, width, target, stride);
  }
  for (; q < rows; ++q, target += bytes) {
    packRow(rowOf<T>(parts, src, q, 0, scratch), length, width, target, stride);
  }
  return <usize>rows * ((length + width - 1) / width) * width;
}

/** The stationary operand of gemmF32. */
export function packStationary(parts: i32, src: usize, out: usize, scratch: usize): usize {
  return packTiles<f32>(parts, src, TILE_ROWS, out, scratch);
}

/** The moving operand of gemmF32. */
export function packMoving(parts: i32, src: usize, out: usize, scratch: usize): usize {
  return packTiles<f32>(parts, src, PANEL_COLUMNS, out, scratch);
}

/** The stationary operand of gemmI8. */
export function packStationaryPairs(parts: i32, src: usize, out: usize, scratch: usize): usize {
  return packTiles<i32>(parts, src, TILE_ROWS, out, scratch);
}

/** The moving operand of gemmI8. */
export function packMovingPairs(parts: i32, src: usize, out: usize, scratch: usize): usize {
  return packTiles<i32>(parts, src, PANEL_COLUMNS, out, scratch);
}

/** An operand of thinF32, in rows. */
export function packRowsF32(parts: i32, src: usize, out: usize): usize {
  const bytes = <usize>lengthOf(src) << 2;
  for (let p = 0; p < parts; ++p) loadPacked(src, p, FLOAT, out + <usize>p * bytes);
  return <usize>parts * <usize>lengthOf(src);
}

// Data movement inside the core: copies with conversion, selections, constants, transposes, gathers, affine patterns, and the
// packing of matmul operands. Kernels that may trap return the flat number of the offending element, else -1.
import { EQ, GE, GT, LE, LT, NE } from './alu-float';
import { firstLossy, FLOAT, fromDomain, SIGNED, UNSIGNED } from './convert';
import { gatherWords, lengthOf, rowAddress, scatterWords, typeOf } from './pattern';
import { loadPacked, loadRow, rowBuffer, storeRow } from './row';

/** dst = src with its bits untouched; types of one width. */
export function copyBits(parts: i32, dst: usize, src: usize, scratch: usize): void {
  const row = rowBuffer(scratch, 0);
  for (let p = 0; p < parts; ++p) {
    gatherWords(src, rowAddress(src, p), row);
    scatterWords(dst, row, rowAddress(dst, p));
  }
}

/** dst = src, a number of `domain`, converted; with `exact` stops at the first one that an integer type does not hold. */
export function convert(parts: i32, dst: usize, src: usize, domain: i32, exact: bool, scratch: usize): i32 {
  const count = lengthOf(src);
  for (let p = 0; p < parts; ++p) {
    const row = loadPacked(src, p, domain, rowBuffer(scratch, 0));
    if (exact) {
      const lossy = firstLossy(domain, typeOf(dst), row, count);
      if (lossy >= 0) return p * count + lossy;
    }
    storeRow(dst, p, domain, row);
  }
  return -1;
}

/** Words of dst's type that `src` becomes when it is stored there, at `buffer`; bits untouched for one type. */
function asStored(dst: usize, src: usize, p: i32, domain: i32, buffer: usize): void {
  if (typeOf(src) == typeOf(dst)) gatherWords(src, rowAddress(src, p), buffer);
  else fromDomain(domain, typeOf(dst), loadPacked(src, p, domain, buffer), lengthOf(src));
}

/** dst = mask != 0 ? a : b. With `bits`, a, b and dst are of one type; else each is converted from its domain. */
export function select(
  parts: i32, dst: usize, mask: usize, maskDomain: i32, a: usize, aDomain: i32, b: usize, bDomain: i32, scratch: usize,
): void {
  const count = lengthOf(dst);
  const left = rowBuffer(scratch, 0), right = rowBuffer(scratch, 1), chosen = rowBuffer(scratch, 2);
  for (let p = 0; p < parts; ++p) {
    asStored(dst, a, p, aDomain, left);
    asStored(dst, b, p, bDomain, right);
    const where = loadRow(mask, p, maskDomain, chosen);
    const zero = f32x4.splat(0);
    for (let at: usize = 0; at < <usize>count << 2; at += 16) {
      // Rows have room behind, so whole vectors may be taken; lanes past the end are never stored.
      const w = v128.load(where + at);
      const keep = maskDomain == FLOAT ? f32x4.ne(w, zero) : i32x4.ne(w, zero);
      v128.store(left + at, v128.bitselect(v128.load(left + at), v128.load(right + at), keep));
    }
    scatterWords(dst, left, rowAddress(dst, p));
  }
}

export function fill(parts: i32, dst: usize, bits: u32, scratch: usize): void {
  const row = rowBuffer(scratch, 0);
  for (let i = 0; i < lengthOf(dst); ++i) store<u32>(row + (<usize>i << 2), bits);
  for (let p = 0; p < parts; ++p) scatterWords(dst, row, rowAddress(dst, p));
}

/** One block: dst[i] = column i of src's rows; parts and elements at most 32. */
export function transposeBlock(parts: i32, dst: usize, src: usize, scratch: usize): void {
  const columns = lengthOf(src);
  const rows = rowBuffer(scratch, 0), column = rowBuffer(scratch, 1);
  for (let p = 0; p < parts; ++p) gatherWords(src, rowAddress(src, p), rows + <usize>(p * columns) * 4);
  for (let i = 0; i < columns; ++i) {
    for (let p = 0; p < parts; ++p) store<u32>(column + <usize>p * 4, load<u32>(rows + <usize>(p * columns + i) * 4));
    scatterWords(dst, column, rowAddress(dst, i));
  }
}

/** Blocks of 32 x 32 where they are; rows of at most 2048 elements, so that 32 of them fit the first packed row's room. */
export function transposeBlocks(parts: i32, dst: usize, src: usize, scratch: usize): void {
  const count = lengthOf(src);
  const rows = rowBuffer(scratch, 0), out = rowBuffer(scratch, 1);
  for (let first = 0; first < parts; first += 32) {
    for (let p = 0; p < 32; ++p) gatherWords(src, rowAddress(src, first + p), rows + <usize>(p * count) * 4);
    for (let p = 0; p < 32; ++p) {
      for (let n = 0; n < count; ++n) {
        const from = (n & 31) * count + (n & ~31) + p;
        store<u32>(out + <usize>n * 4, load<u32>(rows + <usize>from * 4));
      }
      scatterWords(dst, out, rowAddress(dst, first + p));
    }
  }
}

/** dst[i] = src[index[i]]; both as words of dst's type. Index words are signed unless `unsigned`. */
export function take(parts: i32, dst: usize, src: usize, domain: i32, index: usize, unsigned: bool, scratch: usize): i32 {
  const count = lengthOf(dst), bound = lengthOf(src);
  const table = rowBuffer(scratch, 0), out = rowBuffer(scratch, 1), numbers = rowBuffer(scratch, 2);
  for (let p = 0; p < parts; ++p) {
    asStored(dst, src, p, domain, table);
    const at = loadRow(index, p, unsigned ? UNSIGNED : SIGNED, numbers);
    for (let i = 0; i < count; ++i) {
      // A negative index is a large unsigned one.
      const n = load<u32>(at + (<usize>i << 2));
      if (n >= <u32>bound) return p * count + i;
      store<u32>(out + (<usize>i << 2), load<u32>(table + (<usize>n << 2)));
    }
    scatterWords(dst, out, rowAddress(dst, p));
  }
  return -1;
}

/** first + sum of index * step over four dims; `dims` holds four counts, then four steps. */
function affineRow(dims: usize, first: i32, out: usize): void {
  const c0 = load<i32>(dims), c1 = load<i32>(dims, 4), c2 = load<i32>(dims, 8), c3 = load<i32>(dims, 12);
  const s0 = load<i32>(dims, 16), s1 = load<i32>(dims, 20), s2 = load<i32>(dims, 24), s3 = load<i32>(dims, 28);
  for (let i = 0; i < c0; ++i) {
    for (let j = 0; j < c1; ++j) {
      for (let k = 0; k < c2; ++k) {
        let value = first + i * s0 + j * s1 + k * s2;
        for (let l = 0; l < c3; ++l) {
          store<i32>(out, value);
          value += s3;
          out += 4;
        }
      }
    }
  }
}

export function iota(parts: i32, dst: usize, dims: usize, base: i32, perPartition: i32, scratch: usize): void {
  const row = rowBuffer(scratch, 0);
  for (let p = 0; p < parts; ++p) {
    affineRow(dims, base + p * perPartition, row);
    storeRow(dst, p, SIGNED, row);
  }
}

// @ts-ignore: decorator
@inline
function holds(compare: i32, x: i32): bool {
  if (compare == EQ) return x == 0;
  if (compare == NE) return x != 0;
  if (compare == LT) return x < 0;
  if (compare == LE) return x <= 0;
  if (compare == GT) return x > 0;
  return x >= 0;
}

/** dst = affine value compares to 0 ? src : value; `compare` is numbered as the ALU operation. */
export function affineSelect(
  parts: i32, dst: usize, src: usize, domain: i32, dims: usize, compare: i32, base: i32, perPartition: i32, value: f32, scratch: usize,
): void {
  const count = lengthOf(dst);
  const row = rowBuffer(scratch, 0), affine = rowBuffer(scratch, 1);
  store<f32>(scratch, value);
  fromDomain(FLOAT, typeOf(dst), scratch, 1);
  const other = load<u32>(scratch);
  for (let p = 0; p < parts; ++p) {
    asStored(dst, src, p, domain, row);
    affineRow(dims, base + p * perPartition, affine);
    for (let at: usize = 0; at < <usize>count << 2; at += 4) {
      if (!holds(compare, load<i32>(affine + at))) store<u32>(row + at, other);
    }
    scatterWords(dst, row, rowAddress(dst, p));
  }
}

// A row as numbers of a domain: loaded from a pattern or used where it lies, stored to a pattern. Scratch begins with a head of
// small areas (HEAD), then packed rows of ROW bytes.
import { floatsToHalves, FLOAT, fromDomain, halvesToFloats, splatOf, toDomain } from './convert';
import { BF16, F16, F32, gatherWords, isRun, isWordRun, lengthOf, rowAddress, scatterWords, typeOf, wordAt } from './pattern';

/** Largest row in elements (exec/checks.ts), and bytes of one packed row with room behind. */
export const ROW: usize = 65536 * 4 + 64;
/** Bytes before the first packed row. */
export const HEAD: usize = 256;

/** Bytes of the head and the three packed rows. */
export function scratchBytes(): usize {
  return HEAD + 3 * ROW;
}

export function rowBuffer(scratch: usize, index: i32): usize {
  return scratch + HEAD + <usize>index * ROW;
}

/** Numbers of partition `p`: where they lie if no conversion is needed, else at `buffer`. */
export function loadRow(pattern: usize, p: i32, domain: i32, buffer: usize): usize {
  const source = rowAddress(pattern, p);
  const type = typeOf(pattern);
  if (isWordRun(pattern) && (domain == FLOAT) == (type == F32)) return source;
  return loadPacked(pattern, p, domain, buffer);
}

/** The same, always a copy at `buffer`. */
export function loadPacked(pattern: usize, p: i32, domain: i32, buffer: usize): usize {
  const source = rowAddress(pattern, p);
  const type = typeOf(pattern);
  const count = lengthOf(pattern);
  if (domain == FLOAT && isRun(pattern) && (type == BF16 || type == F16)) {
    halvesToFloats(type, source, count, buffer);
  } else {
    gatherWords(pattern, source, buffer);
    toDomain(type, domain, buffer, count);
  }
  return buffer;
}

/** One element in four lanes. */
export function loadSplat(pattern: usize, p: i32, domain: i32): v128 {
  const source = rowAddress(pattern, p);
  const type = typeOf(pattern);
  if (type == F32 && domain == FLOAT) return v128.load32_splat(source);
  return splatOf(type, domain, wordAt(type, source));
}

/** Stores `words`, numbers of `domain`; they are overwritten by the conversion. */
export function storeRow(pattern: usize, p: i32, domain: i32, words: usize): void {
  const place = rowAddress(pattern, p);
  const type = typeOf(pattern);
  const count = lengthOf(pattern);
  if (domain == FLOAT && isRun(pattern) && (type == BF16 || type == F16)) {
    floatsToHalves(type, words, count, place);
    return;
  }
  fromDomain(domain, type, words, count);
  scatterWords(pattern, words, place);
}

// @ts-ignore: decorator
@inline
function apart(a: usize, b: usize, bytes: usize): bool {
  return a == b || a + bytes <= b || b + bytes <= a;
}

/**
 * Where a computed row of `domain` may be written at once: the row of partition `p` itself, if its elements are of that
 * domain, lie in one run, and neither input (`x`, `y`) overlaps it other than element by element; else `buffer`.
 */
export function target(pattern: usize, p: i32, domain: i32, x: usize, y: usize, buffer: usize): usize {
  if (!isWordRun(pattern) || (domain == FLOAT) != (typeOf(pattern) == F32)) return buffer;
  const row = rowAddress(pattern, p);
  const bytes = <usize>lengthOf(pattern) << 2;
  return apart(row, x, bytes) && apart(row, y, bytes) ? row : buffer;
}

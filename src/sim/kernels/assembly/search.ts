// MAX8, MAX_INDEX and MATCH_REPLACE. Numbers are compared as float64, which holds those of every domain; a NaN counts as
// greater than all and equal to itself (exec/plain/search.ts).
import { numberAt } from './convert';
import { lengthOf, rowAddress, scatterWords } from './pattern';
import { loadPacked, loadRow, rowBuffer, storeRow } from './row';

const WIDTH: i32 = 8;

// @ts-ignore: decorator
@inline
function greater(a: f64, b: f64): bool {
  return a > b || (a != a && b == b);
}

// @ts-ignore: decorator
@inline
function same(a: f64, b: f64): bool {
  return a == b || (a != a && b != b);
}

/** The 8 largest of each row, descending, as words of `domain`; `least` is the word for missing ones. */
export function largest8(parts: i32, dst: usize, src: usize, domain: i32, least: u32, scratch: usize): void {
  const count = lengthOf(src);
  for (let p = 0; p < parts; ++p) {
    const row = loadRow(src, p, domain, rowBuffer(scratch, 0));
    let found = 0;
    for (let i = 0; i < count; ++i) {
      const word = row + (<usize>i << 2);
      const x = numberAt(domain, word);
      let at = found;
      while (at > 0 && greater(x, numberAt(domain, scratch + (<usize>(at - 1) << 2)))) --at;
      if (at == WIDTH) continue;
      if (found < WIDTH) ++found;
      for (let j = found - 1; j > at; --j) store<u32>(scratch + (<usize>j << 2), load<u32>(scratch + (<usize>(j - 1) << 2)));
      store<u32>(scratch + (<usize>at << 2), load<u32>(word));
    }
    for (; found < WIDTH; ++found) store<u32>(scratch + (<usize>found << 2), least);
    storeRow(dst, p, domain, scratch);
  }
}

/** For each value, the position of its first occurrence in the row that no earlier equal value took, or -1. */
function findRow(values: usize, valueDomain: i32, wanted: i32, row: usize, domain: i32, count: i32, out: usize): void {
  for (let j = 0; j < wanted; ++j) {
    const value = numberAt(valueDomain, values + (<usize>j << 2));
    let at = 0;
    for (let before = 0; before < j; ++before) {
      if (!same(numberAt(valueDomain, values + (<usize>before << 2)), value)) continue;
      const taken = load<i32>(out + (<usize>before << 2));
      at = taken < 0 ? count : taken + 1;
    }
    while (at < count && !same(numberAt(domain, row + (<usize>at << 2)), value)) ++at;
    store<i32>(out + (<usize>j << 2), at < count ? at : -1);
  }
}

export function find(
  parts: i32, dst: usize, values: usize, valueDomain: i32, src: usize, domain: i32, scratch: usize,
): void {
  const out = rowBuffer(scratch, 2);
  for (let p = 0; p < parts; ++p) {
    const row = loadRow(src, p, domain, rowBuffer(scratch, 0));
    const wanted = loadRow(values, p, valueDomain, rowBuffer(scratch, 1));
    findRow(wanted, valueDomain, lengthOf(values), row, domain, lengthOf(src), out);
    scatterWords(dst, out, rowAddress(dst, p));
  }
}

/** dst = src with the found positions replaced by the word `value` of src's domain. */
export function replace(
  parts: i32, dst: usize, values: usize, valueDomain: i32, src: usize, domain: i32, value: u32, scratch: usize,
): void {
  const found = rowBuffer(scratch, 2);
  const wanted = lengthOf(values);
  for (let p = 0; p < parts; ++p) {
    const row = loadPacked(src, p, domain, rowBuffer(scratch, 0));
    const numbers = loadRow(values, p, valueDomain, rowBuffer(scratch, 1));
    findRow(numbers, valueDomain, wanted, row, domain, lengthOf(src), found);
    for (let j = 0; j < wanted; ++j) {
      const at = load<i32>(found + (<usize>j << 2));
      if (at >= 0) store<u32>(row + (<usize>at << 2), value);
    }
    storeRow(dst, p, domain, row);
  }
}

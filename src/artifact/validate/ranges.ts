// Sets of byte ranges, sorted and disjoint: which bytes of a state variable hold values.
import type { ByteRange } from '../model.js';

/** The union with a range. */
export function withRange(set: readonly ByteRange[], [from, to]: ByteRange): readonly ByteRange[] {
  const before = set.filter((r) => r[1] < from);
  const after = set.filter((r) => r[0] > to);
  const touching = set.filter((r) => r[1] >= from && r[0] <= to);
  const low = touching.reduce((least, r) => Math.min(least, r[0]), from);
  const high = touching.reduce((most, r) => Math.max(most, r[1]), to);
  return [...before, [low, high], ...after];
}

/** Whether every byte of the range is in the set. */
export function holds(set: readonly ByteRange[], [from, to]: ByteRange): boolean {
  return set.some((r) => r[0] <= from && to <= r[1]);
}

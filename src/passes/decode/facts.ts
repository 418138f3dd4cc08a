// What the proof knows of a value: what it depends on, its token axes, whether its rows are the same at every length, and
// what its entries are where the key lies behind the row. The abstract domain, and nothing of operators.
import type { TokenAxis } from './axes.js';

/** What a value depends on, each including the ones before. */
export type Source = 'constant' | 'context' | 'tokens';

const ORDER: readonly Source[] = ['constant', 'context', 'tokens'];

export function widestSource(sources: readonly Source[]): Source {
  return ORDER[Math.max(0, ...sources.map((s) => ORDER.indexOf(s)))] ?? 'constant';
}

/** Stands for the row axis of a value that belongs to the last position. */
export const LAST_ROW = -1;

/** Entries whose index on axis `key` is greater than that on axis `row`. */
export interface Behind {
  readonly row: number;
  readonly key: number;
  /** They lie in this interval ... */
  readonly low: number;
  readonly high: number;
  /** ... up to a summand of the size of a score. */
  readonly shifted: boolean;
  /** In each row, one of the entries that are not behind is at least `most`, and one at most `least` (up to such a summand). */
  readonly most?: number;
  readonly least?: number;
  /** All entries that are not behind lie in this interval (up to such a summand). */
  readonly floor?: number;
  readonly ceiling?: number;
}

export interface Facts {
  readonly source: Source;
  readonly axes: readonly TokenAxis[];
  /**
   * The value belongs to the last position: it is another one at each length. All others are prefix-stable: an entry is the
   * same at every length, and depends on tokens up to the greatest of its token indices.
   */
  readonly last: boolean;
  readonly behind: readonly Behind[];
  /** Interval of all elements, where it follows from constants. */
  readonly range?: { readonly low: number; readonly high: number };
}

export function behindOf(f: Facts, row: number, key: number): Behind | undefined {
  return f.behind.find((b) => b.row === row && b.key === key);
}

/** All ordered pairs (row, key) of axes of a value; the last position is a row without an axis. */
export function pairsOf(f: Pick<Facts, 'axes' | 'last'>): { readonly row: number; readonly key: number }[] {
  const pairs: { row: number; key: number }[] = [];
  for (const key of f.axes) {
    if (f.last) pairs.push({ row: LAST_ROW, key: key.axis });
    else for (const row of f.axes) if (row !== key) pairs.push({ row: row.axis, key: key.axis });
  }
  return pairs;
}

/** The pairs with their axes renamed; those that lose an axis go. */
export function renameBehind(behind: readonly Behind[], to: (axis: number) => number | undefined): Behind[] {
  return behind.flatMap((b) => {
    const row = b.row === LAST_ROW ? LAST_ROW : to(b.row);
    const key = to(b.key);
    return row === undefined || key === undefined ? [] : [{ ...b, row, key }];
  });
}

// Cuts a table of buffers into sections of time, and sections into cells (one per partition group).
// A section is a maximal set of buffers that are live together: it ends where a lifetime ends after another began.
// Everything the search infers ("what is still to be placed here, above this floor") is stated per cell.
// Cell number = section * groups + group, so that a run of sections is a run of cells.
import { type BufferTable, type Lists, rowsBy } from './table.js';

export interface Sections {
  readonly count: number;
  readonly groups: number;
  /** Sections of each row, `[first, last)`. */
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** Cells of each row. */
  readonly cells: Lists;
  /** Rows in each cell. */
  readonly members: Lists;
}

export function sectionsOf(t: BufferTable): Sections {
  const first = new Int32Array(t.count);
  const last = new Int32Array(t.count);
  const starts = rowsBy(t.lower);
  let closed = 0;
  let started = 0;
  for (const ending of rowsBy(t.upper)) {
    const before = started;
    while (started < t.count && t.lower[starts[started]!]! < t.upper[ending]!)
      first[starts[started++]!] = closed;
    if (started > before) closed++;
    last[ending] = closed;
  }
  const cells = cellsOf(t, first, last);
  return {
    count: closed,
    groups: t.groups,
    first,
    last,
    cells,
    members: transpose(cells, closed * t.groups),
  };
}

function cellsOf(t: BufferTable, first: Int32Array, last: Int32Array): Lists {
  const start = new Int32Array(t.count + 1);
  for (let i = 0; i < t.count; i++)
    start[i + 1] = start[i]! + (last[i]! - first[i]!) * (t.groupHigh[i]! - t.groupLow[i]!);
  const items = new Int32Array(start[t.count]!);
  let next = 0;
  for (let i = 0; i < t.count; i++)
    for (let s = first[i]!; s < last[i]!; s++)
      for (let g = t.groupLow[i]!; g < t.groupHigh[i]!; g++) items[next++] = s * t.groups + g;
  return { start, items };
}

function transpose(lists: Lists, count: number): Lists {
  const start = new Int32Array(count + 1);
  for (const item of lists.items) start[item + 1]!++;
  for (let i = 0; i < count; i++) start[i + 1]! += start[i]!;
  const items = new Int32Array(lists.items.length);
  const next = start.slice();
  for (let i = 0; i + 1 < lists.start.length; i++)
    for (let k = lists.start[i]!; k < lists.start[i + 1]!; k++) items[next[lists.items[k]!]!++] = i;
  return { start, items };
}

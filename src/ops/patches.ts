// Patches: for each position of a window, the input elements its taps meet, channel by channel and tap by tap. Packed from an
// image into rows, or added from rows back into it, a panel of positions at a time.
import { RUN, type Runs } from './window.js';

/** Where the planes of a group's channels start in `x`, their size and number. */
export interface Planes {
  readonly from: number;
  readonly plane: number;
  readonly channels: number;
}

/** Rows of `panel`: the patches, channel by channel and tap by tap, of `count` positions from `first` on. */
export function packPatches(
  panel: Float64Array,
  x: Float64Array,
  { from, plane, channels }: Planes,
  runs: Runs,
  first: number,
  count: number,
): void {
  const { taps } = runs;
  const depth = channels * taps;
  panel.fill(0, 0, count * depth);
  eachRun(runs, first, count, (tap, position, input, length) => {
    for (let channel = 0; channel < channels; channel++) {
      let source = from + channel * plane + input;
      let target = position * depth + channel * taps + tap;
      for (const end = target + length * depth; target < end; target += depth) {
        panel[target] = x[source]!;
        source += runs.step;
      }
    }
  });
}

/** The parts of runs among `count` positions from `first` on, counted from there. */
export function eachRun(
  { records, rows, rowLength, step }: Runs,
  first: number,
  count: number,
  visit: (tap: number, position: number, input: number, count: number) => void,
): void {
  if (count === 0) return;
  const begin = rows[Math.floor(first / rowLength)]!;
  const end = rows[Math.floor((first + count - 1) / rowLength) + 1]!;
  for (let r = begin * RUN.fields; r < end * RUN.fields; r += RUN.fields) {
    const position = records[r + RUN.position]!;
    const skipped = Math.max(0, first - position);
    const length = Math.min(records[r + RUN.count]!, first + count - position) - skipped;
    if (length > 0) {
      visit(
        records[r + RUN.tap]!,
        position + skipped - first,
        records[r + RUN.input]! + skipped * step,
        length,
      );
    }
  }
}

/** Inverse of packPatches: adds the patches to the places they come from. */
export function addPatches(
  y: Float64Array,
  patches: Float64Array,
  { from, plane, channels }: Planes,
  runs: Runs,
  first: number,
  count: number,
): void {
  const { taps } = runs;
  const depth = channels * taps;
  eachRun(runs, first, count, (tap, position, input, length) => {
    for (let channel = 0; channel < channels; channel++) {
      let target = from + channel * plane + input;
      let source = position * depth + channel * taps + tap;
      for (const end = source + length * depth; source < end; source += depth) {
        y[target] = y[target]! + patches[source]!;
        target += runs.step;
      }
    }
  });
}

// Sliding windows over the spatial axes: the geometry that convolutions and pooling share. A window position and a tap name
// one place of the input or of its padding; the places inside form runs along the last axis, computed once and used for
// every channel. Knows nothing of what is computed at the places.
import type { Attrs } from '../ir/constant.js';
import { addDims, type Dim, dimText, floorDivideDim, multiplyDims, subtractDims } from '../ir/dim.js';
import { elementCount } from '../ir/type.js';
import { intsAttr } from './attributes.js';
import type { AttrSpec } from './declare.js';

type Fail = (reason: string) => never;

/** Each list has one entry per spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Padding before the first and after the last element. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly dilations: readonly number[];
}

/** Attributes of a window; the kernel is an attribute of pooling only. */
export const WINDOW_ATTRS = {
  strides: { kind: 'ints', doc: 'step of the window per spatial axis' },
  low: { kind: 'ints', doc: 'padding before the first element per spatial axis' },
  high: { kind: 'ints', doc: 'padding after the last element per spatial axis' },
  dilations: { kind: 'ints', doc: 'distance of neighbouring taps per spatial axis' },
} as const satisfies Record<string, AttrSpec>;

export function windowOf(kernel: readonly number[], attrs: Attrs): Window {
  return {
    kernel,
    strides: intsAttr(attrs, 'strides'),
    low: intsAttr(attrs, 'low'),
    high: intsAttr(attrs, 'high'),
    dilations: intsAttr(attrs, 'dilations'),
  };
}

/** Checks that the attributes have one entry per spatial axis, each within its range. */
export function checkWindow(attrs: Attrs, names: readonly string[], rank: number, fail: Fail): void {
  for (const name of names) {
    const values = intsAttr(attrs, name);
    if (values.length !== rank)
      fail(`attribute '${name}' has ${values.length} entries for ${rank} spatial axes`);
    const least = name === 'strides' || name === 'dilations' || name === 'kernel' ? 1 : 0;
    const wrong = values.find((v) => v < least);
    if (wrong !== undefined) fail(`attribute '${name}' has the entry ${wrong}; the least is ${least}`);
  }
}

/** Elements from the first to the last tap, both counted. */
export function windowExtent(kernel: Dim, dilation: number): Dim {
  return addDims(multiplyDims(subtractDims(kernel, 1), dilation), 1);
}

/** Positions of the window along each axis. Fails where it is larger than the padded input. */
export function windowPositions(
  input: readonly Dim[],
  kernel: readonly Dim[],
  attrs: Attrs,
  fail: Fail,
): readonly Dim[] {
  const w = windowOf([], attrs);
  return input.map((dim, i) => {
    const extent = windowExtent(kernel[i] ?? 1, w.dilations[i] ?? 1);
    const padded = addDims(dim, (w.low[i] ?? 0) + (w.high[i] ?? 0));
    const room = subtractDims(padded, extent);
    if (typeof room === 'number' && room < 0) {
      fail(
        `on spatial axis ${i} the window of ${dimText(extent)} elements is larger than the padded input of ${dimText(padded)}`,
      );
    }
    return addDims(floorDivideDim(room, w.strides[i] ?? 1), 1);
  });
}

/** Fields of a run: `count` window positions from `position` on, whose tap `tap` meets input elements from `input` on. */
export const RUN = { tap: 0, position: 1, input: 2, count: 3, fields: 4 } as const;

export interface Runs {
  /** Records of RUN.fields numbers, by rows of positions (all but the last axis fixed), then by ascending tap. */
  readonly records: Int32Array;
  /** Index of the first record of each row, and one more. */
  readonly rows: Int32Array;
  /** Positions in a row. */
  readonly rowLength: number;
  /** Distance of the input elements of neighbouring positions. */
  readonly step: number;
  readonly taps: number;
}

/** The places inside the input, for positions of shape `positions`. */
export function windowRuns(w: Window, input: readonly number[], positions: readonly number[]): Runs {
  const last = input.length - 1;
  const taps = elementCount(w.kernel);
  const rowLength = positions[last] ?? 1;
  const rowCount = elementCount(positions.slice(0, last));
  const step = w.strides[last] ?? 1;
  const rows = new Int32Array(rowCount + 1);
  const records: number[] = [];
  for (let row = 0; row < rowCount; row++) {
    for (let tap = 0; tap < taps; tap++) {
      const base = rowBase(w, input, positions, row, tap);
      if (base < 0) continue;
      const width = input[last] ?? 1;
      const shift = (tap % (w.kernel[last] ?? 1)) * (w.dilations[last] ?? 1) - (w.low[last] ?? 0);
      const from = Math.max(0, Math.ceil(-shift / step));
      const to = Math.min(rowLength, Math.floor((width - 1 - shift) / step) + 1);
      if (to > from) {
        records.push(tap, row * rowLength + from, base * width + from * step + shift, to - from);
      }
    }
    rows[row + 1] = records.length / RUN.fields;
  }
  return { records: Int32Array.from(records), rows, rowLength, step, taps };
}

/** Index of the input row that a tap meets from a row of positions; negative where it is padding. */
function rowBase(
  w: Window,
  input: readonly number[],
  positions: readonly number[],
  row: number,
  tap: number,
): number {
  let base = 0;
  let scale = 1;
  let restRow = row;
  let restTap = Math.floor(tap / (w.kernel[input.length - 1] ?? 1));
  for (let i = input.length - 2; i >= 0; i--) {
    const count = positions[i] ?? 1;
    const size = w.kernel[i] ?? 1;
    const at =
      (restRow % count) * (w.strides[i] ?? 1) + (restTap % size) * (w.dilations[i] ?? 1) - (w.low[i] ?? 0);
    if (at < 0 || at >= (input[i] ?? 1)) return -1;
    base += at * scale;
    scale *= input[i] ?? 1;
    restRow = Math.floor(restRow / count);
    restTap = Math.floor(restTap / size);
  }
  return base;
}

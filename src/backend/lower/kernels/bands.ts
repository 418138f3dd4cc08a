// Window operators over planes: at once where input and output live on chip, else image by image in bands of output rows,
// input rows fetched with their halo and output rows stored as they are done.
import type { Node, Value } from '../../../ir/graph.js';
import { CHIP_DTYPE_BYTES } from '../../../isa/operands.js';
import type { LowerContext } from '../context.js';
import { BANK_COLUMNS } from '../gemm.js';
import { hasPartitions } from '../layout.js';
import { move } from '../move.js';
import { sliceView, type View, viewShape } from '../view.js';
import { flatPlanes, type Window } from './window.js';

/** Output rows [outRow, …) in `out` [n, M, rows, W'] from input rows [inRow, …) in `input` [n, C, rows, W]. */
export interface Band {
  readonly input: View;
  readonly inRow: number;
  readonly out: View;
  readonly outRow: number;
  /** Image of the first plane. */
  readonly image: number;
}

/** Share of a partition's bytes that a band of input or output rows may take. */
const BAND_SHARE = 0.12;
/** The same for copies of rows that are on chip already, which cost a few instructions a band and no transfer. */
const COPY_SHARE = 0.06;

export function inBands(c: LowerContext, node: Node, w: Window, work: (band: Band) => void): void {
  const x = node.inputs[0] as Value;
  const out = node.outputs[0] as Value;
  const fits = c.fits(out, [1]);
  if (
    fits &&
    (c.places(x).some((p) => p.space === 'sbuf') || c.bytesPerPartition(x, [1]) <= c.budget() * 0.5)
  ) {
    const input = flatPlanes(c.fetch(x, [1]), w.in);
    const home = flatPlanes(c.result(out, [1]), w.out);
    // Copies that a kernel makes of its input (padded, shifted) are of some images, or of some rows of one, at a time.
    const some = imagesAtOnce(c, w);
    const rows = some > 1 ? w.out.h : rowsAtOnce(c, w, CHIP_DTYPE_BYTES[c.dtype(x)]);
    for (let n = 0; n < w.out.n; n += some) {
      const size = Math.min(some, w.out.n - n);
      for (let o = 0; o < w.out.h; o += rows) {
        const high = Math.min(rows, w.out.h - o);
        const [first, end] = inputRows(w, o, high);
        work({
          input: sliceView(input, [n, 0, first, 0], [size, w.in.c, end - first, w.in.w]),
          inRow: first,
          out: sliceView(home, [n, 0, o, 0], [size, w.out.c, high, w.out.w]),
          outRow: o,
          image: n,
        });
      }
    }
    return;
  }
  const source = flatPlanes(c.place(x), w.in);
  const sink = flatPlanes(fits ? c.result(out, [1]) : c.resultInDram(out), w.out);
  const inBytes = w.in.w * Math.ceil(w.in.c / 128) * w.stride.h * 4;
  const outBytes = w.out.w * Math.ceil(w.out.c / 128) * 4;
  const limit = c.b.target.sbufPartitionBytes * BAND_SHARE;
  const band = Math.max(
    1,
    Math.min(Math.floor(limit / inBytes) - Math.ceil(w.kernel.h / w.stride.h), Math.floor(limit / outBytes)),
  );
  for (let n = 0; n < w.out.n; n++) {
    for (let o = 0; o < w.out.h; o += band) {
      const rows = Math.min(band, w.out.h - o);
      const [first, end] = inputRows(w, o, rows);
      const piece = sliceView(source, [n, 0, first, 0], [1, w.in.c, end - first, w.in.w]);
      const target = sliceView(sink, [n, 0, o, 0], [1, w.out.c, rows, w.out.w]);
      const made = fits ? target : c.b.sbuf(out.name, c.dtype(out), viewShape(target), [1]);
      work({ input: onChip(c, x, piece), inRow: first, out: made, outRow: o, image: n });
      if (!fits) c.b.dma(target, made);
    }
  }
}

/** First input row that output rows [o, o + rows) need, and the row behind the last; at least one row. */
export function inputRows(w: Window, o: number, rows: number): [number, number] {
  const first = Math.min(w.in.h - 1, Math.max(0, o * w.stride.h - w.low.h));
  const last = (o + rows - 1) * w.stride.h - w.low.h + (w.kernel.h - 1) * w.dilation.h;
  return [first, Math.max(first + 1, Math.min(w.in.h, last + 1))];
}

/** Output rows of an image whose padded input rows stay within the share of copies; whole PSUM tiles of rows where one holds several. */
export function rowsAtOnce(c: LowerContext, w: Window, elementBytes: number): number {
  const row = (w.in.w + 2 * w.low.w) * Math.ceil(w.in.c / 128) * elementBytes * w.stride.h;
  const rows = Math.max(1, Math.floor((c.b.target.sbufPartitionBytes * COPY_SHARE) / row));
  if (rows >= w.out.h) return w.out.h;
  const tile = Math.max(1, Math.floor(BANK_COLUMNS / w.out.w));
  return Math.ceil(rows / tile) * tile;
}

/** Images whose padded planes stay within a band's share; small planes still fill a PSUM bank together. */
function imagesAtOnce(c: LowerContext, w: Window): number {
  const plane = (w.in.h + 2 * w.low.h) * (w.in.w + 2 * w.low.w) * Math.ceil(w.in.c / 128) * 4;
  const limit = c.b.target.sbufPartitionBytes * BAND_SHARE;
  return Math.max(1, Math.floor(limit / plane));
}

/** A piece of a value with channels on partitions: itself where it lies so, else loaded. */
export function onChip(c: LowerContext, x: Value, piece: View): View {
  if (hasPartitions(piece, [1])) return piece;
  const loaded = c.b.sbuf(x.name, c.dtype(x), viewShape(piece), [1]);
  move(c.b, loaded, piece, c.mayCrossPe(x));
  return loaded;
}

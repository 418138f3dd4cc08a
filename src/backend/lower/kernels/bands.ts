// Window operators over planes: at once where input and output live on chip, else image by image in bands of output rows,
// input rows fetched with their halo and output rows stored as they are done.
import type { Node, Value } from '../../../ir/graph.js';
import type { LowerContext } from '../context.js';
import { hasPartitions } from '../layout.js';
import { move } from '../move.js';
import { sliceAxis, sliceView, type View, viewShape } from '../view.js';
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
    // Copies that a kernel makes of its input (padded, shifted) are of some images at a time.
    const some = imagesAtOnce(c, w);
    for (let n = 0; n < w.out.n; n += some) {
      const size = Math.min(some, w.out.n - n);
      work({
        input: sliceAxis(input, 0, n, size),
        inRow: 0,
        out: sliceAxis(home, 0, n, size),
        outRow: 0,
        image: n,
      });
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
      const first = Math.min(w.in.h - 1, Math.max(0, o * w.stride.h - w.low.h));
      const end = Math.min(
        w.in.h,
        (o + rows - 1) * w.stride.h - w.low.h + (w.kernel.h - 1) * w.dilation.h + 1,
      );
      const piece = sliceView(source, [n, 0, first, 0], [1, w.in.c, Math.max(1, end - first), w.in.w]);
      const target = sliceView(sink, [n, 0, o, 0], [1, w.out.c, rows, w.out.w]);
      const made = fits ? target : c.b.sbuf(out.name, c.dtype(out), viewShape(target), [1]);
      work({ input: onChip(c, x, piece), inRow: first, out: made, outRow: o, image: n });
      if (!fits) c.b.dma(target, made);
    }
  }
}

/** Images whose padded planes stay within a band's share; small planes still fill a PSUM bank together. */
function imagesAtOnce(c: LowerContext, w: Window): number {
  const plane = (w.in.h + 2 * w.low.h) * (w.in.w + 2 * w.low.w) * Math.ceil(w.in.c / 128) * 4;
  const limit = c.b.target.sbufPartitionBytes * BAND_SHARE;
  return Math.max(1, Math.floor(limit / plane));
}

function onChip(c: LowerContext, x: Value, piece: View): View {
  if (hasPartitions(piece, [1])) return piece;
  const loaded = c.b.sbuf(x.name, c.dtype(x), viewShape(piece), [1]);
  move(c.b, loaded, piece, c.mayCrossPe(x));
  return loaded;
}

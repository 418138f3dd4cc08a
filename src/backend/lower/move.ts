// Moving elements between two layouts by the cheapest means: an engine copy where partitions agree, a transpose on chip
// where one axis changes places with the partitions, otherwise a transfer (any layout to any other).
import { COSTS } from '../../chip/target.js';
import { CHIP_DTYPE_BYTES } from '../../isa/operands.js';
import type { Builder } from './builder.js';
import { copyDescriptors } from './descriptors.js';
import { transposeCost, transposeOnChip } from './transpose.js';
import { chipAxes, compatible, type View, viewShape } from './view.js';

/** dst = src, same shape; converts the element type where engines carry the elements. `finite`: values may cross PE. */
export function move(b: Builder, dst: View, src: View, finite: boolean): void {
  b.copies.count++;
  b.copies.bytes += viewShape(dst).reduce((x, y) => x * y, CHIP_DTYPE_BYTES[dst.dtype]);
  if (compatible([dst, src])) {
    b.copy(dst, src);
    return;
  }
  if (dst.dtype !== src.dtype) {
    const staged =
      src.space === 'dram' ? undefined : b.sbuf('cast', dst.dtype, viewShape(src), laneAxes(src));
    if (staged !== undefined && compatible([staged, src])) {
      b.copy(staged, src);
      move(b, dst, staged, finite);
      return;
    }
    const landed = b.sbuf('landing', src.dtype, viewShape(dst), laneAxes(dst));
    move(b, landed, src, finite);
    move(b, dst, landed, finite);
    return;
  }
  const direct = transferNs(b, dst, src);
  const onChip = transposeCost(b.target, dst, src, finite);
  if (onChip !== undefined && onChip < direct) {
    transposeOnChip(b, dst, src, finite);
    return;
  }
  const staged = stagedLayout(b, dst, src, direct, finite);
  if (staged === undefined && src.space === 'sbuf' && dst.space === 'dram' && direct > GATHER_FIRST_NS) {
    // Engines gather strided elements into dense rows faster than transfers move them one by one.
    const dense = b.sbuf('dense', src.dtype, viewShape(src), laneAxes(src));
    if (compatible([dense, src]) && transferNs(b, dst, dense) < direct / 4) {
      b.copy(dense, src);
      b.dma(dst, dense);
      return;
    }
  }
  if (staged === undefined) {
    b.dma(dst, src);
    return;
  }
  if (src.space === 'dram') {
    b.dma(staged, src);
    transposeOnChip(b, dst, staged, finite);
  } else {
    transposeOnChip(b, staged, src, finite);
    b.dma(dst, staged);
  }
}

/**
 * Between DRAM and a layout whose partitions run along DRAM's contiguous axis, a transfer would move single elements: an
 * on-chip copy with the next axis on partitions is transferred in long rows and transposed on chip. Undefined where that is
 * no gain.
 */
function stagedLayout(b: Builder, dst: View, src: View, direct: number, finite: boolean): View | undefined {
  if ((src.space === 'dram') === (dst.space === 'dram')) return undefined;
  const [chip, dram] = src.space === 'dram' ? [dst, src] : [src, dst];
  const contiguous = dram.axes.findIndex((a) => a.n > 1 && a.f === 1);
  if (contiguous < 0 || chip.axes[contiguous]?.p !== 1) return undefined;
  const shape = viewShape(chip);
  let best: View | undefined;
  let bestNs = direct;
  for (let i = 0; i < shape.length; i++) {
    if (i === contiguous || (shape[i] ?? 1) < 8) continue;
    const { axes, rows, elements } = chipAxes(shape, [i]);
    if (elements * CHIP_DTYPE_BYTES[chip.dtype] * Math.ceil(rows / 128) > b.target.sbufPartitionBytes / 4)
      continue;
    const sketch: View = { space: 'sbuf', dtype: chip.dtype, panels: chip.panels, axes, p0: 0, f0: 0 };
    const exchange =
      src.space === 'dram'
        ? transposeCost(b.target, dst, sketch, finite)
        : transposeCost(b.target, sketch, src, finite);
    if (exchange === undefined) continue;
    const wide: View = { ...sketch, panels: new Array(Math.ceil(rows / 128)).fill(chip.panels[0]) };
    const ns = exchange + (src.space === 'dram' ? transferNs(b, wide, src) : transferNs(b, dst, wide));
    if (ns < bestNs) {
      bestNs = ns;
      best = b.sbuf('staged', chip.dtype, shape, [i]);
    }
  }
  return best;
}

/** Transfers slower than this are worth an engine's copy first. */
const GATHER_FIRST_NS = 10_000;

/** Axes on partitions, outer to inner. */
export function laneAxes(v: View): number[] {
  return v.axes
    .map((a, i) => ({ i, p: a.n === 1 ? 0 : Math.abs(a.p) }))
    .filter((x) => x.p > 0)
    .sort((x, y) => y.p - x.p)
    .map((x) => x.i);
}

/** Modelled time of a transfer: latency, rows and bytes, over the queues it will be cut across. */
export function transferNs(b: Builder, dst: View, src: View): number {
  const descriptors = copyDescriptors(dst, src);
  let rows = 0;
  let bytes = 0;
  for (const d of descriptors) {
    const elements = d.dst.counts.reduce((x, y) => x * y, 1);
    const run = contiguousRun(
      d.dst.counts,
      d.dst.strides,
      d.dst.partitionDim,
      d.src.strides,
      d.src.partitionDim,
      d.elementBytes,
    );
    rows += elements / run;
    bytes += elements * d.elementBytes;
  }
  const queues = Math.min(4, Math.max(1, Math.ceil(bytes / 65536)));
  return COSTS.dmaLatencyNs + (rows * COSTS.dmaRowNs + (bytes / b.target.dma.bytesPerSecond) * 1e9) / queues;
}

/** Elements of the longest run contiguous on both sides within a partition. */
function contiguousRun(
  counts: readonly number[],
  a: readonly number[],
  aLane: number,
  c: readonly number[],
  cLane: number,
  size: number,
): number {
  let run = 1;
  for (let d = 3; d >= 0; d--) {
    const n = counts[d] ?? 1;
    if (n === 1) continue;
    if (d === aLane || d === cLane || a[d] !== run * size || c[d] !== run * size) break;
    run *= n;
  }
  return run;
}

// From two views of one shape to DMA descriptors: 4 dims a side, one of them over partitions, any start and stride.
import { bug } from '../../base/diagnostic.js';
import { CHIP_DTYPE_BYTES } from '../../isa/operands.js';
import type { Buffer, BufferDescriptor, BufferDmaSide } from './buffer.js';
import { type JointAxis, sortedJointAxes, type View } from './view.js';

/** Descriptors that move every element of src to dst; element sizes are equal. Rows are as long as the views allow. */
export function copyDescriptors(dst: View, src: View): BufferDescriptor[] {
  const size = CHIP_DTYPE_BYTES[dst.dtype] as 1 | 2 | 4 | 8;
  if (size !== CHIP_DTYPE_BYTES[src.dtype])
    throw bug('E1310', `a transfer between ${src.dtype} and ${dst.dtype}`);
  if (dst.axes.some((a) => a.n === 0)) return [];
  const views = [dst, src];
  const axes = sortedJointAxes(views);
  // Each side may step over partitions in one dim only, and a descriptor has 4 dims: other axes are looped over.
  const inner: typeof axes = [];
  const outer: typeof axes = [];
  const partitioned = [false, false];
  for (let i = axes.length - 1; i >= 0; i--) {
    const a = axes[i];
    if (a === undefined) continue;
    const clash = a.p.some((x, v) => x !== 0 && partitioned[v]);
    if (clash || inner.length === 4) outer.push(a);
    else {
      inner.unshift(a);
      a.p.forEach((x, v) => {
        if (x !== 0) partitioned[v] = true;
      });
    }
  }
  const out: BufferDescriptor[] = [];
  const loop = (k: number, p: readonly number[], f: readonly number[]): void => {
    const a = outer[k];
    if (a === undefined) {
      cutAtPanels(views, inner, p, f, size, out);
      return;
    }
    for (let i = 0; i < a.n; i++)
      loop(
        k + 1,
        p.map((x, v) => x + i * (a.p[v] ?? 0)),
        f.map((x, v) => x + i * (a.f[v] ?? 0)),
      );
  };
  loop(
    0,
    views.map((v) => v.p0),
    views.map((v) => v.f0),
  );
  return out;
}

/** Cuts the partition axes so that each piece lies in one panel on either side. */
function cutAtPanels(
  views: readonly View[],
  axes: readonly JointAxis[],
  p: readonly number[],
  f: readonly number[],
  size: 1 | 2 | 4 | 8,
  out: BufferDescriptor[],
): void {
  for (let side = 0; side < 2; side++) {
    const k = axes.findIndex((a) => (a.p[side] ?? 0) !== 0);
    const a = axes[k];
    if (a === undefined || views[side]?.space === 'dram') continue;
    const step = a.p[side] ?? 0;
    const first = p[side] ?? 0;
    const last = first + (a.n - 1) * step;
    if (first >> 7 === last >> 7) continue;
    for (let i = 0; i < a.n; ) {
      const panel = (first + i * step) >> 7;
      let n = 1;
      while (i + n < a.n && (first + (i + n) * step) >> 7 === panel) n++;
      const cut = axes.map((x, j) => (j === k ? { ...x, n } : x));
      cutAtPanels(
        views,
        cut,
        p.map((x, v) => x + i * (a.p[v] ?? 0)),
        f.map((x, v) => x + i * (a.f[v] ?? 0)),
        size,
        out,
      );
      i += n;
    }
    return;
  }
  const side = (v: 0 | 1): BufferDmaSide => dmaSide(views[v] as View, axes, v, p[v] ?? 0, f[v] ?? 0, size);
  out.push({ elementBytes: size, dst: side(0), src: side(1) });
}

function dmaSide(
  view: View,
  axes: readonly JointAxis[],
  v: 0 | 1,
  p: number,
  f: number,
  size: number,
): BufferDmaSide {
  const counts: [number, number, number, number] = [1, 1, 1, 1];
  const strides: [number, number, number, number] = [0, 0, 0, 0];
  let partitionDim = -1;
  axes.forEach((a, i) => {
    const d = 4 - axes.length + i;
    counts[d] = a.n;
    if ((a.p[v] ?? 0) !== 0) {
      if ((a.f[v] ?? 0) !== 0) throw bug('E1311', 'an axis that steps over partitions and bytes at once');
      partitionDim = d;
      strides[d] = a.p[v] ?? 0;
    } else strides[d] = (a.f[v] ?? 0) * size;
  });
  const onChip = view.space !== 'dram';
  return {
    space: view.space,
    variable: 0,
    offset: f * size,
    partition: onChip ? p & 127 : 0,
    partitionDim,
    counts,
    strides,
    reg: -1,
    buffer: view.panels[onChip ? p >> 7 : 0] as Buffer,
  };
}

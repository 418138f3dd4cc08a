// Views: how the elements of a tensor lie in buffers. Each logical axis has a stride over partitions and a stride over
// elements, so that slice, transpose, reshape, broadcast and concat become addressing wherever the layout allows.
// Partition indices beyond 127 continue in the next panel. This file emits nothing.
import { bug } from '../../base/diagnostic.js';
import { CHIP_DTYPE_BYTES, type ChipDType } from '../../isa/operands.js';
import type { Buffer, BufferAp } from './buffer.js';

export interface Axis {
  readonly n: number;
  /** Partitions per step; 0 in DRAM and for axes within a partition. */
  readonly p: number;
  /** Elements per step, within a partition or in DRAM. */
  readonly f: number;
}

export interface View {
  readonly space: 'sbuf' | 'psum' | 'dram';
  readonly dtype: ChipDType;
  /** SBUF/PSUM: partition q lies in panels[q >> 7]; DRAM: one buffer. */
  readonly panels: readonly Buffer[];
  readonly axes: readonly Axis[];
  readonly p0: number;
  readonly f0: number;
}

export const viewShape = (v: View): number[] => v.axes.map((a) => a.n);

/** Row-major view of a whole DRAM buffer. */
export function dramView(buffer: Buffer, dtype: ChipDType, shape: readonly number[]): View {
  return { space: 'dram', dtype, panels: [buffer], axes: denseAxes(shape, 1), p0: 0, f0: 0 };
}

function denseAxes(shape: readonly number[], unit: number): Axis[] {
  const axes: Axis[] = new Array(shape.length);
  let f = unit;
  for (let i = shape.length - 1; i >= 0; i--) {
    const n = shape[i] ?? 1;
    axes[i] = { n, p: 0, f };
    f *= n;
  }
  return axes;
}

/**
 * Axes of a dense on-chip layout: the axes listed in `partition` (outer to inner) lie on partitions, the others, in the
 * order of `free` (default: logical order), within a partition. Returns the elements a partition holds.
 */
export function chipAxes(
  shape: readonly number[],
  partition: readonly number[],
  free: readonly number[] = shape.map((_, i) => i).filter((i) => !partition.includes(i)),
): { axes: Axis[]; rows: number; elements: number } {
  const axes: Axis[] = shape.map((n) => ({ n, p: 0, f: 0 }));
  let rows = 1;
  for (const i of [...partition].reverse()) {
    axes[i] = { n: shape[i] ?? 1, p: rows, f: 0 };
    rows *= shape[i] ?? 1;
  }
  let elements = 1;
  for (const i of [...free].reverse()) {
    axes[i] = { n: shape[i] ?? 1, p: 0, f: elements };
    elements *= shape[i] ?? 1;
  }
  return { axes, rows, elements };
}

// ---- addressing without moving ------------------------------------------------------------------------------------

export function permuteView(v: View, perm: readonly number[]): View {
  return { ...v, axes: perm.map((i) => axisOf(v, i)) };
}

function axisOf(v: View, i: number): Axis {
  const a = v.axes[i];
  if (a === undefined) throw bug('E1301', `axis ${i} of a view with ${v.axes.length} axes`);
  return a;
}

/** Elements start, start + step, … of each axis; steps may be negative. */
export function sliceView(
  v: View,
  starts: readonly number[],
  sizes: readonly number[],
  steps?: readonly number[],
): View {
  let { p0, f0 } = v;
  const axes = v.axes.map((a, i) => {
    const start = starts[i] ?? 0;
    const step = steps?.[i] ?? 1;
    p0 += start * a.p;
    f0 += start * a.f;
    return { n: sizes[i] ?? a.n, p: a.p * step, f: a.f * step };
  });
  return { ...v, axes, p0, f0 };
}

/** The part [start, start + size) of one axis. */
export function sliceAxis(v: View, axis: number, start: number, size: number): View {
  return sliceView(
    v,
    v.axes.map((_, i) => (i === axis ? start : 0)),
    v.axes.map((a, i) => (i === axis ? size : a.n)),
  );
}

/** numpy broadcasting to `shape`: new and stretched axes have strides 0. */
export function broadcastView(v: View, shape: readonly number[]): View {
  const lead = shape.length - v.axes.length;
  const axes = shape.map((n, i) => {
    const a = v.axes[i - lead];
    return a === undefined || a.n !== n ? { n, p: 0, f: 0 } : a;
  });
  return { ...v, axes };
}

/** The same elements under another shape, where strides allow it; undefined where elements would have to move. */
export function reshapeView(v: View, shape: readonly number[]): View | undefined {
  const old = v.axes.filter((a) => a.n !== 1);
  const axes: Axis[] = new Array(shape.length);
  let o = old.length - 1;
  let i = shape.length - 1;
  if (shape.some((n) => n === 0) || v.axes.some((a) => a.n === 0)) {
    return { ...v, axes: shape.map((n) => ({ n, p: 0, f: 0 })) };
  }
  while (i >= 0) {
    if (shape[i] === 1) {
      axes[i--] = { n: 1, p: 0, f: 0 };
      continue;
    }
    let current = old[o--];
    if (current === undefined) return undefined;
    let have = current.n;
    // Merge old axes until the new axis divides what we have, or split an old axis over several new ones.
    const inner = { p: current.p, f: current.f };
    let used = 1;
    for (;;) {
      const n = shape[i];
      if (n === undefined) return undefined;
      if (n === 1) {
        axes[i--] = { n: 1, p: 0, f: 0 };
        continue;
      }
      while (have < used * n) {
        const outer = old[o];
        if (outer === undefined || outer.p !== inner.p * have || outer.f !== inner.f * have) return undefined;
        have *= outer.n;
        current = outer;
        o--;
      }
      if (have % (used * n) !== 0) return undefined;
      axes[i--] = { n, p: inner.p * used, f: inner.f * used };
      used *= n;
      if (used === have) break;
    }
  }
  return o < 0 ? { ...v, axes } : undefined;
}

/** Whether the two views address the same elements in the same way. */
export function sameView(a: View, b: View): boolean {
  return (
    a.dtype === b.dtype &&
    a.p0 === b.p0 &&
    a.f0 === b.f0 &&
    a.panels.length === b.panels.length &&
    a.panels.every((x, i) => x === b.panels[i]) &&
    a.axes.every(
      (x, i) => x.n === b.axes[i]?.n && (x.n === 1 || (x.p === b.axes[i]?.p && x.f === b.axes[i]?.f)),
    )
  );
}

// ---- from views to access patterns --------------------------------------------------------------------------------

/** The largest partition count an engine access may have from this start partition; 0 where no access may start (MACHINE 1). */
export function partitionsFrom(start: number): number {
  return start === 0 ? 128 : start === 64 ? 64 : start === 32 || start === 96 ? 32 : 0;
}

export interface JointAxis {
  readonly n: number;
  readonly p: readonly number[];
  readonly f: readonly number[];
}

/** Axes of several views of one shape, without those of size 1 and with neighbours merged where every view allows it. */
export function jointAxes(views: readonly View[]): JointAxis[] {
  const merged: JointAxis[] = [];
  const rank = views[0]?.axes.length ?? 0;
  for (let i = 0; i < rank; i++) {
    const n = views[0]?.axes[i]?.n ?? 1;
    if (n === 1) continue;
    const p = views.map((v) => v.axes[i]?.p ?? 0);
    const f = views.map((v) => v.axes[i]?.f ?? 0);
    const outer = merged.at(-1);
    if (outer?.p.every((x, k) => x === (p[k] ?? 0) * n && (outer.f[k] ?? 0) === (f[k] ?? 0) * n)) {
      merged[merged.length - 1] = { n: outer.n * n, p, f };
    } else merged.push({ n, p, f });
  }
  return merged;
}

/** Joint axes in the order that makes runs longest: partition axes outermost, then by descending stride of the first view. */
export function sortedJointAxes(views: readonly View[]): JointAxis[] {
  const first = views[0];
  if (first === undefined) return [];
  const key = (i: number): number => {
    const lane = views.some((v) => (v.axes[i]?.p ?? 0) !== 0);
    const stride = Math.max(...views.map((v) => Math.abs(v.axes[i]?.f ?? 0)));
    return lane
      ? Number.MAX_SAFE_INTEGER / 2 + Math.max(...views.map((v) => Math.abs(v.axes[i]?.p ?? 0)))
      : stride;
  };
  const order = first.axes.map((_, i) => i).sort((a, b) => key(b) - key(a) || a - b);
  return jointAxes(views.map((v) => permuteView(v, order)));
}

const MAX_COUNT = 65535;
const MAX_STRIDE = 32767;

export interface Tiled {
  /** One access pattern for each view, same partitions, same counts. */
  readonly aps: readonly BufferAp[];
}

/**
 * Covers on-chip views of one shape by access patterns that correspond element by element. `dims` limits the free dims
 * used (the rest is looped over). Views must agree in the partition of every element; throws E1302 where they do not, or
 * where a partition range cannot be addressed: callers bring operands into one layout first (see compatible()).
 */
export function tile(views: readonly View[], dims = 4): Tiled[] {
  return tileAxes(views, sortedJointAxes(views), dims);
}

function tileAxes(views: readonly View[], joint: readonly JointAxis[], dims: number): Tiled[] {
  if (views[0]?.axes.some((a) => a.n === 0)) return [];
  const onPartitions = joint.filter((a) => a.p.some((x) => x !== 0));
  for (const a of onPartitions) {
    if (a.p.some((x) => x !== a.p[0]))
      throw bug('E1302', 'operands of one instruction lie on different partitions');
  }
  const lane = onPartitions.find((a) => a.p[0] === 1);
  const free = joint.filter((a) => !onPartitions.includes(a));
  const inner: JointAxis[] = [];
  const outer: JointAxis[] = onPartitions.filter((a) => a !== lane);
  const pieces = free.flatMap(splitLong);
  for (let i = pieces.length - 1; i >= 0; i--) {
    const a = pieces[i];
    if (a === undefined) continue;
    const fits = a.n <= MAX_COUNT && a.f.every((x) => Math.abs(x) <= MAX_STRIDE);
    if (fits && inner.length < dims) inner.unshift(a);
    else outer.push(a);
  }
  const tiles: Tiled[] = [];
  const loop = (k: number, p: number[], f: number[]): void => {
    const a = outer[k];
    if (a !== undefined) {
      for (let i = 0; i < a.n; i++) {
        loop(
          k + 1,
          p.map((x, v) => x + i * (a.p[v] ?? 0)),
          f.map((x, v) => x + i * (a.f[v] ?? 0)),
        );
      }
      return;
    }
    forLanes(views, p, lane?.n ?? 1, (offset, parts, panels) => {
      tiles.push({
        aps: views.map((v, i) => {
          const q = (p[i] ?? 0) + offset;
          return ap(
            v,
            panels[i] as Buffer,
            q & 127,
            parts,
            f[i] ?? 0,
            inner.map((x) => ({ n: x.n, f: x.f[i] ?? 0 })),
          );
        }),
      });
    });
  };
  loop(
    0,
    views.map((v) => v.p0),
    views.map((v) => v.f0),
  );
  return tiles;
}

/** An axis longer than a count can say, as two axes where its length has a divisor that fits. */
function splitLong(a: JointAxis): JointAxis[] {
  if (a.n <= MAX_COUNT) return [a];
  for (let inner = MAX_COUNT; inner > 1; inner--) {
    if (a.n % inner !== 0) continue;
    return [
      { n: a.n / inner, p: a.p.map((x) => x * inner), f: a.f.map((x) => x * inner) },
      { n: inner, p: a.p, f: a.f },
    ];
  }
  return [a];
}

/** Cuts `rows` partitions from first[i] on into ranges that every view can address. */
function forLanes(
  views: readonly View[],
  first: readonly number[],
  rows: number,
  emit: (offset: number, parts: number, panels: readonly (Buffer | undefined)[]) => void,
): void {
  for (let offset = 0; offset < rows; ) {
    const start = ((first[0] ?? 0) + offset) & 127;
    if (first.some((q) => ((q + offset) & 127) !== start)) {
      throw bug('E1302', 'operands of one instruction start at different partitions');
    }
    const most = partitionsFrom(start);
    if (most === 0) throw bug('E1302', `no access pattern may start at partition ${start}`);
    const parts = Math.min(most, rows - offset);
    emit(
      offset,
      parts,
      views.map((v, i) => v.panels[((first[i] ?? 0) + offset) >> 7]),
    );
    offset += parts;
  }
}

function ap(
  v: View,
  buffer: Buffer,
  start: number,
  parts: number,
  f: number,
  dims: readonly { n: number; f: number }[],
): BufferAp {
  if (v.space === 'dram') throw bug('E1303', 'an engine cannot read DRAM');
  const counts: [number, number, number, number] = [1, 1, 1, 1];
  const strides: [number, number, number, number] = [0, 0, 0, 0];
  dims.forEach((d, i) => {
    counts[4 - dims.length + i] = d.n;
    strides[4 - dims.length + i] = d.f;
  });
  return {
    space: v.space,
    dtype: v.dtype,
    start,
    parts,
    base: f * CHIP_DTYPE_BYTES[v.dtype],
    counts,
    strides,
    buffer,
  };
}

/** The one access pattern of a view that needs just one, elements in logical order; throws where it needs several. */
export function singleAp(v: View): BufferAp {
  const tiles = tileAxes([v], jointAxes([v]), 4);
  const first = tiles[0]?.aps[0];
  if (first === undefined || tiles.length !== 1)
    throw bug('E1304', `a view of shape ${viewShape(v).join('x')} needs ${tiles.length} access patterns`);
  return first;
}

/** Whether engines can process the views together, element by element, where they lie. */
export function compatible(views: readonly View[]): boolean {
  if (views.some((v) => v.space === 'dram')) return false;
  const joint = sortedJointAxes(views);
  if (joint.some((a) => a.p.some((x) => x !== a.p[0]))) return false;
  const lane = joint.find((a) => a.p[0] === 1);
  const jumps = joint.filter((a) => a !== lane && (a.p[0] ?? 0) !== 0);
  const starts = jumps.reduce<number[]>(
    (all, a) =>
      all.flatMap((q) => Array.from({ length: Math.min(a.n, 128) }, (_, i) => q + i * (a.p[0] ?? 0))),
    [0],
  );
  const first = views[0]?.p0 ?? 0;
  if (views.some((v) => ((v.p0 - first) & 127) !== 0)) return false;
  return starts.every((q) => {
    for (let offset = 0; offset < (lane?.n ?? 1); ) {
      const most = partitionsFrom((first + q + offset) & 127);
      if (most === 0) return false;
      offset += most;
    }
    return true;
  });
}

// Copies between strided arrangements of elements: what reshape, transpose, broadcast, slice, concat and pad come down to.
// Elements are moved as words of their size and never interpreted. Runs that are contiguous on both sides are copied at
// once; where the two sides run along different axes, in square blocks, so that both stay in cache.
import { elementBytes } from '../base/dtype.js';
import { elementCount, type HostTensor, stringTensor, zeros } from '../base/tensor.js';
import { rowMajorStrides } from '../ir/type.js';

/** Where the elements of a shape lie: strides and start in elements. */
export interface Arrangement {
  readonly strides: readonly number[];
  readonly start: number;
}

type Words = Uint8Array | Uint16Array | Uint32Array;

/** Words a side of a block: two blocks of 4-byte words fill an eighth of a 32 KiB cache. */
const BLOCK = 32;
/** Shortest run for which one call of `set` beats a loop. */
const LONG_RUN = 24;

interface Axis {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

function wordsOf(bytes: Uint8Array, size: number): Words {
  if (size === 1) return bytes;
  const width = Math.min(size, 4);
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  const count = Math.floor(aligned.byteLength / width);
  return width === 2
    ? new Uint16Array(aligned.buffer, aligned.byteOffset, count)
    : new Uint32Array(aligned.buffer, aligned.byteOffset, count);
}

/** Axes of more than one element, outermost of the target first, merged where both sides run on. */
function mergedAxes(shape: readonly number[], from: Arrangement, to: Arrangement, words: number): Axis[] {
  const axes = shape
    .map((size, i) => ({ size, from: (from.strides[i] ?? 0) * words, to: (to.strides[i] ?? 0) * words }))
    .filter((axis) => axis.size !== 1)
    .sort((a, b) => Math.abs(b.to) - Math.abs(a.to));
  if (words > 1) axes.push({ size: words, from: 1, to: 1 });
  const merged: Axis[] = [];
  for (const axis of axes) {
    const outer = merged.at(-1);
    if (outer !== undefined && outer.from === axis.from * axis.size && outer.to === axis.to * axis.size) {
      merged[merged.length - 1] = { size: outer.size * axis.size, from: axis.from, to: axis.to };
    } else merged.push(axis);
  }
  return merged;
}

/** Copies the elements of `shape`, of `size` bytes each, from one arrangement to another. */
export function copyElements(
  size: number,
  shape: readonly number[],
  source: Uint8Array,
  from: Arrangement,
  target: Uint8Array,
  to: Arrangement,
): void {
  if (shape.includes(0)) return;
  const words = Math.max(1, size >> 2);
  const axes = mergedAxes(shape, from, to, words);
  const src = wordsOf(source, size);
  const dst = wordsOf(target, size);
  const inner = axes.pop() ?? { size: 1, from: 1, to: 1 };
  // The axis along which the source runs, where it is not the one along which the target does.
  const across = Math.abs(inner.from) > 1 ? axes.findLastIndex((axis) => Math.abs(axis.from) === 1) : -1;
  const second = across < 0 ? undefined : axes.splice(across, 1)[0];
  const index = new Array<number>(axes.length).fill(0);
  let s = from.start * words;
  let t = to.start * words;
  for (;;) {
    if (second !== undefined) copyBlocks(src, s, dst, t, second, inner);
    else copyRun(src, s, dst, t, inner);
    let k = axes.length - 1;
    for (; k >= 0; k--) {
      const axis = axes[k] as Axis;
      s += axis.from;
      t += axis.to;
      index[k] = (index[k] ?? 0) + 1;
      if (index[k] !== axis.size) break;
      s -= axis.from * axis.size;
      t -= axis.to * axis.size;
      index[k] = 0;
    }
    if (k < 0) return;
  }
}

function copyRun(src: Words, s: number, dst: Words, t: number, { size, from, to }: Axis): void {
  if (from === 1 && to === 1 && size >= LONG_RUN) dst.set(src.subarray(s, s + size), t);
  else if (from === 0 && to === 1) dst.fill(src[s]!, t, t + size);
  else for (let i = 0; i < size; i++) dst[t + i * to] = src[s + i * from]!;
}

function copyBlocks(src: Words, s: number, dst: Words, t: number, a: Axis, b: Axis): void {
  for (let i0 = 0; i0 < a.size; i0 += BLOCK) {
    const i1 = Math.min(i0 + BLOCK, a.size);
    for (let j0 = 0; j0 < b.size; j0 += BLOCK) {
      const j1 = Math.min(j0 + BLOCK, b.size);
      for (let i = i0; i < i1; i++) {
        let p = s + i * a.from + j0 * b.from;
        let q = t + i * a.to + j0 * b.to;
        for (let j = j0; j < j1; j++) {
          dst[q] = src[p]!;
          p += b.from;
          q += b.to;
        }
      }
    }
  }
}

/** A tensor of this shape from the elements of `t` that lie so: a view of its bytes where they lie in a row. */
export function pickElements(t: HostTensor, shape: readonly number[], from: Arrangement): HostTensor {
  const to = { strides: rowMajorStrides(shape), start: 0 };
  if (t.strings === undefined && shape.every((dim, i) => dim === 1 || from.strides[i] === to.strides[i])) {
    const size = elementBytes(t.dtype);
    const first = shape.includes(0) ? 0 : from.start * size;
    const data = t.data.subarray(first, first + elementCount(shape) * size);
    return { dtype: t.dtype, shape, data };
  }
  if (t.strings !== undefined) {
    const { strings } = t;
    const places = Uint32Array.from(strings, (_, i) => i);
    const picked = new Uint32Array(elementCount(shape));
    copyElements(4, shape, new Uint8Array(places.buffer), from, new Uint8Array(picked.buffer), to);
    return stringTensor(
      shape,
      Array.from(picked, (i) => strings[i] ?? ''),
    );
  }
  const out = zeros(t.dtype, shape);
  copyElements(elementBytes(t.dtype), shape, t.data, from, out.data, to);
  return out;
}

/** The tensor repeated to a shape it broadcasts to; itself where it has the shape. */
export function broadcastTensor(t: HostTensor, shape: readonly number[]): HostTensor {
  if (t.shape.length === shape.length && t.shape.every((dim, i) => dim === shape[i])) return t;
  const own = rowMajorStrides(t.shape);
  const missing = shape.length - t.shape.length;
  const strides = shape.map((_, i) => (t.shape[i - missing] === 1 ? 0 : (own[i - missing] ?? 0)));
  return pickElements(t, shape, { strides, start: 0 });
}

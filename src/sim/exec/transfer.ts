// Moves the bytes of one DMA descriptor between DRAM, SBUF and PSUM. Both sides are brought to one nest of loops over common
// dims; innermost contiguous runs are moved whole. All bounds are checked before a byte moves. Where the sides overlap in one
// memory, and where their dims have no common refinement, the source is first read completely into a buffer.
import { PARTITIONS } from '../../chip/target.js';
import type { DmaDescriptor, DmaIndirect, DmaSide } from '../../isa/operands.js';
import { type Machine, readWord } from '../machine.js';
import { trap } from '../trap.js';
import { type NestDim, nestMove } from './move-nest.js';

/** A side as a pattern of bytes in one array: partitions are strides like any other. */
interface Pattern {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly counts: readonly number[];
  readonly strides: readonly number[];
}

/** Traps: E1401 outside a memory or sides of unequal size, E1405 an index outside its bound, E1406 write to a constant. */
export function transfer(d: DmaDescriptor, m: Machine): void {
  const rows = d.indirect === undefined ? undefined : readIndex(d, d.indirect, m);
  const indexed = d.indirect?.side;
  const src = patternOf(d.src, d.elementBytes, m, false, indexed === 'src' ? rows : undefined);
  const dst = patternOf(d.dst, d.elementBytes, m, true, indexed === 'dst' ? rows : undefined);
  const total = product(src.counts);
  if (total !== product(dst.counts)) {
    throw trap('shape', `a transfer of ${total} elements into ${product(dst.counts)}`);
  }
  if (total === 0) return;
  if (rows === undefined || indexed === undefined) {
    move(src, dst, d.elementBytes);
    return;
  }
  moveRows(src, dst, d.elementBytes, rows, indexed);
}

function product(counts: readonly number[]): number {
  return counts.reduce((n, c) => n * c, 1);
}

/** Row numbers of an indirect side, with `add` added and checked against the bound. */
function readIndex(d: DmaDescriptor, at: DmaIndirect, m: Machine): Int32Array {
  const rows = new Int32Array((at.side === 'src' ? d.src : d.dst).counts[0]);
  for (let i = 0; i < rows.length; i++) {
    const { variable, partition } = at;
    const index = readWord(m, { dram: at.space === 'dram', variable, partition, offset: at.offset + 4 * i });
    const row = index + at.add;
    if (row < 0 || row >= at.bound)
      throw trap('index', `row ${row} (index ${index} at ${i}) is outside 0..${at.bound - 1}`);
    rows[i] = row;
  }
  return rows;
}

/** Least and greatest multiple of the stride that dim `d` reaches; row numbers take the place of 0..count-1 in dim 0. */
function reach(count: number, stride: number, rows: Int32Array | undefined): readonly [number, number] {
  let [first, last] = [0, count - 1];
  if (rows !== undefined) {
    first = rows.reduce((a, b) => Math.min(a, b), rows[0] ?? 0);
    last = rows.reduce((a, b) => Math.max(a, b), first);
  }
  return stride < 0 ? [last * stride, first * stride] : [first * stride, last * stride];
}

function patternOf(
  side: DmaSide,
  width: number,
  m: Machine,
  writes: boolean,
  rows: Int32Array | undefined,
): Pattern {
  const dram = side.space === 'dram';
  const bytes =
    side.space === 'dram'
      ? writes
        ? m.dram.writable(side.variable)
        : m.dram.bytes(side.variable)
      : m.views.u8;
  const layout = side.space === 'dram' ? { base: 0, partitionBytes: bytes.length } : m.spaces[side.space];
  let [low, high] = [side.offset, side.offset + width];
  let [firstPart, lastPart] = [side.partition, side.partition];
  side.counts.forEach((count, d) => {
    const [least, greatest] = reach(count, side.strides[d]!, d === 0 ? rows : undefined);
    if (d === side.partitionDim && !dram) {
      firstPart += least;
      lastPart += greatest;
    } else {
      low += least;
      high += greatest;
    }
  });
  const empty = product(side.counts) === 0;
  if (
    !empty &&
    (low < 0 || high > layout.partitionBytes || firstPart < 0 || lastPart >= (dram ? 1 : PARTITIONS))
  ) {
    const place = dram ? `variable ${side.variable}` : `${side.space} partitions ${firstPart}..${lastPart}`;
    throw trap(
      'bounds',
      `a transfer ${writes ? 'to' : 'from'} ${place} touches bytes ${low}..${high} of ${layout.partitionBytes}`,
    );
  }
  return {
    bytes,
    start: layout.base + (dram ? 0 : side.partition * layout.partitionBytes) + side.offset,
    counts: side.counts,
    strides: side.strides.map((s, d) => (d === side.partitionDim && !dram ? s * layout.partitionBytes : s)),
  };
}

/** Loops common to both sides, outermost first; none where the dims do not divide each other. */
function commonDims(src: Pattern, dst: Pattern): NestDim[] | undefined {
  const dims: NestDim[] = [];
  let [i, j] = [src.counts.length - 1, dst.counts.length - 1];
  let [a, b] = [src.counts[i]!, dst.counts[j]!];
  let [srcStride, dstStride] = [src.strides[i]!, dst.strides[j]!];
  for (;;) {
    while (a === 1 && i > 0) [a, srcStride] = [src.counts[--i]!, src.strides[i]!];
    while (b === 1 && j > 0) [b, dstStride] = [dst.counts[--j]!, dst.strides[j]!];
    if (a === 1 && b === 1) return dims;
    const count = Math.min(a, b);
    if (a % count !== 0 || b % count !== 0) return undefined;
    dims.unshift({ count, src: srcStride, dst: dstStride });
    a /= count;
    b /= count;
    srcStride *= count;
    dstStride *= count;
  }
}

function contiguous(bytes: Uint8Array, like: Pattern, width: number): Pattern {
  const strides = [0, 0, 0, 0];
  let stride = width;
  for (let d = like.counts.length - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= like.counts[d]!;
  }
  return { bytes, start: 0, counts: like.counts, strides };
}

function hull(p: Pattern): readonly [number, number] {
  let [low, high] = [p.start, p.start];
  p.counts.forEach((count, d) => {
    const span = (count - 1) * p.strides[d]!;
    if (span < 0) low += span;
    else high += span;
  });
  return [low, high];
}

function mayOverlap(src: Pattern, dst: Pattern): boolean {
  if (src.bytes !== dst.bytes) return false;
  const [a, b] = [hull(src), hull(dst)];
  return a[0] <= b[1] + 7 && b[0] <= a[1] + 7;
}

function move(src: Pattern, dst: Pattern, width: 1 | 2 | 4 | 8): void {
  const dims = mayOverlap(src, dst) ? undefined : commonDims(src, dst);
  if (dims !== undefined) {
    nestMove({ src: src.bytes, dst: dst.bytes, dims, alignment: src.start | dst.start }, width)(
      src.start,
      dst.start,
    );
    return;
  }
  const buffer = new Uint8Array(product(src.counts) * width);
  move(src, contiguous(buffer, src, width), width);
  move(contiguous(buffer, dst, width), dst, width);
}

/** The indexed side row by row, through a buffer in the order of both sides. */
function moveRows(
  src: Pattern,
  dst: Pattern,
  width: 1 | 2 | 4 | 8,
  rows: Int32Array,
  indexed: 'src' | 'dst',
): void {
  const side = indexed === 'src' ? src : dst;
  const buffer = new Uint8Array(product(side.counts) * width);
  const stride = side.strides[0]!;
  const rowBytes = buffer.length / rows.length;
  const row = { ...side, counts: side.counts.with(0, 1) };
  const packed = contiguous(buffer, row, width);
  const alignment = side.start | stride | rowBytes;
  if (indexed === 'src') {
    const dims = commonDims(row, packed)!;
    const moveRow = nestMove({ src: side.bytes, dst: buffer, dims, alignment }, width);
    rows.forEach((r, i) => {
      moveRow(side.start + r * stride, i * rowBytes);
    });
    move(contiguous(buffer, dst, width), dst, width);
  } else {
    move(src, contiguous(buffer, src, width), width);
    const moveRow = nestMove(
      { src: buffer, dst: side.bytes, dims: commonDims(packed, row)!, alignment },
      width,
    );
    rows.forEach((r, i) => {
      moveRow(i * rowBytes, side.start + r * stride);
    });
  }
}

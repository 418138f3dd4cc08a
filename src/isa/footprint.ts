// What an instruction or a DMA descriptor reads and writes, as byte patterns. Used for dependences, liveness, race checks.
// The set of bytes is exact, except for rows chosen at run time (`certain` is false). Bindings must have been applied.
// Whether two patterns overlap is overlap.ts.

import { ABSENT_AP, columnsOf, patternsOf } from './fields.js';
import type { Ap, DmaDescriptor, DmaIndirect, DmaSide, DmaSpace } from './operands.js';
import { CHIP_DTYPE_BYTES } from './operands.js';
import type { Instruction } from './table.js';

/**
 * Bytes of one memory: in each of `parts` partitions start, start + partitionStep, ... the runs of `run` bytes at
 * base + sum of i * strides (0 <= i < counts). Canonical: strides in bytes, positive, ascending (innermost first), more than one
 * count each, adjoining runs merged. DRAM has start 0 and parts 1 and is told apart by `variable` (0 for SBUF and PSUM).
 */
export interface Region {
  readonly space: DmaSpace;
  readonly variable: number;
  readonly start: number;
  readonly parts: number;
  readonly partitionStep: number;
  /** Hull: every byte is in [lo, hi). */
  readonly lo: number;
  readonly hi: number;
  readonly base: number;
  readonly run: number;
  readonly counts: readonly number[];
  readonly strides: readonly number[];
  /** False where the bytes are chosen among these at run time (indirect rows): they may, not will, be touched. */
  readonly certain: boolean;
}

export interface Footprint {
  readonly reads: readonly Region[];
  readonly writes: readonly Region[];
}

type Span = Omit<Region, 'lo' | 'hi' | 'base' | 'run' | 'counts' | 'strides'>;

/** Dims of the pattern at work, innermost first: footprints are made by the million, so they are sorted in place. */
const sortedCounts = new Float64Array(4);
const sortedStrides = new Float64Array(4);
const NO_DIMS: readonly number[] = [];

/** Brings dims (counts, byte strides, any order and sign) into the canonical form; undefined for an empty pattern. */
function canonical(
  span: Span,
  offset: number,
  elementBytes: number,
  counts: readonly number[],
  byteStrides: readonly number[],
): Region | undefined {
  let used = 0;
  let base = offset;
  for (let i = counts.length - 1; i >= 0; i--) {
    const count = counts[i]!;
    if (count <= 0) return undefined;
    const signed = byteStrides[i]!;
    if (count === 1 || signed === 0) continue;
    if (signed < 0) base += signed * (count - 1);
    const stride = Math.abs(signed);
    let at = used++;
    for (; at > 0 && sortedStrides[at - 1]! > stride; at--) {
      sortedStrides[at] = sortedStrides[at - 1]!;
      sortedCounts[at] = sortedCounts[at - 1]!;
    }
    sortedStrides[at] = stride;
    sortedCounts[at] = count;
  }
  let run = elementBytes;
  let extent = elementBytes;
  // Dims that continue the run go into it, dims that continue the one before are joined with it; `kept` are left.
  let kept = 0;
  for (let d = 0; d < used; d++) {
    const count = sortedCounts[d]!;
    const stride = sortedStrides[d]!;
    extent += stride * (count - 1);
    if (kept === 0 && stride <= run) run += stride * (count - 1);
    else if (kept > 0 && stride === sortedCounts[kept - 1]! * sortedStrides[kept - 1]!)
      sortedCounts[kept - 1]! *= count;
    else {
      sortedCounts[kept] = count;
      sortedStrides[kept++] = stride;
    }
  }
  return {
    space: span.space,
    variable: span.variable,
    start: span.start,
    parts: span.parts,
    partitionStep: span.partitionStep,
    lo: base,
    hi: base + extent,
    base,
    run,
    counts: kept === 0 ? NO_DIMS : Array.from(sortedCounts.subarray(0, kept)),
    strides: kept === 0 ? NO_DIMS : Array.from(sortedStrides.subarray(0, kept)),
    certain: span.certain,
  };
}

/** The bytes of an engine's access pattern; undefined where it is empty. */
export function patternRegion(ap: Ap): Region | undefined {
  if (ap.parts <= 0) return undefined;
  const bytes = CHIP_DTYPE_BYTES[ap.dtype];
  const { space, start, parts } = ap;
  const [s0, s1, s2, s3] = ap.strides;
  const span = { space, variable: 0, start, parts, partitionStep: 1, certain: true };
  return canonical(span, ap.base, bytes, ap.counts, [s0 * bytes, s1 * bytes, s2 * bytes, s3 * bytes]);
}

/** What REG_LOAD reads: one word. */
function wordRegion(instr: Instruction<'REG_LOAD'>): Region | undefined {
  const { dram, variable, partition, offset } = instr;
  if (!dram) return patternRegion({ ...ABSENT_AP, dtype: 'i32', start: partition, parts: 1, base: offset });
  const span = { space: 'dram', variable, start: 0, parts: 1, partitionStep: 1, certain: true } as const;
  return canonical(span, offset, 4, [], []);
}

function push(list: Region[], region: Region | undefined): void {
  if (region !== undefined) list.push(region);
}

/**
 * What a (resolved) instruction reads and writes itself; a DMA trigger touches nothing, its descriptors do.
 * MATMUL with `start` off reads dst too: it adds to what is there.
 */
export function footprint(instr: Instruction): Footprint {
  const reads: Region[] = [];
  const writes: Region[] = [];
  for (const { written, ap } of patternsOf(instr)) push(written ? writes : reads, patternRegion(ap));
  for (const { ap } of columnsOf(instr)) push(reads, patternRegion(ap));
  if (instr.m === 'MATMUL' && !instr.start) push(reads, patternRegion(instr.dst));
  if (instr.m === 'REG_LOAD') push(reads, wordRegion(instr));
  return { reads, writes };
}

function sideRegion(side: DmaSide, elementBytes: number, rows: number | undefined): Region | undefined {
  const counts: number[] = [...side.counts];
  const strides: number[] = [...side.strides];
  if (rows !== undefined) counts[0] = rows;
  let start = side.space === 'dram' ? 0 : side.partition;
  let parts = 1;
  let partitionStep = 1;
  if (side.partitionDim >= 0) {
    const count = counts[side.partitionDim] ?? 1;
    const step = strides[side.partitionDim] ?? 0;
    strides[side.partitionDim] = 0;
    if (step !== 0 && count > 1) {
      parts = count;
      partitionStep = Math.abs(step);
      if (step < 0) start += step * (count - 1);
    }
  }
  const { space, variable } = side;
  return canonical(
    { space, variable, start, parts, partitionStep, certain: rows === undefined },
    side.offset,
    elementBytes,
    counts,
    strides,
  );
}

/** Bytes of the index vector of an indirect transfer of `rows` rows. */
function indexRegion(indirect: DmaIndirect, rows: number): Region | undefined {
  const { space, variable, partition, offset } = indirect;
  const span = {
    space,
    variable,
    start: space === 'dram' ? 0 : partition,
    parts: 1,
    partitionStep: 1,
    certain: true,
  };
  return canonical(span, offset, 4, [rows], [4]);
}

/** What a descriptor (registers applied) reads and writes; the indirect side may touch any row below the bound. */
export function descriptorFootprint(d: DmaDescriptor): Footprint {
  const { indirect } = d;
  const reads: Region[] = [];
  const writes: Region[] = [];
  push(reads, sideRegion(d.src, d.elementBytes, indirect?.side === 'src' ? indirect.bound : undefined));
  push(writes, sideRegion(d.dst, d.elementBytes, indirect?.side === 'dst' ? indirect.bound : undefined));
  if (indirect !== undefined) push(reads, indexRegion(indirect, d[indirect.side].counts[0]));
  return { reads, writes };
}

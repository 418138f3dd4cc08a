import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { descriptorFootprint, footprint, patternRegion, type Region } from '../../src/isa/footprint.js';
import type { Ap, DmaDescriptor } from '../../src/isa/operands.js';
import { CHIP_DTYPE_BYTES } from '../../src/isa/operands.js';
import { overlaps } from '../../src/isa/overlap.js';

const smallAp: fc.Arbitrary<Ap> = fc.record({
  space: fc.constant('sbuf' as const),
  dtype: fc.constantFrom('f32' as const, 'bf16' as const, 'u8' as const),
  start: fc.constantFrom(0, 32),
  parts: fc.constantFrom(1, 32, 64),
  base: fc.nat(60).map((n) => 200 + 4 * n),
  counts: fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 6 }),
  ),
  strides: fc.tuple(
    fc.integer({ min: -20, max: 20 }),
    fc.integer({ min: -9, max: 9 }),
    fc.integer({ min: -6, max: 6 }),
    fc.integer({ min: -2, max: 4 }),
  ),
});

function bytesOf(ap: Ap): Set<number> {
  const size = CHIP_DTYPE_BYTES[ap.dtype];
  const bytes = new Set<number>();
  const [c0, c1, c2, c3] = ap.counts;
  const [s0, s1, s2, s3] = ap.strides;
  for (let i = 0; i < c0; i++)
    for (let j = 0; j < c1; j++)
      for (let k = 0; k < c2; k++)
        for (let l = 0; l < c3; l++)
          for (let b = 0; b < size; b++) bytes.add(ap.base + (i * s0 + j * s1 + k * s2 + l * s3) * size + b);
  return bytes;
}

function bytesOfRegion(r: Region): Set<number> {
  let starts = [r.base];
  for (const [d, count] of r.counts.entries()) {
    starts = starts.flatMap((s) => Array.from({ length: count }, (_, i) => s + i * (r.strides[d] ?? 0)));
  }
  return new Set(starts.flatMap((s) => Array.from({ length: r.run }, (_, i) => s + i)));
}

const present = (ap: Ap): Region => {
  const region = patternRegion(ap);
  if (region === undefined) throw new Error('empty pattern');
  return region;
};
const strided = (base: number, counts: Ap['counts'], strides: Ap['strides']): Region =>
  present({ space: 'sbuf', dtype: 'f32', start: 0, parts: 128, base, counts, strides });

describe('footprint', () => {
  it('is the exact set of bytes, inside its hull', () => {
    fc.assert(
      fc.property(smallAp, (ap) => {
        const region = present(ap);
        const bytes = bytesOf(ap);
        expect(bytesOfRegion(region)).toEqual(bytes);
        expect([region.lo, region.hi - 1]).toEqual([Math.min(...bytes), Math.max(...bytes)]);
      }),
      { numRuns: 300 },
    );
  });

  it('overlap equals that of the enumerated bytes', () => {
    fc.assert(
      fc.property(smallAp, smallAp, (a, b) => {
        const partitions = a.start < b.start + b.parts && b.start < a.start + a.parts;
        const bytes = bytesOf(b);
        const shared = partitions && [...bytesOf(a)].some((x) => bytes.has(x));
        expect(overlaps(present(a), present(b))).toBe(shared);
        expect(overlaps(present(b), present(a))).toBe(shared);
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps interleaved elements, tiles of one matrix and planes of one tensor apart', () => {
    expect(
      overlaps(strided(0, [1, 1, 1, 1000], [0, 0, 0, 2]), strided(4, [1, 1, 1, 1000], [0, 0, 0, 2])),
    ).toBe(false);
    expect(
      overlaps(strided(0, [1, 1, 56, 28], [0, 0, 56, 1]), strided(112, [1, 1, 56, 28], [0, 0, 56, 1])),
    ).toBe(false);
    expect(
      overlaps(strided(0, [1, 1, 56, 29], [0, 0, 56, 1]), strided(112, [1, 1, 56, 28], [0, 0, 56, 1])),
    ).toBe(true);
    expect(
      overlaps(strided(0, [1, 500, 1, 3], [0, 7, 0, 1]), strided(12, [1, 500, 1, 4], [0, 7, 0, 1])),
    ).toBe(false);
    expect(
      overlaps(strided(0, [1, 1, 1, 9000], [0, 0, 0, 6]), strided(4, [1, 1, 1, 9000], [0, 0, 0, 4])),
    ).toBe(false);
  });

  it('of an accumulating matmul reads its destination', () => {
    const ap: Ap = {
      space: 'sbuf',
      dtype: 'bf16',
      start: 0,
      parts: 128,
      base: 0,
      counts: [1, 1, 1, 64],
      strides: [0, 0, 0, 1],
    };
    const envelope = { m: 'MATMUL', waits: [], increment: -1, bindings: [] } as const;
    const dst: Ap = { ...ap, space: 'psum', dtype: 'f32', parts: 64 };
    const instr = { ...envelope, dst, stationary: ap, moving: { ...ap, base: 4096 } };
    expect(footprint({ ...instr, start: true }).reads.map((r) => r.space)).toEqual(['sbuf', 'sbuf']);
    expect(footprint({ ...instr, start: false }).reads.map((r) => r.space)).toEqual(['sbuf', 'sbuf', 'psum']);
  });

  it('of a descriptor covers partitions, DRAM variables and the index vector', () => {
    const gather: DmaDescriptor = {
      elementBytes: 4,
      src: {
        space: 'dram',
        variable: 7,
        offset: 256,
        partition: 0,
        partitionDim: -1,
        counts: [1, 1, 8, 16],
        strides: [64, 0, 0, 4],
        reg: -1,
      },
      dst: {
        space: 'sbuf',
        variable: 0,
        offset: 512,
        partition: 3,
        partitionDim: 0,
        counts: [8, 1, 1, 16],
        strides: [2, 0, 0, 4],
        reg: -1,
      },
      indirect: { side: 'src', space: 'sbuf', variable: 0, partition: 0, offset: 0, bound: 100, add: 0 },
    };
    const table: DmaDescriptor = { ...gather, src: { ...gather.src, counts: [8, 1, 1, 16] } };
    const { reads, writes } = descriptorFootprint(table);
    expect(reads).toMatchObject([
      { space: 'dram', variable: 7, lo: 256, hi: 256 + 6400, certain: false },
      { space: 'sbuf', start: 0, parts: 1, lo: 0, hi: 32, certain: true },
    ]);
    expect(writes).toMatchObject([
      { space: 'sbuf', start: 3, parts: 8, partitionStep: 2, lo: 512, hi: 576, run: 64 },
    ]);
  });
});

// Which bytes of one memory are written, exactly: a 128-bit set of partitions for each byte of a partition, as four planes of
// words. All partitions of an access share one pattern, so an access costs its bytes in one partition, not in all.
import type { Region } from '../../isa/footprint.js';
import { PagedBytes } from './paged-bytes.js';
import { partitionMask, someRun } from './regions.js';

export interface Hole {
  readonly partition: number;
  readonly offset: number;
}

const WORDS = [0, 1, 2, 3] as const;

export class WrittenBytes {
  private readonly planes = WORDS.map(() => new PagedBytes(0));

  add(region: Region): void {
    const mask = partitionMask(region);
    for (const w of WORDS) {
      const plane = this.planes[w]!;
      if (mask[w] === 0) continue;
      someRun(region, (lo, hi) => {
        plane.merge(lo, hi, mask[w]);
        return false;
      });
    }
  }

  /** A byte of the region that nobody wrote. */
  hole(region: Region): Hole | undefined {
    const mask = partitionMask(region);
    let found: Hole | undefined;
    for (const w of WORDS) {
      const bits = mask[w];
      if (bits === 0) continue;
      const plane = this.planes[w]!;
      const missing = (have: number, lo: number): boolean => {
        const lacking = bits & ~have;
        if (lacking === 0) return false;
        found = { partition: w * 32 + lowestBit(lacking), offset: lo };
        return true;
      };
      if (someRun(region, (lo, hi) => plane.walk(lo, hi, missing))) return found;
    }
    return undefined;
  }

  /** Takes over what another one has written within the region. */
  copy(from: WrittenBytes, region: Region): void {
    const mask = partitionMask(region);
    for (const w of WORDS) {
      const plane = this.planes[w]!;
      const keep = (value: number, lo: number, hi: number): undefined =>
        plane.merge(lo, hi, value & mask[w]) as undefined;
      if (mask[w] !== 0) someRun(region, (lo, hi) => from.planes[w]!.walk(lo, hi, keep));
    }
  }
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

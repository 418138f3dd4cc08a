// Rows and costs of DMA transfers. A row is a longest run contiguous on both sides and within one partition; rows are counted
// from the dims alone, never by walking elements. Adjacency that no dim expresses (a stride that happens to continue the end of an
// inner dim) does not join rows (ours).
import { COSTS, type Target, TICKS_PER_NS } from '../chip/target.js';
import { bytesToTicks } from './cost.js';
import type { DmaDescriptor, DmaSide } from './operands.js';

export interface RowGroup {
  readonly bytes: number;
  readonly count: number;
}

export interface DmaRows {
  /** Rows of equal length, in order of first appearance; their product sums to the bytes moved. */
  readonly groups: readonly RowGroup[];
  readonly rows: number;
  readonly bytes: number;
  /** Whether the rows take time of the chip's DRAM. */
  readonly touchesDram: boolean;
}

const multiply = (a: number, b: number): number => a * b;

/** Elements of the side's contiguous runs: inner dims whose stride continues the run, up to one over partitions or of chosen rows. */
function runElements(side: DmaSide, elementBytes: number, chosenRows: boolean): number {
  let run = 1;
  for (let d = 3; d >= 0; d--) {
    const count = side.counts[d] ?? 1;
    if (chosenRows && d === 0) break;
    if (count === 1) continue;
    if (d === side.partitionDim || side.strides[d] !== run * elementBytes) break;
    run *= count;
  }
  return run;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** Lengths between consecutive multiples of a or b, over one common period: neither divides the other. */
function unevenRows(a: number, b: number, total: number): Map<number, number> {
  const period = (a / gcd(a, b)) * b;
  const whole = Math.floor(total / period);
  const lengths = new Map<number, number>();
  const walk = (end: number, times: number): void => {
    for (let at = 0, nextA = a, nextB = b; at < end; ) {
      const next = Math.min(nextA, nextB, end);
      lengths.set(next - at, (lengths.get(next - at) ?? 0) + times);
      if (nextA === next) nextA += a;
      if (nextB === next) nextB += b;
      at = next;
    }
  };
  if (whole > 0) walk(period, whole);
  walk(total - whole * period, 1);
  return lengths;
}

/** The rows of a descriptor. */
export function dmaRows(d: DmaDescriptor): DmaRows {
  const total = d.src.counts.reduce(multiply, 1);
  const touchesDram = d.src.space === 'dram' || d.dst.space === 'dram';
  if (total === 0) return { groups: [], rows: 0, bytes: 0, touchesDram };
  const a = runElements(d.src, d.elementBytes, d.indirect?.side === 'src');
  const b = runElements(d.dst, d.elementBytes, d.indirect?.side === 'dst');
  const even = a % b === 0 || b % a === 0;
  const lengths = even ? new Map([[Math.min(a, b), total / Math.min(a, b)]]) : unevenRows(a, b, total);
  const groups = [...lengths].map(([elements, count]) => ({ bytes: elements * d.elementBytes, count }));
  const rows = groups.reduce((n, g) => n + g.count, 0);
  return { groups, rows, bytes: total * d.elementBytes, touchesDram };
}

/** Ticks of one row on its queue. */
export function rowTicks(bytes: number, target: Target): number {
  return COSTS.dmaRowNs * TICKS_PER_NS + bytesToTicks(bytes, target.dma.bytesPerSecond);
}

/** Ticks of one row at the chip's DRAM, which serves all cores and queues. */
export function dramRowTicks(bytes: number, target: Target): number {
  return bytesToTicks(bytes, target.dram.bytesPerSecond);
}

/** Ticks the rows of a descriptor keep a queue busy when nothing else uses the DRAM; the latency of the transfer is not in it. */
export function descriptorTicks(d: DmaDescriptor, target: Target): number {
  return dmaRows(d).groups.reduce((ticks, g) => ticks + g.count * rowTicks(g.bytes, target), 0);
}

/** Ticks from the trigger until a queue's first row starts. */
export const DMA_LATENCY_TICKS = COSTS.dmaLatencyNs * TICKS_PER_NS;

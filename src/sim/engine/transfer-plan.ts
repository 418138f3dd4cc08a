// What a DMA trigger moves, prepared for the timeline: rows with their costs, bytes touched. Made once a descriptor and target.
// The rows of an indirect descriptor, as far as their number goes, do not depend on the indices; which bytes they are does.
import type { Target } from '../../chip/target.js';
import { applyDescriptorRegisters } from '../../isa/bindings.js';
import { dmaRows, dramRowTicks, rowTicks } from '../../isa/dma-cost.js';
import { descriptorFootprint, type Footprint, type Region } from '../../isa/footprint.js';
import type { DmaDescriptor, DmaSide } from '../../isa/operands.js';
import { type Machine, readWord } from '../machine.js';

/** Rows of equal length, with ticks of one on the queue and at the chip's DRAM (0 where it takes no part). */
export interface RowRun {
  readonly count: number;
  readonly bytes: number;
  readonly queueTicks: number;
  readonly dramTicks: number;
}

export class DescriptorPlan {
  readonly descriptor: DmaDescriptor;
  readonly runs: readonly RowRun[];
  readonly rows: number;
  readonly bytes: number;
  readonly dramBytes: number;
  /** Whether it is known to be valid for the program and target. */
  valid = false;
  private touched: Footprint | undefined;

  constructor(
    descriptor: DmaDescriptor,
    shape: Pick<DescriptorPlan, 'runs' | 'rows' | 'bytes' | 'dramBytes'>,
  ) {
    this.descriptor = descriptor;
    this.runs = shape.runs;
    this.rows = shape.rows;
    this.bytes = shape.bytes;
    this.dramBytes = shape.dramBytes;
  }

  /** The plan with the registers of its sides applied: a base moves bytes, it does not change rows. */
  resolve(registers: Int32Array): DescriptorPlan {
    const resolved = applyDescriptorRegisters(this.descriptor, registers);
    return resolved === this.descriptor ? this : new DescriptorPlan(resolved, this);
  }

  footprint(): Footprint {
    this.touched ??= descriptorFootprint(this.descriptor);
    return this.touched;
  }
}

export function planDescriptor(descriptor: DmaDescriptor, target: Target): DescriptorPlan {
  const { groups, rows, bytes, touchesDram } = dmaRows(descriptor);
  const runs = groups.map((g) => ({
    count: g.count,
    bytes: g.bytes,
    queueTicks: rowTicks(g.bytes, target),
    dramTicks: touchesDram ? dramRowTicks(g.bytes, target) : 0,
  }));
  return new DescriptorPlan(descriptor, { runs, rows, bytes, dramBytes: touchesDram ? bytes : 0 });
}

/** Row `index` of a side whose dim 0 is chosen by numbers. */
function rowOf(side: DmaSide, index: number): DmaSide {
  const [, c1, c2, c3] = side.counts;
  const by = index * side.strides[0];
  const counts = [1, c1, c2, c3] as const;
  if (side.partitionDim === 0) return { ...side, counts, partition: side.partition + by };
  return { ...side, counts, offset: side.offset + by };
}

/**
 * The footprint with the rows of the indirect side as the index vector in memory says now. An index outside the bound gives no
 * row here; the transfer itself traps on it.
 */
export function footprintNow(plan: DescriptorPlan, machine: Machine): Footprint {
  const { descriptor } = plan;
  const { indirect } = descriptor;
  if (indirect === undefined) return plan.footprint();
  const chosen: Region[] = [];
  const at = { dram: indirect.space === 'dram', variable: indirect.variable, partition: indirect.partition };
  const { indirect: _, ...direct } = descriptor;
  const rows = descriptor[indirect.side].counts[0];
  for (let i = 0; i < rows; i++) {
    const index = readWord(machine, { ...at, offset: indirect.offset + 4 * i }) + indirect.add;
    if (index < 0 || index >= indirect.bound) continue;
    const row = descriptorFootprint({ ...direct, [indirect.side]: rowOf(descriptor[indirect.side], index) });
    chosen.push(...(indirect.side === 'src' ? row.reads : row.writes));
  }
  const { reads, writes } = plan.footprint();
  const certain = (r: Region): boolean => r.certain;
  return indirect.side === 'src'
    ? { reads: [...reads.filter(certain), ...chosen], writes }
    : { reads, writes: [...writes.filter(certain), ...chosen] };
}

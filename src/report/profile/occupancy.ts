// How full SBUF and PSUM are while an execution runs: bytes between being written and last read, from the instructions' footprints
// and the trace's times. Counted in blocks of 32 partitions x 64 bytes, so the peak is an upper bound by less than a block an
// operand; operands whose address comes from a register count where their immediate says.
import type { Target } from '../../chip/target.js';
import { PARTITIONS } from '../../chip/target.js';
import { descriptorFootprint, footprint, type Region } from '../../isa/footprint.js';
import { QUEUE_LANE, SLICE_KINDS, type Trace } from '../../sim/engine/trace.js';
import type { TracedCode } from './traced-code.js';

export interface MemoryPeak {
  /** Largest number of bytes in use at one time, over all partitions. */
  readonly peak_bytes: number;
  readonly capacity_bytes: number;
}

export interface Occupancy {
  readonly sbuf: MemoryPeak;
  readonly psum: MemoryPeak;
  /** Of SBUF, held for the whole execution by pins; part of the peak. */
  readonly pinned_bytes: number;
}

const BLOCK_BYTES = 64;
const BLOCK_PARTS = 32;
const GROUPS = PARTITIONS / BLOCK_PARTS;
const INSTRUCTION = SLICE_KINDS.indexOf('instruction');
const TRANSFER = SLICE_KINDS.indexOf('transfer');

/** Lifetimes of the blocks of one memory. */
class Blocks {
  private readonly perGroup: number;
  private readonly born: Float64Array;
  private readonly last: Float64Array;
  private readonly read: Uint8Array;
  /** Ends of lifetimes: +start, -end as pairs. */
  private readonly lifetimes: number[] = [];

  constructor(partitionBytes: number) {
    this.perGroup = Math.ceil(partitionBytes / BLOCK_BYTES);
    const blocks = GROUPS * this.perGroup;
    this.born = new Float64Array(blocks).fill(-1);
    this.last = new Float64Array(blocks);
    this.read = new Uint8Array(blocks);
  }

  touch({ start, parts, partitionStep, lo, hi }: Region, written: boolean, time: number): void {
    const firstGroup = Math.floor(start / BLOCK_PARTS);
    const lastGroup = Math.floor((start + (parts - 1) * partitionStep) / BLOCK_PARTS);
    const first = Math.floor(lo / BLOCK_BYTES);
    const end = Math.min(Math.ceil(hi / BLOCK_BYTES), this.perGroup);
    for (let group = firstGroup; group <= lastGroup && group < GROUPS; group++) {
      for (let block = group * this.perGroup + first; block < group * this.perGroup + end; block++) {
        // A write after a read begins a new life; one before any read is another part of the same.
        if (written && this.read[block] === 1) this.die(block);
        if (written && this.born[block]! < 0) this.born[block] = time;
        if (!written) this.read[block] = 1;
        this.last[block] = time;
      }
    }
  }

  private die(block: number): void {
    if (this.born[block]! >= 0) this.lifetimes.push(this.born[block]!, this.last[block]!);
    this.born[block] = -1;
    this.read[block] = 0;
  }

  /** Most blocks alive at one time, in bytes. */
  peak(): number {
    for (let block = 0; block < this.born.length; block++) this.die(block);
    const starts = Float64Array.from(
      { length: this.lifetimes.length / 2 },
      (_, i) => this.lifetimes[2 * i]!,
    ).sort();
    const ends = Float64Array.from({ length: starts.length }, (_, i) => this.lifetimes[2 * i + 1]!).sort();
    let most = 0;
    for (let i = 0, ended = 0; i < starts.length; i++) {
      while (ends[ended]! < starts[i]!) ended++;
      most = Math.max(most, i + 1 - ended);
    }
    return most * BLOCK_BYTES * BLOCK_PARTS;
  }
}

/** The occupancy of one execution on core 0. */
export function occupancyOf(trace: Trace, code: TracedCode, executable: string, target: Target): Occupancy {
  const psumBytes = target.psum.banks * target.psum.bankBytes;
  const memories = { sbuf: new Blocks(target.sbufPartitionBytes), psum: new Blocks(psumBytes) };
  const touch = (region: Region, written: boolean, time: number): void => {
    if (region.space !== 'dram') memories[region.space].touch(region, written, time);
  };
  const fragments = trace.fragments.map((f) => code.fragment(f));
  const order = Uint32Array.from({ length: trace.length }, (_, i) => i).sort(
    (a, b) => trace.end[a]! - trace.end[b]! || a - b,
  );
  for (const i of order) {
    const kind = trace.kind[i]!;
    if (trace.core[i] !== 0 || (kind !== INSTRUCTION && kind !== TRANSFER)) continue;
    const fragment = fragments[trace.fragment[i]!];
    const instruction = fragment?.instructions[trace.index[i]!];
    if (fragment === undefined || instruction === undefined) continue;
    const transfer = trace.lane[i]! >= QUEUE_LANE && instruction.m === 'DMA';
    const prints = transfer
      ? fragment.descriptors
          .slice(instruction.first, instruction.first + instruction.count)
          .map(descriptorFootprint)
      : [footprint(instruction)];
    for (const { reads } of prints) for (const region of reads) touch(region, false, trace.end[i]!);
    for (const { writes } of prints) for (const region of writes) touch(region, true, trace.end[i]!);
  }
  const pins = code.artifact.program.executables.find((e) => e.name === executable)?.pins ?? [];
  const pinned = pins.reduce((n, p) => n + p.parts * p.bytes, 0);
  return {
    sbuf: {
      peak_bytes: memories.sbuf.peak() + pinned,
      capacity_bytes: PARTITIONS * target.sbufPartitionBytes,
    },
    psum: { peak_bytes: memories.psum.peak(), capacity_bytes: PARTITIONS * psumBytes },
    pinned_bytes: pinned,
  };
}

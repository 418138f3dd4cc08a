// Proves that a section's schedule with its addresses means what the section means. The program, step after step over buffers with bytes of
// their own, says for every byte that is read which step wrote it. Invariants:
//   1. the order names every step once;
//   2. addresses are aligned and inside their memory, a PSUM buffer starts at a bank;
//   3. the steps taken in the new order, over the addresses given, read every byte from the step that the program says, and leave
//      every byte of what outlives the section (outputs, state, pins, residents) as written by the step that the program says.
// Dependences, order, reuse of addresses and pins are all judged by this one comparison; nothing of how they were found is used.
import type { Target } from '../../chip/target.js';
import type { Footprint, Region } from '../../isa/footprint.js';
import type { Finding } from '../check/finding.js';
import { PagedBytes } from '../check/paged-bytes.js';
import {
  bufferText,
  operandsOf,
  type Placement,
  placedFootprints,
  stepText,
  virtualPlacement,
} from '../check/placing.js';
import { someRun } from '../check/regions.js';
import type { Buffer, Step } from '../lower/buffer.js';

export interface PlacedSchedule {
  /** In program order. */
  readonly steps: readonly Step[];
  /** Indices of steps, in the order of the schedule. */
  readonly order: readonly number[];
  readonly placement: Placement;
  /** Buffers whose bytes at the end matter. */
  readonly kept: readonly Buffer[];
}

const SBUF_ALIGN = 4;
/** Who wrote a byte that no step wrote. */
const NOBODY = -1;

/** Every violation of the invariants. */
export function checkSchedule(schedule: PlacedSchedule, target: Target): Finding[] {
  const { steps, order, placement, kept } = schedule;
  const findings = [...checkOrder(schedule), ...checkAddresses(schedule, target)];
  if (findings.length > 0) return findings;
  const virtual = virtualPlacement();
  const cuts = partitionCuts(steps, kept);
  const expected = new WriterTrace(cuts);
  const wanted = steps.map((step, i) => expected.step(i, placedFootprints(step, virtual)));
  const actual = new WriterTrace(cuts);
  for (const i of order) {
    const step = steps[i]!;
    const got = actual.step(i, placedFootprints(step, placement));
    for (const [r, writers] of got.entries()) {
      const difference = firstDifference(wanted[i]?.[r] ?? [], writers);
      if (difference === undefined) continue;
      const operand = readOperands(step)[r]?.buffer;
      const [should, does] = difference;
      findings.push({
        rule: 'writer',
        at: stepText(i, step),
        message: `reads ${operand === undefined ? 'its destination' : bufferText(operand)} as left by ${writerText(does, steps)}; the program says ${writerText(should, steps)}`,
      });
    }
  }
  for (const b of kept) {
    const difference = firstDifference(expected.content(b, virtual), actual.content(b, placement));
    if (difference === undefined) continue;
    const [should, does] = difference;
    findings.push({
      rule: 'kept',
      at: bufferText(b),
      message: `ends as left by ${writerText(does, steps)}; the program says ${writerText(should, steps)}`,
    });
  }
  return findings;
}

function writerText(writer: number, steps: readonly Step[]): string {
  return writer === NOBODY ? 'no step' : stepText(writer, steps[writer]);
}

/** Operands that are read, in the order of the footprints' reads, as far as a name in a message needs it. */
function readOperands(step: Step): { readonly buffer: Buffer }[] {
  const written = new Set(['dst', 'sumDst', 'reduceDst']);
  return operandsOf(step).filter((o) => !written.has(o.name.split(' ').at(-1) ?? ''));
}

function checkOrder({ steps, order }: PlacedSchedule): Finding[] {
  const times = new Uint32Array(steps.length);
  for (const i of order) if (i in times) times[i]!++;
  const findings: Finding[] = [];
  if (order.length > steps.length || order.some((i) => !(i in times)))
    findings.push({
      rule: 'order',
      at: 'order',
      message: `names steps that are not among the ${steps.length}`,
    });
  times.forEach((n, i) => {
    if (n !== 1)
      findings.push({ rule: 'order', at: stepText(i, steps[i]), message: `stands ${n} times in the order` });
  });
  return findings;
}

function checkAddresses({ steps, placement }: PlacedSchedule, target: Target): Finding[] {
  const findings: Finding[] = [];
  const { bankBytes, banks } = target.psum;
  for (const b of new Set(steps.flatMap((s) => operandsOf(s).map((o) => o.buffer)))) {
    const offset = placement.offset(b);
    const end = offset + b.bytes;
    const most =
      b.space === 'sbuf'
        ? target.sbufPartitionBytes
        : b.space === 'psum'
          ? banks * bankBytes
          : target.dram.bytes;
    const align = b.space === 'psum' ? bankBytes : SBUF_ALIGN;
    if (offset >= 0 && end <= most && offset % align === 0) continue;
    findings.push({
      rule: 'address',
      at: bufferText(b),
      message: `lies at ${offset}..${end - 1} of ${b.space}`,
    });
  }
  return findings;
}

/** Partitions at which accesses begin or end: within two neighbours all partitions are always accessed together. */
function partitionCuts(steps: readonly Step[], kept: readonly Buffer[]): number[] {
  const cuts = new Set([0]);
  for (const b of kept) cuts.add(b.start).add(b.start + b.parts);
  const virtual = virtualPlacement();
  for (const step of steps) {
    for (const { reads, writes } of placedFootprints(step, virtual)) {
      for (const r of [...reads, ...writes])
        for (const [first, end] of partitionRanges(r)) cuts.add(first).add(end);
    }
  }
  return [...cuts].sort((x, y) => x - y);
}

function partitionRanges({ start, parts, partitionStep }: Region): (readonly [first: number, end: number])[] {
  if (partitionStep === 1) return [[start, start + parts]];
  return Array.from(
    { length: parts },
    (_, i) => [start + i * partitionStep, start + i * partitionStep + 1] as const,
  );
}

/** Writers of the bytes of a region, in order: writer, bytes, writer, bytes, … with equal neighbours joined. */
type Writers = readonly number[];

/** The first pair of writers that differ. */
function firstDifference(
  expected: Writers,
  actual: Writers,
): readonly [should: number, does: number] | undefined {
  for (let i = 0; i < Math.max(expected.length, actual.length); i += 2) {
    const [should = NOBODY, does = NOBODY] = [expected[i], actual[i]];
    if (should !== does) return [should, does];
    if (expected[i + 1] !== actual[i + 1]) return [expected[i + 2] ?? should, actual[i + 2] ?? does];
  }
  return undefined;
}

/** Who wrote each byte last, while steps are taken one after another. */
class WriterTrace {
  private readonly cuts: readonly number[];
  private readonly memories = new Map<string, PagedBytes>();

  constructor(cuts: readonly number[]) {
    this.cuts = cuts;
  }

  /** Takes a step; gives the writers of what it reads. */
  step(i: number, footprints: readonly Footprint[]): Writers[] {
    const read = footprints.flatMap((f) => f.reads.map((r) => this.writersOf(r)));
    for (const { writes } of footprints) {
      for (const region of writes) {
        for (const memory of this.memoriesOf(region)) {
          someRun(region, (lo, hi) => {
            memory.set(lo, hi, i);
            return false;
          });
        }
      }
    }
    return read;
  }

  /** Writers of all bytes of a buffer. */
  content(b: Buffer, placement: Placement): Writers {
    const { space, start, parts, bytes } = b;
    const lo = placement.offset(b);
    const where =
      space === 'dram'
        ? { space, variable: placement.variable(b), start: 0, parts: 1 }
        : { space, variable: 0, start, parts };
    const span = { ...where, partitionStep: 1, certain: true };
    return this.writersOf({ ...span, lo, hi: lo + bytes, base: lo, run: bytes, counts: [], strides: [] });
  }

  private writersOf(region: Region): Writers {
    const found: number[] = [];
    const join = (writer: number, lo: number, hi: number): undefined => {
      if (found.length > 0 && found.at(-2) === writer) found[found.length - 1]! += hi - lo;
      else found.push(writer, hi - lo);
    };
    for (const memory of this.memoriesOf(region)) someRun(region, (lo, hi) => memory.walk(lo, hi, join));
    return found;
  }

  private memoriesOf(region: Region): PagedBytes[] {
    const { space, variable } = region;
    const found: PagedBytes[] = [];
    for (const [first, end] of partitionRanges(region)) {
      for (let c = this.cuts.indexOf(first); c < this.cuts.length && this.cuts[c]! < end; c++) {
        const key = space === 'dram' ? `${variable}` : `${space} ${this.cuts[c]}`;
        const memory = this.memories.get(key) ?? new PagedBytes(NOBODY);
        this.memories.set(key, memory);
        found.push(memory);
      }
    }
    return found;
  }
}

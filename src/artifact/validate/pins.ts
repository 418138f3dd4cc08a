// Pinned ranges. Invariants, for the executables of one model (pins belong to one model of a core at a time): pins lie in SBUF,
// are disjoint, and nothing but the `load` of their executable writes them. Places that take a register are judged when they
// are executed.
import { PARTITIONS, type Target } from '../../chip/target.js';
import { isBound } from '../../isa/bindings.js';
import { patternsOf } from '../../isa/fields.js';
import { descriptorFootprint, patternRegion, type Region } from '../../isa/footprint.js';
import type { DmaDescriptor } from '../../isa/operands.js';
import { overlaps } from '../../isa/overlap.js';
import type { Pin, Program } from '../../isa/program.js';
import type { Instruction } from '../../isa/table.js';
import type { ModelSignature } from '../signature.js';
import type { DecodedProgram, Fragment } from './code.js';
import type { Report } from './finding.js';

interface Owned {
  readonly region: Region;
  readonly executable: number;
}

function regionOf({ start, parts, base, bytes }: Pin): Region {
  const place = { space: 'sbuf', variable: 0, start, parts, partitionStep: 1, certain: true } as const;
  return { ...place, lo: base, hi: base + bytes, base, run: bytes, counts: [], strides: [] };
}

export function checkPins(
  program: Program,
  models: readonly ModelSignature[],
  target: Target,
  code: DecodedProgram,
  report: Report,
): void {
  for (const { name, pins } of program.executables) {
    for (const { start, parts, base, bytes } of pins) {
      if (parts < 1 || bytes < 1 || start + parts > PARTITIONS || base + bytes > target.sbufPartitionBytes)
        report(
          'E3555',
          `a pin of ${name} lies outside SBUF: partitions ${start}+${parts}, bytes ${base}+${bytes}`,
        );
    }
  }
  for (const model of models) {
    const indices = program.executables.flatMap((e, i) => (model.executables.includes(e.name) ? [i] : []));
    const pins = indices.flatMap((executable) =>
      (program.executables[executable]?.pins ?? []).map(
        (pin): Owned => ({ region: regionOf(pin), executable }),
      ),
    );
    if (pins.length > 0) checkModel(program, indices, new PinMap(pins), code, report);
  }
}

/** Pins by where they begin, to find those that a region meets. */
class PinMap {
  readonly pins: readonly Owned[];
  /** Largest end among the pins up to each. */
  private readonly ends: number[] = [];

  constructor(pins: readonly Owned[]) {
    this.pins = [...pins].sort((a, b) => a.region.lo - b.region.lo);
    for (const [i, { region }] of this.pins.entries())
      this.ends.push(Math.max(region.hi, this.ends[i - 1] ?? 0));
  }

  *meeting(region: Region): Generator<Owned> {
    let below = 0;
    for (let above = this.pins.length; below < above; ) {
      const middle = (below + above) >> 1;
      if ((this.pins[middle]?.region.lo ?? 0) < region.hi) below = middle + 1;
      else above = middle;
    }
    for (let i = below - 1; i >= 0 && (this.ends[i] ?? 0) > region.lo; i--) {
      const pin = this.pins[i];
      if (pin !== undefined && overlaps(pin.region, region)) yield pin;
    }
  }
}

const placeOf = (r: Region): string =>
  `bytes ${r.lo}..${r.hi - 1} of partitions ${r.start}..${r.start + r.parts - 1}`;

function checkModel(
  program: Program,
  indices: readonly number[],
  pins: PinMap,
  code: DecodedProgram,
  report: Report,
): void {
  const nameOf = (i: number): string => program.executables[i]?.name ?? String(i);
  for (const pin of pins.pins) {
    for (const other of pins.meeting(pin.region)) {
      if (pins.pins.indexOf(other) > pins.pins.indexOf(pin))
        report(
          'E3555',
          `pins of ${nameOf(pin.executable)} and ${nameOf(other.executable)} overlap at ${placeOf(other.region)}`,
        );
    }
  }
  for (const executable of indices) {
    for (const phase of ['load', 'main'] as const) {
      for (const { fragments } of code.reach(phase, executable)) {
        for (const fragment of fragments) {
          for (const { region, what } of writesOf(fragment)) {
            for (const pin of pins.meeting(region)) {
              if (phase === 'load' && pin.executable === executable) continue;
              report(
                'E3555',
                `${what} (${phase} of ${nameOf(executable)}) writes a pin of ${nameOf(pin.executable)}: ${placeOf(region)}`,
              );
            }
          }
        }
      }
    }
  }
}

/** What a fragment writes in SBUF where its code alone says so. */
function* writesOf(fragment: Fragment): Generator<{ readonly region: Region; readonly what: string }> {
  const inSbuf = (region: Region | undefined): region is Region =>
    region !== undefined && region.space === 'sbuf';
  for (const [i, instr] of fragment.instructions.entries()) {
    const what = `${fragment.name} #${i} ${instr.m}`;
    for (const { name, written, ap } of patternsOf(instr)) {
      if (!written || isBound(instr, name)) continue;
      const region = patternRegion(ap);
      if (inSbuf(region)) yield { region, what };
    }
    for (const d of descriptorsOf(instr, fragment)) {
      const [region] = d.dst.reg >= 0 ? [] : descriptorFootprint(d).writes;
      if (inSbuf(region)) yield { region, what };
    }
  }
}

/** Descriptors of a DMA trigger; none where a register decides which. */
function descriptorsOf(instr: Instruction, { descriptors }: Fragment): readonly DmaDescriptor[] {
  if (instr.m !== 'DMA') return [];
  if (isBound(instr, 'first') || isBound(instr, 'count')) return [];
  return descriptors.slice(instr.first, instr.first + instr.count);
}

// Order and addresses of a program's sections: which constants are pinned, how each section is scheduled, where its buffers
// lie. Pins and run-ahead are cut back step by step until everything has an address.
import { doesNotFit } from '../base/diagnostic.js';
import type { Target } from '../chip/target.js';
import { allocateMemory, type FixedPlaces, type Memory, placeFixed } from './allocate/memory.js';
import type { Effort } from './allocate/solver.js';
import type { Buffer, Section, Step } from './lower/buffer.js';
import { chooseResidency, type Residency, type WeightedProgram } from './plan/residency.js';
import { dependencesOf } from './schedule/dependences.js';
import { type Schedule, schedule } from './schedule/schedule.js';
import type { Ordered } from './sync/sync.js';

export interface PlacedSection {
  readonly section: Section;
  /** Pins, the same for all sections, and the section's residents behind them. */
  readonly fixed: FixedPlaces;
  readonly schedule: Schedule;
  readonly memory: Memory;
  /** Steps in issue order with what each must wait for, reuse of addresses included. */
  readonly ordered: readonly Ordered[];
}

export interface PlacedProgram {
  readonly residency: Residency;
  readonly pins: FixedPlaces;
  readonly sections: readonly PlacedSection[];
  /** The load fragment's steps, in program order. */
  readonly load: readonly Ordered[];
}

/** Shares of SBUF given to pins, then how far loads run ahead. */
const ATTEMPTS: readonly { readonly pins: number; readonly ahead: number }[] = [
  { pins: 1, ahead: 0.9 },
  { pins: 0.8, ahead: 0.9 },
  { pins: 0.6, ahead: 0.85 },
  { pins: 0.4, ahead: 0.8 },
  { pins: 0.2, ahead: 0.7 },
  { pins: 0, ahead: 0.6 },
  { pins: 0, ahead: 0.3 },
  { pins: 0, ahead: 0 },
];

/** Steps an engine looks ahead, by -O level. */
const WINDOWS = [1, 64, 192, 512];

export function placeProgram(
  program: WeightedProgram,
  target: Target,
  level: number,
  pins = true,
): PlacedProgram {
  const capacity = target.sbufPartitionBytes;
  let needed = 0;
  let previousPins = -1;
  for (const attempt of ATTEMPTS) {
    const share = pins ? attempt.pins : 0;
    const residency = residencyBeside(program, capacity, capacity * share);
    if (residency.pinnedBytes === previousPins && attempt.ahead === 0.9) continue;
    previousPins = residency.pinnedBytes;
    const sections: PlacedSection[] = [];
    for (const section of residency.sections) {
      const fixed = placeFixed(residency.pinned, section.residents ?? []);
      const placed = placeSection(
        section,
        fixed,
        target,
        (capacity - fixed.end) * attempt.ahead,
        WINDOWS[level] ?? 192,
        // A long search pays only when no pins are left to give up.
        residency.pinnedBytes > 0 ? 'brief' : 'normal',
      );
      sections.push(placed);
      if (!placed.memory.fits) {
        needed = placed.memory.needed;
        break;
      }
    }
    if (sections.length === residency.sections.length && sections.every((s) => s.memory.fits)) {
      const load = inProgramOrder(residency.load, target);
      return { residency, pins: placeFixed(residency.pinned, []), sections, load };
    }
  }
  throw doesNotFit(
    'E5101',
    `the program needs ${needed} bytes of each SBUF partition at one time, ${target.name} has ${capacity}`,
    {},
    'a smaller batch or input shape, or 16-bit arithmetic (--auto-cast all), needs less',
  );
}

/** Room between what a section needs at one time and what there is, for alignment and gaps. */
const SLACK = 1.03;

/** As many pins, at most `most` bytes of a partition, as leave room for what sections need at one time, streamed weights included. */
function residencyBeside(program: WeightedProgram, capacity: number, most: number): Residency {
  let needed = mostNeeded(program.sections);
  for (;;) {
    const room = Math.max(0, Math.min(most, capacity - needed));
    const residency = chooseResidency(program, Math.floor(room));
    const peak = mostNeeded(residency.sections);
    if (peak <= needed || residency.pinnedBytes === 0 || residency.pinnedBytes + peak <= capacity)
      return residency;
    needed = peak;
  }
}

/** Bytes of a partition beside the pins: residents, and what lives at one time, with slack. */
function mostNeeded(sections: readonly Section[]): number {
  return Math.max(0, ...sections.map((s) => placeFixed([], s.residents ?? []).end + peakBytes(s) * SLACK));
}

function placeSection(
  section: Section,
  fixed: FixedPlaces,
  target: Target,
  sbufBytes: number,
  window: number,
  effort: Effort,
): PlacedSection {
  const deps = dependencesOf(section.steps);
  const scheduled = schedule(section.steps, deps, target, { sbufBytes, window });
  const memory = allocateMemory(fixed, scheduled, deps.accesses, target, effort);
  const ordered = memory.fits ? withReuse(section.steps, scheduled, deps.before, memory) : [];
  return { section, fixed, schedule: scheduled, memory, ordered };
}

/** Most bytes of a partition that buffers other than weights and residents take at one time, in program order. */
function peakBytes(section: Section): number {
  const last = new Map<Buffer, number>();
  const first = new Map<Buffer, number>();
  section.steps.forEach((s, i) => {
    for (const b of buffersOf(s)) {
      if (b.space !== 'sbuf' || b.weight || b.resident) continue;
      last.set(b, i);
      if (!first.has(b)) first.set(b, i);
    }
  });
  const change = new Float64Array(section.steps.length + 1);
  for (const [b, i] of first) {
    change[i] = (change[i] ?? 0) + b.bytes;
    const end = (last.get(b) ?? i) + 1;
    change[end] = (change[end] ?? 0) - b.bytes;
  }
  let live = 0;
  let peak = 0;
  for (const c of change) {
    live += c;
    peak = Math.max(peak, live);
  }
  return peak;
}

export function buffersOf(step: Step): Buffer[] {
  const found = new Set<Buffer>();
  for (const v of Object.values(step.instruction)) {
    if (typeof v === 'object' && v !== null && 'buffer' in v) found.add((v as { buffer: Buffer }).buffer);
  }
  for (const d of step.descriptors ?? []) {
    found.add(d.src.buffer);
    found.add(d.dst.buffer);
    if (d.indexBuffer) found.add(d.indexBuffer);
  }
  return [...found];
}

/** Load fragments keep program order; transfers take the queues in turn. */
function inProgramOrder(steps: readonly Step[], target: Target): Ordered[] {
  const deps = dependencesOf(steps);
  let turn = 0;
  return steps.map((step, i) => ({
    step,
    before: deps.before[i] ?? [],
    queue: step.instruction.m === 'DMA' ? turn++ % target.dma.queues : -1,
  }));
}

/** The scheduled order, with what reuse of addresses adds: accesses of a buffer follow the last ones of those whose place it takes. */
function withReuse(
  steps: readonly Step[],
  scheduled: Schedule,
  before: readonly (readonly number[])[],
  memory: Memory,
): Ordered[] {
  const { order, queues } = scheduled;
  const position = new Int32Array(order.length);
  order.forEach((i, at) => {
    position[i] = at;
  });
  const predecessors = memory.predecessors(scheduled.banks);
  /** Last position of each stream that touches a buffer: earlier ones of the stream are implied. */
  const lastUses = new Map<Buffer, Map<string, number>>();
  return order.map((i, at) => {
    const step = steps[i] as Step;
    const needed = new Set<number>((before[i] ?? []).map((p) => position[p] as number));
    const mine = buffersOf(step);
    for (const b of mine) {
      for (const old of predecessors.get(b) ?? [])
        for (const p of lastUses.get(old)?.values() ?? []) if (p < at) needed.add(p);
    }
    const queue = queues[i] ?? -1;
    const stream = queue >= 0 ? `q${queue}` : step.engine;
    for (const b of mine) {
      const uses = lastUses.get(b) ?? new Map<string, number>();
      uses.set(stream, at);
      lastUses.set(b, uses);
    }
    return { step, before: [...needed], queue };
  });
}

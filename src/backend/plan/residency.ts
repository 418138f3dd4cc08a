// Which constants stay on chip. Pinned ones are filled by the `load` fragment and are read-only afterwards; the others are
// loaded again before each node that uses them. Pins are chosen by benefit: what is fetched per request for a byte of a partition.
import type { Buffer, BufferDescriptor, Section, Step } from '../lower/buffer.js';
import type { WeightGroup } from '../lower/builder.js';
import { accessesOf, exchangeAccesses } from '../schedule/accesses.js';

export interface Residency {
  /** Steps of the load fragment: they fill the pins. */
  readonly load: readonly Step[];
  /** Each section with the loads of streamed weights in place. */
  readonly sections: readonly Section[];
  readonly pinned: readonly Buffer[];
  /** Bytes of a partition that pins take. */
  readonly pinnedBytes: number;
  /** Bytes that one pass of each section loads. */
  readonly streamedBytes: number;
}

/** What residency is chosen for. */
export interface WeightedProgram {
  readonly buffers: readonly Buffer[];
  readonly sections: readonly Section[];
  readonly weights: readonly WeightGroup[];
}

/** `pinBytes`: bytes of a partition that pins may take. */
export function chooseResidency(program: WeightedProgram, pinBytes: number): Residency {
  const groupOf = new Map<Buffer, number>();
  program.weights.forEach((g, i) => {
    for (const b of g.buffers) groupOf.set(b, i);
  });
  const used = program.sections.map((section) => section.steps.map((s) => groupsUsed(s, groupOf)));
  const loads = countLoads(program.sections, used);
  const size = (g: number): number =>
    program.weights[g]?.buffers.reduce((n, b) => n + Math.ceil(b.bytes / PIN_ALIGN) * PIN_ALIGN, 0) ?? 0;
  const benefit = (g: number): number =>
    (loads.get(g) ?? 0) * (rowsOf(program, g) + TRANSFER_BYTES / Math.max(1, size(g)));
  const pinnedGroups = new Set<number>();
  let pinnedBytes = 0;
  for (const g of [...loads.keys()].sort((x, y) => benefit(y) - benefit(x) || x - y)) {
    if (pinnedBytes + size(g) > pinBytes) continue;
    pinnedGroups.add(g);
    pinnedBytes += size(g);
  }
  const chosen = [...pinnedGroups].sort((x, y) => x - y);
  const fresh = { id: program.buffers.length };
  const streamed = program.sections.map((section, i) =>
    stream(program, section, used[i] ?? [], pinnedGroups, fresh),
  );
  return {
    load: chosen.flatMap((g) => program.weights[g]?.steps ?? []),
    sections: streamed.map((s) => s.section),
    pinned: chosen.flatMap((g) => program.weights[g]?.buffers ?? []),
    pinnedBytes,
    streamedBytes: streamed.reduce((n, s) => n + s.bytes, 0),
  };
}

/** A transfer costs about what moving so many bytes does, however small it is: of weights used alike, small ones are pinned first. */
const TRANSFER_BYTES = 32 * 1024;
/** Pins are placed at multiples of this. */
export const PIN_ALIGN = 32;

/** How often a request would load each group if it were streamed: once for each node that uses it, each time the section runs. */
function countLoads(
  sections: readonly Section[],
  used: readonly (readonly (readonly number[])[])[],
): Map<number, number> {
  const loads = new Map<number, number>();
  sections.forEach((section, k) => {
    let origin = -1;
    let here = new Set<number>();
    section.steps.forEach((s, i) => {
      if (s.origin !== origin) {
        origin = s.origin;
        here = new Set();
      }
      for (const g of used[k]?.[i] ?? []) {
        if (!here.has(g)) loads.set(g, (loads.get(g) ?? 0) + section.times);
        here.add(g);
      }
    });
  });
  return loads;
}

/** Partitions that filling a group moves bytes to: what a byte of SBUF in one partition saves. */
function rowsOf(program: WeightedProgram, g: number): number {
  const buffers = program.weights[g]?.buffers ?? [];
  return (
    buffers.reduce((n, b) => n + b.parts * b.bytes, 0) /
    Math.max(
      1,
      buffers.reduce((n, b) => n + b.bytes, 0),
    )
  );
}

function groupsUsed(step: Step, groupOf: ReadonlyMap<Buffer, number>): number[] {
  const found = new Set<number>();
  for (const a of accessesOf(step)) {
    const g = groupOf.get(a.buffer);
    if (g !== undefined) found.add(g);
  }
  return [...found];
}

/** Puts the filling of unpinned weights before the first step of each node that uses them, buffer by buffer, into buffers of that node's own. */
function stream(
  program: WeightedProgram,
  section: Section,
  used: readonly (readonly number[])[],
  pinned: ReadonlySet<number>,
  fresh: { id: number },
): { section: Section; bytes: number } {
  const main: Step[] = [];
  let origin = -1;
  let here = new Map<Buffer, Buffer>();
  let filled = new Set<Buffer>();
  let bytes = 0;
  const fills = program.weights.map((g, i) =>
    pinned.has(i) ? new Map<Buffer, Step[]>() : fillsByBuffer(g.buffers, g.steps),
  );
  section.steps.forEach((step, i) => {
    if (step.origin !== origin) {
      origin = step.origin;
      here = new Map();
      filled = new Set();
    }
    for (const g of used[i] ?? []) {
      const group = program.weights[g];
      if (pinned.has(g) || group === undefined) continue;
      for (const b of group.buffers) {
        if (here.has(b)) continue;
        const { weight: _, ...plain } = b;
        here.set(b, { ...plain, id: fresh.id++ });
      }
      for (const a of accessesOf(step)) {
        const steps = fills[g]?.get(a.buffer);
        if (steps === undefined || filled.has(a.buffer)) continue;
        for (const s of steps) main.push(substitute(s, here, step.origin));
        for (const [b, list] of fills[g] ?? []) {
          if (list !== steps) continue;
          filled.add(b);
          bytes += b.bytes * b.parts;
        }
      }
    }
    main.push(here.size > 0 ? substitute(step, here) : step);
  });
  return { section: { ...section, steps: main }, bytes };
}

/** The steps that fill each buffer; where a step touches several buffers of the group they are filled together. */
function fillsByBuffer(buffers: readonly Buffer[], steps: readonly Step[]): Map<Buffer, Step[]> {
  const mine = new Set(buffers);
  const apart = steps.every(
    (s) =>
      new Set(
        accessesOf(s)
          .map((a) => a.buffer)
          .filter((b) => mine.has(b)),
      ).size === 1,
  );
  if (!apart) return new Map(buffers.map((b) => [b, steps as Step[]]));
  const fills = new Map<Buffer, Step[]>(buffers.map((b) => [b, []]));
  for (const s of steps) {
    const b = accessesOf(s).find((a) => mine.has(a.buffer))?.buffer;
    if (b !== undefined) fills.get(b)?.push(s);
  }
  return fills;
}

/** The step with some buffers exchanged for others, for the node given. */
function substitute(step: Step, by: ReadonlyMap<Buffer, Buffer>, origin = step.origin): Step {
  const swap = <T extends { buffer: Buffer }>(x: T): T => {
    const other = by.get(x.buffer);
    return other === undefined ? x : { ...x, buffer: other };
  };
  const instruction: Record<string, unknown> = { ...step.instruction };
  for (const key in instruction) {
    const v = instruction[key];
    if (typeof v === 'object' && v !== null && 'buffer' in v)
      instruction[key] = swap(v as { buffer: Buffer });
  }
  const descriptors = step.descriptors?.map((d): BufferDescriptor => {
    const index = d.indexBuffer === undefined ? undefined : (by.get(d.indexBuffer) ?? d.indexBuffer);
    return { ...d, src: swap(d.src), dst: swap(d.dst), ...(index && { indexBuffer: index }) };
  });
  const exchanged: Step = {
    ...step,
    origin,
    instruction: instruction as unknown as Step['instruction'],
    ...(descriptors && { descriptors }),
  };
  exchangeAccesses(exchanged, step, by);
  return exchanged;
}

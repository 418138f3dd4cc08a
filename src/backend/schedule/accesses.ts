// What a step of the virtual program reads and writes, by buffer: the instruction's own footprint, split over the buffers
// that its access patterns name.
import { columnsOf, patternsOf } from '../../isa/fields.js';
import { descriptorFootprint, patternRegion, type Region } from '../../isa/footprint.js';
import type { Buffer, BufferAp, BufferScalar, Step } from '../lower/buffer.js';

export interface Access {
  readonly buffer: Buffer;
  readonly region: Region;
  readonly write: boolean;
}

/** Steps are never changed, and asked for their accesses by several phases. */
const known = new WeakMap<Step, readonly Access[]>();

export function accessesOf(step: Step): readonly Access[] {
  let accesses = known.get(step);
  if (accesses === undefined) {
    accesses = findAccesses(step);
    known.set(step, accesses);
  }
  return accesses;
}

/** Tells that `step` does what `like` does, with some buffers exchanged for others at the same places. */
export function exchangeAccesses(step: Step, like: Step, by: ReadonlyMap<Buffer, Buffer>): void {
  const accesses = accessesOf(like).map((a) => {
    const buffer = by.get(a.buffer);
    return buffer === undefined ? a : { ...a, buffer };
  });
  known.set(step, accesses);
}

function findAccesses(step: Step): Access[] {
  const found: Access[] = [];
  const add = (buffer: Buffer, region: Region | undefined, write: boolean): void => {
    if (region !== undefined) found.push({ buffer, region, write });
  };
  const { instruction } = step;
  for (const { ap, written } of patternsOf(instruction))
    add((ap as BufferAp).buffer, patternRegion(ap), written);
  for (const { name, ap } of columnsOf(instruction)) {
    const scalar = (instruction as unknown as Record<string, BufferScalar>)[name];
    if (scalar?.kind === 'column') add(scalar.buffer, patternRegion(ap), false);
  }
  if (instruction.m === 'MATMUL' && !instruction.start)
    add((instruction.dst as BufferAp).buffer, patternRegion(instruction.dst), false);
  for (const d of step.descriptors ?? []) {
    const { reads, writes } = descriptorFootprint(d);
    // Order of the regions: source, then the index vector where there is one.
    add(d.src.buffer, reads[0], false);
    if (d.indexBuffer !== undefined) add(d.indexBuffer, reads[1], false);
    add(d.dst.buffer, writes[0], true);
  }
  return found;
}

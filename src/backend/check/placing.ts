// What a step reads and writes under a placement: the checkers' own reading of a step over buffers. A placement says where each
// buffer lies; the virtual program is the one where every buffer has bytes of its own in memory without end.
import { FIELDS, fieldOf } from '../../isa/fields.js';
import { descriptorFootprint, type Footprint, footprint } from '../../isa/footprint.js';
import type { DmaDescriptor } from '../../isa/operands.js';
import type { Instruction } from '../../isa/table.js';
import type { Buffer, Step } from '../lower/buffer.js';

export interface Placement {
  /** Byte offset in a partition, or in the DRAM variable. */
  offset(b: Buffer): number;
  /** DRAM: number of the variable it lies in. */
  variable(b: Buffer): number;
}

/** An operand of a step: a field of the instruction, or a side of a descriptor (`descriptor 2 src`). */
export interface Operand {
  readonly name: string;
  readonly buffer: Buffer;
}

const inBuffer = (x: unknown): x is { readonly buffer: Buffer; readonly base: number } =>
  typeof x === 'object' && x !== null && 'buffer' in x;

/** Every buffer that the step names, by operand. */
export function operandsOf({ instruction, descriptors }: Step): Operand[] {
  const found: Operand[] = [];
  for (const { name } of FIELDS[instruction.m]) {
    const value: unknown = fieldOf(instruction, name);
    if (inBuffer(value)) found.push({ name, buffer: value.buffer });
  }
  for (const [i, d] of (descriptors ?? []).entries()) {
    found.push(
      { name: `descriptor ${i} src`, buffer: d.src.buffer },
      { name: `descriptor ${i} dst`, buffer: d.dst.buffer },
    );
    if (d.indexBuffer !== undefined) found.push({ name: `descriptor ${i} index`, buffer: d.indexBuffer });
  }
  return found;
}

/** The instruction with the addresses of a placement. */
export function placedInstruction(step: Step, placement: Placement): Instruction {
  const { instruction } = step;
  const moved: Record<string, unknown> = {};
  for (const { name } of FIELDS[instruction.m]) {
    const value: unknown = fieldOf(instruction, name);
    if (inBuffer(value)) moved[name] = { ...value, base: value.base + placement.offset(value.buffer) };
  }
  return { ...instruction, ...moved } as Instruction;
}

/** The descriptors of a transfer with the addresses of a placement. */
export function placedDescriptors(step: Step, placement: Placement): DmaDescriptor[] {
  const at = <T extends { readonly offset: number }>(side: T, b: Buffer): T => ({
    ...side,
    variable: b.space === 'dram' ? placement.variable(b) : 0,
    offset: side.offset + placement.offset(b),
  });
  return (step.descriptors ?? []).map((d): DmaDescriptor => {
    const { indirect, indexBuffer } = d;
    const sides = {
      elementBytes: d.elementBytes,
      src: at(d.src, d.src.buffer),
      dst: at(d.dst, d.dst.buffer),
    };
    return indirect !== undefined && indexBuffer !== undefined
      ? { ...sides, indirect: at(indirect, indexBuffer) }
      : sides;
  });
}

/** Reads and writes of a step: the instruction's, then those of its descriptors, always in the same order. */
export function placedFootprints(step: Step, placement: Placement): Footprint[] {
  if (step.instruction.m === 'DMA') return placedDescriptors(step, placement).map(descriptorFootprint);
  return [footprint(placedInstruction(step, placement))];
}

/** Each buffer in bytes of its own. Offsets are multiples of a page, so that buffers share none. */
export function virtualPlacement(): Placement {
  const offsets = new Map<Buffer, number>();
  let next = 0;
  return {
    offset: (b) => {
      if (b.space === 'dram') return 0;
      const known = offsets.get(b);
      if (known !== undefined) return known;
      offsets.set(b, next);
      const at = next;
      next += Math.ceil(b.bytes / 4096) * 4096;
      return at;
    },
    variable: (b) => b.id,
  };
}

/** `buffer 7 weights`; many buffers have no name. */
export function bufferText(b: Buffer): string {
  return b.name === '' ? `buffer ${b.id}` : `buffer ${b.id} ${b.name}`;
}

/** `step 12 (dve COPY)`. */
export function stepText(i: number, step: Step | undefined): string {
  return step === undefined ? 'nothing' : `step ${i} (${step.engine} ${step.instruction.m})`;
}

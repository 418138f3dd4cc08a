// Instructions and DMA descriptors as text, one a line; assemble.ts reads it back to the same bytes.
//   MNEMONIC field=value flag ... wait semaphore>=value,... inc semaphore bind field=rN,...
// A field that has its default (DEFAULTS, or the first operation of a reduction that is off) is left out.
import { unusedDims } from './codec.js';
import { ABSENT_AP, FIELDS, type Field, fieldOf, isPresent } from './fields.js';
import { REDUCE_OPS } from './functions.js';
import type { DmaDescriptor, DmaSide } from './operands.js';
import type { FieldKind, Instruction } from './table.js';
import { FORMATS, type Format, hex, printDims } from './text.js';

/** Defaults of kinds, as text. */
const DEFAULTS: { readonly [K in FieldKind]?: string } = { scalar: '0', f32: '0', i32x4: '0,0,0,0' };

/** The text of a field's default value; undefined where it has to be given. */
export function defaultText(field: Field): string | undefined {
  if (field.gate === undefined) return DEFAULTS[field.kind];
  return field.kind === 'optionalOut' ? FORMATS.optionalOut.print(ABSENT_AP) : REDUCE_OPS[0];
}

function printField(instr: Instruction, field: Field): string | undefined {
  const value = fieldOf(instr, field.name);
  if (field.kind === 'flag') return value === true ? field.name : undefined;
  const text = (FORMATS[field.kind] as Format<unknown>).print(value);
  const omitted = text === defaultText(field) && (field.gate === undefined || !isPresent(instr, field));
  return omitted ? undefined : `${field.name}=${text}`;
}

/** One instruction as one line. */
export function disassemble(instr: Instruction): string {
  const words = [instr.m as string];
  for (const field of FIELDS[instr.m]) {
    const text = printField(instr, field);
    if (text !== undefined) words.push(text);
  }
  if (instr.waits.length > 0)
    words.push('wait', instr.waits.map((w) => `${w.semaphore}>=${w.value}`).join(','));
  if (instr.increment !== -1) words.push('inc', String(instr.increment));
  if (instr.bindings.length > 0)
    words.push('bind', instr.bindings.map((b) => `${b.field}=r${b.reg}`).join(','));
  return words.join(' ');
}

function printSide(side: DmaSide): string {
  const { space, variable, partition, partitionDim, offset, reg, counts } = side;
  const inDram = space === 'dram';
  const place = `${space}${inDram || variable !== 0 ? `:${variable}` : ''}${!inDram || partition !== 0 ? `@${partition}` : ''}`;
  const unused = unusedDims(counts, side.strides);
  const strides = side.strides.map((s, d) => (d === partitionDim ? `p${s}` : s));
  const dims = printDims(counts, strides, partitionDim < 0 ? unused : Math.min(unused, partitionDim));
  return `${place}${hex(offset)}${reg < 0 ? '' : `+r${reg}`}${dims}`;
}

/**
 * One descriptor as one line: `4B src=dram:7+0x100{8x16:64,4} dst=sbuf@3+0x200{8x16:p1,4}`. Strides are bytes; pN is a step of N
 * partitions; +rN a register. Rows chosen at run time: `gather` (src) or `scatter` (dst) with the place of their numbers.
 */
export function disassembleDescriptor(d: DmaDescriptor): string {
  const line = `${d.elementBytes}B src=${printSide(d.src)} dst=${printSide(d.dst)}`;
  if (d.indirect === undefined) return line;
  const { side, space, variable, partition, offset, bound, add } = d.indirect;
  const place = `${space}${space === 'dram' || variable !== 0 ? `:${variable}` : ''}${space === 'sbuf' || partition !== 0 ? `@${partition}` : ''}`;
  return `${line} ${side === 'src' ? 'gather' : 'scatter'}=${place}${hex(offset)} bound=${bound} add=${add}`;
}

// Instructions to bytes and back. Little-endian; every instruction has exactly one encoding, so equal programs have equal bytes.
//   0 opcode u8 | 1 waits (2 bits), bindings (4 bits) | 2 increment u16, 0xffff none | 4 flags u8, in field order | 5 size / 8 u8 | 6 zero u16
//   waits: semaphore u16, zero u16, value u32     fields in row order, flags left out     bindings: field number u8, register u8
//   zeros up to a multiple of 8
// An access pattern is: dtype (4 bits), space (1), dims kept (3) | start u8 | parts u8 | zero u8 | base u32 | dims: count u16, stride i16.
// Leading dims of count 1 and stride 0 are left out. A gated output whose flag is off has no bytes.
import { bug } from '../base/diagnostic.js';
import { ENUMS, type EnumKind, INTEGERS, type IntegerKind, indexIn, Reader, Writer } from './bytes.js';
import { ABSENT_AP, bindableFields, FIELDS, type Field, fieldOf, isPresent, OPCODES } from './fields.js';
import type { Ap, Binding, ChipDType, Scalar, Space, Wait } from './operands.js';
import { CHIP_DTYPES, MAX_BINDINGS, MAX_WAITS, REGISTERS } from './operands.js';
import type { Instruction, Mnemonic } from './table.js';
import { MNEMONICS } from './table.js';

const HEADER_BYTES = 8;
const NO_INCREMENT = 0xffff;
const SPACES: readonly Space[] = ['sbuf', 'psum'];
const SCALAR_KINDS = ['f32', 'i32', 'column'] as const;

const isEnum = (kind: string): kind is EnumKind => kind in ENUMS;
const isInteger = (kind: string): kind is IntegerKind => kind in INTEGERS;

/** How many leading dims the encoding and the text leave out: those of count 1 and stride 0. */
export function unusedDims(counts: readonly number[], strides: readonly number[]): number {
  let unused = 0;
  while (unused < 4 && counts[unused] === 1 && strides[unused] === 0) unused++;
  return unused;
}

function writeAp(out: Writer, ap: Ap, field: string): void {
  const unused = unusedDims(ap.counts, ap.strides);
  const dtype = indexIn(CHIP_DTYPES, ap.dtype, `${field}.dtype`);
  const space = indexIn(SPACES, ap.space, `${field}.space`);
  out.integer('u8', dtype | (space << 4) | ((4 - unused) << 5), field);
  out.integer('u8', ap.start, `${field}.start`);
  out.integer('u8', ap.parts, `${field}.parts`);
  out.integer('u8', 0, field);
  out.integer('u32', ap.base, `${field}.base`);
  for (let d = unused; d < 4; d++) {
    out.integer('u16', ap.counts[d] ?? 1, `${field}.counts.${d}`);
    out.integer('i16', ap.strides[d] ?? 0, `${field}.strides.${d}`);
  }
}

function writeScalar(out: Writer, scalar: Scalar, field: string): void {
  out.integer('u8', indexIn(SCALAR_KINDS, scalar.kind, `${field}.kind`), field);
  const column = scalar.kind === 'column';
  const type = column
    ? indexIn(CHIP_DTYPES, scalar.dtype, `${field}.dtype`) |
      (indexIn(SPACES, scalar.space, `${field}.space`) << 4)
    : 0;
  out.integer('u8', type, field);
  out.integer('u16', 0, field);
  if (scalar.kind === 'f32') out.float(scalar.value);
  else if (scalar.kind === 'i32') out.integer('i32', scalar.value, field);
  else out.integer('u32', scalar.base, `${field}.base`);
}

function writeField(out: Writer, instr: Instruction, field: Field): void {
  const { kind, name } = field;
  const label = `${instr.m} ${name}`;
  const value = fieldOf(instr, name);
  if (kind === 'flag') return;
  if (isEnum(kind)) out.integer('u8', indexIn(ENUMS[kind], value, label), label);
  else if (isInteger(kind)) out.integer(kind, value as number, label);
  else if (kind === 'f32') out.float(value as number);
  else if (kind === 'i32x4')
    for (const [i, v] of (value as readonly number[]).entries()) out.integer('i32', v, `${label}.${i}`);
  else if (kind === 'scalar') writeScalar(out, value as Scalar, label);
  else if (isPresent(instr, field)) writeAp(out, value as Ap, label);
  else if ((value as Ap).parts !== 0)
    throw bug('E1200', `${label} is given but its flag ${field.gate} is not set`);
}

function writeInstruction(out: Writer, instr: Instruction): void {
  const from = out.at;
  const opcode = OPCODES[instr.m];
  if (opcode === undefined) throw bug('E1200', `there is no instruction ${String(instr.m)}`);
  const { waits, bindings } = instr;
  if (waits.length > MAX_WAITS)
    throw bug('E1200', `${instr.m} has ${waits.length} waits, at most ${MAX_WAITS} fit`);
  if (bindings.length > MAX_BINDINGS)
    throw bug('E1200', `${instr.m} has ${bindings.length} bindings, at most ${MAX_BINDINGS} fit`);
  let flags = 0;
  let flagBit = 1;
  for (const field of FIELDS[instr.m]) {
    if (field.kind !== 'flag') continue;
    if (fieldOf(instr, field.name) === true) flags |= flagBit;
    flagBit <<= 1;
  }
  out.integer('u8', opcode, 'opcode');
  out.integer('u8', waits.length | (bindings.length << 2), 'waits');
  out.integer('u16', instr.increment === -1 ? NO_INCREMENT : instr.increment, `${instr.m} increment`);
  out.integer('u8', flags, 'flags');
  out.integer('u8', 0, 'size');
  out.integer('u16', 0, 'reserved');
  for (const [i, wait] of waits.entries()) {
    out.integer('u16', wait.semaphore, `${instr.m} waits.${i}.semaphore`);
    out.integer('u16', 0, 'reserved');
    out.integer('u32', wait.value, `${instr.m} waits.${i}`);
  }
  for (const field of FIELDS[instr.m]) writeField(out, instr, field);
  const names = bindableFields(instr.m);
  for (const binding of bindings) {
    out.integer('u8', indexIn(names, binding.field, `${instr.m} binding`), 'binding');
    if (binding.reg >= REGISTERS)
      throw bug('E1200', `${instr.m} ${binding.field} is bound to register ${binding.reg} of ${REGISTERS}`);
    out.integer('u8', binding.reg, `${instr.m} ${binding.field} register`);
  }
  while ((out.at - from) % 8 !== 0) out.integer('u8', 0, 'padding');
  out.view.setUint8(from + 5, (out.at - from) / 8);
}

/**
 * The bytes of a code fragment. Float immediates are rounded to fp32, a NaN to the one with bits 7fc00000.
 * @throws E1200 naming the field whose value its encoding does not hold
 */
export function encode(instrs: readonly Instruction[]): Uint8Array {
  const out = new Writer();
  for (const instr of instrs) writeInstruction(out, instr);
  return out.bytes.slice(0, out.at);
}

function readAp(from: Reader): Ap {
  const head = from.integer('u8');
  const used = head >> 5;
  if (used > 4) from.fail('E1205', `an access pattern of ${used} dims`, from.at - 1);
  const dtype: ChipDType = from.name(CHIP_DTYPES, head & 15, 'element type');
  const space: Space = head & 16 ? 'psum' : 'sbuf';
  const start = from.integer('u8');
  const parts = from.integer('u8');
  from.zero('u8');
  const base = from.integer('u32');
  const counts: [number, number, number, number] = [1, 1, 1, 1];
  const strides: [number, number, number, number] = [0, 0, 0, 0];
  for (let d = 4 - used; d < 4; d++) {
    counts[d] = from.integer('u16');
    strides[d] = from.integer('i16');
  }
  if (unusedDims(counts, strides) !== 4 - used)
    from.fail('E1205', 'an access pattern keeps a dim of count 1 and stride 0');
  return { space, dtype, start, parts, base, counts, strides };
}

function readScalar(from: Reader): Scalar {
  const kind = from.name(SCALAR_KINDS, from.integer('u8'), 'scalar kind');
  const type = from.integer('u8');
  if (kind !== 'column' ? type !== 0 : type > 31) from.fail('E1203', 'reserved bits are set', from.at - 1);
  const dtype = from.name(CHIP_DTYPES, type & 15, 'element type');
  from.zero('u16');
  if (kind === 'f32') return { kind, value: from.float() };
  if (kind === 'i32') return { kind, value: from.integer('i32') };
  return { kind, space: type & 16 ? 'psum' : 'sbuf', dtype, base: from.integer('u32') };
}

function readField(from: Reader, field: Field, fields: Readonly<Record<string, unknown>>): unknown {
  const { kind } = field;
  if (isEnum(kind)) return from.name<string>(ENUMS[kind], from.integer('u8'), field.name);
  if (isInteger(kind)) return from.integer(kind);
  if (kind === 'f32') return from.float();
  if (kind === 'i32x4')
    return [from.integer('i32'), from.integer('i32'), from.integer('i32'), from.integer('i32')];
  if (kind === 'scalar') return readScalar(from);
  return field.gate === undefined || fields[field.gate] === true ? readAp(from) : ABSENT_AP;
}

const NONE: readonly never[] = [];

function readWaits(from: Reader, count: number): readonly Wait[] {
  if (count === 0) return NONE;
  const waits: Wait[] = [];
  for (let i = 0; i < count; i++) {
    const semaphore = from.integer('u16');
    from.zero('u16');
    waits.push({ semaphore, value: from.integer('u32') });
  }
  return waits;
}

function readBindings(from: Reader, m: Mnemonic, count: number): readonly Binding[] {
  if (count === 0) return NONE;
  const names = bindableFields(m);
  const bindings: Binding[] = [];
  for (let i = 0; i < count; i++) {
    const field = names[from.integer('u8')];
    if (field === undefined) from.fail('E1206', `${m} has ${names.length} bindable fields`, from.at - 1);
    const reg = from.integer('u8');
    if (reg >= REGISTERS) from.fail('E1206', `register ${reg} of ${REGISTERS}`, from.at - 1);
    bindings.push({ field, reg });
  }
  return bindings;
}

/** An instruction of each mnemonic to fill in: copies share one hidden class, which keeps decoding and execution fast. */
const DRAFTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = Object.fromEntries(
  MNEMONICS.map((m) => [
    m,
    {
      m,
      waits: undefined,
      increment: -1,
      bindings: undefined,
      ...Object.fromEntries(FIELDS[m].map((f) => [f.name, undefined])),
    },
  ]),
);

function readInstruction(from: Reader): Instruction {
  const start = from.at;
  const limit = from.end;
  if (start + HEADER_BYTES > limit) from.fail('E1202', 'the stream ends inside a header');
  const m = MNEMONICS[from.integer('u8') - 1];
  if (m === undefined) from.fail('E1201', 'no instruction has this opcode', start);
  const numbers = from.integer('u8');
  const waitCount = numbers & 3;
  const bindingCount = numbers >> 2;
  if (numbers > 63) from.fail('E1203', 'reserved bits are set', start + 1);
  if (waitCount > MAX_WAITS) from.fail('E1205', `${waitCount} waits`, start + 1);
  if (bindingCount > MAX_BINDINGS) from.fail('E1206', `${bindingCount} bindings`, start + 1);
  const increment = from.integer('u16');
  const flags = from.integer('u8');
  const size = from.integer('u8') * 8;
  from.zero('u16');
  if (start + size > limit || size < HEADER_BYTES)
    from.fail('E1202', `a size of ${size} bytes, ${limit - start} are left`, start + 5);
  from.end = start + size;
  const draft = { ...DRAFTS[m] };
  draft.increment = increment === NO_INCREMENT ? -1 : increment;
  draft.waits = readWaits(from, waitCount);
  let flagBit = 1;
  // Flags first: they decide whether gated fields have bytes.
  for (const field of FIELDS[m]) {
    if (field.kind !== 'flag') continue;
    draft[field.name] = (flags & flagBit) !== 0;
    flagBit <<= 1;
  }
  if (flags >= flagBit) from.fail('E1203', 'reserved bits are set', start + 4);
  for (const field of FIELDS[m]) {
    if (field.kind !== 'flag') draft[field.name] = readField(from, field, draft);
  }
  draft.bindings = readBindings(from, m, bindingCount);
  if (from.end - from.at >= 8)
    from.fail('E1202', `a size of ${size} bytes where ${from.at - start} are used`, start + 5);
  while (from.at < from.end) from.zero('u8');
  from.end = limit;
  return draft as unknown as Instruction;
}

/**
 * The instructions of a code fragment.
 * @throws E1201 (opcode), E1202 (size), E1203 (reserved bits), E1204 (number of an enum), E1205 (operand), E1206 (binding), with the byte offset
 */
export function decodeStream(bytes: Uint8Array): Instruction[] {
  const from = new Reader(bytes);
  const instrs: Instruction[] = [];
  while (from.at < from.end) instrs.push(readInstruction(from));
  return instrs;
}

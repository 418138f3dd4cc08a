// Validity of operands, common to all instructions: where patterns lie, which partitions they share, element types, operations.
import { BYTE_CONSTRAINTS, MAX_ROW, PARTITION_CONSTRAINTS, partitionBytes } from '../chip/constraints.js';
import { PARTITIONS } from '../chip/target.js';
import { isBound } from './bindings.js';
import { FIELDS, fieldOf, isPresent } from './fields.js';
import { patternRegion } from './footprint.js';
import type { AluOp, ReduceOp } from './functions.js';
import type { ChipDType, Scalar } from './operands.js';
import { CHIP_DTYPE_BYTES } from './operands.js';
import { knownElements, type Report, type Rule, ruleOf, type Subject } from './rule.js';
import type { Instruction, Mnemonic } from './table.js';

/** Instructions whose operands lie in different partitions. */
const CROSS_PARTITIONS: readonly Mnemonic[] = ['MATMUL', 'TRANSPOSE32', 'PARTITION_REDUCE'];
const BIT_OPS: readonly (AluOp | ReduceOp)[] = ['and', 'or', 'xor', 'shl', 'shr', 'sar'];
const INTEGER_TYPES: readonly ChipDType[] = ['i32', 'u32', 'i16', 'u16', 'i8', 'u8', 'bool'];

/** Types that DVE and POOL compute on as exact 32-bit integers. */
export function isIntegerType(dtype: ChipDType): boolean {
  return INTEGER_TYPES.includes(dtype);
}

function partitionRule(id: keyof typeof PARTITION_CONSTRAINTS): Rule {
  const { text, holds } = PARTITION_CONSTRAINTS[id];
  return {
    text,
    check: ({ instr, patterns }, report) => {
      for (const { name, ap } of patterns) {
        if (isBound(instr, `${name}.parts`)) continue;
        if (!holds(ap)) report(name, `${name} has ${ap.parts} partitions from ${ap.start}`);
      }
    },
  };
}

function bytes({ instr, operands, target }: Subject, report: Report): void {
  for (const { name, ap } of operands) {
    if (['base', 'counts', 'strides'].some((part) => isBound(instr, `${name}.${part}`))) continue;
    const region = patternRegion({ ...ap, parts: 1 });
    if (region === undefined) continue;
    const { lo, hi } = region;
    const { space, start, parts } = ap;
    if (!BYTE_CONSTRAINTS['partition-bytes'].holds({ space, start, parts, lo, hi }, target)) {
      report(name, `${name} touches bytes ${lo}..${hi - 1} of ${partitionBytes(space, target)}`);
    }
  }
}

function alignment({ instr, operands }: Subject, report: Report): void {
  for (const { name, ap } of operands) {
    if (!isBound(instr, `${name}.base`) && ap.base % CHIP_DTYPE_BYTES[ap.dtype] !== 0) {
      report(name, `${name} is ${ap.dtype} at byte ${ap.base}`);
    }
  }
}

function rowLength({ instr, patterns }: Subject, report: Report): void {
  for (const { name } of patterns) {
    const elements = knownElements(instr, name);
    if (elements !== undefined && (elements < 1 || elements > MAX_ROW))
      report(name, `${name} has ${elements} elements a partition`);
  }
}

function lanes({ instr, patterns }: Subject, report: Report): void {
  if (CROSS_PARTITIONS.includes(instr.m)) return;
  const [first, ...others] = patterns;
  if (first === undefined) return;
  for (const { name, ap } of others) {
    const known = !isBound(instr, `${name}.parts`) && !isBound(instr, `${first.name}.parts`);
    if (ap.start !== first.ap.start || (known && ap.parts !== first.ap.parts)) {
      report(
        name,
        `${name} has ${ap.parts} partitions from ${ap.start}, ${first.name} ${first.ap.parts} from ${first.ap.start}`,
      );
    }
  }
}

function wideIntegers({ instr, operands }: Subject, report: Report): void {
  const wide = operands.filter((o) => o.ap.dtype === 'i64');
  if (instr.m === 'COPY') {
    const other = instr.src.dtype === 'i64' ? instr.dst.dtype : instr.src.dtype;
    if (wide.length > 0 && !['i64', 'i32', 'u32'].includes(other))
      report('dst', `COPY of ${instr.src.dtype} to ${instr.dst.dtype}`);
    return;
  }
  for (const { name } of wide) report(name, `${name} is i64`);
}

/** Whether a field's value is an integer to the engine; results of float operations are not. */
function isInteger(instr: Instruction, name: string): boolean {
  const value = fieldOf(instr, name);
  if (typeof value !== 'object' || !('dtype' in value || 'kind' in value)) return false;
  const { dtype, kind } = value as { dtype?: ChipDType; kind?: Scalar['kind'] };
  return dtype === undefined ? kind === 'i32' : isIntegerType(dtype);
}

/** Operations of an instruction in order, and whether each of them runs on integers. */
function operationsOf(instr: Instruction): { field: string; op: AluOp | ReduceOp; integer: boolean }[] {
  let [first = '', ...others] = FIELDS[instr.m]
    .filter((f) => f.kind === 'in' || f.kind === 'scalar')
    .map((f) => f.name);
  let integer = isInteger(instr, first);
  const found: { field: string; op: AluOp | ReduceOp; integer: boolean }[] = [];
  for (const field of FIELDS[instr.m]) {
    if ((field.kind !== 'alu' && field.kind !== 'reduce') || !isPresent(instr, field)) continue;
    const op = fieldOf(instr, field.name) as AluOp | ReduceOp;
    if (field.kind === 'alu') {
      [first = '', ...others] = others;
      // `bypass` hands on its first operand; the integer domain needs both.
      const swapped = fieldOf(instr, field.name.replace('op', 'reverse')) === true;
      const second = isInteger(instr, first);
      if (op !== 'bypass') integer = integer && second;
      else if (swapped) integer = second;
    }
    found.push({ field: field.name, op, integer });
  }
  return found;
}

function bitOperations({ instr }: Subject, report: Report): void {
  for (const { field, op, integer } of operationsOf(instr)) {
    if (BIT_OPS.includes(op) && !integer) report(field, `${op} where an operand is no integer`);
  }
}

function exact({ instr }: Subject, report: Report): void {
  if (fieldOf(instr, 'exact') !== true) return;
  if (instr.m === 'COPY') {
    if (!isIntegerType(instr.dst.dtype) && instr.dst.dtype !== 'i64')
      report('exact', `the result is ${instr.dst.dtype}`);
    return;
  }
  if (!operationsOf(instr).some((o) => o.integer)) report('exact', 'no operation is on integers');
}

export const OPERAND_RULES = {
  'partition-range': partitionRule('partition-range'),
  'partition-start': partitionRule('partition-start'),
  'partition-bytes': { text: BYTE_CONSTRAINTS['partition-bytes'].text, check: bytes },
  alignment: { text: 'A base is a multiple of its element’s bytes.', check: alignment },
  'row-length': { text: `A pattern has 1 to ${MAX_ROW} elements a partition.`, check: rowLength },
  lanes: {
    text: 'All operands of an ACT, DVE or POOL instruction have the same partitions; only PE, TRANSPOSE32, PARTITION_REDUCE and DMA move data across them.',
    check: lanes,
  },
  i64: { text: 'i64 appears only in COPY, to and from i64, i32 and u32.', check: wideIntegers },
  'bit-operations': { text: 'and, or, xor and shifts take integers only.', check: bitOperations },
  exact: {
    text: '`exact` is set only where an operation is on integers, or a COPY is to an integer.',
    check: exact,
  },
  'word-load': ruleOf(
    'REG_LOAD',
    `REG_LOAD reads an aligned word inside a partition 0..${PARTITIONS - 1} of SBUF or a DRAM variable.`,
    (i, report, target) => {
      if (isBound(i, 'offset')) return;
      if (i.offset % 4 !== 0) report('offset', `byte ${i.offset}`);
      if (!i.dram && (i.partition >= PARTITIONS || i.offset + 4 > target.sbufPartitionBytes))
        report('offset', `partition ${i.partition}, byte ${i.offset}`);
    },
  ),
} as const satisfies Readonly<Record<string, Rule>>;

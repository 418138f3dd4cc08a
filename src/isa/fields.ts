// The instruction table as lists to walk: the fields of each mnemonic in encoding order, its opcode, what a register may change.
// Everything here is derived from table.ts; nothing here or after it lists instructions a second time.
import type { Ap, Scalar } from './operands.js';
import type { FieldKind, FieldTypes, Instruction, Mnemonic, Row } from './table.js';
import { INSTRUCTIONS, MNEMONICS } from './table.js';

export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  /** The flag without which this field means nothing: `reduce` of `reduceOp` and `reduceDst`. */
  readonly gate?: string;
}

export type FieldValue = FieldTypes[FieldKind];

/** The rows without their literal types. */
export const ROWS: Readonly<Record<Mnemonic, Row>> = INSTRUCTIONS;

/** The pattern of an optional output that is not there. */
export const ABSENT_AP: Ap = {
  space: 'sbuf',
  dtype: 'f32',
  start: 0,
  parts: 0,
  base: 0,
  counts: [1, 1, 1, 1],
  strides: [0, 0, 0, 0],
};

function deriveFields(row: Row): readonly Field[] {
  return Object.entries(row.fields).map(([name, kind]) => {
    const stem = kind === 'optionalOut' ? name.replace(/Dst$/, '') : name.replace(/Op$/, '');
    const gated = stem !== name && row.fields[stem] === 'flag';
    return gated ? { name, kind, gate: stem } : { name, kind };
  });
}

function perMnemonic<T>(derive: (m: Mnemonic) => T): Readonly<Record<Mnemonic, T>> {
  return Object.fromEntries(MNEMONICS.map((m) => [m, derive(m)])) as Record<Mnemonic, T>;
}

/** Fields of each mnemonic, in encoding order. */
export const FIELDS = perMnemonic((m) => deriveFields(ROWS[m]));

/** Opcode byte; 0 is no instruction, so that zeroed memory does not decode. */
export const OPCODES = perMnemonic((m) => MNEMONICS.indexOf(m) + 1);

const DIMS = [0, 1, 2, 3] as const;

function bindableOf(field: Field): readonly string[] {
  switch (field.kind) {
    case 'in':
    case 'out':
    case 'optionalOut':
      return [
        `${field.name}.base`,
        `${field.name}.parts`,
        ...DIMS.map((d) => `${field.name}.counts.${d}`),
        ...DIMS.map((d) => `${field.name}.strides.${d}`),
      ];
    case 'scalar':
      return [`${field.name}.base`];
    default:
      return [];
  }
}

const BINDABLE = perMnemonic((m) => [
  'waits.0',
  'waits.1',
  ...(ROWS[m].bindable ?? []),
  ...FIELDS[m].flatMap(bindableOf),
]);

/** Names of what a register may be added to, in the order of their encoded numbers. */
export function bindableFields(m: Mnemonic): readonly string[] {
  return BINDABLE[m];
}

/** A field of any instruction by its name; undefined where the mnemonic has none of that name. */
export function fieldOf(instr: Instruction, name: string): FieldValue | undefined {
  return (instr as unknown as Readonly<Record<string, FieldValue | undefined>>)[name];
}

/** Whether a gated field counts: its flag is set, or it has none. */
export function isPresent(instr: Instruction, field: Field): boolean {
  return field.gate === undefined || fieldOf(instr, field.gate) === true;
}

export interface NamedPattern {
  readonly name: string;
  readonly written: boolean;
  readonly ap: Ap;
}

const PATTERN_FIELDS = perMnemonic((m) =>
  FIELDS[m].filter((f) => f.kind === 'in' || f.kind === 'out' || f.kind === 'optionalOut'),
);
const SCALAR_FIELDS = perMnemonic((m) => FIELDS[m].filter((f) => f.kind === 'scalar'));
const MAIN_INPUTS = perMnemonic((m) => FIELDS[m].find((f) => f.kind === 'in')?.name ?? 'dst');

/** The access patterns that are present, in field order. */
export function patternsOf(instr: Instruction): NamedPattern[] {
  const found: NamedPattern[] = [];
  for (const field of PATTERN_FIELDS[instr.m]) {
    if (!isPresent(instr, field)) continue;
    found.push({ name: field.name, written: field.kind !== 'in', ap: fieldOf(instr, field.name) as Ap });
  }
  return found;
}

/** Columns among the scalar operands, as patterns of one element in each partition of the main input. */
export function columnsOf(instr: Instruction): NamedPattern[] {
  const found: NamedPattern[] = [];
  for (const field of SCALAR_FIELDS[instr.m]) {
    const scalar = fieldOf(instr, field.name) as Scalar;
    if (scalar.kind !== 'column') continue;
    const { start, parts } = fieldOf(instr, MAIN_INPUTS[instr.m]) as Ap;
    const { space, dtype, base } = scalar;
    found.push({ name: field.name, written: false, ap: { ...ABSENT_AP, space, dtype, start, parts, base } });
  }
  return found;
}

/** Elements in one partition. */
export function elementsOf(ap: Ap): number {
  const [a, b, c, d] = ap.counts;
  return a * b * c * d;
}

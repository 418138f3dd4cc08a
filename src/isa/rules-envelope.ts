// Validity of what surrounds the operands: engine, waits, increment, registers, bindings, encodable numbers.
import { isBound } from './bindings.js';
import { INTEGERS } from './bytes.js';
import { bindableFields, FIELDS, fieldOf, isPresent, ROWS } from './fields.js';
import type { Ap, Scalar } from './operands.js';
import { MAX_BINDINGS, MAX_WAITS, REGISTERS } from './operands.js';
import { SEMAPHORE_CHIP_BASE } from './program.js';
import type { Report, Rule, Subject } from './rule.js';

/** u8 fields that name a register. */
const REGISTER_FIELDS = ['reg', 'source', 'addend'];

function engine({ instr, engine: e, target }: Subject, report: Report): void {
  const row = ROWS[instr.m];
  const hasPool = target.clockMhz.pool > 0;
  if (e === 'pool' && !hasPool) report('engine', `${target.name} has no POOL`);
  const allowed = [...row.engines, ...(hasPool ? [] : (row.withoutPool ?? []))];
  if (!allowed.includes(e))
    report(
      'engine',
      `${instr.m} on ${e.toUpperCase()} of ${target.name}; it runs on ${allowed.join(', ').toUpperCase()}`,
    );
}

function isSemaphore(s: number, { core, chip }: { readonly core: number; readonly chip: number }): boolean {
  return (
    Number.isInteger(s) && s >= 0 && (s < SEMAPHORE_CHIP_BASE ? s < core : s < SEMAPHORE_CHIP_BASE + chip)
  );
}

function inRange(value: number, kind: keyof typeof INTEGERS): boolean {
  return Number.isInteger(value) && value >= INTEGERS[kind].min && value <= INTEGERS[kind].max;
}

function semaphores({ instr, target }: Subject, report: Report): void {
  if (instr.waits.length > MAX_WAITS) report('waits', `${instr.waits.length} waits`);
  for (const [i, w] of instr.waits.entries()) {
    if (!isSemaphore(w.semaphore, target.semaphores)) report(`waits.${i}`, `semaphore ${w.semaphore}`);
    if (!inRange(w.value, 'u32')) report(`waits.${i}`, `the value ${w.value}`);
  }
  const { increment } = instr;
  if (increment !== -1 && !isSemaphore(increment, target.semaphores))
    report('increment', `semaphore ${increment}`);
}

function registers({ instr }: Subject, report: Report): void {
  for (const { name, kind } of FIELDS[instr.m]) {
    if (kind !== 'u8' || !REGISTER_FIELDS.includes(name)) continue;
    const reg = fieldOf(instr, name) as number;
    if (!(reg < REGISTERS)) report(name, `register ${reg}`);
  }
  for (const { field, reg } of instr.bindings) {
    if (!(Number.isInteger(reg) && reg >= 0 && reg < REGISTERS)) report(field, `register ${reg}`);
  }
}

/** Whether the operand that a binding changes is there. */
function isBindable({ instr }: Subject, path: string): boolean {
  const [name = '', part] = path.split('.');
  if (name === 'waits') return Number(part) < instr.waits.length;
  const field = FIELDS[instr.m].find((f) => f.name === name);
  if (field?.kind === 'scalar') return (fieldOf(instr, name) as Scalar).kind === 'column';
  return field !== undefined && isPresent(instr, field);
}

function bindings(subject: Subject, report: Report): void {
  const { instr } = subject;
  const names = instr.bindings.map((b) => b.field);
  if (names.length > MAX_BINDINGS) report('bindings', `${names.length} bindings`);
  for (const [i, field] of names.entries()) {
    if (!bindableFields(instr.m).includes(field)) report(field, `${instr.m} has no bindable ${field}`);
    else if (!isBindable(subject, field)) report(field, `there is no ${field} in this ${instr.m}`);
    if (names.indexOf(field) !== i) report(field, 'two registers for one field');
  }
}

function apRanges(ap: Ap, name: string, report: Report): void {
  if (!inRange(ap.start, 'u8') || !inRange(ap.parts, 'u8'))
    report(name, `partitions ${ap.start}, ${ap.parts}`);
  if (!inRange(ap.base, 'u32')) report(name, `base ${ap.base}`);
  if (!ap.counts.every((c) => inRange(c, 'u16'))) report(name, `counts ${ap.counts.join(', ')}`);
  if (!ap.strides.every((s) => inRange(s, 'i16'))) report(name, `strides ${ap.strides.join(', ')}`);
}

function ranges({ instr }: Subject, report: Report): void {
  for (const field of FIELDS[instr.m]) {
    const { name, kind } = field;
    const value = fieldOf(instr, name);
    if (kind in INTEGERS) {
      if (!inRange(value as number, kind as keyof typeof INTEGERS))
        report(name, `${name} = ${String(value)}`);
    } else if (kind === 'i32x4') {
      if (!(value as readonly number[]).every((v) => inRange(v, 'i32')))
        report(name, `${name} = ${String(value)}`);
    } else if (kind === 'scalar') {
      const s = value as Scalar;
      if (s.kind === 'i32' && !inRange(s.value, 'i32')) report(name, `${name} = ${s.value}`);
      if (s.kind === 'column' && !inRange(s.base, 'u32')) report(name, `base ${s.base}`);
    } else if (kind === 'in' || kind === 'out' || kind === 'optionalOut') {
      if (isPresent(instr, field)) apRanges(value as Ap, name, report);
      else if ((value as Ap).parts !== 0) report(name, `${name} is given but ${String(field.gate)} is off`);
    }
  }
}

function dma({ instr, target }: Subject, report: Report): void {
  if (instr.m !== 'DMA') return;
  if (instr.queue >= target.dma.queues) report('queue', `queue ${instr.queue} of ${target.dma.queues}`);
  if (instr.count < 1 && !isBound(instr, 'count')) report('count', `${instr.count} descriptors`);
}

export const ENVELOPE_RULES = {
  engine: {
    text: 'An instruction runs on the engines of its row; those of rows marked “without POOL” only where the target has no POOL.',
    check: engine,
  },
  branches: {
    text: 'Rows marked “branches” exist only on targets whose sequencers branch.',
    check: ({ instr, target }, report) => {
      if (ROWS[instr.m].branches === true && !target.branches)
        report('engine', `${instr.m} on ${target.name}`);
    },
  },
  semaphores: {
    text: `At most ${MAX_WAITS} waits and one increment, on semaphores of the core or (from ${SEMAPHORE_CHIP_BASE}) of the chip, for values of 32 bits.`,
    check: semaphores,
  },
  registers: { text: `An engine has ${REGISTERS} registers.`, check: registers },
  bindings: {
    text: `At most ${MAX_BINDINGS} bindings; each names another bindable field of an operand that is present.`,
    check: bindings,
  },
  ranges: {
    text: 'Numbers fit their fields: partitions u8, bases u32, counts u16, strides i16; an optional output is given only with its flag.',
    check: ranges,
  },
  queue: { text: 'A DMA trigger names a queue of the core and at least one descriptor.', check: dma },
} as const satisfies Readonly<Record<string, Rule>>;

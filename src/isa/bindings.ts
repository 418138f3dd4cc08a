// Register bindings: an instruction with bound fields becomes one with plain values.
// A sum may leave the field's range (a register is data): validity.ts finds that when the instruction is executed.
import { bug } from '../base/diagnostic.js';
import { bindableFields } from './fields.js';
import type { Ap, Binding, DmaDescriptor, DmaSide, Wait } from './operands.js';
import type { Instruction } from './table.js';

const NO_BINDINGS: readonly Binding[] = [];

type Draft = { -readonly [K in 'waits' | 'bindings']: Instruction[K] } & Record<string, unknown>;
type MutableAp = { -readonly [K in keyof Ap]: Ap[K] } & { counts: number[]; strides: number[] };

/**
 * The instruction with each bound field set to its immediate plus its register (int32, signed); the result has no bindings.
 * `registers` are the engine's 32. Fields of an i32 kind wrap, the others hold the exact sum. Without bindings: the argument itself.
 */
export function applyBindings(instr: Instruction, registers: ArrayLike<number>): Instruction {
  if (instr.bindings.length === 0) return instr;
  const draft = { ...instr, bindings: NO_BINDINGS } as unknown as Draft;
  for (const { field, reg } of instr.bindings) {
    if (!bindableFields(instr.m).includes(field)) {
      throw bug('E1206', `${instr.m} has no bindable field ${field}`);
    }
    add(draft, field, (registers[reg] ?? 0) | 0);
  }
  return draft as unknown as Instruction;
}

function add(draft: Draft, field: string, amount: number): void {
  const [name = '', part, index] = field.split('.');
  if (name === 'waits') {
    draft.waits = draft.waits.map(
      (w, i): Wait => (i === Number(part) ? { ...w, value: w.value + amount } : w),
    );
    return;
  }
  const value = draft[name];
  if (part === undefined) {
    const sum = (value as number) + amount;
    // IOTA and AFFINE_SELECT bases are int32 arithmetic; offsets and descriptor numbers must not wrap into range.
    draft[name] = name === 'base' ? sum | 0 : sum;
    return;
  }
  const operand = { ...(value as MutableAp) };
  if (part === 'counts' || part === 'strides') {
    const list = [...operand[part]];
    const i = Number(index);
    list[i] = (list[i] ?? 0) + amount;
    operand[part] = list as MutableAp['counts'];
  } else if (part === 'parts' || part === 'base') {
    operand[part] += amount;
  }
  draft[name] = operand;
}

/** Whether a field, or a part of it, takes a register. */
export function isBound(instr: Instruction, field: string): boolean {
  return instr.bindings.some((b) => b.field === field || b.field.startsWith(`${field}.`));
}

/** A descriptor with the registers of its sides added to their offsets, as at the moment it is triggered. */
export function applyDescriptorRegisters(d: DmaDescriptor, registers: ArrayLike<number>): DmaDescriptor {
  if (d.src.reg < 0 && d.dst.reg < 0) return d;
  const resolve = (side: DmaSide): DmaSide =>
    side.reg < 0 ? side : { ...side, offset: side.offset + ((registers[side.reg] ?? 0) | 0), reg: -1 };
  return { ...d, src: resolve(d.src), dst: resolve(d.dst) };
}

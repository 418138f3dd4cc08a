// In which arithmetic an operation runs: fp32, or exact integers of 32 bits. Both paths of the simulator decide it here.
import type { AluOp, ReduceOp } from '../../isa/functions.js';
import type { ChipDType, Scalar } from '../../isa/operands.js';

/** `f32`: each operation rounded to fp32; `i32`, `u32`: exact, wrapping. */
export type Domain = 'f32' | 'i32' | 'u32';

export const DOMAIN_RANGE = {
  i32: [-2147483648, 2147483647],
  u32: [0, 4294967295],
} as const;

const DOMAIN: Readonly<Record<ChipDType, Domain>> = {
  f32: 'f32',
  bf16: 'f32',
  f16: 'f32',
  f8e4m3fn: 'f32',
  f8e4m3fnuz: 'f32',
  f8e5m2: 'f32',
  f8e5m2fnuz: 'f32',
  i32: 'i32',
  i16: 'i32',
  u16: 'i32',
  i8: 'i32',
  u8: 'i32',
  bool: 'i32',
  u32: 'u32',
  i64: 'f32',
};

/** The domain that an element type is loaded into; bool is 0 or 1. (i64 belongs to none: only COPY takes it, by itself.) */
export function domainOf(t: ChipDType): Domain {
  return DOMAIN[t];
}

export function isIntegerType(t: ChipDType): boolean {
  return DOMAIN[t] !== 'f32';
}

export function scalarDomain(s: Scalar): Domain {
  return s.kind === 'column' ? domainOf(s.dtype) : s.kind;
}

/** The domain of op(a, b): fp32 unless both are integers, u32 where one of them is. `bypass` looks at a alone. */
export function operationDomain(op: AluOp, a: Domain, b: Domain): Domain {
  if (op === 'bypass') return a;
  if (a === 'f32' || b === 'f32') return 'f32';
  return a === 'u32' || b === 'u32' ? 'u32' : 'i32';
}

/** Domain of op(a, b) with operands swapped where `reverse`. */
export function fusedDomain(op: AluOp, a: Domain, b: Domain, reverse: boolean): Domain {
  return reverse ? operationDomain(op, b, a) : operationDomain(op, a, b);
}

/** Operations that exist on integers only. */
export function integersOnly(op: AluOp | ReduceOp): boolean {
  return op === 'and' || op === 'or' || op === 'xor' || op === 'shl' || op === 'shr' || op === 'sar';
}

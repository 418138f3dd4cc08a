// Element types of results as PyTorch promotes them: tensors with axes before tensors of rank 0 before Python numbers, and
// within one of these the higher kind (bool, integer, float) and then the wider type; f32 where a number alone makes a float.
import { type DType, dtypeKind, isFloat } from '../../../base/dtype.js';
import type { Lowering, ScalarArg } from '../lower/lowering.js';
import type { TensorItem } from '../lower/tensor-item.js';

const LADDER: readonly DType[] = ['bool', 'u8', 'i8', 'i16', 'i32', 'i64', 'f16', 'bf16', 'f32', 'f64'];

/** The type both convert to. */
export function commonType(a: DType, b: DType): DType {
  if (a === b) return a;
  const pair = new Set([a, b]);
  if (pair.has('f16') && pair.has('bf16')) return 'f32';
  if (pair.has('u8') && pair.has('i8')) return 'i16';
  return LADDER.indexOf(a) > LADDER.indexOf(b) ? a : b;
}

const rankOfKind = (t: DType): number => (isFloat(t) ? 2 : dtypeKind(t) === 'bool' ? 0 : 1);

const SCALAR_TYPES = { bool: 'bool', int: 'i64', float: 'f32' } as const;

export function scalarDType(s: ScalarArg): DType {
  return SCALAR_TYPES[s.kind === 'dynamic' ? s.type : s.kind];
}

export function isScalarArg(x: TensorItem | ScalarArg): x is ScalarArg {
  return x.kind !== 'tensor';
}

/** The type in which an elementwise operator over these operands computes. */
export function promote(operands: readonly (TensorItem | ScalarArg)[]): DType {
  let axes: DType | undefined;
  let rankless: DType | undefined;
  let numbers: DType | undefined;
  const join = (a: DType | undefined, b: DType): DType => (a === undefined ? b : commonType(a, b));
  for (const x of operands) {
    if (isScalarArg(x)) numbers = join(numbers, scalarDType(x));
    else if (x.wrapped === true) numbers = join(numbers, x.dtype);
    else if (x.shape.length > 0) axes = join(axes, x.dtype);
    else rankless = join(rankless, x.dtype);
  }
  const higher = (base: DType | undefined, other: DType | undefined): DType | undefined => {
    if (base === undefined || other === undefined) return base ?? other;
    return rankOfKind(other) > rankOfKind(base) ? other : base;
  };
  return higher(higher(axes, rankless), numbers) ?? 'f32';
}

/** The type for operators that make floats of integers. */
export function floatType(t: DType): DType {
  return isFloat(t) ? t : 'f32';
}

/** The value of an operand in a type. */
export function operand(c: Lowering, x: TensorItem | ScalarArg, dtype: DType) {
  return isScalarArg(x) ? c.scalarValue(x, dtype) : c.cast(c.value(x), dtype);
}

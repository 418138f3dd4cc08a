// The functions that instructions name by number: ALU operations of DVE and POOL, activation functions of ACT, comparisons.
// Order is encoding: append only.

/**
 * op(a, b). Where every input is of an integer type the operation is exact in 32 bits (uint32 where an input is u32, else
 * int32, wrapping unless the instruction's `exact` flag traps on overflow), else it is fp32. Comparisons give 1 or 0.
 * `mod` takes the sign of the dividend, `floormod` that of the divisor; integer `divide` truncates, `floordiv` floors; by 0 it gives 0.
 * `bypass` gives a. Bit operations and shifts work on integers only.
 * max and min of a NaN are NaN. Shift counts are unsigned, 32 and over shift everything out (sar leaves the sign).
 * With `exact`, storing to an integer type a result that it does not hold traps too. A computed NaN is stored as the one
 * canonical NaN of its type. 8-bit floats do not saturate: beyond their largest value is infinity, or NaN where there is none.
 */
export const ALU_OPS = [
  'bypass',
  'add',
  'subtract',
  'multiply',
  'divide',
  'max',
  'min',
  'pow',
  'mod',
  'floormod',
  'floordiv',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  'and',
  'or',
  'xor',
  'shl',
  'shr',
  'sar',
  'logical_and',
  'logical_or',
  'logical_xor',
] as const;
export type AluOp = (typeof ALU_OPS)[number];

/**
 * Operations that reduce rows (sums of ACTIVATE, `reduce` of DVE, REDUCE, BN_STATS) and partitions (PARTITION_REDUCE). Rows in
 * fp32: eight lanes start at the identity (-0 for add, 1, -inf, inf); element i is taken into lane i mod 8, ascending; then lanes
 * are combined as ((0,4),(2,6)),((1,5),(3,7)), each step rounded. Rows in integers are exact and wrap; with `exact` they run from
 * left to right and trap on overflow. Partitions are taken one by one, ascending from the first.
 */
export const REDUCE_OPS = ['add', 'max', 'min', 'multiply', 'and', 'or', 'xor'] as const;
export type ReduceOp = (typeof REDUCE_OPS)[number];

/** f(x) of ACT, x = in * scale + bias in fp32 (two roundings), f rounded once from float64; alpha is the instruction's. */
export const ACT_FUNCTIONS = [
  'copy',
  'exp',
  'ln',
  'sqrt',
  'rsqrt',
  'square',
  'abs',
  'sign',
  'reciprocal',
  'relu',
  'leaky_relu',
  'elu',
  'sigmoid',
  'tanh',
  'silu',
  'gelu',
  'gelu_tanh',
  'softplus',
  'mish',
  'erf',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'asinh',
  'acosh',
  'atanh',
  'floor',
  'ceil',
  'round',
  'trunc',
  'exp2',
  'log2',
  'log1p',
  'expm1',
] as const;
export type ActFunction = (typeof ACT_FUNCTIONS)[number];

/** Comparisons of an affine index or a register with zero or an operand. */
export const COMPARISONS = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const;
export type Comparison = (typeof COMPARISONS)[number];

// A constant as it lies in DRAM: in the element type that engines read, with its axes in the order of the layout on chip.
import type { DType } from '../../base/dtype.js';
import type { Constant } from '../../ir/constant.js';
import type { ChipDType } from '../../isa/operands.js';
import { CHIP_TYPE } from './chip-type.js';

/** The constant as `dtype` with its axes in this order; axes of one element have no place of their own. */
export function constantForm(constant: Constant, order: readonly number[], dtype: ChipDType): Constant {
  const source = asType(constant, dtype);
  const moved = order.filter((i) => constant.shape[i] !== 1);
  if (moved.every((x, i) => i === 0 || (moved[i - 1] ?? 0) < x)) return source;
  return {
    dtype: source.dtype,
    shape: order.map((i) => constant.shape[i] ?? 1),
    recipe: { kind: 'apply', op: 'transpose', attrs: { perm: order }, inputs: [source], result: 0 },
  };
}

/** 64-bit integers are narrowed although the chip carries them in the type asked for. */
function asType(constant: Constant, dtype: ChipDType): Constant {
  const wide = constant.dtype === 'i64' || constant.dtype === 'u64';
  if (CHIP_TYPE[constant.dtype] === dtype && !wide) return constant;
  return {
    dtype: dtype as DType,
    shape: constant.shape,
    recipe: {
      kind: 'apply',
      op: 'cast',
      attrs: { to: dtype, saturate: true },
      inputs: [constant],
      result: 0,
    },
  };
}

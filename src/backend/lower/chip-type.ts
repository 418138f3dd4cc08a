// Which element type of the chip carries each element type of a source.
import type { DType } from '../../base/dtype.js';
import type { ChipDType } from '../../isa/operands.js';

/** Element type in which the chip holds values of a source type; undefined: the chip does not. */
export const CHIP_TYPE: Partial<Record<DType, ChipDType>> = {
  f32: 'f32',
  f16: 'f16',
  bf16: 'bf16',
  i64: 'i32',
  i32: 'i32',
  i16: 'i16',
  i8: 'i8',
  u64: 'u32',
  u32: 'u32',
  u16: 'u16',
  u8: 'u8',
  bool: 'bool',
  f8e4m3fn: 'f8e4m3fn',
  f8e4m3fnuz: 'f8e4m3fnuz',
  f8e5m2: 'f8e5m2',
  f8e5m2fnuz: 'f8e5m2fnuz',
  i4: 'i8',
  u4: 'u8',
  i2: 'i8',
  u2: 'u8',
};

// PyTorch's element types under the names that archives use. The numbering is c10::ScalarType's, which
// serialized code passes as integers (`dtype=6` is float32). One table; no tensors here.

import type { DType } from '../../../base/dtype.js';

export interface TorchScalarType {
  /** c10 name; the storage class is this plus `Storage`. */
  readonly name: string;
  /** Number in c10/core/ScalarType.h. */
  readonly id: number;
  /** Python name below `torch.` */
  readonly python: string;
  /** Absent: a type this compiler has no name for. */
  readonly dtype?: DType;
  /** The storage holds quantised integers. */
  readonly quantized?: true;
}

export const TORCH_SCALAR_TYPES: readonly TorchScalarType[] = [
  { name: 'Byte', id: 0, python: 'uint8', dtype: 'u8' },
  { name: 'Char', id: 1, python: 'int8', dtype: 'i8' },
  { name: 'Short', id: 2, python: 'int16', dtype: 'i16' },
  { name: 'Int', id: 3, python: 'int32', dtype: 'i32' },
  { name: 'Long', id: 4, python: 'int64', dtype: 'i64' },
  { name: 'Half', id: 5, python: 'float16', dtype: 'f16' },
  { name: 'Float', id: 6, python: 'float32', dtype: 'f32' },
  { name: 'Double', id: 7, python: 'float64', dtype: 'f64' },
  { name: 'ComplexHalf', id: 8, python: 'complex32' },
  { name: 'ComplexFloat', id: 9, python: 'complex64', dtype: 'c64' },
  { name: 'ComplexDouble', id: 10, python: 'complex128', dtype: 'c128' },
  { name: 'Bool', id: 11, python: 'bool', dtype: 'bool' },
  { name: 'QInt8', id: 12, python: 'qint8', dtype: 'i8', quantized: true },
  { name: 'QUInt8', id: 13, python: 'quint8', dtype: 'u8', quantized: true },
  { name: 'QInt32', id: 14, python: 'qint32', dtype: 'i32', quantized: true },
  { name: 'BFloat16', id: 15, python: 'bfloat16', dtype: 'bf16' },
  { name: 'QUInt4x2', id: 16, python: 'quint4x2' },
  { name: 'QUInt2x4', id: 17, python: 'quint2x4' },
  { name: 'Bits1x8', id: 18, python: 'bits1x8' },
  { name: 'Bits2x4', id: 19, python: 'bits2x4' },
  { name: 'Bits4x2', id: 20, python: 'bits4x2' },
  { name: 'Bits8', id: 21, python: 'bits8' },
  { name: 'Bits16', id: 22, python: 'bits16' },
  { name: 'Float8_e5m2', id: 23, python: 'float8_e5m2', dtype: 'f8e5m2' },
  { name: 'Float8_e4m3fn', id: 24, python: 'float8_e4m3fn', dtype: 'f8e4m3fn' },
  { name: 'Float8_e5m2fnuz', id: 25, python: 'float8_e5m2fnuz', dtype: 'f8e5m2fnuz' },
  { name: 'Float8_e4m3fnuz', id: 26, python: 'float8_e4m3fnuz', dtype: 'f8e4m3fnuz' },
  { name: 'UInt16', id: 27, python: 'uint16', dtype: 'u16' },
  { name: 'UInt32', id: 28, python: 'uint32', dtype: 'u32' },
  { name: 'UInt64', id: 29, python: 'uint64', dtype: 'u64' },
];

const BY_ID = new Map(TORCH_SCALAR_TYPES.map((t) => [t.id, t]));

/** The element type that serialized code writes as the integer `id`, or undefined. */
export function scalarTypeById(id: number): TorchScalarType | undefined {
  return BY_ID.get(id);
}

/** Enumerators of torch that a pickle may name as a bare global: layouts, memory formats, quantisation schemes. */
export const TORCH_SYMBOLS: readonly string[] = [
  'strided',
  'sparse_coo',
  'sparse_csr',
  'contiguous_format',
  'channels_last',
  'channels_last_3d',
  'preserve_format',
  'per_tensor_affine',
  'per_channel_affine',
  'per_channel_affine_float_qparams',
  'per_tensor_symmetric',
  'per_channel_symmetric',
];

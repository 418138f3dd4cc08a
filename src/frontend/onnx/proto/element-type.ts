// ONNX element types: the numbers of TensorProto.DataType, our name of each, and the field that holds the values where
// they are not raw bytes. The one table for tensors, types and tests.

import { badInput, type Place, unsupported } from '../../../base/diagnostic.js';
import type { DType } from '../../../base/dtype.js';

/** The fields of TensorProto with one value after the other; `int32Data` also holds the bits of all smaller types. */
export type TypedField = 'floatData' | 'doubleData' | 'int32Data' | 'int64Data' | 'uint64Data' | 'stringData';

export interface ElementType {
  readonly name: string;
  readonly dtype: DType;
  readonly field: TypedField;
}

const row = (name: string, dtype: DType, field: TypedField): ElementType => ({ name, dtype, field });

/** Indexed by number. 0 is "undefined"; 27 and 28 (6-bit floats) have no counterpart here. */
export const ELEMENT_TYPES: readonly (ElementType | undefined)[] = [
  undefined,
  row('FLOAT', 'f32', 'floatData'),
  row('UINT8', 'u8', 'int32Data'),
  row('INT8', 'i8', 'int32Data'),
  row('UINT16', 'u16', 'int32Data'),
  row('INT16', 'i16', 'int32Data'),
  row('INT32', 'i32', 'int32Data'),
  row('INT64', 'i64', 'int64Data'),
  row('STRING', 'string', 'stringData'),
  row('BOOL', 'bool', 'int32Data'),
  row('FLOAT16', 'f16', 'int32Data'),
  row('DOUBLE', 'f64', 'doubleData'),
  row('UINT32', 'u32', 'uint64Data'),
  row('UINT64', 'u64', 'uint64Data'),
  row('COMPLEX64', 'c64', 'floatData'),
  row('COMPLEX128', 'c128', 'doubleData'),
  row('BFLOAT16', 'bf16', 'int32Data'),
  row('FLOAT8E4M3FN', 'f8e4m3fn', 'int32Data'),
  row('FLOAT8E4M3FNUZ', 'f8e4m3fnuz', 'int32Data'),
  row('FLOAT8E5M2', 'f8e5m2', 'int32Data'),
  row('FLOAT8E5M2FNUZ', 'f8e5m2fnuz', 'int32Data'),
  row('UINT4', 'u4', 'int32Data'),
  row('INT4', 'i4', 'int32Data'),
  row('FLOAT4E2M1', 'f4e2m1', 'int32Data'),
  row('FLOAT8E8M0', 'f8e8m0', 'int32Data'),
  row('UINT2', 'u2', 'int32Data'),
  row('INT2', 'i2', 'int32Data'),
];

const KNOWN_BUT_UNSUPPORTED: Readonly<Record<number, string>> = { 27: 'FLOAT6E2M3', 28: 'FLOAT6E3M2' };

/**
 * The element type of a number in the file.
 * @throws NeffcError E3010 (no such type), E4010 (a type of ONNX that is not supported)
 */
export function elementType(code: number | bigint | undefined, what: string, where: Place): ElementType {
  const found = typeof code === 'number' ? ELEMENT_TYPES[code] : undefined;
  if (found !== undefined) return found;
  const name = typeof code === 'number' ? KNOWN_BUT_UNSUPPORTED[code] : undefined;
  if (name !== undefined) {
    throw unsupported(
      'E4010',
      `${what} has element type ${name}, which is not supported`,
      where,
      'Convert the weights to FLOAT8E4M3FN or FLOAT4E2M1.',
    );
  }
  throw badInput(
    'E3010',
    code === undefined || code === 0
      ? `${what} has no element type`
      : `${what} has element type ${code}, which ONNX does not define`,
    where,
    `Element types are 1 (FLOAT) to ${ELEMENT_TYPES.length - 1}.`,
  );
}

// Element types: names, widths and kinds. The one table from which frontends, graph, ISA and files take them.

export const DTYPES = {
  f32: { bits: 32, kind: 'float' },
  f16: { bits: 16, kind: 'float' },
  bf16: { bits: 16, kind: 'float' },
  f64: { bits: 64, kind: 'float' },
  f8e4m3fn: { bits: 8, kind: 'float' },
  f8e4m3fnuz: { bits: 8, kind: 'float' },
  f8e5m2: { bits: 8, kind: 'float' },
  f8e5m2fnuz: { bits: 8, kind: 'float' },
  f8e8m0: { bits: 8, kind: 'float' },
  f4e2m1: { bits: 4, kind: 'float' },
  i64: { bits: 64, kind: 'int' },
  i32: { bits: 32, kind: 'int' },
  i16: { bits: 16, kind: 'int' },
  i8: { bits: 8, kind: 'int' },
  i4: { bits: 4, kind: 'int' },
  i2: { bits: 2, kind: 'int' },
  u64: { bits: 64, kind: 'uint' },
  u32: { bits: 32, kind: 'uint' },
  u16: { bits: 16, kind: 'uint' },
  u8: { bits: 8, kind: 'uint' },
  u4: { bits: 4, kind: 'uint' },
  u2: { bits: 2, kind: 'uint' },
  bool: { bits: 8, kind: 'bool' },
  c64: { bits: 64, kind: 'complex' },
  c128: { bits: 128, kind: 'complex' },
  string: { bits: 0, kind: 'string' },
} as const;

export type DType = keyof typeof DTYPES;
export type DTypeKind = (typeof DTYPES)[DType]['kind'];

export function isDType(name: string): name is DType {
  return Object.hasOwn(DTYPES, name);
}
export function dtypeKind(t: DType): DTypeKind {
  return DTYPES[t].kind;
}
export function isFloat(t: DType): boolean {
  return DTYPES[t].kind === 'float';
}
/** Signed or unsigned integer, bool excluded. */
export function isInteger(t: DType): boolean {
  const k = DTYPES[t].kind;
  return k === 'int' || k === 'uint';
}
/** Bytes that `count` elements take in a file or in memory; sub-byte types are packed, low bits first. */
export function byteLength(t: DType, count: number): number {
  return Math.ceil((DTYPES[t].bits * count) / 8);
}
/** Bytes of one element as the chip and the unpacked tensors hold it (sub-byte types take a byte). */
export function elementBytes(t: DType): number {
  return Math.max(1, DTYPES[t].bits >> 3);
}

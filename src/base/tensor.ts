// A tensor in host memory: element type, shape and raw bytes. Elements are little-endian, row-major and unpacked: types of
// fewer than 8 bits take a byte each (signed ones sign-extended), as constants of the graph do; files hold them packed, see
// packElements. Complex elements are (real, imaginary) pairs. Strings stand in `strings` and have no bytes. The invariant,
// kept by makeTensor: `data` holds exactly the bytes of `shape`.
import { badInput, bug } from './diagnostic.js';
import { byteLength, DTYPES, type DType, elementBytes } from './dtype.js';
import { encodeSmallFloat, isSmallFloat, smallFloatValues } from './float-formats.js';

export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
  /** The elements of a `string` tensor. */
  readonly strings?: readonly string[];
}

export type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array;
export type ElementArray = NumberArray | BigInt64Array | BigUint64Array;

interface ArrayType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): ElementArray;
}

/** The typed array that holds a type's elements or, for small floats and complex types, their codes or parts. */
const ARRAYS: Readonly<Record<Exclude<DType, 'string'>, ArrayType>> = {
  f32: Float32Array,
  f64: Float64Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  f8e4m3fn: Uint8Array,
  f8e4m3fnuz: Uint8Array,
  f8e5m2: Uint8Array,
  f8e5m2fnuz: Uint8Array,
  f8e8m0: Uint8Array,
  f4e2m1: Uint8Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i16: Int16Array,
  i8: Int8Array,
  i4: Int8Array,
  i2: Int8Array,
  u64: BigUint64Array,
  u32: Uint32Array,
  u16: Uint16Array,
  u8: Uint8Array,
  u4: Uint8Array,
  u2: Uint8Array,
  bool: Uint8Array,
  c64: Float32Array,
  c128: Float64Array,
};

/** Elements of a shape; 1 for a scalar. E3601 where a dim is no count or the product is not exact. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) throw badInput('E3601', `${dim} is no dimension of a tensor`);
    count *= dim;
  }
  if (!Number.isSafeInteger(count))
    throw badInput('E3601', `a tensor of shape ${shapeText(shape)} has too many elements`);
  return count;
}

/** `1x3x224x224`; `scalar` for rank 0. */
export function shapeText(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.join('x');
}

/** A tensor over `data` (no copy). The caller has checked its input: another length is E1601. */
export function makeTensor(dtype: DType, shape: readonly number[], data: Uint8Array): HostTensor {
  const wanted = dtype === 'string' ? 0 : elementCount(shape) * elementBytes(dtype);
  if (data.byteLength !== wanted) {
    throw bug(
      'E1601',
      `a ${dtype} tensor of shape ${shapeText(shape)} takes ${wanted} bytes, not ${data.byteLength}`,
    );
  }
  return { dtype, shape, data };
}

export function stringTensor(shape: readonly number[], strings: readonly string[]): HostTensor {
  if (strings.length !== elementCount(shape)) {
    throw bug('E1601', `a string tensor of shape ${shapeText(shape)} cannot have ${strings.length} elements`);
  }
  return { dtype: 'string', shape, data: new Uint8Array(0), strings };
}

/** Bytes of the largest tensor made in one piece: what a typed array can have in every supported Node version. */
const MAX_BYTES = 2 ** 32 - 1;

/** A tensor of zeros (false, +0; the least value for f8e8m0, which has no zero). E3601 above 4 GiB. */
export function zeros(dtype: DType, shape: readonly number[]): HostTensor {
  const count = elementCount(shape);
  if (count * elementBytes(dtype) > MAX_BYTES) {
    throw badInput('E3601', `a ${dtype} tensor of shape ${shapeText(shape)} has more than 4 GiB`);
  }
  if (dtype === 'string') return stringTensor(shape, new Array<string>(count).fill(''));
  return { dtype, shape, data: new Uint8Array(count * elementBytes(dtype)) };
}

/**
 * The bytes as a typed array of elements: of codes for f16, bf16 and fp8, of parts for complex types. A view where the
 * bytes are aligned, else a copy, so write only into tensors of one's own making.
 */
export function typedView(t: Pick<HostTensor, 'dtype' | 'data'>): ElementArray {
  if (t.dtype === 'string') throw bug('E1601', 'a string tensor has no typed view');
  const Type = ARRAYS[t.dtype];
  const aligned =
    t.data.byteOffset % Type.BYTES_PER_ELEMENT === 0 ? t.data : Uint8Array.prototype.slice.call(t.data); // A Buffer's own slice does not copy.
  return new Type(aligned.buffer, aligned.byteOffset, aligned.byteLength / Type.BYTES_PER_ELEMENT);
}

/** Function from element index to value: bigint for 64-bit integers, 0 or 1 for bool. Not for complex and strings. */
export function elementReader(t: Pick<HostTensor, 'dtype' | 'data'>): (index: number) => number | bigint {
  noComplex(t.dtype);
  const view = typedView(t);
  if (!isSmallFloat(t.dtype)) return (index) => view[index]!;
  const values = smallFloatValues(t.dtype);
  const mask = values.length - 1;
  return (index) => values[Number(view[index]!) & mask]!;
}

/**
 * Function that writes a value to an element. Integers wrap modulo their width after truncation towards zero, floats round
 * to nearest even, bool is `value != 0`. `data` must be aligned to its elements.
 */
export function elementWriter(
  t: Pick<HostTensor, 'dtype' | 'data'>,
): (index: number, value: number | bigint) => void {
  const { dtype, data } = t;
  noComplex(dtype);
  const view = typedView(t);
  if (view.buffer !== data.buffer)
    throw bug('E1601', `the bytes of a ${dtype} tensor to write are not aligned`);
  if (view instanceof BigInt64Array || view instanceof BigUint64Array) {
    return (index, value) => {
      view[index] =
        typeof value === 'bigint' ? value : Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
    };
  }
  const kind = DTYPES[dtype].kind;
  if (isSmallFloat(dtype)) {
    return (index, value) => {
      view[index] = encodeSmallFloat(dtype, Number(value));
    };
  }
  if (kind === 'bool') {
    return (index, value) => {
      view[index] = Number(value) !== 0 ? 1 : 0;
    };
  }
  if (kind === 'float') {
    return (index, value) => {
      view[index] = Number(value);
    };
  }
  const { bits } = DTYPES[dtype];
  const spare = 32 - bits;
  // BigInt and beyond-32-bit values wrap like the typed array's own conversion; narrow types wrap to their width by shifts.
  return (index, value) => {
    const low = typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : value | 0;
    view[index] = kind === 'int' ? (low << spare) >> spare : (low << spare) >>> spare;
  };
}

export function readElement(t: HostTensor, index: number): number | bigint {
  return elementReader(t)(index);
}

/** All elements as doubles; 64-bit integers beyond 2^53 lose their last bits. */
export function toNumbers(t: HostTensor): Float64Array {
  const read = elementReader(t);
  const out = new Float64Array(elementCount(t.shape));
  for (let i = 0; i < out.length; i++) out[i] = Number(read(i));
  return out;
}

/** A new tensor from values, converted as elementWriter does. */
export function fromNumbers(
  dtype: DType,
  shape: readonly number[],
  values: ArrayLike<number | bigint>,
): HostTensor {
  const t = zeros(dtype, shape);
  const count = elementCount(shape);
  if (values.length !== count)
    throw bug('E1601', `shape ${shapeText(shape)} cannot take ${values.length} values`);
  const write = elementWriter(t);
  for (let i = 0; i < count; i++) write(i, values[i]!);
  return t;
}

/** Same element type, shape and bits (so NaN equals itself, and 0 differs from -0). */
export function equalTensors(a: HostTensor, b: HostTensor): boolean {
  if (a.dtype !== b.dtype || a.shape.length !== b.shape.length) return false;
  if (a.shape.some((dim, k) => dim !== b.shape[k])) return false;
  if (a.dtype === 'string') return (a.strings ?? []).every((text, i) => text === b.strings?.[i]);
  return a.data.length === b.data.length && a.data.every((byte, i) => byte === b.data[i]);
}

/** The bytes as a file holds them: types of fewer than 8 bits packed, low bits first; all others as they are. */
export function packElements(dtype: DType, data: Uint8Array): Uint8Array {
  const { bits } = DTYPES[dtype];
  if (bits >= 8 || bits === 0) return data;
  const packed = new Uint8Array(byteLength(dtype, data.length));
  const mask = (1 << bits) - 1;
  const each = 8 / bits;
  for (let i = 0; i < data.length; i++) {
    const at = Math.floor(i / each);
    packed[at] = packed[at]! | ((data[i]! & mask) << ((i % each) * bits));
  }
  return packed;
}

/** Inverse of packElements for `count` elements; `packed` must have their bytes. */
export function unpackElements(dtype: DType, packed: Uint8Array, count: number): Uint8Array {
  const { bits, kind } = DTYPES[dtype];
  if (bits >= 8 || bits === 0) return packed;
  if (packed.length !== byteLength(dtype, count)) {
    throw bug(
      'E1601',
      `${count} elements of ${dtype} take ${byteLength(dtype, count)} bytes, not ${packed.length}`,
    );
  }
  const data = new Uint8Array(count);
  const spare = 32 - bits;
  const each = 8 / bits;
  for (let i = 0; i < count; i++) {
    const raised = packed[Math.floor(i / each)]! << (spare - (i % each) * bits);
    data[i] = kind === 'int' ? raised >> spare : raised >>> spare;
  }
  return data;
}

function noComplex(dtype: DType): void {
  if (DTYPES[dtype].kind === 'complex')
    throw bug('E1601', `${dtype} elements are pairs: read them through typedView`);
}

// NumPy's .npy files, both ways: format versions 1 to 3, any byte order, C and Fortran order. What is written equals
// numpy.save byte for byte (version 1). Every size is checked against the file before it is used.
//
// Types that NumPy lacks are written as ml_dtypes writes them: bf16 as `<V2`; fp8, fp4 and sub-byte integers as one byte an
// element, `<f1` for f8e5m2 and `<V1` for the others. Reading such a file needs the expected type to tell them apart; without
// one `V2` is bf16, `f1` is f8e5m2, and `V1` is an error.
import { badInput, type NeffcError, unsupported } from '../../base/diagnostic.js';
import { DTYPES, type DType, elementBytes } from '../../base/dtype.js';
import {
  elementCount,
  type HostTensor,
  makeTensor,
  packElements,
  shapeText,
  stringTensor,
  unpackElements,
} from '../../base/tensor.js';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const MAX_RANK = 64;
/** Room that numpy leaves for its growing axis, so that a header can be changed in place. */
const GROWTH_DIGITS = 21;

/** NumPy kind and size of each type that has its own; strings are apart. */
const CODES: Readonly<Record<Exclude<DType, 'string'>, string>> = {
  f32: 'f4',
  f64: 'f8',
  f16: 'f2',
  bf16: 'V2',
  f8e4m3fn: 'V1',
  f8e4m3fnuz: 'V1',
  f8e5m2: 'f1',
  f8e5m2fnuz: 'V1',
  f8e8m0: 'V1',
  f4e2m1: 'V1',
  i64: 'i8',
  i32: 'i4',
  i16: 'i2',
  i8: 'i1',
  i4: 'V1',
  i2: 'V1',
  u64: 'u8',
  u32: 'u4',
  u16: 'u2',
  u8: 'u1',
  u4: 'V1',
  u2: 'V1',
  bool: 'b1',
  c64: 'c8',
  c128: 'c16',
};
const SHARED_CODE = 'V1';
const TYPES = new Map(
  Object.entries(CODES).flatMap(([t, code]) => (code === SHARED_CODE ? [] : [[code, t as DType] as const])),
);
/** Codes of one byte whose byte order numpy writes as `|`; the ml_dtypes ones keep `<`. */
const ORDERLESS = new Set(['b1', 'i1', 'u1']);

export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  readonly dataOffset: number;
}

/**
 * The tensor of an .npy file: a view of `bytes` where the file is little-endian and in C order, else a copy.
 * `expected` is the wanted type; it decides what `V1` and `V2` mean, and is no demand.
 * @throws E3611 no npy or damaged, E3612 wrong length, E4611 an element type that no tensor has.
 */
export function readNpy(bytes: Uint8Array, file: string, expected?: DType): HostTensor {
  const header = readHeader(bytes, file);
  const match = /^([<>=|]?)([a-zA-Z])(\d+)$/.exec(header.descr);
  if (!match) throw noType(header.descr, file);
  const [, order, kind, digits] = match;
  const count = elementCount(header.shape);
  const swapped = order === '>';
  if (kind === 'U' || kind === 'S') {
    const width = Number(digits) * (kind === 'U' ? 4 : 1);
    const data = payload(bytes, header, count * width, file);
    return stringTensor(header.shape, readStrings(reorder(data, header, width), kind, width, count, swapped));
  }
  const dtype = typeOf(`${kind}${digits}`, expected, header.descr, file);
  const width = elementBytes(dtype);
  let data = payload(bytes, header, count * width, file);
  if (swapped) data = swapBytes(data, DTYPES[dtype].kind === 'complex' ? width / 2 : width);
  return makeTensor(dtype, header.shape, extendNarrow(dtype, reorder(data, header, width)));
}

function typeOf(code: string, expected: DType | undefined, descr: string, file: string): DType {
  if (expected !== undefined && expected !== 'string' && CODES[expected] === code) return expected;
  const dtype = TYPES.get(code);
  if (dtype === undefined) throw noType(descr, file);
  return dtype;
}

function noType(descr: string, file: string): NeffcError {
  return unsupported(
    'E4611',
    `the array has elements of NumPy type '${descr}'`,
    { file },
    'save it with a number type, e.g. array.astype("float32")',
  );
}

function damaged(file: string, what: string, offset = 0): NeffcError {
  return badInput(
    'E3611',
    `this is no readable .npy file: ${what}`,
    { file, offset },
    'write it with numpy.save',
  );
}

function readHeader(bytes: Uint8Array, file: string): Header {
  if (!isNpy(bytes)) throw damaged(file, 'it does not begin with \\x93NUMPY');
  if (bytes.length < 12) throw damaged(file, 'it ends inside its header', bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6]!;
  if (version < 1 || version > 3) throw damaged(file, `format version ${version} is unknown`, 6);
  const [size, start] = version === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12];
  if (start + size > bytes.length) throw damaged(file, 'it ends inside its header', bytes.length);
  const text = new TextDecoder('latin1').decode(bytes.subarray(start, start + size));
  return { ...parseHeader(text, file, start), dataOffset: start + size };
}

/** The three fields of the header, a Python dict literal; keys in any order, anything else refused. */
function parseHeader(text: string, file: string, offset: number): Omit<Header, 'dataOffset'> {
  const field = `'(descr|fortran_order|shape)'\\s*:\\s*(?:'([^']*)'|(True|False)|\\(([\\d\\sL,]*)\\))`;
  const whole = new RegExp(`^\\s*\\{\\s*(?:${field}\\s*,?\\s*){3}\\}\\s*$`);
  if (!whole.test(text)) {
    if (/'descr'\s*:\s*\[/.test(text)) throw noType('structured', file);
    throw damaged(file, 'its header does not hold descr, fortran_order and shape', offset);
  }
  let [descr, fortran, shape]: [string?, boolean?, (readonly number[])?] = [];
  for (const [, key, quoted, truth, tuple] of text.matchAll(new RegExp(field, 'g'))) {
    if (key === 'descr') descr = quoted;
    else if (key === 'fortran_order') fortran = truth === undefined ? undefined : truth === 'True';
    else
      shape = tuple
        ?.split(',')
        .map((dim) => dim.replace('L', '').trim())
        .filter((dim) => dim !== '')
        .map(Number);
  }
  if (descr === undefined || fortran === undefined || shape === undefined || shape.length > MAX_RANK) {
    throw damaged(file, 'a field of its header has the wrong kind', offset);
  }
  return { descr, fortran, shape };
}

function payload(bytes: Uint8Array, header: Header, wanted: number, file: string): Uint8Array {
  const present = bytes.length - header.dataOffset;
  if (present !== wanted) {
    throw badInput(
      'E3612',
      `an array of shape ${shapeText(header.shape)} and type '${header.descr}' takes ${wanted} bytes; the file holds ${present}`,
      { file, offset: header.dataOffset },
      'the file may be truncated; write it again',
    );
  }
  return bytes.subarray(header.dataOffset);
}

function swapBytes(data: Uint8Array, width: number): Uint8Array {
  const swapped = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at += width) {
    for (let k = 0; k < width; k++) swapped[at + k] = data[at + width - 1 - k]!;
  }
  return swapped;
}

/** ml_dtypes leaves the upper bits of types below 8 bits open; ours are sign-extended or zero. */
function extendNarrow(dtype: DType, data: Uint8Array): Uint8Array {
  return DTYPES[dtype].bits < 8 ? unpackElements(dtype, packElements(dtype, data), data.length) : data;
}

/** What ml_dtypes writes for types below 8 bits: the upper bits zero. */
function clearNarrow(dtype: DType, data: Uint8Array): Uint8Array {
  const { bits } = DTYPES[dtype];
  return bits < 8 ? data.map((byte) => byte & ((1 << bits) - 1)) : data;
}

/** Elements in row-major order; from Fortran order (the first axis runs fastest) they are copied one by one. */
function reorder(data: Uint8Array, { fortran, shape }: Header, width: number): Uint8Array {
  if (!fortran || shape.length < 2 || data.length === 0) return data;
  const strides = shape.map((_, k) => shape.slice(0, k).reduce((a, b) => a * b, width));
  const index = new Array<number>(shape.length).fill(0);
  const out = new Uint8Array(data.length);
  let from = 0;
  for (let to = 0; to < out.length; to += width) {
    for (let k = 0; k < width; k++) out[to + k] = data[from + k]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      from += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      from -= index[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** NumPy strings have a fixed width and are filled up with zeros. */
function readStrings(
  data: Uint8Array,
  kind: string,
  width: number,
  count: number,
  swapped: boolean,
): string[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const utf8 = new TextDecoder();
  return Array.from({ length: count }, (_, i) => {
    if (kind === 'S') return utf8.decode(data.subarray(i * width, (i + 1) * width)).replace(/\0+$/, '');
    let text = '';
    for (let at = i * width; at < (i + 1) * width; at += 4) {
      const point = view.getUint32(at, !swapped);
      text += point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd';
    }
    return text.replace(/\0+$/, '');
  });
}

/** The bytes that numpy.save writes for the tensor (format version 1, C order). Copies the data. */
export function writeNpy(t: HostTensor): Uint8Array {
  if (t.dtype === 'string') {
    const points = (t.strings ?? []).map((text) => Array.from(text, (c) => c.codePointAt(0) ?? 0));
    const width = Math.max(1, ...points.map((p) => p.length));
    const codes = new Uint32Array(points.length * width);
    for (const [i, p] of points.entries()) codes.set(p, i * width);
    return withHeader(`<U${width}`, t.shape, new Uint8Array(codes.buffer));
  }
  const code = CODES[t.dtype];
  return withHeader(`${ORDERLESS.has(code) ? '|' : '<'}${code}`, t.shape, clearNarrow(t.dtype, t.data));
}

function withHeader(descr: string, shape: readonly number[], data: Uint8Array): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const growth = shape.length === 0 ? 0 : Math.max(0, GROWTH_DIGITS - String(shape[0]).length);
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }${' '.repeat(growth)}`;
  const unpadded = 10 + dict.length + 1;
  const header = `${dict}${' '.repeat(64 - (unpadded % 64))}\n`;
  const out = new Uint8Array(10 + header.length + data.length);
  out.set([...MAGIC, 1, 0, header.length & 0xff, header.length >> 8]);
  out.set(new TextEncoder().encode(header), 10);
  out.set(data, 10 + header.length);
  return out;
}

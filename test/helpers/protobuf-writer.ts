// Writes protobuf messages field by field, for tests. Valid only as far as its caller is: any field can be given any
// wire type, so that damaged files can be made too.

export type Bytes = Uint8Array;

const text = new TextEncoder();

/** A field with a varint: int64, int32, enum, bool. Negative numbers take ten bytes, as protobuf demands. */
export function varintField(number: number, value: number | bigint): Bytes {
  return concat([varint(number * 8), varint(value)]);
}

/** A field with a length and bytes: string, bytes, message, packed list. */
export function bytesField(number: number, value: string | Bytes): Bytes {
  const bytes = typeof value === 'string' ? text.encode(value) : value;
  return concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

export function floatField(number: number, value: number): Bytes {
  return concat([varint(number * 8 + 5), littleEndian(4, (view) => view.setFloat32(0, value, true))]);
}

export function doubleField(number: number, value: number): Bytes {
  return concat([varint(number * 8 + 1), littleEndian(8, (view) => view.setFloat64(0, value, true))]);
}

export function packedVarints(number: number, values: readonly (number | bigint)[]): Bytes {
  return bytesField(number, concat(values.map(varint)));
}

export function packedFloats(number: number, values: readonly number[]): Bytes {
  return bytesField(number, new Uint8Array(Float32Array.from(values).buffer));
}

export function packedDoubles(number: number, values: readonly number[]): Bytes {
  return bytesField(number, new Uint8Array(Float64Array.from(values).buffer));
}

export function varint(value: number | bigint): Bytes {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

export function concat(parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function littleEndian(size: number, write: (view: DataView) => void): Bytes {
  const bytes = new Uint8Array(size);
  write(new DataView(bytes.buffer));
  return bytes;
}

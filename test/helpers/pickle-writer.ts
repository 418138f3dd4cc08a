// Writes pickles for tests, operation by operation, as PyTorch's pickler does.

type Part = Buffer;

const op = (code: number, ...rest: readonly Buffer[]): Part => Buffer.concat([Buffer.of(code), ...rest]);
const u32 = (n: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(n);
  return out;
};

export const pk = {
  /** A whole pickle of protocol 2 that leaves `root`. */
  file: (root: Part, protocol = 2): Uint8Array =>
    new Uint8Array(Buffer.concat([Buffer.of(0x80, protocol), root, Buffer.of(0x2e)])),
  raw: (...bytes: number[]): Part => Buffer.from(bytes),
  join: (...parts: readonly Part[]): Part => Buffer.concat(parts),
  none: op(0x4e),
  bool: (v: boolean): Part => op(v ? 0x88 : 0x89),
  int: (v: number): Part => {
    if (v >= 0 && v < 256) return op(0x4b, Buffer.of(v));
    const out = Buffer.alloc(4);
    out.writeInt32LE(v);
    return op(0x4a, out);
  },
  long: (v: bigint): Part => {
    const out = Buffer.alloc(8);
    out.writeBigInt64LE(v);
    return op(0x8a, Buffer.of(8), out);
  },
  float: (v: number): Part => {
    const out = Buffer.alloc(8);
    out.writeDoubleBE(v);
    return op(0x47, out);
  },
  str: (v: string): Part => op(0x58, u32(Buffer.byteLength(v)), Buffer.from(v)),
  tuple: (...items: readonly Part[]): Part => Buffer.concat([op(0x28), ...items, op(0x74)]),
  list: (...items: readonly Part[]): Part => Buffer.concat([op(0x5d), op(0x28), ...items, op(0x65)]),
  dict: (entries: Readonly<Record<string, Part>>): Part =>
    Buffer.concat([
      op(0x7d),
      op(0x28),
      ...Object.entries(entries).flatMap(([k, v]) => [pk.str(k), v]),
      op(0x75),
    ]),
  put: (index: number, value: Part): Part => Buffer.concat([value, op(0x72, u32(index))]),
  get: (index: number): Part => op(0x6a, u32(index)),
  global: (module: string, name: string): Part => op(0x63, Buffer.from(`${module}\n${name}\n`)),
  call: (module: string, name: string, ...args: readonly Part[]): Part =>
    Buffer.concat([pk.global(module, name), pk.tuple(...args), op(0x52)]),
  /** An object of a class of the archive with a state. */
  object: (qualified: string, state: Part): Part => {
    const dot = qualified.lastIndexOf('.');
    const type = pk.global(qualified.slice(0, dot), qualified.slice(dot + 1));
    return Buffer.concat([type, op(0x29), op(0x81), state, op(0x62)]);
  },
  storage: (scalar: string, key: string, count: number): Part =>
    Buffer.concat([
      pk.tuple(
        pk.str('storage'),
        pk.global('torch', `${scalar}Storage`),
        pk.str(key),
        pk.str('cpu'),
        pk.int(count),
      ),
      op(0x51),
    ]),
  /** A dense or strided float tensor on its own storage. */
  tensor: (
    key: string,
    count: number,
    shape: readonly number[],
    strides: readonly number[],
    offset = 0,
  ): Part =>
    pk.call(
      'torch._utils',
      '_rebuild_tensor_v2',
      pk.storage('Float', key, count),
      pk.int(offset),
      pk.tuple(...shape.map(pk.int)),
      pk.tuple(...strides.map(pk.int)),
      pk.bool(false),
      pk.call('collections', 'OrderedDict'),
    ),
};

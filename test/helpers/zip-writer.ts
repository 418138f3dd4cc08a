// Writes small zip files for tests, honest by default; every field can be made to lie.

import { deflateRawSync } from 'node:zlib';
import { crc32 } from '../../src/frontend/torchscript/archive/crc32.js';

export interface ZipEntry {
  readonly name: string;
  readonly data: Uint8Array | string;
  readonly deflate?: boolean;
  /** Fields to write instead of the true ones. */
  readonly lie?: {
    readonly size?: number;
    readonly packedSize?: number;
    readonly crc?: number;
    readonly headerOffset?: number;
    readonly localName?: string;
    readonly localSize?: number;
    readonly flags?: number;
    readonly method?: number;
  };
  /** Write sizes and offset through zip64 extra fields. */
  readonly zip64?: boolean;
}

export interface ZipOptions {
  readonly zip64End?: boolean;
  readonly comment?: string;
  readonly count?: number;
}

const encode = (text: string) => new TextEncoder().encode(text);

function fields(...parts: readonly (readonly [bytes: 2 | 4 | 8, value: number])[]): Buffer {
  const out = Buffer.alloc(parts.reduce((n, [bytes]) => n + bytes, 0));
  let at = 0;
  for (const [bytes, value] of parts) {
    if (bytes === 8) out.writeBigUInt64LE(BigInt(value), at);
    else out.writeUIntLE(value, at, bytes);
    at += bytes;
  }
  return out;
}

/** A zip file of the entries, in order. */
export function writeZip(entries: readonly ZipEntry[], options: ZipOptions = {}): Uint8Array {
  const body: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  const put = (...parts: Uint8Array[]) => {
    for (const part of parts) {
      body.push(Buffer.from(part));
      at += part.length;
    }
  };
  for (const entry of entries) {
    const data = typeof entry.data === 'string' ? encode(entry.data) : entry.data;
    const packed = entry.deflate ? deflateRawSync(data) : data;
    const lie = entry.lie ?? {};
    const size = lie.size ?? data.length;
    const packedSize = lie.packedSize ?? packed.length;
    const crc = lie.crc ?? crc32(data);
    const method = lie.method ?? (entry.deflate ? 8 : 0);
    const flags = lie.flags ?? 0;
    const offset = lie.headerOffset ?? at;
    const localName = encode(lie.localName ?? entry.name);
    const name = encode(entry.name);
    const wide = entry.zip64 === true;
    const all = 0xffffffff;
    const localSize = lie.localSize ?? size;
    const localExtra = wide ? fields([2, 1], [2, 16], [8, localSize], [8, packedSize]) : Buffer.alloc(0);
    put(
      fields([4, 0x04034b50], [2, 20], [2, flags], [2, method], [4, 0], [4, crc]),
      fields([4, wide ? all : packedSize], [4, wide ? all : localSize]),
      fields([2, localName.length], [2, localExtra.length]),
      localName,
      localExtra,
      packed,
    );
    const extra = wide ? fields([2, 1], [2, 24], [8, size], [8, packedSize], [8, offset]) : Buffer.alloc(0);
    directory.push(
      fields([4, 0x02014b50], [2, 20], [2, 20], [2, flags], [2, method], [4, 0], [4, crc]),
      fields([4, wide ? all : packedSize], [4, wide ? all : size]),
      fields([2, name.length], [2, extra.length], [2, 0], [2, 0], [2, 0], [4, 0], [4, wide ? all : offset]),
      Buffer.from(name),
      extra,
    );
  }
  const start = at;
  put(...directory);
  const size = at - start;
  const count = options.count ?? entries.length;
  if (options.zip64End) {
    const end = at;
    put(
      fields(
        [4, 0x06064b50],
        [8, 44],
        [2, 45],
        [2, 45],
        [4, 0],
        [4, 0],
        [8, count],
        [8, count],
        [8, size],
        [8, start],
      ),
      fields([4, 0x07064b50], [4, 0], [8, end], [4, 1]),
    );
  }
  const comment = encode(options.comment ?? '');
  const wide = options.zip64End === true;
  const short = wide ? 0xffff : count;
  put(
    fields([4, 0x06054b50], [2, 0], [2, 0], [2, short], [2, short]),
    fields([4, wide ? 0xffffffff : size], [4, wide ? 0xffffffff : start], [2, comment.length]),
    comment,
  );
  return new Uint8Array(Buffer.concat(body));
}

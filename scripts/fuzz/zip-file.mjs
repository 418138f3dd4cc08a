// Zip files for the fuzzer: read (trusting what PyTorch wrote), and written again with true checksums, so that a mutation of a
// member reaches what lies behind the zip reader; or with fields that lie, for the reader itself.
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { crc32 } from '../../dist/frontend/torchscript/archive/crc32.js';

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;

/** Members of a file in order: `{ name, data, deflate }`. */
export function readZip(bytes) {
  const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  return Array.from({ length: count }, () => {
    const deflate = bytes.readUInt16LE(at + 10) === 8;
    const packed = bytes.readUInt32LE(at + 20);
    const [nameLength, extra, comment] = [28, 30, 32].map((o) => bytes.readUInt16LE(at + o));
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const stored = bytes.subarray(start, start + packed);
    at += 46 + nameLength + extra + comment;
    return { name, data: deflate ? inflateRawSync(stored) : stored, deflate };
  });
}

/** Fields of a record by offset and width, local header and directory apart. */
const LOCAL_FIELDS = {
  version: [4, 2],
  flags: [6, 2],
  method: [8, 2],
  crc: [14, 4],
  packed: [18, 4],
  size: [22, 4],
};
const CENTRAL_FIELDS = {
  flags: [8, 2],
  method: [10, 2],
  crc: [16, 4],
  packed: [20, 4],
  size: [24, 4],
  name: [28, 2],
  extra: [30, 2],
  comment: [32, 2],
  local: [42, 4],
};
const END_FIELDS = {
  disk: [4, 2],
  here: [8, 2],
  count: [10, 2],
  size: [12, 4],
  start: [16, 4],
  comment: [20, 2],
};

/** Writes members; `lie(record, fields)` may change the bytes of each record (kinds: local, central, end). */
export function writeZip(members, lie = () => undefined) {
  const body = [];
  const directory = [];
  let at = 0;
  for (const { name, data, deflate } of members) {
    const packed = deflate ? deflateRawSync(data) : data;
    const encoded = Buffer.from(name);
    const crc = crc32(data);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(LOCAL);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(CENTRAL);
    const set = (record, fields, values) => {
      for (const [key, value] of Object.entries(values)) record.writeUIntLE(value, ...fields[key]);
    };
    const values = { method: deflate ? 8 : 0, crc, packed: packed.length, size: data.length };
    set(local, LOCAL_FIELDS, { ...values, version: 20 });
    local.writeUInt16LE(encoded.length, 26);
    set(central, CENTRAL_FIELDS, { ...values, name: encoded.length, local: at });
    lie(local, LOCAL_FIELDS);
    lie(central, CENTRAL_FIELDS);
    body.push(local, encoded, packed);
    directory.push(central, encoded);
    at += local.length + encoded.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END);
  const size = directory.reduce((n, part) => n + part.length, 0);
  for (const offset of [8, 10]) end.writeUInt16LE(members.length, offset);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(at, 16);
  lie(end, END_FIELDS);
  return Buffer.concat([...body, ...directory, end]);
}

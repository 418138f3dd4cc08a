// The directory of a zip file: end record, zip64 end record, central entries, local headers.
// Every number of the file is checked against the file before it is used; local headers must agree with
// the central directory, because a reader that trusts the other one would see another archive.
// Reads no member data.

import { badInput, type NeffcError, unsupported } from '../../../base/diagnostic.js';

export interface ZipMember {
  readonly name: string;
  readonly method: 'stored' | 'deflated';
  /** Bytes when unpacked. */
  readonly size: number;
  /** Bytes in the file. */
  readonly packedSize: number;
  readonly crc: number;
  readonly headerOffset: number;
  readonly dataOffset: number;
}

const MAX_MEMBERS = 200_000;
const MAX_NAME = 4096;

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_SIZE = 22;
const METHODS: Readonly<Record<number, ZipMember['method']>> = { 0: 'stored', 8: 'deflated' };
const FLAG_ENCRYPTED = 0x1;
/** Sizes and CRC follow the data; those of the local header are then zero. */
const FLAG_DESCRIPTOR = 0x8;

interface Source {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly file: string;
}

/**
 * All file members by name, in directory order (folder entries are dropped).
 * @throws E3301 no zip, E3302 damaged, E3303 unsafe name, E3304 duplicate, E3305 overlap or outside,
 * E3306 contradictory sizes, E3309 too many members, E4301 unread feature.
 */
export function readDirectory(bytes: Uint8Array, file: string): ReadonlyMap<string, ZipMember> {
  const source = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), file };
  const end = findEnd(source);
  const entries = readCentral(source, end);
  checkOverlap(source, entries, end.offset);
  const members = new Map<string, ZipMember>();
  for (const m of entries) {
    if (members.has(m.name)) {
      throw badInput('E3304', `two members are named ${m.name}`, { file, offset: m.headerOffset });
    }
    members.set(m.name, m);
  }
  for (const name of members.keys()) if (name.endsWith('/')) members.delete(name);
  return members;
}

function damaged(source: Source, what: string, offset: number): NeffcError {
  return badInput(
    'E3302',
    `the zip directory is damaged: ${what}`,
    { file: source.file, offset },
    'the file may be truncated; copy or download it again',
  );
}

interface End {
  readonly count: number;
  readonly offset: number;
  readonly size: number;
}

function findEnd(source: Source): End {
  const { view, file } = source;
  const last = view.byteLength - END_SIZE;
  const first = Math.max(0, last - 0xffff);
  for (let at = last; at >= first; at--) {
    if (view.getUint32(at, true) !== END) continue;
    if (at + END_SIZE + view.getUint16(at + 20, true) === view.byteLength) return readEnd(source, at);
  }
  if (view.byteLength >= 4 && view.getUint32(0, true) === LOCAL) {
    throw damaged(source, 'there is no end record', view.byteLength);
  }
  throw badInput(
    'E3301',
    'the file is not a zip archive',
    { file, offset: 0 },
    'TorchScript models are .pt or .ptl files written by torch.jit.save',
  );
}

function readEnd(source: Source, at: number): End {
  const { view, file } = source;
  if (at >= 20 && view.getUint32(at - 20, true) === LOCATOR64) return readEnd64(source, at - 20);
  const [disk, startDisk] = [view.getUint16(at + 4, true), view.getUint16(at + 6, true)];
  if (disk !== 0 || startDisk !== 0) {
    throw unsupported('E4301', 'the zip archive is split over several files', { file, offset: at });
  }
  const count = view.getUint16(at + 10, true);
  const size = view.getUint32(at + 12, true);
  return checkEnd(source, { count, size, offset: view.getUint32(at + 16, true) }, at);
}

function readEnd64(source: Source, locator: number): End {
  const { view } = source;
  const at = wide(source, locator + 8);
  if (at + 56 > locator || view.getUint32(at, true) !== END64) {
    throw damaged(source, 'the zip64 end record is not where its locator says', locator);
  }
  const end = { count: wide(source, at + 32), size: wide(source, at + 40), offset: wide(source, at + 48) };
  return checkEnd(source, end, at);
}

function checkEnd(source: Source, end: End, at: number): End {
  if (end.offset + end.size > at) throw damaged(source, 'the directory lies outside the file', at);
  if (end.count * 46 > end.size) throw damaged(source, 'it is too short for its member count', at);
  if (end.count > MAX_MEMBERS) {
    throw badInput('E3309', `the archive has ${end.count} members; the limit is ${MAX_MEMBERS}`, {
      file: source.file,
    });
  }
  return end;
}

/** A 64-bit unsigned integer that must be a file offset or size. */
function wide(source: Source, at: number): number {
  const value = source.view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(source, 'a 64-bit size is impossible', at);
  return Number(value);
}

function readCentral(source: Source, end: End): ZipMember[] {
  const { view } = source;
  const members: ZipMember[] = [];
  const stop = end.offset + end.size;
  let at = end.offset;
  for (let i = 0; i < end.count; i++) {
    if (at + 46 > stop || view.getUint32(at, true) !== CENTRAL) {
      throw damaged(source, `entry ${i} of ${end.count} is not an entry`, at);
    }
    const nameSize = view.getUint16(at + 28, true);
    const extraSize = view.getUint16(at + 30, true);
    const next = at + 46 + nameSize + extraSize + view.getUint16(at + 32, true);
    if (next > stop) throw damaged(source, `entry ${i} runs past the directory`, at);
    const name = readName(source, at + 46, nameSize);
    const sizes = {
      size: view.getUint32(at + 24, true),
      packedSize: view.getUint32(at + 20, true),
      headerOffset: view.getUint32(at + 42, true),
    };
    widen(source, sizes, at + 46 + nameSize, extraSize);
    members.push(readLocal(source, end, at, name, sizes));
    at = next;
  }
  return members;
}

interface Sizes {
  size: number;
  packedSize: number;
  headerOffset: number;
}

/** Replaces fields that are all ones by those of the zip64 extra field, in the order the format fixes. */
function widen(source: Source, sizes: Sizes, extra: number, extraSize: number): void {
  const { view } = source;
  const stop = extra + extraSize;
  for (let at = extra; at + 4 <= stop; ) {
    const size = view.getUint16(at + 2, true);
    const fieldEnd = at + 4 + size;
    if (fieldEnd > stop) return;
    if (view.getUint16(at, true) === 1) {
      let field = at + 4;
      for (const key of ['size', 'packedSize', 'headerOffset'] as const) {
        if (sizes[key] !== 0xffffffff || field + 8 > fieldEnd) continue;
        sizes[key] = wide(source, field);
        field += 8;
      }
      return;
    }
    at = fieldEnd;
  }
}

function readLocal(source: Source, end: End, entry: number, name: string, sizes: Sizes): ZipMember {
  const { view, file } = source;
  const { size, packedSize, headerOffset } = sizes;
  const where = { file, node: name, offset: headerOffset };
  const flags = view.getUint16(entry + 8, true);
  const method = METHODS[view.getUint16(entry + 10, true)];
  if (flags & FLAG_ENCRYPTED) throw unsupported('E4301', `member ${name} is encrypted`, where);
  if (method === undefined) {
    const id = view.getUint16(entry + 10, true);
    throw unsupported(
      'E4301',
      `member ${name} is packed with method ${id}; only stored and deflated are read`,
      where,
    );
  }
  if (method === 'stored' && size !== packedSize) {
    throw badInput(
      'E3306',
      `member ${name} is stored, yet its two sizes ${size} and ${packedSize} differ`,
      where,
    );
  }
  const outside = () => badInput('E3305', `member ${name} lies outside the file`, where);
  if (headerOffset + 30 > end.offset) throw outside();
  if (view.getUint32(headerOffset, true) !== LOCAL) {
    throw damaged(source, `there is no local header for member ${name}`, headerOffset);
  }
  const nameSize = view.getUint16(headerOffset + 26, true);
  const extraSize = view.getUint16(headerOffset + 28, true);
  const dataOffset = headerOffset + 30 + nameSize + extraSize;
  if (dataOffset + packedSize > end.offset) throw outside();
  if (readName(source, headerOffset + 30, nameSize) !== name) {
    throw badInput('E3306', `the local header of member ${name} has another name`, where);
  }
  const local = {
    size: view.getUint32(headerOffset + 22, true),
    packedSize: view.getUint32(headerOffset + 18, true),
    headerOffset,
  };
  widen(source, local, headerOffset + 30 + nameSize, extraSize);
  const follows = (view.getUint16(headerOffset + 6, true) & FLAG_DESCRIPTOR) !== 0;
  if (!follows && (local.size !== size || local.packedSize !== packedSize)) {
    throw badInput('E3306', `the local header of member ${name} declares other sizes`, where);
  }
  return { name, method, size, packedSize, crc: view.getUint32(entry + 16, true), headerOffset, dataOffset };
}

function readName(source: Source, at: number, size: number): string {
  const { bytes, file } = source;
  const unsafe = (shown: string) =>
    badInput(
      'E3303',
      `a member has the unsafe name ${JSON.stringify(shown.slice(0, 80))}`,
      { file, offset: at },
      'names must be relative paths without empty, "." or ".." parts',
    );
  if (size > MAX_NAME || at + size > bytes.length) throw unsafe('(too long)');
  const raw = bytes.subarray(at, at + size);
  let name: string;
  try {
    name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    throw unsafe('(not UTF-8)');
  }
  const parts = (name.endsWith('/') ? name.slice(0, -1) : name).split('/');
  const bad = parts.some((p) => p === '' || p === '.' || p === '..');
  const control = [...name].some((c) => c < ' ' || c === '\\' || c === '\x7f');
  if (bad || control || /^[A-Za-z]:/.test(name)) throw unsafe(name);
  return name;
}

function checkOverlap(source: Source, members: readonly ZipMember[], directory: number): void {
  const sorted = [...members].sort((a, b) => a.headerOffset - b.headerOffset);
  sorted.forEach((m, i) => {
    const limit = sorted[i + 1]?.headerOffset ?? directory;
    if (m.dataOffset + m.packedSize > limit) {
      throw badInput('E3305', `member ${m.name} overlaps ${sorted[i + 1]?.name ?? 'the directory'}`, {
        file: source.file,
        node: m.name,
        offset: m.headerOffset,
      });
    }
  });
}

// A plain ustar archive: members sorted by name, times and owners zero, mode 644, so that equal contents are equal bytes. The
// writer takes contents as chunks and never joins them. The reader accepts what the writer makes and nothing else: a member's
// header must be the one that its name and size give, padding must be zero.
import { badInput, bug } from '../base/diagnostic.js';

const BLOCK = 512;
const NAME = { at: 0, bytes: 100 } as const;
const SIZE = { at: 124, bytes: 12 } as const;
const CHECKSUM = { at: 148, bytes: 8 } as const;
/** Largest size that 11 octal digits hold. */
const MAX_SIZE = 8 ** 11 - 1;
const MEMBER_NAME = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/;

export interface Member {
  readonly name: string;
  readonly bytes: number;
  /** Exactly `bytes` bytes. */
  chunks(): Iterable<Uint8Array>;
}

const padded = (bytes: number): number => Math.ceil(bytes / BLOCK) * BLOCK;

/** Bytes of the whole archive. */
export function tarSize(members: readonly Member[]): number {
  return members.reduce((n, m) => n + BLOCK + padded(m.bytes), 2 * BLOCK);
}

function memberHeader(name: string, bytes: number): Uint8Array {
  const header = Buffer.alloc(BLOCK);
  const put = (at: number, text: string): void => void header.write(text, at, 'latin1');
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  put(NAME.at, name);
  put(100, octal(0o644, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(SIZE.at, octal(bytes, 11));
  put(136, octal(0, 11));
  put(156, '0');
  put(257, 'ustar\x0000');
  // The checksum is the sum of all bytes with its own field as spaces.
  let sum = CHECKSUM.bytes * 0x20;
  for (const byte of header) sum += byte;
  put(CHECKSUM.at, `${octal(sum, 6)} `);
  return header;
}

/** The archive's bytes. Members may come in any order. @throws E1512 for a name or size that does not fit, or two of one name */
export function* tarChunks(members: readonly Member[]): Generator<Uint8Array> {
  const sorted = [...members].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const [i, member] of sorted.entries()) {
    const { name, bytes } = member;
    if (
      name.length > NAME.bytes ||
      !MEMBER_NAME.test(name) ||
      name === sorted[i + 1]?.name ||
      bytes > MAX_SIZE
    ) {
      throw bug('E1512', `an archive cannot hold a member ${name} of ${bytes} bytes`);
    }
    yield memberHeader(name, bytes);
    let written = 0;
    for (const chunk of member.chunks()) {
      written += chunk.length;
      if (chunk.length > 0) yield chunk;
    }
    if (written !== bytes) throw bug('E1512', `member ${name} has ${written} bytes, not ${bytes}`);
    if (bytes % BLOCK !== 0) yield new Uint8Array(padded(bytes) - bytes);
  }
  yield new Uint8Array(2 * BLOCK);
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((b) => b === 0);

/**
 * The members of an archive, as views of it.
 * @param offset of the archive in its file, for places
 * @throws E3509 where it is not such an archive
 */
export function readTar(archive: Uint8Array, offset: number): Map<string, Uint8Array> {
  const members = new Map<string, Uint8Array>();
  let last = '';
  let at = 0;
  const refuse = (fact: string): never => {
    throw badInput('E3509', `the archive at byte ${offset + at} ${fact}`, { offset: offset + at });
  };
  while (at + 2 * BLOCK < archive.length) {
    const header = archive.subarray(at, at + BLOCK);
    const name = latin1(header, NAME.at, NAME.bytes);
    const size = latin1(header, SIZE.at, SIZE.bytes);
    if (!MEMBER_NAME.test(name)) refuse('has no member header');
    if (!/^[0-7]{11}$/.test(size)) refuse(`has a member ${name} without a size`);
    const bytes = Number.parseInt(size, 8);
    if (Buffer.compare(header, memberHeader(name, bytes)) !== 0)
      refuse(`has an unusual header of member ${name}`);
    if (name <= last) refuse(`has member ${name} after ${last}`);
    const end = at + BLOCK + padded(bytes);
    if (end + 2 * BLOCK > archive.length) refuse(`ends inside member ${name}`);
    members.set(name, archive.subarray(at + BLOCK, at + BLOCK + bytes));
    if (!isZero(archive.subarray(at + BLOCK + bytes, end)))
      refuse(`has a member ${name} followed by other bytes`);
    last = name;
    at = end;
  }
  if (at + 2 * BLOCK !== archive.length || !isZero(archive.subarray(at))) refuse('has no end');
  return members;
}

/** Text up to the first NUL. */
function latin1(bytes: Uint8Array, at: number, length: number): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('latin1');
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

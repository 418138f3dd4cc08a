// A zip archive read in place: the directory is checked as a whole when the archive is opened, and a stored
// member is a view of the file bytes, never a copy. Invariant after `openZip`: names are safe and unique, every
// member lies inside the file, no two overlap, and none inflates beyond the limits.
// Knows zip and zip64 (stored, deflated); knows nothing of PyTorch.

import { inflateRawSync } from 'node:zlib';
import { badInput, type Place } from '../../../base/diagnostic.js';
import { crc32 } from './crc32.js';
import { readDirectory, type ZipMember } from './zip-directory.js';

/** Explicit bounds; each has a diagnostic. */
export const ZIP_LIMITS = {
  /** Deflated members above this size must not be denser than `ratio`. */
  freeInflate: 16 * 2 ** 20,
  /** Deflate cannot exceed 1032:1; weights and text stay below 20:1, so a larger ratio is a bomb. */
  ratio: 200,
  /** Largest deflated member. Stored members are views and have no such bound. */
  inflatedMember: 2 ** 30,
  /** All deflated members together, as the directory declares them. */
  inflatedTotal: 4 * 2 ** 30,
  /** Members up to this size are checked against their CRC; larger ones would cost more than the load. */
  checkedMember: 2 ** 20,
} as const;

export interface ZipArchive {
  /** By name, in directory order; folders are left out. */
  readonly members: ReadonlyMap<string, ZipMember>;
  /**
   * The bytes of a member: a view of the file if stored, a new array if deflated.
   * @throws E3306 or E3310 if it does not inflate to its declared size, E3308 if the CRC differs.
   */
  read(member: ZipMember): Uint8Array;
}

/**
 * Opens a zip file held in memory. Only the directory and the local headers are read.
 * @throws E3301..E3310 (damaged, contradictory or hostile), E4301 (a zip feature that is not read).
 */
export function openZip(bytes: Uint8Array, file: string): ZipArchive {
  const members = readDirectory(bytes, file);
  checkInflation(members, file);
  return { members, read: (member) => readMember(bytes, member, file) };
}

function checkInflation(members: ReadonlyMap<string, ZipMember>, file: string): void {
  let total = 0;
  for (const m of members.values()) {
    if (m.method === 'stored') continue;
    total += m.size;
    const dense = m.size > ZIP_LIMITS.freeInflate && m.size > m.packedSize * ZIP_LIMITS.ratio;
    if (dense || m.size > ZIP_LIMITS.inflatedMember || total > ZIP_LIMITS.inflatedTotal) {
      throw badInput(
        'E3307',
        `member ${m.name} would inflate from ${m.packedSize} to ${m.size} bytes, which is beyond the limits`,
        { file, node: m.name, offset: m.headerOffset },
        'write the archive with torch.jit.save, which stores tensor data uncompressed',
      );
    }
  }
}

function readMember(bytes: Uint8Array, member: ZipMember, file: string): Uint8Array {
  const where = { file, node: member.name, offset: member.dataOffset };
  const packed = bytes.subarray(member.dataOffset, member.dataOffset + member.packedSize);
  const data = member.method === 'stored' ? packed : inflate(packed, member, where);
  if (data.length <= ZIP_LIMITS.checkedMember && crc32(data) !== member.crc) {
    throw badInput(
      'E3308',
      `the checksum of member ${member.name} is wrong: the file is damaged`,
      where,
      'copy or download the file again',
    );
  }
  return data;
}

function inflate(packed: Uint8Array, member: ZipMember, where: Place): Uint8Array {
  let data: Uint8Array;
  try {
    data = inflateRawSync(packed, { maxOutputLength: Math.max(1, member.size) });
  } catch (e) {
    const tooLong = (e as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    if (tooLong) throw wrongSize(member, where);
    throw badInput('E3310', `member ${member.name} is not a valid deflate stream`, where);
  }
  if (data.length !== member.size) throw wrongSize(member, where);
  return data;
}

function wrongSize(member: ZipMember, where: Place) {
  return badInput(
    'E3306',
    `member ${member.name} does not inflate to its ${member.size} declared bytes`,
    where,
  );
}

// The 1,024-byte header, little-endian, fields in the order of HEADER_FIELDS; what follows is the payload. Reading checks every
// byte: sizes first, then the version, then the header's own hash (uuid) and the payload's. Names fill their field with NULs.
import { createHash } from 'node:crypto';
import { badInput, type NeffcError } from '../base/diagnostic.js';
import { type ArtifactHeader, FORMAT_VERSION } from './model.js';

export const HEADER_BYTES = 1024;

/** Fields in order, with their bytes. */
export const HEADER_FIELDS = {
  packageVersion: 8,
  headerSize: 8,
  dataSize: 8,
  majorVersion: 8,
  minorVersion: 8,
  buildVersion: 128,
  coreCount: 4,
  hash: 32,
  uuid: 16,
  name: 256,
  requestedCores: 4,
  coresPerNode: 64,
  featureBits: 8,
  logicalCoreSize: 4,
  padding: 468,
} as const;
type HeaderField = keyof typeof HEADER_FIELDS;

/** Offset of each field. */
export const HEADER_OFFSETS: Readonly<Record<HeaderField, number>> = (() => {
  let at = 0;
  const offsets = Object.entries(HEADER_FIELDS).map(([name, bytes]) => {
    at += bytes;
    return [name, at - bytes];
  });
  return Object.fromEntries(offsets) as Record<HeaderField, number>;
})();

/** Cores of one logical core; the public format has other values on later chips. */
const LOGICAL_CORE_SIZE = 1;

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function fieldBytes(header: Uint8Array, field: HeaderField): Uint8Array {
  const at = HEADER_OFFSETS[field];
  return header.subarray(at, at + HEADER_FIELDS[field]);
}

/** UTF-8, cut between characters so that a NUL follows. */
function setText(header: Uint8Array, field: HeaderField, value: string): void {
  new TextEncoder().encodeInto(value.replaceAll('\0', ''), fieldBytes(header, field).subarray(0, -1));
}

/** SHA-256 of the header with the uuid zeroed; its first 16 bytes are the uuid. */
function uuidOf(header: Uint8Array): Uint8Array {
  const zeroed = Uint8Array.from(header);
  fieldBytes(zeroed, 'uuid').fill(0);
  return createHash('sha256').update(zeroed).digest().subarray(0, HEADER_FIELDS.uuid);
}

export type HeaderContent = Omit<ArtifactHeader, 'minor' | 'uuid' | 'hash'>;

/** The header of a payload of `dataSize` bytes with this SHA-256. */
export function encodeHeader(content: HeaderContent, dataSize: number, hash: Uint8Array): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const view = viewOf(header);
  const u64 = (field: HeaderField, value: bigint): void =>
    view.setBigUint64(HEADER_OFFSETS[field], value, true);
  const u32 = (field: HeaderField, value: number): void => view.setUint32(HEADER_OFFSETS[field], value, true);
  u64('packageVersion', BigInt(FORMAT_VERSION.package));
  u64('headerSize', BigInt(HEADER_BYTES));
  u64('dataSize', BigInt(dataSize));
  u64('majorVersion', BigInt(FORMAT_VERSION.major));
  u64('minorVersion', BigInt(FORMAT_VERSION.minor));
  setText(header, 'buildVersion', content.buildVersion);
  u32('coreCount', content.coreCount);
  fieldBytes(header, 'hash').set(hash);
  setText(header, 'name', content.name);
  u32('requestedCores', content.requestedCores);
  header[HEADER_OFFSETS.coresPerNode] = content.coreCount;
  u64('featureBits', content.featureBits);
  u32('logicalCoreSize', LOGICAL_CORE_SIZE);
  fieldBytes(header, 'uuid').set(uuidOf(header));
  return header;
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** What a header says, after its own checks; the payload's hash is the caller's to compare with `hash`. */
export interface ReadHeader extends ArtifactHeader {
  readonly dataSize: number;
}

/**
 * The header of a file's bytes.
 * @throws E3502 no .neff, E3503 another size than the header says, E3504 a newer format, E3506 a damaged header
 */
export function decodeHeader(file: Uint8Array, name: string): ReadHeader {
  const where = { file: name };
  if (file.length < HEADER_BYTES) {
    throw badInput('E3502', `${name} has ${file.length} bytes; a .neff has at least ${HEADER_BYTES}`, where);
  }
  const header = file.subarray(0, HEADER_BYTES);
  const view = viewOf(header);
  const u64 = (field: HeaderField): bigint => view.getBigUint64(HEADER_OFFSETS[field], true);
  const packageVersion = u64('packageVersion');
  if (u64('headerSize') !== BigInt(HEADER_BYTES) || packageVersion === 0n || packageVersion > 0xffffn) {
    throw badInput(
      'E3502',
      `${name} is no .neff: its header does not say that it is ${HEADER_BYTES} bytes long`,
      where,
    );
  }
  const major = u64('majorVersion');
  if (packageVersion > BigInt(FORMAT_VERSION.package) || major > BigInt(FORMAT_VERSION.major)) {
    throw newerFormat(name, `${packageVersion}.${major}.${u64('minorVersion')}`);
  }
  if (!equal(uuidOf(header), fieldBytes(header, 'uuid'))) {
    throw badInput(
      'E3506',
      `the header of ${name} is damaged: its uuid does not follow from its bytes`,
      where,
    );
  }
  if (u64('dataSize') !== BigInt(file.length - HEADER_BYTES)) {
    throw badInput(
      'E3503',
      `${name} has ${file.length - HEADER_BYTES} bytes after its header, which says ${u64('dataSize')}`,
      where,
      'copy the file again; it is cut short or has something appended',
    );
  }
  const text = (field: HeaderField): string => {
    const bytes = fieldBytes(header, field);
    return new TextDecoder().decode(bytes.subarray(0, Math.max(0, bytes.indexOf(0))));
  };
  const read: ReadHeader = {
    buildVersion: text('buildVersion'),
    coreCount: view.getUint32(HEADER_OFFSETS.coreCount, true),
    name: text('name'),
    requestedCores: view.getUint32(HEADER_OFFSETS.requestedCores, true),
    featureBits: u64('featureBits'),
    minor: Number(u64('minorVersion')),
    uuid: hex(fieldBytes(header, 'uuid')),
    hash: hex(fieldBytes(header, 'hash')),
    dataSize: file.length - HEADER_BYTES,
  };
  if (fieldBytes(header, 'padding').some((b) => b !== 0)) {
    throw badInput('E3506', `the padding of the header of ${name} is not zero`, where);
  }
  return read;
}

function newerFormat(name: string, version: string): NeffcError {
  const { package: ours, major, minor } = FORMAT_VERSION;
  return badInput(
    'E3504',
    `${name} has format ${version}; this version reads up to ${ours}.${major}`,
    { file: name },
    `use a newer neffc, or compile the model with this one (format ${ours}.${major}.${minor})`,
  );
}

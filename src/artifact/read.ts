// Bytes to artifact. Every load checks sizes, version, both hashes and all padding, so that any changed byte is found before
// anything is believed. What is read are views of the given bytes. Whether the content makes sense is validate.ts.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { badInput, NeffcError, type Place } from '../base/diagnostic.js';
import { FEATURES, featureBits, featuresOf } from './features.js';
import { decodeHeader, HEADER_BYTES, hex, type ReadHeader } from './header.js';
import { decodeMembers, featureNames, hashOf } from './members.js';
import { type Artifact, FORMAT_VERSION } from './model.js';
import { readTar } from './tar.js';

export interface ReadOptions {
  /** Name of the file, for diagnostics. */
  readonly file: string;
}

/**
 * The artifact that the bytes of a .neff are.
 * @throws E3502..E3513, all exit 3
 */
export function readArtifact(given: Uint8Array, { file }: ReadOptions): Artifact {
  // A Buffer's slice() is a view, a Uint8Array's a copy: what is read are plain Uint8Arrays.
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  return inFile(file, () => {
    const header = decodeHeader(bytes, file);
    const payload = bytes.subarray(HEADER_BYTES);
    if (hex(hashOf([payload])) !== header.hash) {
      throw badInput(
        'E3507',
        `${file} is damaged: the SHA-256 of its content is not the one in its header`,
        {},
        'copy or compile it again',
      );
    }
    const members = readTar(payload, HEADER_BYTES);
    refuseUnknownFeatures(header, members);
    const { dataSize: _, ...read } = header;
    const artifact = { header: read, ...decodeMembers(members, header.minor > FORMAT_VERSION.minor) };
    if (featureBits(featuresOf(artifact)) !== header.featureBits) {
      throw badInput(
        'E3505',
        `${file} uses features that its header does not name, or names some that it does not use`,
      );
    }
    return artifact;
  });
}

/** Adds the file to the place of diagnostics that lack one. */
function inFile<T>(file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof NeffcError)) throw error;
    const place = (where: Place | undefined): Place => ({ file, ...where });
    throw new NeffcError(
      error.diagnostics.map((d) => ({ ...d, where: place(d.where) })),
      error.exitCode,
    );
  }
}

function refuseUnknownFeatures(header: ReadHeader, members: Map<string, Uint8Array>): void {
  const unknown = header.featureBits >> BigInt(FEATURES.length);
  if (unknown === 0n) return;
  const names = featureNames(members);
  const lacking = [...unknown.toString(2)]
    .reverse()
    .flatMap((digit, i) =>
      digit === '1' ? [names.get(i + FEATURES.length) ?? `number ${i + FEATURES.length}`] : [],
    );
  throw badInput(
    'E3505',
    `the artifact needs ${lacking.length === 1 ? 'the feature' : 'the features'} ${lacking.join(', ')}, which this version does not have (it has ${FEATURES.join(', ')})`,
    {},
    'use a newer neffc',
  );
}

/** Bytes read in one call. */
const READ_BYTES = 1 << 30;

/** Reads a file and the artifact in it. @throws E3501 where it cannot be read, and as readArtifact */
export function readArtifactFile(path: string): Artifact {
  return readArtifact(fileBytes(path), { file: path });
}

function fileBytes(path: string): Uint8Array {
  try {
    const fd = openSync(path, 'r');
    try {
      const bytes = Buffer.allocUnsafeSlow(fstatSync(fd).size);
      let at = 0;
      while (at < bytes.length) {
        const read = readSync(fd, bytes, at, Math.min(READ_BYTES, bytes.length - at), at);
        if (read === 0) break;
        at += read;
      }
      return bytes.subarray(0, at);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw badInput('E3501', `cannot read ${path}: ${error.message}`, { file: path });
  }
}

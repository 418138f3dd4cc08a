// Artifact to bytes: header, then the archive. A file appears whole or not at all: it is written in a folder of its own beside its
// place, synced, renamed. The payload passes once and is hashed on the way; the header is put in front when the hash is known.
import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { NeffcError, usageError } from '../base/diagnostic.js';
import { featureBits, featuresOf } from './features.js';
import { encodeHeader, HEADER_BYTES, hex } from './header.js';
import { encodeMembers, hashOf } from './members.js';
import { type ArtifactDraft, coreCountOf } from './model.js';
import { type Member, tarChunks, tarSize } from './tar.js';

/** Chunks below this size are joined before they are written. */
const BATCH_BYTES = 1 << 20;

function headerOf(draft: ArtifactDraft, members: readonly Member[], hash: Uint8Array): Uint8Array {
  const coreCount = coreCountOf(draft.executables);
  return encodeHeader(
    {
      buildVersion: draft.manifest.compiler,
      coreCount,
      name: draft.name,
      requestedCores: draft.requestedCores ?? coreCount,
      featureBits: featureBits(featuresOf(draft)),
    },
    tarSize(members),
    hash,
  );
}

/** The bytes of an artifact, in order; constants are asked for twice. */
export function* layoutArtifact(draft: ArtifactDraft): Generator<Uint8Array> {
  const members = encodeMembers(draft);
  yield headerOf(draft, members, hashOf(tarChunks(members)));
  yield* tarChunks(members);
}

/** The whole artifact in memory. */
export function artifactBytes(draft: ArtifactDraft): Uint8Array {
  return Buffer.concat([...layoutArtifact(draft)]);
}

export interface WrittenArtifact {
  readonly bytes: number;
  readonly payloadSha256: string;
}

/**
 * Writes an artifact to a file that exists whole or stays as it was.
 * @throws E2510 where the path cannot be written
 */
export function writeArtifactFile(path: string, draft: ArtifactDraft): WrittenArtifact {
  const members = encodeMembers(draft);
  return guarded(path, () => {
    const target = targetOf(path);
    const folder = mkdtempSync(join(dirname(target), '.neffc-'));
    try {
      const part = join(folder, basename(target));
      const written = writePart(part, draft, members);
      renameSync(part, target);
      return written;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** File system errors become diagnostics. */
function guarded<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof NeffcError || !(error instanceof Error)) throw error;
    throw usageError(
      'E2510',
      `cannot write ${path}: ${error.message}`,
      { file: path },
      'check the folder, its permissions and the free space',
    );
  }
}

/** Where the file goes: through links, never over something that is no file. */
function targetOf(path: string): string {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return path;
  const target = realpathSync(path);
  if (!statSync(target).isFile())
    throw usageError('E2510', `cannot write ${path}: it is no ordinary file`, { file: path });
  return target;
}

/** Payload first, then the header in front of it. */
function writePart(part: string, draft: ArtifactDraft, members: readonly Member[]): WrittenArtifact {
  const fd = openSync(part, 'wx');
  try {
    const payload = createHash('sha256');
    let at = HEADER_BYTES;
    for (const chunk of batched(tarChunks(members))) {
      payload.update(chunk);
      writeAt(fd, chunk, at);
      at += chunk.length;
    }
    const hash = payload.digest();
    writeAt(fd, headerOf(draft, members, hash), 0);
    fsyncSync(fd);
    return { bytes: at, payloadSha256: hex(hash) };
  } finally {
    closeSync(fd);
  }
}

/** Joins small chunks, so that a member of a few bytes costs no call of its own; large ones pass as they are. */
function* batched(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  const batch = new Uint8Array(BATCH_BYTES);
  let filled = 0;
  for (const chunk of chunks) {
    if (filled + chunk.length > BATCH_BYTES && filled > 0) {
      yield batch.subarray(0, filled);
      filled = 0;
    }
    if (chunk.length > BATCH_BYTES) {
      yield chunk;
      continue;
    }
    batch.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled > 0) yield batch.subarray(0, filled);
}

/** The largest write that every system takes in one call. */
const MAX_WRITE = 1 << 30;

function writeAt(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    done += writeSync(fd, bytes, done, Math.min(bytes.length - done, MAX_WRITE), position + done);
  }
}

// Artifacts as bytes: round trip, determinism, damage of every byte, the file on disk.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HEADER_FIELDS, HEADER_OFFSETS } from '../../src/artifact/header.js';
import { draftOf } from '../../src/artifact/model.js';
import { readArtifact, readArtifactFile } from '../../src/artifact/read.js';
import { artifactBytes, writeArtifactFile } from '../../src/artifact/write.js';
import { NeffcError } from '../../src/base/diagnostic.js';
import { codeOf } from '../helpers/codes.js';
import { graphDraft } from './sample.js';

const file = 'a.neff';
const read = (bytes: Uint8Array) => readArtifact(bytes, { file });

describe('bytes', () => {
  it('read back as what was written, and write the same bytes again', () => {
    const draft = graphDraft();
    const bytes = artifactBytes(draft);
    const artifact = read(bytes);
    expect(artifact.manifest).toEqual(draft.manifest);
    expect(artifact.host).toEqual(draft.host);
    expect(artifact.program).toEqual(draft.program);
    expect(artifact.executables).toEqual(draft.executables);
    expect(artifact.constants.index).toEqual(draft.constants.index);
    expect(artifact.debug).toEqual(draft.debug);
    expect(artifact.graphText).toBe(draft.graphText);
    expect(artifact.header).toMatchObject({
      name: 'sample',
      buildVersion: 'neffc 0.1.0',
      coreCount: 1,
      featureBits: 0n,
    });
    expect(Buffer.compare(artifactBytes(draftOf(artifact)), bytes)).toBe(0);
    expect(Buffer.compare(artifactBytes(graphDraft()), bytes)).toBe(0);
  });

  it('hold equal constants once, aligned, as views of the file', () => {
    const bytes = artifactBytes(graphDraft());
    const { constants } = read(bytes);
    expect(constants.index.map((c) => c.offset)).toEqual([0, 512, 0]);
    expect(constants.bytes.length).toBe(515);
    expect(constants.bytes.buffer).toBe(bytes.buffer);
    expect((constants.bytes.byteOffset - bytes.byteOffset) % 64).toBe(0);
  });

  it('do not depend on the order of keys in free-form-less records', () => {
    const draft = graphDraft();
    const reversed = Object.fromEntries(
      Object.entries(draft.manifest).reverse(),
    ) as unknown as typeof draft.manifest;
    expect(Buffer.compare(artifactBytes({ ...draft, manifest: reversed }), artifactBytes(draft))).toBe(0);
  });
});

describe('damage', () => {
  it('of any one byte is found, with an error of ours', () => {
    const bytes = artifactBytes(graphDraft());
    const codes = new Set<string>();
    for (let at = 0; at < bytes.length; at++) {
      const kept = bytes[at]!;
      bytes[at] = kept ^ (1 << (at % 8));
      const code = codeOf(() => read(bytes));
      if (code === 'none') throw new Error(`byte ${at} can be changed`);
      codes.add(code);
      bytes[at] = kept;
    }
    expect([...codes].sort()).toEqual(['E3502', 'E3504', 'E3506', 'E3507']);
  });

  it('by cutting or appending is found', () => {
    const bytes = artifactBytes(graphDraft());
    expect(codeOf(() => read(bytes.subarray(0, 0)))).toBe('E3502');
    expect(codeOf(() => read(bytes.subarray(0, 1023)))).toBe('E3502');
    for (const end of [1024, 1025, bytes.length - 1])
      expect(codeOf(() => read(bytes.subarray(0, end)))).toBe('E3503');
    expect(codeOf(() => read(Buffer.concat([bytes, Buffer.alloc(1)])))).toBe('E3503');
    expect(codeOf(() => read(Buffer.alloc(2048)))).toBe('E3502');
    expect(codeOf(() => read(Buffer.from('#!/bin/sh\n'.repeat(200))))).toBe('E3502');
  });

  it('names the file and exits with 3', () => {
    try {
      read(Buffer.alloc(3));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(NeffcError);
      expect((error as NeffcError).exitCode).toBe(3);
      expect((error as NeffcError).diagnostics[0]?.where?.file).toBe(file);
    }
  });
});

describe('on disk', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'neffc-artifact-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is header and plain tar', () => {
    const path = join(folder, 'plain.neff');
    const written = writeArtifactFile(path, graphDraft());
    expect(Buffer.compare(readFileSync(path), artifactBytes(graphDraft()))).toBe(0);
    expect(written.bytes).toBe(readFileSync(path).length);
    expect(readArtifactFile(path).header.hash).toBe(written.payloadSha256);
    const list = spawnSync('sh', ['-c', 'tail -c +1025 "$1" | tar tv', 'sh', path], { encoding: 'utf8' });
    expect(list.stderr).toBe('');
    expect(list.stdout).toContain('constants.bin');
    expect(list.stdout.trim().split('\n')).toHaveLength(21 - 1);
    expect(
      list.stdout
        .trim()
        .split('\n')
        .every((line) => line.startsWith('-rw-r--r-- 0/0')),
    ).toBe(true);
  });

  it('replaces the old file only when whole, and leaves nothing behind', () => {
    const path = join(folder, 'old.neff');
    writeFileSync(path, 'old');
    const failing = {
      ...graphDraft(),
      constants: { index: [], byteLength: 9, chunks: () => [new Uint8Array(1)] },
    };
    const before = readdirSync(folder);
    expect(codeOf(() => writeArtifactFile(path, failing))).toBe('E1512');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(before);
    writeArtifactFile(path, graphDraft());
    expect(readArtifactFile(path).header.name).toBe('sample');
    expect(readdirSync(folder)).toEqual(before);
  });

  it('goes through links, and over nothing but files', () => {
    mkdirSync(join(folder, 'elsewhere'));
    const real = join(folder, 'elsewhere', 'real.neff');
    writeFileSync(real, '');
    const link = join(folder, 'link.neff');
    symlinkSync(real, link);
    writeArtifactFile(link, graphDraft());
    expect(readArtifactFile(real).header.name).toBe('sample');
    expect(codeOf(() => writeArtifactFile(folder, graphDraft()))).toBe('E2510');
    expect(codeOf(() => writeArtifactFile(join(folder, 'none', 'a.neff'), graphDraft()))).toBe('E2510');
    expect(existsSync(join(folder, 'none'))).toBe(false);
    expect(codeOf(() => readArtifactFile(join(folder, 'none')))).toBe('E3501');
  });
});

it('the header has the fields of the public description', () => {
  expect(HEADER_OFFSETS.padding + HEADER_FIELDS.padding).toBe(1024);
  expect(HEADER_OFFSETS).toMatchObject({
    buildVersion: 40,
    coreCount: 168,
    hash: 172,
    uuid: 204,
    name: 220,
    featureBits: 544,
  });
});

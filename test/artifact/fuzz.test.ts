// Artifacts with good hashes and wrong content: reading, validating, printing and loading end in values or coded errors.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHeader, HEADER_BYTES } from '../../src/artifact/header.js';
import { printHostProgram } from '../../src/artifact/host-program.js';
import { hashOf } from '../../src/artifact/members.js';
import type { ArtifactDraft } from '../../src/artifact/model.js';
import { readArtifact } from '../../src/artifact/read.js';
import { readTar, tarChunks, tarSize } from '../../src/artifact/tar.js';
import { validateArtifact } from '../../src/artifact/validate/validate.js';
import { artifactBytes } from '../../src/artifact/write.js';
import { NeffcError } from '../../src/base/diagnostic.js';
import { fromNumbers } from '../../src/base/tensor.js';
import { loadArtifact } from '../../src/runtime/load.js';
import { runRequest } from '../../src/runtime/request.js';
import { bucketDraft, graphDraft, loopDraft, twoModels } from './sample.js';

const SEED = 20_240_601;

type Members = Map<string, Uint8Array>;

/** The artifact with its members changed and all hashes made good again. */
function rebuilt(draft: ArtifactDraft, change: (members: Members) => void): Uint8Array {
  const bytes = artifactBytes(draft);
  const { header } = readArtifact(bytes, { file: 'a' });
  const members = readTar(bytes.subarray(HEADER_BYTES), HEADER_BYTES);
  change(members);
  const list = [...members].map(([name, data]) => ({ name, bytes: data.length, chunks: () => [data] }));
  const payload = [...tarChunks(list)];
  return Buffer.concat([encodeHeader(header, tarSize(list), hashOf(payload)), ...payload]);
}

/** Everything that looks at an artifact; coded errors are outcomes like others. */
function use(bytes: Uint8Array): string {
  try {
    const artifact = readArtifact(bytes, { file: 'a.neff' });
    const found = validateArtifact(artifact);
    for (const program of Object.values(artifact.host)) printHostProgram(program);
    const loaded = loadArtifact(artifact, { checks: 'always' });
    if (found.length > 0) return 'violations';
    const inputs = new Map([['x', fromNumbers('f32', [128], new Array(128).fill(1))]]);
    runRequest(loaded, inputs, { model: artifact.manifest.models[0]?.name ?? '' });
    return 'ran';
  } catch (error) {
    if (error instanceof NeffcError) return error.diagnostics[0]!.code;
    throw error;
  }
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Paths of all values in a JSON document. */
function paths(value: Json, at: (string | number)[] = []): (string | number)[][] {
  const inner = Array.isArray(value)
    ? value.flatMap((v, i) => paths(v, [...at, i]))
    : typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([k, v]) => paths(v, [...at, k]))
      : [];
  return [at, ...inner];
}

function setAt(value: Json, path: readonly (string | number)[], to: Json | undefined): Json {
  const [key, ...rest] = path;
  if (key === undefined) return to ?? null;
  const copy = Array.isArray(value) ? [...value] : { ...(value as { [key: string]: Json }) };
  const record = copy as { [key: string]: Json };
  if (rest.length === 0 && to === undefined) delete record[key];
  else record[key] = setAt(record[key]!, rest, to);
  return copy;
}

const strange = fc.oneof(
  fc.constantFrom<Json | undefined>(
    undefined,
    null,
    true,
    '',
    'x',
    'f32',
    'i64',
    'string',
    'main',
    [],
    {},
    [[]],
    [{}],
  ),
  fc.constantFrom<Json>(0, 1, 2, 3, 64, 255, 1e9, 2 ** 40, 2 ** 53, 1e300, -1, 0.5),
  fc.string({ maxLength: 4 }),
);

const DRAFTS = [graphDraft, loopDraft, bucketDraft, twoModels] as const;

describe('wrong content', () => {
  it('in JSON members', () => {
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(fc.constantFrom(...DRAFTS), fc.nat(), fc.nat(), strange, (draft, which, where, value) => {
        const bytes = rebuilt(draft(), (members) => {
          const names = [...members.keys()].filter((n) => n.endsWith('.json'));
          const name = names[which % names.length]!;
          const json = JSON.parse(Buffer.from(members.get(name)!).toString()) as Json;
          const all = paths(json);
          members.set(name, Buffer.from(JSON.stringify(setAt(json, all[where % all.length]!, value))));
        });
        outcomes.add(use(bytes));
      }),
      { numRuns: 600, seed: SEED },
    );
    expect([...outcomes]).toEqual(expect.arrayContaining(['E3511', 'violations', 'ran']));
  });

  it('in code and descriptors', () => {
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(
        fc.constantFrom(...DRAFTS),
        fc.nat(),
        fc.nat(),
        fc.nat(255),
        (draft, which, where, value) => {
          const bytes = rebuilt(draft(), (members) => {
            const names = [...members]
              .filter(([n, data]) => n.endsWith('.bin') && data.length > 0)
              .map(([n]) => n);
            const data = Uint8Array.from(members.get(names[which % names.length]!)!);
            data[where % data.length] = value;
            members.set(names[which % names.length]!, data);
          });
          outcomes.add(use(bytes));
        },
      ),
      { numRuns: 600, seed: SEED },
    );
    expect([...outcomes]).toEqual(expect.arrayContaining(['E3513', 'violations']));
  });

  it('by members missing, unknown or not text', () => {
    const base = rebuilt(graphDraft(), () => undefined);
    expect(use(base)).toBe('ran');
    for (const name of readTar(base.subarray(HEADER_BYTES), HEADER_BYTES).keys()) {
      const without = rebuilt(graphDraft(), (m) => m.delete(name));
      expect(use(without)).toBe(name === 'graph.txt' ? 'ran' : 'E3510');
    }
    expect(use(rebuilt(graphDraft(), (m) => m.set('more.json', Buffer.from('{}'))))).toBe('E3510');
    expect(use(rebuilt(graphDraft(), (m) => m.set('host.json', Buffer.from([0xff, 0xfe]))))).toBe('E3511');
    expect(use(rebuilt(graphDraft(), (m) => m.set('host.json', Buffer.from('{"a":'))))).toBe('E3511');
    expect(use(rebuilt(graphDraft(), (m) => m.set('neff.json', Buffer.from('['.repeat(100_000)))))).toBe(
      'E3511',
    );
    const deep = `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`;
    const text = (m: Members) => Buffer.from(m.get('neff.json')!).toString();
    expect(
      use(
        rebuilt(graphDraft(), (m) =>
          m.set('neff.json', Buffer.from(text(m).replace('"options": {', `"options": {"d": ${deep},`))),
        ),
      ),
    ).toBe('E3511');
  });
});

describe('versions and features', () => {
  const patched = (at: number, value: number) => {
    const bytes = artifactBytes(graphDraft());
    bytes[at] = value;
    return bytes;
  };

  it('a newer major version is refused as such', () => {
    expect(use(patched(24, 2))).toBe('E3504');
    expect(use(patched(0, 2))).toBe('E3504');
  });

  it('a newer minor version is read, its new members and keys are left alone', () => {
    const newer = rebuilt(graphDraft(), (m) => m.set('more.json', Buffer.from('{}')));
    const header = Buffer.from(newer.subarray(0, HEADER_BYTES));
    header[32] = 7;
    header.fill(0, 204, 220);
    hashOf([header])
      .subarray(0, 16)
      .forEach((b, i) => {
        header[204 + i] = b;
      });
    expect(use(Buffer.concat([header, newer.subarray(HEADER_BYTES)]))).toBe('ran');
  });

  it('unknown features are refused by the names that the artifact gives them', () => {
    const draft = graphDraft();
    const bytes = rebuilt(draft, (m) => {
      const json = JSON.parse(Buffer.from(m.get('neff.json')!).toString()) as {
        features: Record<string, number>;
      };
      json.features['time-travel'] = 40;
      m.set('neff.json', Buffer.from(JSON.stringify(json)));
    });
    const payload = bytes.subarray(HEADER_BYTES);
    const header = readArtifact(artifactBytes(draft), { file: 'a' }).header;
    const future = encodeHeader(
      { ...header, featureBits: (1n << 40n) | (1n << 41n) },
      payload.length,
      hashOf([payload]),
    );
    expect(() => readArtifact(Buffer.concat([future, payload]), { file: 'a.neff' })).toThrow(
      /E3505: .*features time-travel, number 41, which/,
    );
  });
});

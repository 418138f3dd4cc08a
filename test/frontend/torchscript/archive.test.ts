import { readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTorchArchive } from '../../../src/frontend/torchscript/archive/read.js';
import type { TorchStorage } from '../../../src/frontend/torchscript/archive/value.js';
import { openLibrary } from '../../../src/frontend/torchscript/code/library.js';
import { codeOf } from '../../helpers/codes.js';
import { pk } from '../../helpers/pickle-writer.js';
import { packArchive, TINY_CODE, tinyArchive, tinyMembers } from '../../helpers/torch-archive.js';
import { BAD_ARCHIVES, GOOD_ARCHIVES } from '../../helpers/torch-corpus.js';
import { writeZip } from '../../helpers/zip-writer.js';

const read = (bytes: Uint8Array) => readTorchArchive(bytes, { file: 'tiny.pt' });
const code = (bytes: Uint8Array) => codeOf(() => read(bytes));
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Everything a frontend would touch: the archive and the source of every class of the module tree. */
function readAll(bytes: Uint8Array, file: string): void {
  const archive = readTorchArchive(bytes, { file });
  const library = openLibrary(archive.code, file);
  library.find(archive.data.class);
  for (const path of archive.code.keys()) {
    library.module(path.slice('code/'.length, -'.py'.length).replaceAll('/', '.'));
    archive.origins(path)?.at(100);
  }
  archive.tracedInputs();
}

function storageOf(value: unknown): TorchStorage {
  const tensor = value as { kind: string; storage: TorchStorage };
  if (tensor.kind !== 'tensor') throw new Error('not a tensor');
  return tensor.storage;
}

describe('archives made here', () => {
  test('module, constants, code, version', () => {
    const bytes = tinyArchive();
    const archive = read(bytes);
    expect(archive).toMatchObject({ file: 'tiny.pt', version: 3, byteOrder: 'little', extraFiles: [] });
    expect(archive.mobile).toEqual({ bytecode: false, debug: false });
    expect(archive.code).toEqual(new Map([['code/__torch__.py', TINY_CODE]]));
    const weight = storageOf(archive.data.attributes.get('weight'));
    expect(weight).toMatchObject({ key: 'data/0', dtype: 'f32', scalar: 'Float', count: 4, device: 'cpu' });
    expect(weight.bytes.buffer).toBe(bytes.buffer);
    expect(storageOf(archive.constants[0]).key).toBe('constants/0');
  });

  test('no root folder, extra files, mobile bytecode, traced inputs without data', () => {
    const members = tinyMembers();
    members.set('extra/notes.txt', 'hi');
    members.set('bytecode.pkl', pk.file(pk.tuple(pk.int(8), pk.tensor('0', 1, [], []))));
    members.set(
      'traced_inputs.pkl',
      pk.file(pk.dict({ forward: pk.list(pk.tensor('0', 6, [2, 3], [3, 1])) })),
    );
    members.set('traced_inputs/0', '');
    const archive = read(writeZip([...members].map(([name, data]) => ({ name, data }))));
    expect(archive.extraFiles).toEqual(['notes.txt']);
    expect(new TextDecoder().decode(archive.read('extra/notes.txt'))).toBe('hi');
    expect(archive.mobile.bytecode).toBe(true);
    const bytecode = archive.readPickle('bytecode.pkl');
    expect(bytecode.kind === 'tuple' && storageOf(bytecode.items[1])).toBe(storageOf(archive.constants[0]));
    const inputs = archive.tracedInputs();
    expect(inputs?.kind === 'dict' && inputs.entries.get('forward')).toMatchObject({
      items: [{ shape: [2, 3] }],
    });
  });

  test('origins in both layouts of the debug table', () => {
    const source = 'def forward(self, x):\n    # é\n    return x + 1\n';
    const start = Buffer.byteLength(source.slice(0, source.indexOf('return')));
    const range = pk.tuple(
      pk.tuple(pk.str(source), pk.str('model.py'), pk.int(10)),
      pk.int(start),
      pk.int(start + 5),
    );
    const empty = pk.tuple(pk.tuple(pk.str(''), pk.str(''), pk.int(0)), pk.int(0), pk.int(0));
    const plain = pk.tuple(pk.tuple(pk.int(0), empty), pk.tuple(pk.int(20), pk.int(-1), range));
    const table = pk.tuple(
      pk.str(''),
      pk.str('def forward(self, x):\n'),
      pk.str('  return x\n'),
      pk.str('m.py'),
    );
    const lines = pk.call('torch.jit._pickle', 'build_intlist', pk.list(pk.int(1), pk.int(2)));
    const tagged = pk.tuple(
      pk.str('FORMAT_WITH_STRING_TABLE'),
      table,
      pk.tuple(
        pk.tuple(
          pk.int(20),
          pk.tuple(pk.tuple(lines, pk.int(3), pk.int(7)), pk.int(24), pk.int(30)),
          pk.int(0),
        ),
      ),
    );
    const origins = (root: Buffer) =>
      read(tinyArchive({ 'code/__torch__.py.debug_pkl': pk.file(root) })).origins('code/__torch__.py');
    expect(origins(plain)?.at(19)).toBeUndefined();
    expect(origins(plain)?.at(25)).toEqual({ file: 'model.py', line: 12, text: 'return x + 1' });
    expect(origins(tagged)?.at(99)).toEqual({ file: 'm.py', line: 8, text: 'return x' });
    expect(origins(pk.int(1))?.at(0)).toBeUndefined();
    expect(origins(pk.raw(0xff))).toBeUndefined();
  });

  const eager = { 'code/__torch__.py': undefined, 'constants.pkl': undefined };
  test.each<[string, string, Uint8Array]>([
    ['an empty file', 'E3301', new Uint8Array()],
    ['text', 'E3301', bytesOf('hello')],
    ['gzip', 'E3301', Uint8Array.of(0x1f, 0x8b, 8)],
    [
      'the old torch.save',
      'E4351',
      Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19),
    ],
    ['tar', 'E4351', Uint8Array.from([...new Array(257).fill(0), ...bytesOf('ustar')])],
    ['ExecuTorch', 'E4354', bytesOf('\x10\0\0\0ET12')],
    ['mobile flatbuffer', 'E4354', bytesOf('\x10\0\0\0PTMF')],
    ['another zip', 'E3341', writeZip([{ name: 'word/document.xml', data: '' }])],
    ['a checkpoint', 'E4350', tinyArchive(eager)],
    ['torch.package', 'E4352', tinyArchive({ ...eager, '.data/extern_modules': '' })],
    ['torch.export', 'E4353', tinyArchive({ ...eager, archive_format: 'pt2' })],
    ['model.json', 'E4351', tinyArchive({ 'data.pkl': undefined, 'model.json': '{}' })],
    ['bytecode only', 'E4356', tinyArchive({ ...eager, 'bytecode.pkl': pk.file(pk.none) })],
    ['big-endian', 'E4355', tinyArchive({ byteorder: 'big' })],
    ['unknown byte order', 'E3342', tinyArchive({ byteorder: 'middle' })],
    ['no version', 'E3340', tinyArchive({ version: undefined })],
    ['version text', 'E3342', tinyArchive({ version: 'three' })],
    ['future version', 'E4317', tinyArchive({ version: '11' })],
    ['no constants', 'E3340', tinyArchive({ 'constants.pkl': undefined })],
    ['no data', 'E3340', tinyArchive({ 'data.pkl': undefined })],
    ['no tensor data', 'E3340', tinyArchive({ 'data/0': undefined })],
    ['short tensor data', 'E3326', tinyArchive({ 'data/0': new Uint8Array(15) })],
    ['no code', 'E3340', tinyArchive({ 'code/__torch__.py': undefined })],
    ['code that is not text', 'E3343', tinyArchive({ 'code/__torch__.py': Uint8Array.of(0xff, 0xfe) })],
    ['a root that is no module', 'E3342', tinyArchive({ 'data.pkl': pk.file(pk.int(1)) })],
    ['constants that are no tuple', 'E3342', tinyArchive({ 'constants.pkl': pk.file(pk.int(1)) })],
    [
      'packed sub-byte tensors',
      'E4303',
      tinyArchive({ 'data.pkl': pk.file(pk.tuple(pk.storage('QUInt4x2', '0', 1))) }),
    ],
  ])('%s is refused with %s', (_, expected, bytes) => {
    expect(code(bytes)).toBe(expected);
  });
});

describe('mutated archives yield an archive or a coded error', () => {
  const edits = fc.array(
    fc.record({
      at: fc.nat(),
      kind: fc.constantFrom('set', 'flip', 'cut', 'add', 'copy'),
      value: fc.nat(255),
    }),
    { minLength: 1, maxLength: 4 },
  );
  type Edits = typeof edits extends fc.Arbitrary<infer T> ? T : never;

  function mutate(original: Uint8Array, list: Edits): Uint8Array {
    let bytes = Array.from(original);
    for (const { at, kind, value } of list) {
      const i = at % Math.max(1, bytes.length);
      if (kind === 'set') bytes[i] = value;
      else if (kind === 'flip') bytes[i] = (bytes[i] ?? 0) ^ (1 << (value & 7));
      else if (kind === 'cut') bytes.splice(i, (value & 15) + 1);
      else if (kind === 'add') bytes.splice(i, 0, value);
      else bytes = [...bytes.slice(0, i), ...bytes.slice(i - (value & 31), i), ...bytes.slice(i)];
    }
    return Uint8Array.from(bytes);
  }
  const outcome = (bytes: Uint8Array) => codeOf(() => readAll(bytes, 'f'));

  test('in the bytes of the file', () => {
    const original = tinyArchive();
    fc.assert(
      fc.property(edits, (list) => {
        expect(outcome(mutate(original, list))).toMatch(/^none$|^E[34]3/);
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  test('in one member, so that the checksum is right', () => {
    const members = tinyMembers();
    const names = ['data.pkl', 'constants.pkl', 'code/__torch__.py', 'version', 'byteorder'];
    fc.assert(
      fc.property(fc.constantFrom(...names), edits, (name, list) => {
        const data = members.get(name)!;
        const changed = mutate(typeof data === 'string' ? bytesOf(data) : data, list);
        expect(outcome(packArchive(new Map([...members, [name, changed]])))).toMatch(/^none$|^E[34]3/);
      }),
      { numRuns: 2000, seed: 2 },
    );
  });

  test('in the set of members', () => {
    const members = [...tinyMembers()];
    const choice = fc.record({ from: fc.nat(members.length - 1), to: fc.nat(members.length - 1) });
    fc.assert(
      fc.property(fc.array(choice, { minLength: 1, maxLength: 3 }), fc.boolean(), (swaps, drop) => {
        const changed = new Map(members);
        for (const { from, to } of swaps) {
          if (drop) changed.delete(members[from]![0]);
          else changed.set(members[to]![0], members[from]![1]);
        }
        expect(outcome(packArchive(changed))).toMatch(/^none$|^E[34]3/);
      }),
      { numRuns: 500, seed: 3 },
    );
  });
});

describe.skipIf(GOOD_ARCHIVES.length === 0)('real archives are read', () => {
  test.each(GOOD_ARCHIVES.map((f) => [relative('..', f), f]))('%s', (_, file) => {
    const bytes = readFileSync(file);
    const archive = readTorchArchive(bytes, { file });
    expect(archive.data.kind).toBe('object');
    readAll(bytes, file);
  });
});

const BAD_CODES: Readonly<Record<string, string>> = {
  'big_endian.pt': 'E4355',
  'deep_pickle.pt': 'E3323',
  'deep_source.pt': 'E3362',
  'empty.pt': 'E3301',
  'foreign_class.pt': 'E3322',
  'no_constants.pt': 'E3340',
  'not_a_zip.pt': 'E3302',
  'path_trick.pt': 'E3303',
  'short_storage.pt': 'E3326',
  'truncated.pt': 'E3302',
  'zip_bomb.pt': 'E3307',
};

describe.skipIf(BAD_ARCHIVES.length === 0)('bad archives are refused quickly', () => {
  test.each(BAD_ARCHIVES.map((f) => [basename(f), f]))('%s', (name, file) => {
    const bytes = readFileSync(file);
    const start = performance.now();
    expect(codeOf(() => readAll(bytes, file))).toBe(BAD_CODES[name]);
    expect(performance.now() - start).toBeLessThan(1500);
  });
});

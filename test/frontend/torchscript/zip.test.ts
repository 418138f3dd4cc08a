import { describe, expect, test } from 'vitest';
import { openZip } from '../../../src/frontend/torchscript/archive/zip.js';
import { codeOf } from '../../helpers/codes.js';
import { writeZip, type ZipEntry, type ZipOptions } from '../../helpers/zip-writer.js';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const code = (entries: readonly ZipEntry[], options?: ZipOptions) =>
  codeOf(() => {
    const zip = openZip(writeZip(entries, options), 'z');
    for (const member of zip.members.values()) zip.read(member);
  });

describe('zip', () => {
  test('stored members are views, deflated ones are inflated', () => {
    const bytes = writeZip([
      { name: 'a/stored', data: 'hello' },
      { name: 'a/packed', data: 'hello '.repeat(100), deflate: true },
      { name: 'a/', data: '' },
    ]);
    const zip = openZip(bytes, 'z');
    expect([...zip.members.keys()]).toEqual(['a/stored', 'a/packed']);
    const stored = zip.read(zip.members.get('a/stored')!);
    expect(text(stored)).toBe('hello');
    expect(stored.buffer).toBe(bytes.buffer);
    expect(text(zip.read(zip.members.get('a/packed')!))).toBe('hello '.repeat(100));
  });

  test('zip64 fields, descriptors and a comment', () => {
    const entries: ZipEntry[] = [
      { name: 'a', data: 'one', zip64: true },
      { name: 'b', data: 'two', lie: { flags: 8, localSize: 0 } },
    ];
    const zip = openZip(writeZip(entries, { zip64End: true, comment: 'PK\x05\x06 not the end' }), 'z');
    expect([...zip.members.values()].map((m) => text(zip.read(m)))).toEqual(['one', 'two']);
  });

  test.each<[string, string, ZipEntry[], ZipOptions?]>([
    [
      'duplicate',
      'E3304',
      [
        { name: 'a', data: '1' },
        { name: 'a', data: '2' },
      ],
    ],
    [
      'overlap',
      'E3305',
      [
        { name: 'a', data: 'x' },
        { name: 'a', data: 'y', lie: { headerOffset: 0 } },
      ],
    ],
    ['outside', 'E3305', [{ name: 'a', data: 'x', lie: { headerOffset: 1e6 } }]],
    ['stored size lies', 'E3306', [{ name: 'a', data: 'x', lie: { size: 5 } }]],
    ['packed size runs out', 'E3305', [{ name: 'a', data: 'x', lie: { size: 500, packedSize: 500 } }]],
    ['local size differs', 'E3306', [{ name: 'a', data: 'xy', lie: { localSize: 1 } }]],
    ['local name differs', 'E3306', [{ name: 'a', data: 'x', lie: { localName: 'b' } }]],
    ['inflates to more', 'E3306', [{ name: 'a', data: 'x'.repeat(99), deflate: true, lie: { size: 50 } }]],
    ['inflates to less', 'E3306', [{ name: 'a', data: 'x'.repeat(99), deflate: true, lie: { size: 150 } }]],
    ['bomb', 'E3307', [{ name: 'a', data: 'x', deflate: true, lie: { size: 2 ** 28 } }]],
    ['crc', 'E3308', [{ name: 'a', data: 'x', lie: { crc: 1 } }]],
    ['count', 'E3302', [{ name: 'a', data: 'x' }], { count: 2 }],
    ['huge count', 'E3302', [{ name: 'a', data: 'x' }], { count: 2 ** 40, zip64End: true }],
    ['no deflate stream', 'E3310', [{ name: 'a', data: '\xff\xff\xff', lie: { method: 8 } }]],
    ['method', 'E4301', [{ name: 'a', data: 'x', lie: { method: 14 } }]],
    ['encrypted', 'E4301', [{ name: 'a', data: 'x', lie: { flags: 1 } }]],
  ])('%s is refused with %s', (_, expected, entries, options) => {
    expect(code(entries, options)).toBe(expected);
  });

  test.each(['../a', 'a/../b', '/a', 'a//b', './a', 'a\\b', 'c:/a', 'a\0b', ''])('unsafe name %j', (name) => {
    expect(code([{ name, data: 'x' }])).toBe('E3303');
  });

  test('truncation anywhere is refused', () => {
    const whole = writeZip([{ name: 'a', data: 'hello' }]);
    for (let n = 0; n < whole.length; n++) {
      expect(codeOf(() => openZip(whole.subarray(0, n), 'z'))).toMatch(/^E330[12]$/);
    }
  });
});

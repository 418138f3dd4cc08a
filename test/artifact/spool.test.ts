// Bytes put aside come back as they were, from memory and from the file, as often as they are asked for.
import { expect, test } from 'vitest';
import { ConstantStore } from '../../src/artifact/constants.js';
import { Spool } from '../../src/artifact/spool.js';

const MANY = 18 << 20;

function bytesOf(count: number, seed: number): Uint8Array {
  const words = new Uint32Array(count / 4).map((_, i) => Math.imul(i + seed, 0x9e3779b1));
  return new Uint8Array(words.buffer);
}

test('A spool gives back few bytes and many', () => {
  const spool = new Spool();
  const given = [bytesOf(64, 1), bytesOf(MANY, 2), bytesOf(128, 3)];
  const readers = given.map((bytes) => spool.add(bytes));
  for (let round = 0; round < 2; round++) {
    for (const [i, reader] of readers.entries()) {
      expect(Buffer.concat([...reader()]).equals(given[i] ?? Buffer.alloc(0))).toBe(true);
    }
  }
});

test('A store calls each producer once and holds equal contents once', () => {
  const store = new ConstantStore();
  let calls = 0;
  const produced = (seed: number) => () => {
    calls++;
    return bytesOf(MANY, seed);
  };
  const meta = { name: 'w', dtype: 'u8', shape: [MANY] } as const;
  const places = [1, 2, 1].map((seed) => store.add(produced(seed), meta).offset);
  expect(places).toEqual([0, MANY, 0]);
  expect(Buffer.concat([...store.chunks()]).equals(Buffer.concat([bytesOf(MANY, 1), bytesOf(MANY, 2)]))).toBe(
    true,
  );
  expect(calls).toBe(3);
});

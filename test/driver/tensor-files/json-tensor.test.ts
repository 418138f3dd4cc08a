import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DTYPES, type DType } from '../../../src/base/dtype.js';
import { createRandom } from '../../../src/base/random.js';
import { fromNumbers, stringTensor, toNumbers } from '../../../src/base/tensor.js';
import { fromJsonTensor, toJsonTensor } from '../../../src/driver/tensor-files/json-tensor.js';
import { randomTensor } from '../../../src/driver/tensor-files/random-tensor.js';
import { readInput } from '../../../src/driver/tensor-files/read.js';

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/files/${name}`, import.meta.url)));

describe('json tensors', () => {
  test('nested numbers; strings for what JSON has no number for', () => {
    const odd = fromNumbers('f32', [2, 2], [1.5, Number.NaN, -Infinity, Infinity]);
    expect(JSON.stringify(toJsonTensor(odd))).toBe('[[1.5,"NaN"],["-Infinity","Infinity"]]');
    const big = fromNumbers('i64', [2], [2n ** 53n - 1n, -(2n ** 53n)]);
    expect(toJsonTensor(big)).toEqual([9007199254740991, '-9007199254740992']);
    expect(toJsonTensor(fromNumbers('f32', [], [2]))).toBe(2);
    expect(toJsonTensor(stringTensor([2], ['a', 'b']))).toEqual(['a', 'b']);
  });

  test('any tensor comes back (but for the sign of zero, and what an empty axis hides)', () => {
    const types = (Object.keys(DTYPES) as DType[]).filter((t) => t !== 'string');
    const shape = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...types), shape, fc.nat(), (dtype, dims, seed) => {
        const tensor = randomTensor(dtype, dims, createRandom(seed));
        const json = JSON.parse(JSON.stringify(toJsonTensor(tensor)));
        const back = fromJsonTensor(json, dtype, 'x');
        expect(back.shape).toEqual(tensor.shape);
        expect(toJsonTensor(back)).toEqual(json);
      }),
      { seed: 1 },
    );
  });

  test.each([
    [[[1, 2], [3]], 'i64', /ragged/],
    [[1, [2]], 'i64', /ragged/],
    [[[1], 2], 'i64', /ragged/],
    [[1.5], 'i32', /1\.5 is no value/],
    [[300], 'u8', /300/],
    [['9223372036854775808'], 'i64', /no value/],
    [['inf'], 'f32', /no value/],
    [[null], 'f32', /no value/],
    [[2], 'bool', /no value/],
    [{ a: 1 }, 'f32', /no value/],
    [[1], 'c64', /pairs/],
  ] as const)('%j is refused as %s', (value, dtype, why) => {
    expect(() => fromJsonTensor(value, dtype, 'x')).toThrowError(why);
    expect(() => fromJsonTensor(value, dtype, 'x')).toThrowError(/E3616/);
  });
});

describe('readInput', () => {
  const input = (dtype: DType, name = 'x') => ({ name, dtype, shape: [2, 3] });

  test('tells files apart by content', () => {
    expect(toNumbers(readInput(fixture('f4.npy'), 'a', input('f32')))[0]).toBe(-2);
    expect(toNumbers(readInput(fixture('deflated.npz'), 'a', input('f32', 'other')))[0]).toBe(-2);
    expect(toNumbers(readInput(text([[1, 2]]), 'a', input('i64')))[1]).toBe(2);
    expect(
      readInput(fixture('rgb.png'), 'a', { name: 'x', dtype: 'f32', shape: [1, 3, 3, 4] }).shape,
    ).toEqual([1, 3, 3, 4]);
    expect(() => readInput(text([1]).subarray(1), 'a', input('i64'))).toThrowError(/E3617/);
    expect(() => readInput(fixture('stored.npz'), 'a', input('f32', 'y'))).toThrowError(/E2165.*x, mask/);
  });

  test('integers change their width where no value is lost; floats never', () => {
    expect(Array.from(toNumbers(readInput(fixture('u1.npy'), 'a', input('i64'))))).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
    expect(() => readInput(fixture('i4.npy'), 'a', input('u8'))).toThrowError(
      /E3618.*element 0 of the file is -2/,
    );
    expect(() => readInput(fixture('f8.npy'), 'a', input('f32'))).toThrowError(/E3618/);
  });
});

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DTYPES, type DType } from '../../../src/base/dtype.js';
import { createRandom } from '../../../src/base/random.js';
import { equalTensors, fromNumbers, makeTensor, toNumbers, typedView } from '../../../src/base/tensor.js';
import { readNpy, writeNpy } from '../../../src/driver/tensor-files/npy.js';
import { readNpz } from '../../../src/driver/tensor-files/npz.js';
import { randomTensor } from '../../../src/driver/tensor-files/random-tensor.js';

// Made by fixtures/make_files.py; element i is i - 2 (bool: i odd; unsigned: i).
const file = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/files/${name}`, import.meta.url)));
const SIGNED = [-2, -1, 0, 1, 2, 3];
const UNSIGNED = [0, 1, 2, 3, 4, 5];
const ROWS: [string, DType, number[]][] = [
  ['f2', 'f16', SIGNED],
  ['f4', 'f32', SIGNED],
  ['f8', 'f64', SIGNED],
  ['i1', 'i8', SIGNED],
  ['i2', 'i16', SIGNED],
  ['i4', 'i32', SIGNED],
  ['i8', 'i64', SIGNED],
  ['u1', 'u8', UNSIGNED],
  ['u2', 'u16', UNSIGNED],
  ['u4', 'u32', UNSIGNED],
  ['u8', 'u64', UNSIGNED],
  ['b1', 'bool', [0, 1, 0, 1, 0, 1]],
  ['bf16', 'bf16', SIGNED],
  ['f8e4m3fn', 'f8e4m3fn', SIGNED],
  ['f8e5m2', 'f8e5m2', SIGNED],
  ['i4-sub-byte', 'i4', SIGNED],
];

describe('npy', () => {
  test.each(ROWS)('%s.npy reads as %s and writes back the same bytes', (name, dtype, values) => {
    const bytes = file(`${name}.npy`);
    const tensor = readNpy(bytes, name, dtype);
    expect([tensor.dtype, tensor.shape]).toEqual([dtype, [2, 3]]);
    expect(Array.from(toNumbers(tensor))).toEqual(values);
    expect(writeNpy(tensor)).toEqual(bytes);
  });

  test.each(['c8', 'c16', 'scalar', 'vector', 'empty', 'strings'])(
    '%s.npy comes back byte by byte',
    (name) => {
      const bytes = file(`${name}.npy`);
      expect(writeNpy(readNpy(bytes, name))).toEqual(bytes);
    },
  );

  test('complex parts, strings, scalars', () => {
    expect(Array.from(typedView(readNpy(file('c8.npy'), 'c8')))).toEqual(SIGNED.flatMap((x) => [x, 0]));
    expect(readNpy(file('strings.npy'), 's').strings).toEqual(['a', 'žluť', '']);
    expect(readNpy(file('scalar.npy'), 's').shape).toEqual([]);
  });

  test('big-endian, Fortran order and version 2', () => {
    expect(Array.from(toNumbers(readNpy(file('big-endian.npy'), 'x')))).toEqual(SIGNED);
    expect(Array.from(toNumbers(readNpy(file('version2.npy'), 'x')))).toEqual(SIGNED);
    const fortran = readNpy(file('fortran.npy'), 'x');
    expect(fortran.shape).toEqual([2, 3, 4]);
    expect(Array.from(toNumbers(fortran))).toEqual(Array.from({ length: 24 }, (_, i) => i - 2));
  });

  test('what a file does not say is refused', () => {
    expect(() => readNpy(file('f8e4m3fn.npy'), 'x')).toThrowError(/E4611/);
    expect(() => readNpy(file('f4.npy').subarray(0, -1), 'x')).toThrowError(
      /E3612.*24 bytes; the file holds 23/,
    );
    expect(() => readNpy(file('grey.png'), 'x')).toThrowError(/E3611/);
  });

  test('damaged files give a diagnostic, never another error', () => {
    const whole = file('f4.npy');
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, length) => {
        const bytes = whole.slice(0, length);
        if (at < length) bytes[at] = byte;
        try {
          readNpy(bytes, 'x');
        } catch (error) {
          expect((error as Error).name).toBe('NeffcError');
        }
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  test('any tensor comes back', () => {
    const types = (Object.keys(DTYPES) as DType[]).filter((t) => t !== 'string');
    const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...types), shape, fc.nat(), (dtype, dims, seed) => {
        const tensor = randomTensor(dtype, dims, createRandom(seed));
        expect(equalTensors(readNpy(writeNpy(tensor), 'x', dtype), tensor)).toBe(true);
      }),
      { seed: 1 },
    );
  });
});

describe('npz', () => {
  test('stored and deflated members', () => {
    const stored = readNpz(file('stored.npz'), 'x');
    expect([...stored.keys()]).toEqual(['x', 'mask']);
    const deflated = readNpz(file('deflated.npz'), 'x');
    expect(equalTensors(stored.get('x')!, deflated.get('x')!)).toBe(true);
    expect(stored.get('mask')?.dtype).toBe('bool');
  });
});

describe('random tensors', () => {
  test('the seed decides, the range holds', () => {
    const draw = (seed: number) => randomTensor('f32', [64], createRandom(seed));
    expect(equalTensors(draw(7), draw(7))).toBe(true);
    expect(equalTensors(draw(7), draw(8))).toBe(false);
    const tokens = toNumbers(randomTensor('i64', [256], createRandom(1), { low: 3, high: 5 }));
    expect(new Set(tokens)).toEqual(new Set([3, 4, 5]));
    expect(new Set(toNumbers(randomTensor('i64', [64], createRandom(1))))).toEqual(new Set([0, 1]));
  });

  test('f32 bytes must fit the shape', () => {
    expect(() => makeTensor('f32', [2], new Uint8Array(7))).toThrowError(/E1601/);
    expect(() => fromNumbers('f32', [2], [1])).toThrowError(/E1601/);
  });
});

import { describe, expect, test } from 'vitest';
import { DTYPES, type DType } from '../../src/base/dtype.js';
import {
  elementReader,
  equalTensors,
  fromNumbers,
  packElements,
  readElement,
  toNumbers,
  typedView,
  unpackElements,
  zeros,
} from '../../src/base/tensor.js';

const ALL = Object.keys(DTYPES) as DType[];

describe('tensors', () => {
  test.each(ALL.filter((t) => !['complex', 'string'].includes(DTYPES[t].kind)))(
    '%s: writes and reads back',
    (t) => {
      const { kind } = DTYPES[t];
      const wanted =
        kind === 'bool'
          ? [0, 1, 1, 0, 1]
          : kind === 'int'
            ? [-2, -1, 0, 1, 0]
            : t === 'f8e8m0'
              ? [1, 2, 0.5, 4, 1]
              : [0, 1, 2, 3, 1];
      const tensor = fromNumbers(t, [5], wanted);
      expect(Array.from(toNumbers(tensor))).toEqual(wanted);
      const packed = packElements(t, tensor.data);
      expect(unpackElements(t, packed, 5)).toEqual(tensor.data);
      expect(packed.length).toBe(Math.ceil((DTYPES[t].bits * 5) / 8));
    },
  );

  test('integers wrap to their width', () => {
    expect(Array.from(toNumbers(fromNumbers('i4', [3], [7, 8, -9])))).toEqual([7, -8, 7]);
    expect(Array.from(toNumbers(fromNumbers('u8', [2], [-1, 256.9])))).toEqual([255, 0]);
    expect(readElement(fromNumbers('u64', [1], [-1n]), 0)).toBe(2n ** 64n - 1n);
    expect(readElement(fromNumbers('i32', [1], [2n ** 31n]), 0)).toBe(-(2 ** 31));
  });

  test('unaligned bytes can be read', () => {
    const bytes = new Uint8Array(9);
    bytes.set([0, 0, 128, 63], 1);
    expect(elementReader({ dtype: 'f32', data: bytes.subarray(1, 5) })(0)).toBe(1);
    expect(typedView({ dtype: 'f32', data: bytes.subarray(1, 9) }).length).toBe(2);
  });

  test('equality is of bits', () => {
    const a = fromNumbers('f32', [2], [Number.NaN, 0]);
    expect(equalTensors(a, fromNumbers('f32', [2], [Number.NaN, 0]))).toBe(true);
    expect(equalTensors(a, fromNumbers('f32', [2], [Number.NaN, -0]))).toBe(false);
    expect(equalTensors(a, fromNumbers('f32', [1, 2], [Number.NaN, 0]))).toBe(false);
  });

  test('an impossible shape is refused before anything is allocated', () => {
    expect(() => zeros('f32', [2 ** 30, 2 ** 30])).toThrowError(/E3601/);
    expect(() => zeros('f32', [2 ** 31])).toThrowError(/E3601/);
    expect(() => zeros('f32', [-1])).toThrowError(/E3601/);
  });
});

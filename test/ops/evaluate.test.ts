// Evaluators against values worked out by hand.
import { expect, it } from 'vitest';
import type { DType } from '../../src/base/dtype.js';
import { createRandom } from '../../src/base/random.js';
import { fromNumbers, type HostTensor, readElement, toNumbers, typedView } from '../../src/base/tensor.js';
import { type Attrs, splatConstant } from '../../src/ir/constant.js';
import { constantNumbers } from '../../src/ops/evaluate.js';
import { completeAttrs, inferTypes } from '../../src/ops/infer.js';
import { declarationOf } from '../../src/ops/table.js';

function run(op: string, inputs: readonly HostTensor[], attrs: Attrs = {}): HostTensor {
  const decl = declarationOf(op);
  const full = completeAttrs(decl, attrs);
  const types = inferTypes(decl, full, inputs, () => undefined);
  const [result] = decl.evaluate?.(inputs, full, types) ?? [];
  if (result === undefined) throw new Error(`${op} has no result`);
  return result;
}
const t = (dtype: DType, shape: number[], values: (number | bigint)[]): HostTensor =>
  fromNumbers(dtype, shape, values);
const f32 = (...values: number[]): HostTensor => t('f32', [values.length], values);
const i32 = (...values: number[]): HostTensor => t('i32', [values.length], values);
const list = (x: HostTensor): number[] => Array.from(toNumbers(x));

it.each<[string, HostTensor[], Attrs, number[]]>([
  ['add', [f32(0.1), f32(0.2)], {}, [Math.fround(Math.fround(0.1) + Math.fround(0.2))]],
  ['add', [t('f16', [1], [2048]), t('f16', [1], [1])], {}, [2048]],
  ['add', [t('bf16', [1], [256]), t('bf16', [1], [3])], {}, [260]],
  ['add', [i32(2147483647), i32(1)], {}, [-2147483648]],
  ['add', [t('i8', [1], [127]), t('i8', [1], [1])], {}, [-128]],
  ['add', [t('i4', [1], [7]), t('i4', [1], [1])], {}, [-8]],
  ['mul', [i32(65537), i32(65537)], {}, [131073]],
  ['mul', [t('u32', [1], [4294967295]), t('u32', [1], [2])], {}, [4294967294]],
  ['div', [i32(-7, 7, 5), i32(2, -2, 0)], {}, [-3, -3, 0]],
  ['div', [f32(1, 0), f32(0, 0)], {}, [Infinity, NaN]],
  ['mod', [f32(-7, 7), f32(2, -2)], {}, [1, -1]],
  ['fmod', [f32(-7, 7), f32(2, -2)], {}, [-1, 1]],
  ['mod', [i32(-7, 7, 6), i32(3, -3, 3)], {}, [2, -2, 0]],
  ['pow', [i32(3, 2, -1, 2), i32(4, 31, -3, -1)], {}, [81, -2147483648, -1, 0]],
  ['max', [f32(1, NaN), f32(2, 0)], {}, [2, NaN]],
  ['shr', [i32(-8, -8), i32(1, 40)], {}, [-4, -1]],
  ['shr', [t('u32', [1], [4294967288]), t('u32', [1], [1])], {}, [2147483644]],
  ['shl', [t('u8', [1], [255]), t('u8', [1], [4])], {}, [240]],
  ['lt', [f32(1, NaN, 2), f32(2, 1, 2)], {}, [1, 0, 0]],
  ['ne', [f32(NaN), f32(NaN)], {}, [1]],
  ['round', [f32(0.5, 1.5, -0.5, 2.5, -2.6)], {}, [0, 2, -0, 2, -3]],
  ['sign', [f32(-2, 0, 3)], {}, [-1, 0, 1]],
  ['relu', [f32(-1, NaN, 2)], {}, [0, NaN, 2]],
  ['not', [t('bool', [2], [1, 0])], {}, [0, 1]],
  ['bitnot', [t('u8', [1], [5])], {}, [250]],
  ['isinf', [f32(-Infinity, Infinity, 1)], { negative: false }, [0, 1, 0]],
  ['isnan', [f32(NaN, 1)], {}, [1, 0]],
  ['leaky_relu', [f32(-2, 2)], { alpha: 0.5 }, [-1, 2]],
  ['cast', [f32(-1.9, 300, NaN, -Infinity)], { to: 'i8' }, [-1, 127, 0, -128]],
  ['cast', [f32(-5, 1e20)], { to: 'u32' }, [0, 4294967295]],
  ['cast', [i32(300, -1)], { to: 'u8' }, [44, 255]],
  ['cast', [t('i64', [1], [4294967297n])], { to: 'i32' }, [1]],
  ['cast', [f32(0.5, 0, NaN)], { to: 'bool' }, [1, 0, 1]],
  ['cast', [f32(1000)], { to: 'f8e4m3fn' }, [448]],
  ['cast', [f32(1000)], { to: 'f8e4m3fn', saturate: false }, [NaN]],
  // 2^54 + 2^30 + 1 lies above the middle of two fp32 numbers; its double is the middle itself.
  ['cast', [t('i64', [1], [18014399583223809n])], { to: 'f32' }, [18014400656965632]],
  ['bitcast', [f32(1)], { to: 'i32' }, [0x3f800000]],
  ['where', [t('bool', [2, 1], [1, 0]), f32(1, 2), f32(3, 4)], {}, [1, 2, 3, 4]],
  ['where', [t('bool', [2], [1, 0]), t('i64', [2], [1, 2]), t('i64', [1], [9])], {}, [1, 9]],
  ['transpose', [t('f32', [2, 3], [1, 2, 3, 4, 5, 6])], { perm: [1, 0] }, [1, 4, 2, 5, 3, 6]],
  ['broadcast', [t('i16', [2, 1], [1, 2])], { shape: [2, 2, 2] }, [1, 1, 2, 2, 1, 1, 2, 2]],
  ['slice', [f32(0, 1, 2, 3, 4)], { starts: [4], sizes: [3], steps: [-2] }, [4, 2, 0]],
  ['concat', [t('f32', [2, 1], [1, 2]), t('f32', [2, 2], [3, 4, 5, 6])], { axis: 1 }, [1, 3, 4, 2, 5, 6]],
  ['pad', [t('i64', [2], [1, 2])], { low: [1], high: [2], value: 9 }, [9, 1, 2, 9, 9]],
  ['pad', [f32(1, 2, 3)], { low: [2], high: [2], mode: 'reflect' }, [3, 2, 1, 2, 3, 2, 1]],
  ['pad', [f32(1, 2, 3)], { low: [2], high: [1], mode: 'edge' }, [1, 1, 1, 2, 3, 3]],
  ['pad', [f32(1, 2, 3)], { low: [2], high: [1], mode: 'wrap' }, [2, 3, 1, 2, 3, 1]],
  ['iota', [], { shape: [2, 3], axis: 1, dtype: 'i64' }, [0, 1, 2, 0, 1, 2]],
  ['reduce_sum', [t('f32', [2, 3], [1, 2, 3, 4, 5, 6])], { axes: [0] }, [5, 7, 9]],
  ['reduce_mean', [t('i32', [3], [-1, -2, -4])], { axes: [0] }, [-2]],
  ['reduce_max', [t('f32', [0], [])], { axes: [0] }, [-Infinity]],
  ['reduce_min', [t('u8', [2, 0], [])], { axes: [1], keep: true }, [255, 255]],
  ['reduce_max', [t('bool', [2, 2], [0, 0, 0, 1])], { axes: [1] }, [0, 1]],
  ['reduce_prod', [i32(65536, 65536, 3)], { axes: [0] }, [0]],
  ['reduce_sum', [f32(1, 2)], { axes: [] }, [1, 2]],
])('%s of %j %j', (op, inputs, attrs, expected) => {
  expect(list(run(op, inputs, attrs))).toEqual(expected);
});

it('computes 64-bit integers exactly, modulo 2^64', () => {
  const a = t('i64', [2], [9223372036854775807n, -9n]);
  const b = t('i64', [2], [1n, 4n]);
  const of = (op: string) => Array.from(typedView(run(op, [a, b])));
  expect(of('add')).toEqual([-9223372036854775808n, -5n]);
  expect(of('mod')).toEqual([0n, 3n]);
  expect(of('div')).toEqual([9223372036854775807n, -2n]);
  expect(of('pow')).toEqual([9223372036854775807n, 6561n]);
  expect(of('lt')).toEqual([0, 1]);
  expect(readElement(run('cast', [f32(1e19)], { to: 'i64' }), 0)).toBe(9223372036854775807n);
});

it('moves strings', () => {
  const strings: HostTensor = {
    dtype: 'string',
    shape: [2, 2],
    data: new Uint8Array(0),
    strings: ['a', 'b', 'c', 'd'],
  };
  expect(run('transpose', [strings], { perm: [1, 0] }).strings).toEqual(['a', 'c', 'b', 'd']);
  expect(run('concat', [strings, strings], { axis: 1 }).strings?.join('')).toBe('ababcdcd');
});

it('transposes every shape and width as index arithmetic says', () => {
  const random = createRandom(3);
  for (let round = 0; round < 200; round++) {
    const rank = random.integer(1, 5);
    const shape = Array.from({ length: rank }, () => random.pick([1, 2, 3, 5, 40]));
    const count = shape.reduce((a, b) => a * b, 1);
    if (count > 30000) continue;
    const dtype = random.pick(['u8', 'i16', 'i32', 'i64', 'f64'] as const);
    const x = t(
      dtype,
      shape,
      Array.from({ length: count }, (_, i) => i % 120),
    );
    const perm: number[] = [];
    for (let axis = 0; axis < rank; axis++) perm.splice(random.integer(0, axis), 0, axis);
    const y = run('transpose', [x], { perm });
    const [from, to] = [toNumbers(x), toNumbers(y)];
    for (let i = 0; i < count; i++) {
      let rest = i;
      const index = new Array<number>(rank).fill(0);
      for (let axis = rank - 1; axis >= 0; axis--) {
        const dim = y.shape[axis] ?? 1;
        index[perm[axis] ?? 0] = rest % dim;
        rest = Math.floor(rest / dim);
      }
      const source = index.reduce((sum, k, axis) => sum * (shape[axis] ?? 1) + k, 0);
      if (to[i] !== from[source]) expect.fail(`${dtype} ${shape.join('x')} by ${perm.join(',')} at ${i}`);
    }
  }
});

it('gives a recipe over elements that are all the same its full size', () => {
  const inputs = [splatConstant('i64', [2, 3], fromNumbers('i64', [1], [5]).data)];
  const recipe = {
    kind: 'apply',
    op: 'cast',
    attrs: { to: 'i32', saturate: true },
    inputs,
    result: 0,
  } as const;
  expect([...constantNumbers({ dtype: 'i32', shape: [2, 3], recipe })]).toEqual([5, 5, 5, 5, 5, 5]);
});

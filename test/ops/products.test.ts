// Products of sizes that take several panels and blocks: against plain loops, and conv_transpose as the adjoint of conv.
import { describe, expect, it } from 'vitest';
import type { DType } from '../../src/base/dtype.js';
import { createRandom } from '../../src/base/random.js';
import { elementCount, type HostTensor, makeTensor, toNumbers } from '../../src/base/tensor.js';
import type { Attrs } from '../../src/ir/constant.js';
import { completeAttrs, inferTypes } from '../../src/ops/infer.js';
import { randomTensor } from '../../src/ops/samples.js';
import { declarationOf } from '../../src/ops/table.js';

const random = createRandom(11);
const tensor = (dtype: DType, ...shape: number[]) => randomTensor(random, dtype, shape);

function evaluate(op: string, inputs: readonly HostTensor[], attrs: Attrs): HostTensor {
  const decl = declarationOf(op);
  const full = completeAttrs(decl, attrs);
  const types = inferTypes(decl, full, inputs, () => undefined);
  return decl.evaluate?.(inputs, full, types)[0] as HostTensor;
}

function plainMatmul(a: HostTensor, b: HostTensor): Float64Array {
  const [m, k] = a.shape as [number, number];
  const n = b.shape[1] as number;
  const [x, y] = [toNumbers(a), toNumbers(b)];
  return Float64Array.from({ length: m * n }, (_, at) => {
    let sum = 0;
    for (let i = 0; i < k; i++) sum += x[Math.floor(at / n) * k + i]! * y[i * n + (at % n)]!;
    return sum;
  });
}

describe('matmul', () => {
  it.each([
    [70, 2000, 47],
    [1, 300, 41],
    [2, 300, 41],
    [5, 70000, 13],
    [4, 9, 2],
    [3, 16, 3],
  ])('of %i x %i x %i sums in ascending order, however it is blocked', (m, k, n) => {
    const [a, b] = [tensor('f64', m, k), tensor('f64', k, n)];
    expect(toNumbers(evaluate('matmul', [a, b], {}))).toEqual(plainMatmul(a, b));
  });

  it('of 8-bit integers is exact and wraps in i32', () => {
    const ones = (dtype: DType, ...shape: number[]) =>
      makeTensor(dtype, shape, new Uint8Array(elementCount(shape)).fill(255));
    const c = evaluate('matmul', [ones('u8', 3, 40000), ones('u8', 40000, 3)], {});
    expect([...toNumbers(c)]).toEqual(new Array(9).fill((40000 * 255 * 255) | 0));
  });
});

/** Cross-correlation in two dimensions, element by element. */
function plainConv(
  x: HostTensor,
  w: HostTensor,
  out: HostTensor,
  stride: number,
  low: number,
  dilation: number,
  groups: number,
) {
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const [, depth, kh, kw] = w.shape as [number, number, number, number];
  const [, filters, oh, ow] = out.shape as [number, number, number, number];
  const [xs, ws] = [toNumbers(x), toNumbers(w)];
  return Float64Array.from({ length: elementCount(out.shape) }, (_, at) => {
    const [ox, oy] = [at % ow, Math.floor(at / ow) % oh];
    const filter = Math.floor(at / (ow * oh)) % filters;
    const image = Math.floor(at / (ow * oh * filters));
    const first = Math.floor(filter / (filters / groups)) * depth;
    let sum = 0;
    for (let c = 0; c < depth; c++)
      for (let i = 0; i < kh; i++)
        for (let j = 0; j < kw; j++) {
          const [y, z] = [oy * stride - low + i * dilation, ox * stride - low + j * dilation];
          if (y < 0 || y >= height || z < 0 || z >= width) continue;
          sum +=
            xs[((image * channels + first + c) * height + y) * width + z]! *
            ws[((filter * depth + c) * kh + i) * kw + j]!;
        }
    return sum;
  });
}

describe('conv', () => {
  it.each([
    [8, 16, 5, 1, 2, 1, 1],
    [16, 16, 3, 2, 1, 1, 16],
    [12, 8, 3, 1, 2, 2, 4],
    [24, 7, 4, 3, 0, 1, 1],
  ])(
    'of %i channels, %i filters of %i x %i, stride %i, padding %i, dilation %i',
    (channels, filters, size, stride, low, dilation, groups) => {
      const x = tensor('f64', 2, channels, 37, 41);
      const w = tensor('f64', filters, channels / groups, size, size);
      const two = (n: number) => [n, n];
      const attrs = { strides: two(stride), low: two(low), high: two(low), dilations: two(dilation), groups };
      const y = evaluate('conv', [x, w], attrs);
      const want = plainConv(x, w, y, stride, low, dilation, groups);
      const got = toNumbers(y);
      for (let i = 0; i < want.length; i++) expect(Math.abs(got[i]! - want[i]!)).toBeLessThan(1e-10);
    },
  );
});

describe('conv_transpose', () => {
  it.each([
    [[1], [3], 1],
    [[2, 1], [3, 4], 2],
    [[3, 2], [2, 5], 3],
    [[1, 2, 1], [3, 2, 2], 1],
  ])('is the adjoint of conv: strides %j, kernel %j, groups %i', (strides, kernel, groups) => {
    const input = kernel.map((k, i) => 20 + ((30 - k) % (strides[i] as number)));
    const attrs = {
      strides,
      low: kernel.map(() => 1),
      high: kernel.map(() => 0),
      dilations: kernel.map(() => 1),
      groups,
    };
    const x = tensor('f64', 2, 2 * groups, ...input);
    const w = tensor('f64', 3 * groups, 2, ...kernel);
    const y = evaluate('conv', [x, w], attrs);
    const z = tensor('f64', ...y.shape);
    const natural = y.shape.slice(2).map((d, i) => (d - 1) * strides[i]! + kernel[i]! - 1);
    const output_padding = input.map((d, i) => d - natural[i]!);
    const back = evaluate('conv_transpose', [z, w], { ...attrs, output_padding });
    expect(back.shape).toEqual(x.shape);
    const dot = (a: HostTensor, b: HostTensor) => {
      const other = toNumbers(b);
      return toNumbers(a).reduce((sum, v, i) => sum + v * other[i]!, 0);
    };
    expect(dot(back, x)).toBeCloseTo(dot(z, y), 6);
  });
});

// The PE kernels against the plain loops that define them, bit for bit: shapes, strides, scattered columns, both starts.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { roundToSmallFloat } from '../../../src/base/float-formats.js';
import { createRandom, type Random } from '../../../src/base/random.js';
import { CHIP_DTYPES } from '../../../src/isa/operands.js';
import type { Pack } from '../../../src/sim/kernels/effect-kernels.js';
import { productsAreExact } from '../../../src/sim/kernels/exact-products.js';
import { type Gemm, loadKernels } from '../../../src/sim/kernels/load.js';

const { memory, kernels, exact } = loadKernels(6 << 20);
const [A, B, COLUMNS, SCRATCH, OUT] = [64, 1 << 18, 3 << 18, 1 << 20, 2 << 20];
const [PATTERN, PACKED_A, PACKED_B] = [COLUMNS + 4096, 4 << 20, 5 << 20];
const ROW_WORDS = 1200;
const bytes = new Uint8Array(memory.buffer);

interface Shape {
  readonly k: number;
  readonly m: number;
  readonly n: number;
  readonly start: boolean;
  readonly scattered: boolean;
  readonly seed: number;
}

const shapes = fc.record({
  k: fc.oneof(fc.constantFrom(1, 127, 128), fc.integer({ min: 1, max: 128 })),
  m: fc.oneof(fc.constantFrom(1, 3, 4, 128), fc.integer({ min: 1, max: 128 })),
  n: fc.oneof(fc.constantFrom(1, 3, 8, 49, 512), fc.integer({ min: 1, max: 130 })),
  start: fc.boolean(),
  scattered: fc.boolean(),
  seed: fc.nat(),
});

type Words = Float32Array | Int32Array;
type Arrays = readonly [a: Words | Int8Array, b: Words | Int8Array, out: Words];

/** A kernel with what packs its operands. */
interface Product {
  readonly gemm: Gemm;
  readonly packs: readonly [a: Pack, b: Pack];
  readonly dtype: 'f32' | 'i8';
}

const tiles = [kernels.packStationary, kernels.packMoving] as const;
const rows = [kernels.packRowsF32, kernels.packRowsF32] as const;
const PRODUCTS = {
  f32: { gemm: kernels.gemmF32, packs: tiles, dtype: 'f32' },
  thin: { gemm: kernels.thinF32, packs: rows, dtype: 'f32' },
  exact: { gemm: exact.gemmF32, packs: tiles, dtype: 'f32' },
  exactThin: { gemm: exact.thinF32, packs: rows, dtype: 'f32' },
  i8: { gemm: kernels.gemmI8, packs: [kernels.packStationaryPairs, kernels.packMovingPairs], dtype: 'i8' },
} satisfies Record<string, Product>;

/** Packs rows of `length` elements that lie one behind the other. */
function pack(
  kernel: Pack,
  parts: number,
  source: number,
  length: number,
  dtype: 'f32' | 'i8',
  to: number,
): void {
  const width = dtype === 'f32' ? 4 : 1;
  const type = CHIP_DTYPES.indexOf(dtype);
  const struct = [source, length * width, type, length, 1, 1, 1, length, 0, 0, 0, width, 1];
  new Int32Array(memory.buffer, PATTERN).set(struct);
  kernel(parts, PATTERN, to, SCRATCH);
}

/** Runs a kernel and the definition on random operands; the whole output area must be equal, gaps included. */
function compare(
  { gemm, packs, dtype }: Product,
  shape: Shape,
  [a, b, out]: Arrays,
  draw: (r: Random) => number,
  add: Adder,
): void {
  const { k, m, n, start, scattered, seed } = shape;
  const random = createRandom(seed);
  for (let i = 0; i < k * m; i++) a[i] = draw(random);
  for (let i = 0; i < k * n; i++) b[i] = draw(random);
  for (let i = 0; i < m * ROW_WORDS; i++) out[i] = draw(random);
  // Columns backwards, two words apart: any order and any gaps are allowed.
  const position = (j: number): number => (scattered ? 2 * (n - 1 - j) : j);
  new Uint32Array(memory.buffer, COLUMNS, n).forEach((_, j, table) => {
    table[j] = 4 * position(j);
  });
  const expected = out.slice(0, m * ROW_WORDS);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let s = 0; s < k; s++) sum = add(sum, a[s * m + i]!, b[s * n + j]!);
      const at = i * ROW_WORDS + position(j);
      expected[at] = start ? sum : expected[at]! + sum;
    }
  }
  const scratchBytes = Math.max(kernels.gemmScratchBytes(), kernels.packScratchBytes());
  bytes.fill(0xa5, SCRATCH, SCRATCH + scratchBytes);
  pack(packs[0], k, A, m, dtype, PACKED_A);
  pack(packs[1], k, B, n, dtype, PACKED_B);
  gemm(PACKED_A, PACKED_B, k, m, n, OUT, 4 * ROW_WORDS, scattered ? COLUMNS : 0, start ? 1 : 0, SCRATCH);
  const wrong = expected.findIndex((value, i) => !Object.is(value, out[i]!));
  expect(wrong === -1 ? 'none' : `${wrong}: ${out[wrong]}, not ${expected[wrong]}`).toBe('none');
}

type Adder = (sum: number, x: number, y: number) => number;
const inF32: Adder = (sum, x, y) => Math.fround(sum + Math.fround(x * y));
const inI32: Adder = (sum, x, y) => (sum + x * y) | 0;
const floats: Arrays = [
  new Float32Array(memory.buffer, A),
  new Float32Array(memory.buffer, B),
  new Float32Array(memory.buffer, OUT),
];
const integers: Arrays = [
  new Int8Array(memory.buffer, A),
  new Int8Array(memory.buffer, B),
  new Int32Array(memory.buffer, OUT),
];
const FULL: Shape = { k: 128, m: 128, n: 512, start: false, scattered: false, seed: 1 };
const RUNS = { numRuns: 30 };

test('f32: product and sum are rounded one by one, k ascending', () => {
  const draw = (r: Random): number => r.normal() * 2 ** r.integer(-12, 12);
  compare(PRODUCTS.f32, FULL, floats, draw, inF32);
  fc.assert(
    fc.property(shapes, (shape) => {
      compare(PRODUCTS.f32, shape, floats, draw, inF32);
      compare(PRODUCTS.thin, shape, floats, draw, inF32);
    }),
    RUNS,
  );
});

test.each(['f16', 'bf16'] as const)('exact products: the fast build gives the same bits for %s', (t) => {
  const draw = (r: Random): number => roundToSmallFloat(t, r.normal() * 2 ** r.integer(-12, 12));
  compare(PRODUCTS.exact, FULL, floats, draw, inF32);
  fc.assert(
    fc.property(shapes, (shape) => {
      compare(PRODUCTS.exact, shape, floats, draw, inF32);
      compare(PRODUCTS.exactThin, shape, floats, draw, inF32);
    }),
    RUNS,
  );
});

test('i8: exact sums', () => {
  const draw = (r: Random): number => r.integer(-128, 127);
  compare(PRODUCTS.i8, FULL, integers, draw, inI32);
  fc.assert(
    fc.property(shapes, (shape) => compare(PRODUCTS.i8, shape, integers, draw, inI32)),
    RUNS,
  );
  compare(PRODUCTS.i8, FULL, integers, () => -128, inI32);
});

test('the range of exponents decides whether products are exact', () => {
  const data = floats[0] as Float32Array;
  const range = (...values: number[]): number => {
    data.set(values);
    return kernels.exponentRange(A, values.length) >>> 0;
  };
  expect(range(0, -0, 1, -2, 0.75)).toBe((128 << 16) | 126);
  expect(range(0, 0, 0, 0, 0)).toBe(255);
  expect(range(1, 2, 3, 4, -Infinity)).toBe((255 << 16) | 127);
  expect(range(1e-40)).toBe(0);

  const one = range(1, 1.5);
  const halves = range(2 ** -24, 65504);
  expect(productsAreExact(one, one)).toBe(true);
  expect(productsAreExact(halves, halves)).toBe(true);
  expect(productsAreExact(range(0), one)).toBe(true);
  expect(productsAreExact(range(2 ** 64), range(2 ** 63))).toBe(false);
  expect(productsAreExact(range(2 ** 63), range(2 ** 63))).toBe(true);
  expect(productsAreExact(range(2 ** -64), range(2 ** -65))).toBe(true);
  expect(productsAreExact(range(2 ** -65), range(2 ** -65))).toBe(false);
  expect(productsAreExact(range(NaN), one)).toBe(false);
  expect(productsAreExact(range(1e-40), one)).toBe(false);
});

test('a memory that cannot be is refused', () => {
  expect(() => loadKernels(2 ** 33)).toThrow('E5701');
});

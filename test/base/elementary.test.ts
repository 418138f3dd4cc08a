// Accuracy against values computed with 120 digits (elementary-reference.json), special cases, and pinned bits: the
// checksums must be the same on every machine.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as elementary from '../../src/base/elementary.js';
import { createRandom } from '../../src/base/random.js';

const references = JSON.parse(
  readFileSync(new URL('./elementary-reference.json', import.meta.url), 'utf8'),
) as Record<keyof typeof elementary, number[][]>;
const functions = elementary as unknown as Record<string, (...x: number[]) => number>;

/** Distance of two doubles of one sign, in representable numbers. */
function distance(a: number, b: number): number {
  const bits = new BigInt64Array(new Float64Array([a, b]).buffer);
  return Math.abs(Number(bits[0]! - bits[1]!));
}

test.each(Object.keys(references))('%s is within 4 units in the last place', (name) => {
  for (const row of references[name as keyof typeof elementary]) {
    const [args, expected] = [row.slice(0, -1), row.at(-1)!];
    const got = functions[name]!(...args);
    expect(distance(got, expected), `${name}(${args}) = ${got}, not ${expected}`).toBeLessThanOrEqual(4);
  }
});

test('every function has references', () => {
  expect(Object.keys(references).sort()).toEqual(Object.keys(functions).sort());
});

const INF = Infinity;
/** name, argument, result; results are compared with the sign of zero. */
const SPECIAL: [string, number[], number][] = [
  ['exp', [-INF], 0],
  ['exp', [INF], INF],
  ['exp', [0], 1],
  ['exp', [709.782712893384], 1.7976931348622732e308],
  ['exp', [709.7827128933841], INF],
  ['exp', [-745.1332191019411], 5e-324],
  ['exp', [-745.2], 0],
  ['exp2', [1023], 2 ** 1023],
  ['exp2', [1024], INF],
  ['exp2', [-1074], 5e-324],
  ['exp2', [-1076], 0],
  ['expm1', [-0], -0],
  ['expm1', [-INF], -1],
  ['expm1', [5e-324], 5e-324],
  ['log', [0], -INF],
  ['log', [-0], -INF],
  ['log', [1], 0],
  ['log', [-1], NaN],
  ['log', [INF], INF],
  ['log', [5e-324], -744.4400719213812],
  ['log2', [5e-324], -1074],
  ['log2', [2 ** 1000], 1000],
  ['log1p', [-1], -INF],
  ['log1p', [-0], -0],
  ['log1p', [-1.5], NaN],
  ['sin', [-0], -0],
  ['sin', [INF], NaN],
  ['cos', [-0], 1],
  ['tan', [-0], -0],
  ['asin', [1], Math.PI / 2],
  ['asin', [-0], -0],
  ['asin', [1.0000000000000002], NaN],
  ['acos', [1], 0],
  ['acos', [-1], Math.PI],
  ['atan', [INF], Math.PI / 2],
  ['atan', [-INF], -Math.PI / 2],
  ['atan', [-0], -0],
  ['sinh', [-INF], -INF],
  ['sinh', [-0], -0],
  ['cosh', [-INF], INF],
  ['tanh', [INF], 1],
  ['tanh', [-40], -1],
  ['tanh', [-0], -0],
  ['asinh', [-INF], -INF],
  ['acosh', [1], 0],
  ['acosh', [0.5], NaN],
  ['acosh', [INF], INF],
  ['atanh', [1], INF],
  ['atanh', [-1], -INF],
  ['atanh', [2], NaN],
  ['erf', [INF], 1],
  ['erf', [-INF], -1],
  ['erf', [-0], -0],
  ['erfc', [-INF], 2],
  ['erfc', [30], 0],
  ['sigmoid', [-INF], 0],
  ['sigmoid', [INF], 1],
  ['sigmoid', [0], 0.5],
  ['softplus', [-INF], 0],
  ['softplus', [INF], INF],
  ['pow', [NaN, 0], 1],
  ['pow', [1, NaN], 1],
  ['pow', [-1, INF], 1],
  ['pow', [-0, -3], -INF],
  ['pow', [-0, 2], 0],
  ['pow', [0, -1], INF],
  ['pow', [-2, 3], -8],
  ['pow', [-2, 0.5], NaN],
  ['pow', [-INF, 3], -INF],
  ['pow', [-INF, -3], -0],
  ['pow', [0.5, -INF], INF],
  ['pow', [10, 308], 1e308],
  ['pow', [10, 309], INF],
  ['pow', [2, -1074], 5e-324],
  ['pow', [9007199254740991, 1], 9007199254740991],
];

test('special cases', () => {
  for (const [name, args, expected] of SPECIAL) {
    expect(functions[name]!(...args), `${name}(${args})`).toBe(expected);
  }
  for (const [name, f] of Object.entries(functions)) expect(f(NaN, 2), `${name}(NaN)`).toBeNaN();
});

test('powers that are integers are exact', () => {
  for (let x = 2; x <= 50; x++) {
    for (let y = 1, exact = x; exact < 2 ** 53; y++, exact *= x) expect(elementary.pow(x, y)).toBe(exact);
  }
});

test('large angles are finite', () => {
  for (const x of [1e10, 1e22, 1e300, Number.MAX_VALUE]) {
    for (const f of [elementary.sin, elementary.cos]) expect(Math.abs(f(x))).toBeLessThanOrEqual(1);
    expect(elementary.tan(x)).toBeTypeOf('number');
    expect(elementary.tan(x)).not.toBeNaN();
  }
});

/** Sum over 20,000 results of the words of their bits, weighted by position, modulo 2^32. */
function checksum(f: (...x: number[]) => number): number {
  const random = createRandom(1);
  const value = new Float64Array(1);
  const words = new Uint32Array(value.buffer);
  let sum = 0;
  for (let i = 1; i <= 20_000; i++) {
    value[0] = f(random.between(-2, 2) * (i % 2 === 0 ? 1 : 30), random.between(-3, 3));
    if (Number.isNaN(value[0])) continue;
    sum = (sum + Math.imul(i, words[0]! ^ Math.imul(words[1]!, 0x9e3779b1))) >>> 0;
  }
  return sum;
}

test('the bits are the same on every machine', () => {
  const sums = Object.fromEntries(Object.entries(functions).map(([name, f]) => [name, checksum(f)]));
  expect(sums).toMatchSnapshot();
});

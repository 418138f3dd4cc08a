// The elementary functions in WASM give the bits of the TypeScript ones.
import { expect, test } from 'vitest';
import * as elementary from '../../../src/base/elementary.js';
import { createRandom } from '../../../src/base/random.js';
import { loadKernels } from '../../../src/sim/kernels/load.js';

const { kernels, memory } = loadKernels(65536);
type Binary = (x: number, y: number) => number;
const COUNT = 100_000;

const SPECIAL = [
  0,
  -0,
  NaN,
  Infinity,
  -Infinity,
  1,
  -1,
  5e-324,
  -5e-324,
  2 ** -1022,
  2 ** 30,
  2 ** 31,
  1e22,
  -1e300,
  0.5,
  -0.5,
  0.75,
  22,
  28,
  40,
  709.782712893384,
  709.7827128933841,
  -745.1332191019411,
  -745.1332191019412,
  1023.9999999999999,
  1024,
  -1075,
];

/** Random doubles of every kind: any bits, any f32, and the ranges where the functions do their work. */
function makeArguments(): Float64Array {
  const random = createRandom(5);
  const values = new Float64Array(COUNT);
  const words = new Uint32Array(values.buffer);
  for (let i = 0; i < COUNT; i++) {
    const kind = i % 4;
    if (i < SPECIAL.length) values[i] = SPECIAL[i]!;
    else if (kind === 0) words.set([random.bits32(), random.bits32()], 2 * i);
    else if (kind === 1) values[i] = Math.fround(random.normal() * 4);
    else if (kind === 2) values[i] = random.between(-1, 1);
    else values[i] = random.between(-800, 800);
  }
  return values;
}
const first = makeArguments();
const second = first.map((_, i) =>
  i % 3 === 0 ? Math.round(first[(i * 7) % COUNT]!) : first[(i * 7) % COUNT]!,
);

test.each(Object.entries(elementary))('%s', (name, f) => {
  const here: Binary = f;
  const there: Binary = kernels[name as keyof typeof elementary];
  const different = first.findIndex((x, i) => !Object.is(here(x, second[i]!), there(x, second[i]!)));
  const [x, y] = [first[different]!, second[different]!];
  expect(different === -1 ? 'none' : `${x}, ${y}: ${here(x, y)} here, ${there(x, y)} there`).toBe('none');
});

test('the module keeps nothing in the memory', () => {
  expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true);
});

import { expect, test } from 'vitest';
import { createRandom } from '../../src/base/random.js';

test('the sequence follows from the seed', () => {
  const first = createRandom(42);
  const again = createRandom(42);
  const other = createRandom(43);
  const draw = (r: typeof first): number[] => Array.from({ length: 4 }, () => r.bits32());
  const values = draw(first);
  expect(draw(again)).toEqual(values);
  expect(draw(other)).not.toEqual(values);
  expect(createRandom(42 + 2 ** 40).bits32()).not.toBe(values[0]);
  expect(values).toMatchInlineSnapshot(`
    [
      2837322924,
      544945897,
      479756282,
      3500138142,
    ]
  `);
});

test('integers cover their range evenly', () => {
  const random = createRandom(7);
  const counts = new Map<number, number>();
  for (let i = 0; i < 70_000; i++) {
    const value = random.integer(-3, 3);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-3, -2, -1, 0, 1, 2, 3]);
  for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test('uniform and normal numbers have their moments', () => {
  const random = createRandom(9);
  const n = 100_000;
  const moments = (draw: () => number): [number, number] => {
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < n; i++) {
      const x = draw();
      sum += x;
      squares += x * x;
    }
    return [sum / n, squares / n - (sum / n) ** 2];
  };
  const uniform = moments(random.uniform);
  expect(uniform[0]).toBeCloseTo(0.5, 2);
  expect(uniform[1]).toBeCloseTo(1 / 12, 2);
  const normal = moments(random.normal);
  expect(Math.abs(normal[0])).toBeLessThan(0.02);
  expect(Math.abs(normal[1] - 1)).toBeLessThan(0.02);
});

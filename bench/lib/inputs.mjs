// Seeded values, the same in every process: what a measured model gets, and weights of models that the bench makes.

/** Uniform float32 of mean 0 and deviation 1. */
export function randomValues(count, seed) {
  const values = new Float32Array(count);
  const width = 2 * Math.sqrt(3);
  let state = (Math.imul(seed, 0x9e3779b9) ^ 0x5bd1e995) | 0;
  for (let i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = width * ((state >>> 0) / 2 ** 32 - 0.5);
  }
  return values;
}

/** The values of input number `index` of a shape. */
export const inputValues = (shape, index) =>
  randomValues(
    shape.reduce((a, b) => a * b, 1),
    index + 1000,
  );

// The bits of a double: the only primitives of the elementary functions that are not arithmetic.
// assembly/float-words.ts holds the same four functions for WASM; everything above them is one source for both.
// Arguments must be as stated: there are no checks here.

const word = new DataView(new ArrayBuffer(8));

/** 2^k for an integer -1022 <= k <= 1023. */
export function powerOfTwo(k: number): number {
  word.setInt32(0, (k + 1023) << 20);
  word.setInt32(4, 0);
  return word.getFloat64(0);
}

/** floor(log2(x)) of a normal x > 0. */
export function exponentOf(x: number): number {
  word.setFloat64(0, x);
  return ((word.getInt32(0) >> 20) & 0x7ff) - 1023;
}

/** x / 2^exponentOf(x), in [1, 2), of a normal x > 0. */
export function significandOf(x: number): number {
  word.setFloat64(0, x);
  word.setInt32(0, (word.getInt32(0) & 0xfffff) | 0x3ff00000);
  return word.getFloat64(0);
}

export function isNan(x: number): boolean {
  return Number.isNaN(x);
}

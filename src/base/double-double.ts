// Error-free sums and products of doubles (Knuth 1969, Dekker 1971; the split is Veltkamp's).
// Each returns the rounded result and leaves the exact rest in `rest`, which the caller reads at once:
// a module variable instead of a pair, so that nothing is allocated and the source also compiles to WASM.

/** What the last twoSum or twoProduct rounded off, exactly. */
export let rest: number = 0;

/** 2^27 + 1 cuts 53 bits into two halves of 26. */
const SPLITTER: number = 134217729;

/** a + b; any order, no overflow. */
export function twoSum(a: number, b: number): number {
  const sum = a + b;
  const fromB = sum - a;
  rest = a - (sum - fromB) + (b - fromB);
  return sum;
}

/** a * b; |a| and |b| below 2^996. Exact unless the product is below 2^-968. */
export function twoProduct(a: number, b: number): number {
  const product = a * b;
  let scaled = SPLITTER * a;
  const aHigh = scaled - (scaled - a);
  const aLow = a - aHigh;
  scaled = SPLITTER * b;
  const bHigh = scaled - (scaled - b);
  const bLow = b - bHigh;
  rest = aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
  return product;
}

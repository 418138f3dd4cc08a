// The bits of a double in WASM: the twin of src/base/float-words.ts, function by function.
// scripts/build-kernels.mjs puts this file in its place when it compiles src/base/elementary.ts.

export function powerOfTwo(k: number): number {
  return reinterpret<f64>((<i64>k + 1023) << 52);
}

export function exponentOf(x: number): number {
  return <f64>(<i32>((reinterpret<i64>(x) >> 52) & 0x7ff) - 1023);
}

export function significandOf(x: number): number {
  return reinterpret<f64>((reinterpret<i64>(x) & 0x000fffffffffffff) | 0x3ff0000000000000);
}

export function isNan(x: number): bool {
  return x != x;
}

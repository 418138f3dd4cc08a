// Seeded random numbers, the same on every machine. xoshiro128** (Blackman and Vigna 2018), its state filled from the
// seed by the 32-bit finaliser of MurmurHash3 over a Weyl sequence. Not for secrets.

import { cos, log } from './elementary.js';

export interface Random {
  /** Uniform in 0 .. 2^32 - 1. */
  bits32(): number;
  /** Uniform integer, low <= result <= high, without bias; high - low < 2^32. */
  integer(low: number, high: number): number;
  /** Uniform in [0, 1), a multiple of 2^-53. */
  uniform(): number;
  /** Uniform in [low, high), in double. */
  between(low: number, high: number): number;
  /** Normal, mean 0, deviation 1 (Box and Muller). */
  normal(): number;
  /** True with probability p. */
  chance(p: number): boolean;
  /** An element of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
}

const TWO_32 = 4294967296;

function rotateLeft(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}

/** A generator whose whole sequence follows from `seed` (any number below 2^53; its low 53 bits count). */
export function createRandom(seed: number): Random {
  let weyl = (seed >>> 0) ^ Math.imul(Math.floor(seed / TWO_32) >>> 0, 0x9e3779b9);
  const fill = (): number => {
    weyl = (weyl + 0x9e3779b9) | 0;
    let h = weyl;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return h ^ (h >>> 16);
  };
  let a = fill();
  let b = fill();
  let c = fill();
  let d = fill();

  const bits32 = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotateLeft(d, 11);
    return result;
  };
  const uniform = (): number => ((bits32() >>> 5) * 67108864 + (bits32() >>> 6)) / 9007199254740992;
  const integer = (low: number, high: number): number => {
    const span = high - low + 1;
    const limit = TWO_32 - (TWO_32 % span);
    let value = bits32();
    while (value >= limit) value = bits32();
    return low + (value % span);
  };
  return {
    bits32,
    integer,
    uniform,
    between: (low, high) => low + (high - low) * uniform(),
    normal: () => Math.sqrt(-2 * log(1 - uniform())) * cos(2 * Math.PI * uniform()),
    chance: (p) => uniform() < p,
    pick: (list) => list[integer(0, list.length - 1)]!,
  };
}

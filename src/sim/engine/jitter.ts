// `--shuffle-timing SEED`: every cost times a seeded factor between a half and two. A program whose result changes under it is
// not synchronised. The same seed gives the same factors in the same order of events.

/** Costs as stated, or perturbed; `least` is the smallest factor that can occur. */
export interface Jitter {
  readonly least: number;
  cost(ticks: number): number;
  /** A factor to use for several costs that belong together. */
  factor(): number;
}

export const EXACT: Jitter = { least: 1, cost: (ticks) => ticks, factor: () => 1 };

/** @param seed any number; taken modulo 2^32 */
export function shuffled(seed: number): Jitter {
  let state = seed >>> 0;
  /** Mulberry32: uniform in [0, 1). */
  function uniform(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }
  const factor = (): number => 0.5 + 1.5 * uniform();
  return { least: 0.5, factor, cost: (ticks) => Math.ceil(ticks * factor()) };
}

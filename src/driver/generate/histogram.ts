// Histograms of output lengths: how many requests end after how many tokens.
import { badInput } from '../../base/diagnostic.js';

/** Share of requests by length, index 1..maxSteps (index 0 unused); sums to 1. */
export type Histogram = readonly number[];

export function uniformHistogram(maxSteps: number): Histogram {
  return Array.from({ length: maxSteps + 1 }, (_, n) => (n === 0 ? 0 : 1 / maxSteps));
}

/** `{"length": count}`; lengths beyond maxSteps end at maxSteps. @throws E3660 */
export function parseHistogram(json: unknown, maxSteps: number, file: string): Histogram {
  const shares = new Array<number>(maxSteps + 1).fill(0);
  const wrong = (why: string) =>
    badInput(
      'E3660',
      `${why}: lengths are an object of length -> count`,
      { file },
      'as in {"12": 340, "13": 271}',
    );
  const record =
    typeof json === 'object' && json !== null && 'lengths' in json
      ? (json as { lengths: unknown }).lengths
      : json;
  if (typeof record !== 'object' || record === null || Array.isArray(record)) throw wrong('no object');
  let total = 0;
  for (const [key, count] of Object.entries(record)) {
    const length = Number(key);
    if (!Number.isInteger(length) || length < 1) {
      // Notes beside the counts are let be.
      if (typeof count !== 'number') continue;
      throw wrong(`'${key}' is no length`);
    }
    if (typeof count !== 'number' || !(count >= 0) || !Number.isFinite(count))
      throw wrong(`the count of length ${key} is ${JSON.stringify(count)}`);
    const at = Math.min(length, maxSteps);
    shares[at] = (shares[at] ?? 0) + count;
    total += count;
  }
  if (total <= 0) throw wrong('no request in it');
  return shares.map((s) => s / total);
}

/** Smallest length that a share `p` of requests does not exceed. */
export function quantile(h: Histogram, p: number): number {
  let sum = 0;
  for (let n = 1; n < h.length; n++) {
    sum += h[n] ?? 0;
    if (sum >= p - 1e-12) return n;
  }
  return h.length - 1;
}

/** tail[n]: share of requests longer than n tokens. */
export function tails(h: Histogram): number[] {
  const tail = new Array<number>(h.length).fill(0);
  let sum = 0;
  for (let n = h.length - 1; n >= 0; n--) {
    tail[n] = sum;
    sum += h[n] ?? 0;
  }
  return tail;
}

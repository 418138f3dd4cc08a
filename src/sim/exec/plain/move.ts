// Data movement inside the core in plain TypeScript: copies, selections, constants, transposes, gathers. Where types are equal
// bits are moved untouched (also the payload of a NaN); else each element is converted on its own.
import type { Ap } from '../../../isa/operands.js';
import type { Fields } from '../../../isa/table.js';
import type { Machine } from '../../machine.js';
import { trap } from '../../trap.js';
import { domainOf } from '../domain.js';
import { bitsOf, type Sink, type Source, sinkOf, sourceOf, wordsOf } from './row.js';

export function copy(i: Fields<'COPY'>, m: Machine): void {
  if (i.src.dtype === 'i64') copyFromPairs(i, m);
  else if (i.dst.dtype === 'i64') copyToPairs(i, m);
  else if (i.src.dtype === i.dst.dtype) copyRows(m, bitsOf(i.src), bitsOf(i.dst), false);
  else copyRows(m, i.src, i.dst, i.exact);
}

function copyRows(m: Machine, src: Ap, dst: Ap, exact: boolean): void {
  const source = sourceOf(m, src);
  const sink = sinkOf(m, dst);
  for (let p = 0; p < dst.parts; p++) sink.store(p, source.row(p), source.domain, exact);
}

/** i64 to i64, i32 or u32; the high word must be what the narrow type implies. */
function copyFromPairs(i: Fields<'COPY'>, m: Machine): void {
  const low = sourceOf(m, wordsOf(i.src, 0));
  const high = sourceOf(m, wordsOf(i.src, 1));
  const wide = i.dst.dtype === 'i64';
  const lowSink = sinkOf(m, wide ? wordsOf(i.dst, 0) : bitsOf(i.dst));
  const highSink = wide ? sinkOf(m, wordsOf(i.dst, 1)) : undefined;
  const signed = i.dst.dtype === 'i32';
  for (let p = 0; p < i.dst.parts; p++) {
    const words = low.row(p);
    const highs = high.row(p);
    if (!wide) requireNarrow(words, highs, signed);
    lowSink.store(p, words, 'u32');
    highSink?.store(p, highs, 'u32');
  }
}

function requireNarrow(low: Float64Array, high: Float64Array, signed: boolean): void {
  for (let n = 0; n < low.length; n++) {
    const implied = signed && low[n]! > 0x7fffffff ? 0xffffffff : 0;
    if (high[n] !== implied) {
      const value = (BigInt(high[n]! | 0) << 32n) + BigInt(low[n]!);
      throw trap('narrowing', `${value} does not fit ${signed ? 'i32' : 'u32'}`);
    }
  }
}

function copyToPairs(i: Fields<'COPY'>, m: Machine): void {
  const source = sourceOf(m, i.src);
  const low = sinkOf(m, wordsOf(i.dst, 0));
  const high = sinkOf(m, wordsOf(i.dst, 1));
  for (let p = 0; p < i.dst.parts; p++) {
    const row = source.row(p);
    low.store(p, row, source.domain);
    high.store(
      p,
      row.map((x) => (x < 0 ? -1 : 0)),
      'i32',
    );
  }
}

/** Each operand by itself: bits of dst's type, or a value to convert. */
export function select(i: Fields<'SELECT'>, m: Machine): void {
  const mask = sourceOf(m, i.mask);
  const left = storable(m, i.a, i.dst);
  const right = storable(m, i.b, i.dst);
  for (let p = 0; p < i.dst.parts; p++) {
    const [chosen, x, y] = [mask.row(p), left.source.row(p), right.source.row(p)];
    chosen.forEach((c, n) => {
      if (c !== 0) left.sink.put(p, n, x[n]!, left.source.domain);
      else right.sink.put(p, n, y[n]!, right.source.domain);
    });
  }
}

/** How elements of `src` get into `dst`: as bits where types are equal, else as numbers of their domain. */
function storable(m: Machine, src: Ap, dst: Ap): { readonly source: Source; readonly sink: Sink } {
  const bits = src.dtype === dst.dtype;
  return { source: sourceOf(m, bits ? bitsOf(src) : src), sink: sinkOf(m, bits ? bitsOf(dst) : dst) };
}

export function memset(i: Fields<'MEMSET'>, m: Machine): void {
  const bits = bitsOf(i.dst);
  const sink = sinkOf(m, bits);
  const row = new Float64Array(sourceOf(m, bits).length).fill(i.bits);
  for (let p = 0; p < i.dst.parts; p++) sink.store(p, row, 'u32');
}

export function transpose32(i: Fields<'TRANSPOSE32'>, m: Machine): void {
  const source = sourceOf(m, bitsOf(i.src));
  const sink = sinkOf(m, bitsOf(i.dst));
  const rows = Array.from({ length: i.src.parts }, (_, p) => source.row(p));
  if (i.src.parts <= 32 && source.length <= 32) {
    for (let p = 0; p < source.length; p++)
      sink.store(
        p,
        Float64Array.from(rows, (row) => row[p]!),
        'u32',
      );
    return;
  }
  for (let p = 0; p < rows.length; p++) {
    const block = p - (p % 32);
    const row = Float64Array.from(
      { length: source.length },
      (_, n) => rows[block + (n % 32)]![n - (n % 32) + (p % 32)]!,
    );
    sink.store(p, row, 'u32');
  }
}

/** Traps (E1405) where row element `at` does not exist. */
export function requireIndex(at: number, p: number, length: number): void {
  if (at < 0 || at >= length) throw trap('index', `index ${at} of row ${p} is outside 0..${length - 1}`);
}

export function gather(i: Fields<'GATHER'>, m: Machine): void {
  const { source, sink } = storable(m, i.src, i.dst);
  const index = sourceOf(m, i.index);
  for (let p = 0; p < i.dst.parts; p++) {
    const row = source.row(p);
    const gathered = index.row(p).map((at) => {
      requireIndex(at, p, row.length);
      return row[at]!;
    });
    sink.store(p, gathered, source.domain);
  }
}

const COMPARE = {
  eq: (x: number) => x === 0,
  ne: (x: number) => x !== 0,
  lt: (x: number) => x < 0,
  le: (x: number) => x <= 0,
  gt: (x: number) => x > 0,
  ge: (x: number) => x >= 0,
} as const;

interface Affine {
  readonly dst: Ap;
  readonly base: number;
  readonly perPartition: number;
  readonly steps: readonly [number, number, number, number];
}

/** base + p * perPartition + sum of i * step over dst's indices in partition `p`, wrapping in int32. */
function affineRow(i: Affine, p: number): Float64Array {
  const [c0, c1, c2, c3] = i.dst.counts;
  const row = new Float64Array(c0 * c1 * c2 * c3);
  const first = i.base + Math.imul(p, i.perPartition);
  for (let n = 0; n < row.length; n++) {
    const l = n % c3;
    const k = Math.floor(n / c3) % c2;
    const j = Math.floor(n / (c3 * c2)) % c1;
    const h = Math.floor(n / (c3 * c2 * c1));
    const [s0, s1, s2, s3] = i.steps;
    row[n] = (first + Math.imul(h, s0) + Math.imul(j, s1) + Math.imul(k, s2) + Math.imul(l, s3)) | 0;
  }
  return row;
}

export function iota(i: Fields<'IOTA'>, m: Machine): void {
  const sink = sinkOf(m, i.dst);
  for (let p = 0; p < i.dst.parts; p++) sink.store(p, affineRow(i, p), 'i32');
}

export function affineSelect(i: Fields<'AFFINE_SELECT'>, m: Machine): void {
  const holds = COMPARE[i.compare];
  const { source, sink: kept } = storable(m, i.src, i.dst);
  const filled = sinkOf(m, i.dst);
  for (let p = 0; p < i.dst.parts; p++) {
    const row = source.row(p);
    affineRow(i, p).forEach((x, n) => {
      if (holds(x)) kept.put(p, n, row[n]!, source.domain);
      else filled.put(p, n, Math.fround(i.fill), domainOf('f32'));
    });
  }
}

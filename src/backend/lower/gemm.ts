// The matrix product on PE over on-chip views: tiles of 128 stationary columns by one PSUM bank, contraction in ranges of
// partitions, each tile handed to an epilogue that evicts it. fp32 on a target without fp32 is three bf16 parts and six products.
import { PE_COLUMNS } from '../../chip/target.js';
import type { Constant } from '../../ir/constant.js';
import type { ChipDType } from '../../isa/operands.js';
import type { LowerContext } from './context.js';
import { laneAxes } from './move.js';
import { partitionsFrom, singleAp, sliceAxis, type View, viewShape } from './view.js';

/** Evicts one tile: `psum` [s, v] holds out[s0.., v0..] in fp32 (or i32). */
export type Epilogue = (psum: View, s0: number, v0: number) => void;

/** Columns of one PSUM bank, 4-byte elements. */
export const BANK_COLUMNS = 512;

/** PSUM tiles that accumulate side by side, so that a panel of weights is done with after one visit; half of the banks. */
export const SIDE_BY_SIDE = 4;

/** Weights by range of columns: [k, columns first .. first + size). */
export type StationaryRanges = (first: number, size: number) => readonly View[];

/**
 * out[s, v] = sum over k of stationary[k, s] * moving[k, v]. Both views have two axes, k on the same partitions.
 */
export function gemm(c: LowerContext, stationary: View, moving: View, epilogue: Epilogue): void {
  const products = exactProducts(c, stationary, moving);
  const ranges = products.map(([a]) => a);
  const movings = products.map(([, b]) => b);
  product(
    c,
    stationary.axes[1]?.n ?? 1,
    (first, size) => ranges.map((v) => sliceAxis(v, 1, first, size)),
    movings,
    epilogue,
  );
}

/** The same with the stationary operand given range by range: `ranges` and `movings` correspond part by part. */
export function product(
  c: LowerContext,
  columns: number,
  ranges: StationaryRanges,
  movings: readonly View[],
  epilogue: Epilogue,
): void {
  const total = movings[0]?.axes[1]?.n ?? 1;
  for (let v = 0; v < total; v += BANK_COLUMNS) {
    const width = Math.min(BANK_COLUMNS, total - v);
    for (let s = 0; s < columns; s += PE_COLUMNS * SIDE_BY_SIDE) {
      const tiles: { s: number; parts: readonly View[]; psum: View }[] = [];
      for (let t = s; t < Math.min(columns, s + PE_COLUMNS * SIDE_BY_SIDE); t += PE_COLUMNS) {
        const parts = ranges(t, Math.min(PE_COLUMNS, columns - t));
        const accumulator = parts[0]?.dtype === 'i8' ? 'i32' : 'f32';
        tiles.push({ s: t, parts, psum: c.b.psum('product', parts[0]?.axes[1]?.n ?? 1, width, accumulator) });
      }
      accumulateTiles(
        c,
        tiles,
        movings.map((m) => sliceAxis(m, 1, v, width)),
      );
      for (const t of tiles) epilogue(t.psum, t.s, v);
    }
  }
}

function accumulateTiles(
  c: LowerContext,
  tiles: readonly { parts: readonly View[]; psum: View }[],
  movings: readonly View[],
): void {
  const [first] = movings;
  if (first === undefined) return;
  const ranges = contractionRanges(first);
  ranges.forEach(([k, size], i) => {
    for (const { parts, psum } of tiles) {
      movings.forEach((moving, p) => {
        const a = sliceAxis(parts[p] as View, 0, k, size);
        c.b.matmul(singleAp(psum), singleAp(a), singleAp(sliceAxis(moving, 0, k, size)), i === 0 && p === 0);
      });
    }
  });
}

/** [start, size] of the contraction ranges that one instruction can take. */
export function contractionRanges(v: View): [number, number][] {
  const k = v.axes[0]?.n ?? 1;
  const ranges: [number, number][] = [];
  for (let i = 0; i < k; ) {
    const size = Math.min(partitionsFrom((v.p0 + i) & 127), k - i);
    ranges.push([i, size]);
    i += size;
  }
  return ranges;
}

/** Whether PE can contract the two views where they lie: k on equal partitions with legal starts. */
export function contractible(a: View, b: View): boolean {
  const ka = a.axes[0];
  const kb = b.axes[0];
  if (a.space !== 'sbuf' || b.space !== 'sbuf' || ka === undefined || kb === undefined) return false;
  if ((ka.p !== 1 && ka.n > 1) || (kb.p !== 1 && kb.n > 1)) return false;
  if (((a.p0 - b.p0) & 127) !== 0) return false;
  if (a.axes.slice(1).some((x) => x.p !== 0) || b.axes.slice(1).some((x) => x.p !== 0)) return false;
  for (let i = 0; i < ka.n; ) {
    const size = partitionsFrom((a.p0 + i) & 127);
    if (size === 0) return false;
    i += size;
  }
  return true;
}

function exactProducts(c: LowerContext, stationary: View, moving: View): [View, View][] {
  if (stationary.dtype !== 'f32' || c.b.target.peFp32) return [[stationary, moving]];
  return exactPairs(threeParts(c, stationary), threeParts(c, moving));
}

/**
 * Pairs of parts whose products sum to the product: all there is where operands have one part; of three parts each the six
 * with i + j <= 2, smallest first, since part i of a number is 2^-8i of it (MACHINE 2).
 */
export function exactPairs<T>(a: readonly T[], b: readonly T[]): [T, T][] {
  if (a.length === 1 && b.length === 1) return [[a[0] as T, b[0] as T]];
  const pairs: [T, T][] = [];
  for (let sum = 2; sum >= 0; sum--) {
    for (let i = 0; i <= sum; i++) pairs.push([a[i] as T, b[sum - i] as T]);
  }
  return pairs;
}

/** A constant [k, ...] as weights with k on partitions, in the parts that PE needs: one, or three of bf16 split when compiled. */
export function stationaryParts(c: LowerContext, constant: Constant, dtype: ChipDType): View[] {
  if (dtype !== 'f32' || c.b.target.peFp32) return [c.weight(constant, [0], dtype)];
  const apply = (
    op: string,
    attrs: Constant['recipe'] extends infer R ? (R extends { attrs: infer A } ? A : never) : never,
    type: 'f32' | 'bf16',
    inputs: readonly Constant[],
  ): Constant => ({
    dtype: type,
    shape: constant.shape,
    recipe: { kind: 'apply', op, attrs, inputs, result: 0 },
  });
  const narrow = (x: Constant): Constant => apply('cast', { to: 'bf16', saturate: true }, 'bf16', [x]);
  const rest = (x: Constant, part: Constant): Constant =>
    apply('sub', {}, 'f32', [x, apply('cast', { to: 'f32', saturate: true }, 'f32', [part])]);
  const hi = narrow(constant);
  const afterHi = rest(constant, hi);
  const mid = narrow(afterHi);
  const lo = narrow(rest(afterHi, mid));
  return [hi, mid, lo].map((part) => c.weight(part, [0], 'bf16'));
}

/** x = hi + mid + lo in bf16, by two exact subtractions. */
export function threeParts(c: LowerContext, x: View): [View, View, View] {
  const { b } = c;
  const shape = viewShape(x);
  const lanes = laneAxes(x);
  const part = (name: string, dtype: 'bf16' | 'f32'): View => ({
    ...b.sbuf(name, dtype, shape, lanes),
    p0: 0,
  });
  const at = (v: View): View => (x.p0 % 128 === 0 ? v : { ...v, p0: x.p0 % 128, panels: v.panels });
  const hi = at(wide(c, x, part('hi', 'bf16')));
  b.copy(hi, x, { engine: 'dve' });
  const rest = at(wide(c, x, part('rest', 'f32')));
  b.tensorTensor('subtract', rest, x, hi);
  const mid = at(wide(c, x, part('mid', 'bf16')));
  b.copy(mid, rest, { engine: 'dve' });
  const rest2 = at(wide(c, x, part('rest', 'f32')));
  b.tensorTensor('subtract', rest2, rest, mid);
  const lo = at(wide(c, x, part('lo', 'bf16')));
  b.copy(lo, rest2, { engine: 'dve' });
  return [hi, mid, lo];
}

/** A view that starts inside a panel needs a buffer that reaches as far. */
function wide(c: LowerContext, x: View, made: View): View {
  const offset = x.p0 % 128;
  if (offset === 0) return made;
  const first = made.panels[0];
  if (first === undefined) return made;
  return {
    ...made,
    panels: [c.b.buffer('sbuf', first.name, Math.min(128, first.parts + offset), first.bytes)],
  };
}

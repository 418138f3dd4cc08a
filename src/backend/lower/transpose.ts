// Exchanging an axis with the partitions on chip: 128 x 128 blocks through PE against an identity (finite values only), or
// 32 x 32 blocks on DVE (bits, any value).
import { PARTITIONS, type Target } from '../../chip/target.js';
import type { Builder } from './builder.js';
import { type JointAxis, permuteView, singleAp, sliceView, sortedJointAxes, type View } from './view.js';

/** Two views whose difference is one axis that changes places with the partitions. */
interface Exchange {
  /** Axes that lie within partitions on both sides. */
  readonly others: readonly JointAxis[];
  /** On partitions in src (stride 1), within partitions in dst. */
  readonly from: JointAxis;
  /** Within partitions in src, on partitions in dst (stride 1). */
  readonly to: JointAxis;
}

const DST = 0;
const SRC = 1;

function exchange(dst: View, src: View): Exchange | undefined {
  if (dst.space !== 'sbuf' || src.space !== 'sbuf' || dst.dtype !== src.dtype) return undefined;
  if (dst.p0 % PARTITIONS !== 0 || src.p0 % PARTITIONS !== 0) return undefined;
  const axes = sortedJointAxes([dst, src]);
  const from = axes.filter((a) => a.p[SRC] !== 0);
  const to = axes.filter((a) => a.p[DST] !== 0);
  if (from.length > 1 || to.length > 1 || from.length + to.length === 0) return undefined;
  // A side that lies in one partition exchanges an axis of one element.
  const f = from[0] ?? ONE_SOURCE_LANE;
  const t = to[0] ?? ONE_TARGET_LANE;
  if (f === t || f.p[SRC] !== 1 || t.p[DST] !== 1 || f.p[DST] !== 0 || t.p[SRC] !== 0) return undefined;
  return { others: axes.filter((a) => a !== f && a !== t), from: f, to: t };
}

const ONE_SOURCE_LANE: JointAxis = { n: 1, p: [0, 1], f: [0, 0] };
const ONE_TARGET_LANE: JointAxis = { n: 1, p: [1, 0], f: [0, 0] };

function throughPe(target: Target, v: View, finite: boolean): boolean {
  return finite && (v.dtype === 'bf16' || v.dtype === 'f16' || (v.dtype === 'f32' && target.peFp32));
}

/** Modelled ns of an exchange on chip; undefined where the views do not differ by one. */
export function transposeCost(target: Target, dst: View, src: View, finite: boolean): number | undefined {
  const x = exchange(dst, src);
  if (x === undefined) return undefined;
  const others = x.others.reduce((n, a) => n * a.n, 1);
  if (throughPe(target, src, finite)) {
    const blocks = others * Math.ceil(x.from.n / PARTITIONS) * Math.ceil(x.to.n / PARTITIONS);
    const factor = src.dtype === 'f32' ? 4 : 1;
    return blocks * ((128 * factor * 1000) / target.clockMhz.pe + (128 * 1000) / target.clockMhz.dve) + 300;
  }
  return (
    others * Math.ceil(x.from.n / 32) * Math.ceil(x.to.n / 32) * ((64 * 1000) / target.clockMhz.dve) + 150
  );
}

export function transposeOnChip(b: Builder, dst: View, src: View, finite: boolean): void {
  const x = exchange(dst, src) as Exchange;
  const pe = throughPe(b.target, src, finite);
  const block = pe ? PARTITIONS : 32;
  // Both sides as [others..., from, to] over the joint axes.
  const all = [...x.others, x.from, x.to];
  const side = (v: View, k: number): View => ({
    ...v,
    axes: all.map((a) => ({ n: a.n, p: a.p[k] ?? 0, f: a.f[k] ?? 0 })),
  });
  const to = side(dst, DST);
  const from = side(src, SRC);
  const rank = all.length;
  forIndex(
    x.others.map((a) => a.n),
    (index) => {
      for (let r = 0; r < x.from.n; r += block) {
        for (let c = 0; c < x.to.n; c += block) {
          const starts = [...index, r, c];
          const sizes = [...index.map(() => 1), Math.min(block, x.from.n - r), Math.min(block, x.to.n - c)];
          const matrix = (v: View): View => {
            const s = sliceView(v, starts, sizes);
            return { ...s, axes: s.axes.slice(rank - 2) };
          };
          const s = matrix(from);
          const d = permuteView(matrix(to), [1, 0]);
          if (pe) transposeByPe(b, d, s);
          else b.raw('dve', { m: 'TRANSPOSE32', dst: singleAp(d), src: singleAp(s) }, singleAp(s));
        }
      }
    },
  );
}

/** d[column, row] = s[row, column]: stationary = the block, moving = the identity. */
function transposeByPe(b: Builder, d: View, s: View): void {
  const rows = s.axes[0]?.n ?? 1;
  const columns = s.axes[1]?.n ?? 1;
  const out = b.psum('transpose', columns, rows);
  const source = singleAp(s);
  const eye = singleAp(sliceView(identity(b, s.dtype), [0, 0], [rows, rows]));
  b.matmul(
    singleAp(out),
    { ...source, counts: [1, 1, 1, columns], strides: [0, 0, 0, s.axes[1]?.f ?? 0] },
    eye,
    true,
  );
  b.copy(d, out);
}

/**
 * dst[lane, ...] = src[0, ...] on every lane, through PE: src lies in one partition, ones are stationary. Exact for the values
 * PE passes exactly.
 */
export function broadcastByPe(b: Builder, dst: View, src: View): void {
  const lanes = dst.axes[0]?.n ?? 1;
  const n = dst.axes[1]?.n ?? 1;
  const ones = sliceView(identity(b, src.dtype, 'ones'), [0, 0], [1, PARTITIONS]);
  for (let q = 0; q < lanes; q += PARTITIONS) {
    const rows = Math.min(PARTITIONS, lanes - q);
    for (let i = 0; i < n; i += BANK) {
      const width = Math.min(BANK, n - i);
      const out = b.psum('broadcast', rows, width);
      b.matmul(
        singleAp(out),
        singleAp(sliceView(ones, [0, 0], [1, rows])),
        singleAp(sliceView(src, [0, i], [1, width])),
        true,
      );
      b.copy(sliceView(dst, [q, i], [rows, width]), out);
    }
  }
}

const BANK = 512;

/** Whether PE carries a view's values exactly in one pass. */
export function peCarries(target: Target, v: View, finite: boolean): boolean {
  return throughPe(target, v, finite);
}

const identities = new WeakMap<Builder, Map<string, View>>();

/** The 128 x 128 identity, or all ones, made on chip once for a program. */
export function identity(b: Builder, dtype: View['dtype'], what: 'identity' | 'ones' = 'identity'): View {
  const known = identities.get(b) ?? new Map<string, View>();
  identities.set(b, known);
  const key = `${what} ${dtype}`;
  let eye = known.get(key);
  if (eye === undefined) {
    const view = b.sbuf(what, dtype, [PARTITIONS, PARTITIONS], [0], undefined, { weight: true });
    eye = b.weight(view, () => {
      b.memset(view, ONE_BITS[dtype] ?? 1);
      if (what === 'identity') b.affineSelect(view, view, 'eq', 0, 1, [0, 0, 0, -1], 0);
    });
    known.set(key, eye);
  }
  return eye;
}

const ONE_BITS: Partial<Record<View['dtype'], number>> = { f32: 0x3f800000, bf16: 0x3f80, f16: 0x3c00 };

function forIndex(shape: readonly number[], visit: (index: number[]) => void): void {
  const total = shape.reduce((a, b) => a * b, 1);
  for (let k = 0; k < total; k++) {
    const index = new Array<number>(shape.length);
    let rest = k;
    for (let i = shape.length - 1; i >= 0; i--) {
      const n = shape[i] ?? 1;
      index[i] = rest % n;
      rest = Math.floor(rest / n);
    }
    visit(index);
  }
}

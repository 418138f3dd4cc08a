// Exchanging an axis with the partitions on chip: 128 x 128 blocks through PE against an identity (finite values only), or
// 32 x 32 blocks on DVE (bits, any value).
import { PARTITIONS, type Target } from '../../chip/target.js';
import { CHIP_DTYPE_BYTES } from '../../isa/operands.js';
import type { Builder } from './builder.js';
import { singleAp, sliceView, type Axis, type View } from './view.js';

interface Exchange {
  /** Axis on partitions in src, within partitions in dst. */
  readonly from: number;
  /** Axis within partitions in src, on partitions in dst. */
  readonly to: number;
}

/** The two axes that change places, where that is all that differs; both views start at partition 0. */
function exchange(dst: View, src: View): Exchange | undefined {
  if (dst.space !== 'sbuf' || src.space !== 'sbuf' || dst.dtype !== src.dtype) return undefined;
  if (dst.p0 % PARTITIONS !== 0 || src.p0 % PARTITIONS !== 0) return undefined;
  const lane = (axes: readonly Axis[]) => axes.flatMap((a, i) => (a.n > 1 && a.p !== 0 ? [i] : []));
  const [from, ...moreFrom] = lane(src.axes);
  const [to, ...moreTo] = lane(dst.axes);
  if (from === undefined || to === undefined || from === to || moreFrom.length > 0 || moreTo.length > 0) return undefined;
  return src.axes[from]?.p === 1 && dst.axes[to]?.p === 1 ? { from, to } : undefined;
}

function throughPe(target: Target, v: View, finite: boolean): boolean {
  return finite && (v.dtype === 'bf16' || v.dtype === 'f16' || (v.dtype === 'f32' && target.peFp32));
}

/** Modelled ns of an exchange on chip; undefined where the views do not differ by one. */
export function transposeCost(target: Target, dst: View, src: View, finite: boolean): number | undefined {
  const x = exchange(dst, src);
  if (x === undefined) return undefined;
  const others = src.axes.reduce((n, a, i) => (i === x.from || i === x.to ? n : n * a.n), 1);
  const rows = src.axes[x.from]?.n ?? 1;
  const columns = src.axes[x.to]?.n ?? 1;
  if (throughPe(target, src, finite)) {
    const blocks = others * Math.ceil(rows / PARTITIONS) * Math.ceil(columns / PARTITIONS);
    const factor = src.dtype === 'f32' ? 4 : 1;
    return blocks * ((128 * factor * 1000) / target.clockMhz.pe + (128 * 1000) / target.clockMhz.dve) + 300;
  }
  return others * Math.ceil(rows / 32) * Math.ceil(columns / 32) * ((64 * 1000) / target.clockMhz.dve) + 150;
}

export function transposeOnChip(b: Builder, dst: View, src: View, finite: boolean): void {
  const x = exchange(dst, src) as Exchange;
  const pe = throughPe(b.target, src, finite);
  const block = pe ? PARTITIONS : 32;
  const rest = src.axes.map((a, i) => (i === x.from || i === x.to ? 1 : a.n));
  forIndex(rest, (index) => {
    for (let r = 0; r < (src.axes[x.from]?.n ?? 1); r += block) {
      for (let c = 0; c < (src.axes[x.to]?.n ?? 1); c += block) {
        const starts = [...index];
        const sizes = index.map(() => 1);
        starts[x.from] = r;
        starts[x.to] = c;
        sizes[x.from] = Math.min(block, (src.axes[x.from]?.n ?? 1) - r);
        sizes[x.to] = Math.min(block, (src.axes[x.to]?.n ?? 1) - c);
        const s = sliceView(src, starts, sizes);
        const d = sliceView(dst, starts, sizes);
        if (pe) transposeByPe(b, d, s, x);
        else b.raw('dve', { m: 'TRANSPOSE32', dst: singleAp(d), src: singleAp(s) }, singleAp(s));
      }
    }
  });
}

/** Stationary = the block, moving = the identity: out[column, row] = block[row, column]. */
function transposeByPe(b: Builder, d: View, s: View, x: Exchange): void {
  const rows = s.axes[x.from]?.n ?? 1;
  const columns = s.axes[x.to]?.n ?? 1;
  const out = b.psum('transpose', columns, rows);
  const source = singleAp(s);
  const eye = singleAp(sliceView(identity(b, s.dtype), [0, 0], [rows, rows]));
  const block = { ...source, counts: [1, 1, 1, columns], strides: [0, 0, 0, s.axes[x.to]?.f ?? 0] } as typeof source;
  b.matmul(singleAp(out), block, { ...eye, start: source.start } as typeof eye, true);
  // The other axes have one element here: the destination is the matrix [column, row].
  const matrix: View = { ...d, axes: [d.axes[x.to] as Axis, d.axes[x.from] as Axis] };
  b.copy(matrix, out);
}

const identities = new WeakMap<Builder, Map<string, View>>();

/** The 128 x 128 identity, made on chip once for a program. */
export function identity(b: Builder, dtype: View['dtype']): View {
  let known = identities.get(b);
  if (known === undefined) identities.set(b, (known = new Map()));
  let eye = known.get(dtype);
  if (eye === undefined) {
    const view = b.sbuf('identity', dtype, [PARTITIONS, PARTITIONS], [0], undefined, { weight: true });
    eye = b.weight(view, () => {
      b.memset(view, ONE_BITS[dtype] ?? 1);
      b.affineSelect(view, view, 'eq', 0, 1, [0, 0, 0, -1], 0);
    });
    known.set(dtype, eye);
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

export const bytesOf = (v: View): number => v.axes.reduce((n, a) => n * a.n, CHIP_DTYPE_BYTES[v.dtype]);

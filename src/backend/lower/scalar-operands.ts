// Scalar operands of instructions among views: immediates, and columns that are cut along with the access patterns.
import { PARTITIONS } from '../../chip/target.js';
import type { BufferAp, BufferScalar } from './buffer.js';
import { broadcastView, type View, viewShape } from './view.js';

/** A scalar operand of a kernel: a number, or a view of one element per partition. */
export type ScalarOperand = number | View;

/** How to cut a view whose rows fill several panels from partition 0: by 128 steps of its innermost partition axis. */
export function panelCut(v: View): { axis: number; n: number; size: number } | undefined {
  if (v.space !== 'sbuf' || v.p0 % PARTITIONS !== 0) return undefined;
  const axis = v.axes.findIndex((a) => a.p > 0 && a.n * a.p > PARTITIONS && PARTITIONS % a.p === 0);
  const a = v.axes[axis];
  return a === undefined || a.n * a.p <= PARTITIONS ? undefined : { axis, n: a.n, size: PARTITIONS / a.p };
}

/** Column views among the scalars, stretched to dst's shape so that tile() cuts them along. */
export function columns(dst: View, ...scalars: ScalarOperand[]): View[] {
  return scalars.filter((s): s is View => typeof s !== 'number').map((s) => stretch(s, dst));
}

export function stretch(column: View, dst: View): View {
  return broadcastView(column, viewShape(dst));
}

/** Takes the next column pattern off `rest` for a view, or makes the immediate. */
export function scalarOf(s: ScalarOperand, rest: BufferAp[], immediate: 'f32' | 'i32'): BufferScalar {
  if (typeof s === 'number') return { kind: immediate, value: s };
  const a = rest.shift() as BufferAp;
  return { kind: 'column', space: a.space, dtype: a.dtype, base: a.base, buffer: a.buffer };
}

export function columnAp(rest: BufferAp[]): BufferAp {
  const a = rest.shift() as BufferAp;
  return { ...a, counts: [1, 1, 1, 1], strides: [0, 0, 0, 0] };
}

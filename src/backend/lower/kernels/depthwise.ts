// Depthwise convolution: channels on partitions, no small DMA rows. On DVE each tap is one multiply-accumulate with the
// channel's weight as a column; on PE the weights of a tap are a diagonal stationary operand. The cost model decides.

import { COSTS, PARTITIONS } from '../../../chip/target.js';
import type { Constant } from '../../../ir/constant.js';
import { constantOf, type Node, type Value } from '../../../ir/graph.js';
import { CHIP_DTYPE_BYTES } from '../../../isa/operands.js';
import type { LowerContext } from '../context.js';
import { permuteView, reshapeView, sliceAxis, sliceView, type View, viewShape } from '../view.js';
import { activateWithBias, type Epilogue, evictConvolution } from './epilogue.js';
import { flatPlanes, reachable, someTapCovers, type Window } from './window.js';

/** Lowers on DVE where that is the cheaper engine, or the one asked for, and everything fits on chip; false: the caller takes PE. */
export function depthwise(c: LowerContext, node: Node, w: Window): boolean {
  const x = node.inputs[0] as Value;
  const out = node.outputs[0] as Value;
  const covered =
    someTapCovers(w.kernel.h, w.dilation.h, w.stride.h, w.low.h, w.in.h, w.out.h) &&
    someTapCovers(w.kernel.w, w.dilation.w, w.stride.w, w.low.w, w.in.w, w.out.w);
  if (!covered || !c.fits(out, [1]) || c.bytesPerPartition(x, [1]) > c.budget() * 0.5 || c.dtype(x) === 'i8')
    return false;
  const engine = c.plan.depthwise ?? (dveIsCheaper(c, w, c.dtype(x)) ? 'dve' : 'pe');
  if (engine === 'pe') return false;
  const constant = constantOf(node.inputs[1] as Value) as Constant;
  const taps = w.kernel.h * w.kernel.w;
  const weights = reshapeView(c.weight(constant, [0], c.dtype(x)), [w.out.c, taps]) as View;
  const input = flatPlanes(c.fetch(x, [1]), w.in);
  const home = flatPlanes(c.result(out, [1]), w.out);
  const epilogue: Epilogue = { c, node, w, image: 0 };
  const finish =
    node.attrs.bias === true ||
    node.attrs.residual === true ||
    String(node.attrs.act ?? '') !== '' ||
    home.dtype !== 'f32';
  const sum = finish ? c.b.sbuf('depthwise', 'f32', viewShape(home), [1]) : home;
  accumulateTaps(c, w, sum, input, weights);
  if (!finish) return true;
  for (let m = 0; m < w.out.c; m += 128) {
    const channels = Math.min(128, w.out.c - m);
    const part = (v: View): View => permuteView(sliceAxis(v, 1, m, channels), [1, 0, 2, 3]);
    if (node.attrs.residual === true || node.attrs.bias === true)
      evictConvolution(epilogue, part(home), part(sum), { m, n: 0, o: 0, v: 0 });
    else
      activateWithBias(
        c,
        part(home),
        part(sum),
        undefined,
        String(node.attrs.act ?? ''),
        Number(node.attrs.alpha ?? 0),
      );
  }
  return true;
}

/**
 * For each tap DVE reads two inputs and waits for the sum so far; PE streams the plane whatever the channel count. Layers of a chain
 * run one after the other, so each takes the engine that is faster for it; but where fetching a tap's diagonal of weights takes PE
 * longer than using it, the layer would be bound by transfers.
 */
function dveIsCheaper(c: LowerContext, w: Window, dtype: View['dtype']): boolean {
  const { target } = c.b;
  const columns = w.out.n * w.out.h * w.out.w;
  const factor = dtype === 'f32' ? (target.peFp32 ? 4 : 18) : 1;
  const pe = (columns * factor * 1000) / target.clockMhz.pe;
  const dve = ((COSTS.vectorLatencyCycles + 2 * columns) * 1000) / target.clockMhz.dve;
  const diagonal = PARTITIONS * PARTITIONS * CHIP_DTYPE_BYTES[dtype];
  const rate = Math.min(target.dram.bytesPerSecond, target.dma.bytesPerSecond * target.dma.queues);
  return dve < pe || (diagonal * 1e9) / rate > pe;
}

/** sum = over taps of input shifted * weight; the first tap covers every output and overwrites. */
function accumulateTaps(c: LowerContext, w: Window, sum: View, input: View, weights: View): void {
  const taps = Array.from({ length: w.kernel.h * w.kernel.w }, (_, t) => {
    const offsetH = Math.floor(t / w.kernel.w) * w.dilation.h - w.low.h;
    const offsetW = (t % w.kernel.w) * w.dilation.w - w.low.w;
    const [row, rows] = reachable(0, w.out.h, w.stride.h, offsetH, w.in.h);
    const [column, columns] = reachable(0, w.out.w, w.stride.w, offsetW, w.in.w);
    return { t, row, rows, column, columns, offsetH, offsetW };
  }).filter((r) => r.rows > 0 && r.columns > 0);
  const isFull = (r: (typeof taps)[number]): boolean => r.rows === w.out.h && r.columns === w.out.w;
  taps.sort((a, b) => Number(isFull(b)) - Number(isFull(a)) || a.t - b.t);
  taps.forEach((r, i) => {
    const size = [w.out.n, w.out.c, r.rows, r.columns];
    const from = sliceView(
      input,
      [0, 0, r.row * w.stride.h + r.offsetH, r.column * w.stride.w + r.offsetW],
      size,
      [1, 1, w.stride.h, w.stride.w],
    );
    const to = sliceView(sum, [0, 0, r.row, r.column], size);
    const column = reshapeView(sliceAxis(weights, 1, r.t, 1), [1, w.out.c, 1, 1]) as View;
    if (i === 0) c.b.tensorScalar('multiply', to, from, column);
    else c.b.scalarTensorTensor('multiply', 'add', to, from, column, to);
  });
}

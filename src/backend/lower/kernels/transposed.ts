// Transposed convolution: output positions of equal phase (o mod stride) form a plane of their own, and each such plane is an
// ordinary convolution of the input with some of the taps, flipped. Planes are evicted straight into their strided places.
import { unsupported } from '../../../base/diagnostic.js';
import type { Attrs, Constant } from '../../../ir/constant.js';
import { constantOf, type Node, type Value } from '../../../ir/graph.js';
import { CHIP_DTYPE_BYTES } from '../../../isa/operands.js';
import type { LowerContext } from '../context.js';
import type { Kernel } from '../kernel.js';
import { sliceView, type View, viewShape } from '../view.js';
import { inputRows, onChip, rowsAtOnce } from './bands.js';
import { convolve, WeightCache } from './convolution.js';
import { fill } from './shape.js';
import { flatPlanes, type Pair, type Window, windowOf } from './window.js';

/** The taps of one axis that reach outputs of one phase, and the window of the plane's convolution along it. */
interface PhaseAxis {
  /** First tap and count (steps of `step` taps), in the flipped order of the plane's convolution. */
  readonly taps: readonly number[];
  /** Outputs of this phase. */
  readonly count: number;
  readonly low: number;
  readonly dilation: number;
}

/** out[o] = sum of x[i] * w[k] where i * stride + k * dilation - low = o. */
function phaseAxis(
  phase: number,
  out: number,
  kernel: number,
  stride: number,
  dilation: number,
  low: number,
): PhaseAxis {
  const taps: number[] = [];
  for (let k = kernel - 1; k >= 0; k--) if ((phase + low - k * dilation) % stride === 0) taps.push(k);
  const count = phase < out ? Math.ceil((out - phase) / stride) : 0;
  const reach = (k: number): number => (phase + low - k * dilation) / stride;
  const [first, second] = taps;
  const spacing = first !== undefined && second !== undefined ? reach(second) - reach(first) : 1;
  return { taps, count, low: first === undefined ? 0 : -reach(first), dilation: spacing };
}

const convTranspose: Kernel = (c, node) => {
  const x = node.inputs[0] as Value;
  const out = node.outputs[0] as Value;
  const weights = constantOf(node.inputs[1] as Value);
  if (weights === undefined)
    throw unsupported('E4121', 'a transposed convolution with computed weights', {
      node: node.origins[0]?.node ?? node.op,
    });
  const shape =
    weights.shape.length === 3
      ? [weights.shape[0] ?? 1, weights.shape[1] ?? 1, 1, weights.shape[2] ?? 1]
      : weights.shape;
  const w = windowOf(c, { ...node, attrs: { ...node.attrs, kernel: weights.shape.slice(2) } });
  const planes = reshaped(weights, shape);
  const whole =
    c.places(x).some((p) => p.space === 'sbuf') || c.bytesPerPartition(x, [1]) <= c.budget() * 0.5;
  const input = flatPlanes(whole ? c.fetch(x, [1]) : c.place(x), w.in);
  const fits = c.fits(out, [1]);
  const home = flatPlanes(fits ? c.result(out, [1]) : c.resultInDram(out), w.out);
  for (let ph = 0; ph < Math.min(w.stride.h, w.out.h); ph++) {
    for (let pw = 0; pw < Math.min(w.stride.w, w.out.w); pw++) {
      const h = phaseAxis(ph, w.out.h, w.kernel.h, w.stride.h, w.dilation.h, w.low.h);
      const v = phaseAxis(pw, w.out.w, w.kernel.w, w.stride.w, w.dilation.w, w.low.w);
      onePhase(c, node, w, planes, input, home, { h: ph, w: pw }, h, v, fits);
    }
  }
};

function onePhase(
  c: LowerContext,
  node: Node,
  w: Window,
  weights: Constant,
  input: View,
  home: View,
  phase: Pair,
  h: PhaseAxis,
  v: PhaseAxis,
  fits: boolean,
): void {
  const place = sliceView(
    home,
    [0, 0, phase.h, phase.w],
    [w.out.n, w.out.c, h.count, v.count],
    [1, 1, w.stride.h, w.stride.w],
  );
  if (h.taps.length === 0 || v.taps.length === 0) {
    const made = fits ? place : c.b.sbuf('phase', home.dtype, viewShape(place), [1]);
    if (node.attrs.bias !== true) fill(c, made, 0);
    else emptyPhase(c, node, w, made);
    if (!fits) c.b.dma(place, made);
  } else {
    const plane: Window = {
      ...w,
      out: { ...w.out, h: h.count, w: v.count },
      kernel: { h: h.taps.length, w: v.taps.length },
      stride: { h: 1, w: 1 },
      dilation: { h: h.dilation, w: v.dilation },
      low: { h: h.low, w: v.low },
      depthwise: false,
    };
    planeInBands(c, node, phaseWeights(weights, w, h.taps, v.taps), plane, input, place);
  }
}

/** The convolution of one phase, image by image in bands of rows where it is large. */
function planeInBands(
  c: LowerContext,
  node: Node,
  weights: Constant,
  plane: Window,
  input: View,
  place: View,
): void {
  const x = node.inputs[0] as Value;
  const rows = rowsAtOnce(c, plane, CHIP_DTYPE_BYTES[c.dtype(x)]);
  const onlyBand = rows >= plane.out.h && input.space === 'sbuf' && place.space === 'sbuf';
  const images = onlyBand ? plane.out.n : 1;
  const cache = new WeightCache();
  for (let n = 0; n < plane.out.n; n += images) {
    for (let o = 0; o < plane.out.h; o += rows) {
      const high = Math.min(rows, plane.out.h - o);
      const [first, end] = inputRows(plane, o, high);
      const piece = sliceView(input, [n, 0, first, 0], [images, plane.in.c, end - first, plane.in.w]);
      const target = sliceView(place, [n, 0, o, 0], [images, plane.out.c, high, plane.out.w]);
      const made = place.space === 'sbuf' ? target : c.b.sbuf('phase', place.dtype, viewShape(target), [1]);
      const band = { input: onChip(c, x, piece), inRow: first, out: made, outRow: o, image: n };
      convolve(c, node, weights, plane, band, cache);
      if (made !== target) c.b.dma(target, made);
    }
  }
}

/** Outputs that no tap reaches are the bias alone. */
function emptyPhase(c: LowerContext, node: Node, w: Window, made: View): void {
  const bias = c.fetch(node.inputs[2] as Value, [0]);
  fill(c, made, 0);
  c.b.tensorScalar('add', made, made, {
    ...bias,
    axes: [
      { n: 1, p: 0, f: 0 },
      { n: w.out.c, p: 1, f: 0 },
      { n: 1, p: 0, f: 0 },
      { n: 1, p: 0, f: 0 },
    ],
  });
}

function apply(op: string, attrs: Attrs, inputs: readonly Constant[], shape: readonly number[]): Constant {
  return {
    dtype: (inputs[0] as Constant).dtype,
    shape,
    recipe: { kind: 'apply', op, attrs, inputs, result: 0 },
  };
}

const reshaped = (x: Constant, shape: readonly number[]): Constant => apply('reshape', { shape }, [x], shape);

/** w[C, M/g, kh, kw] -> [M, C/g, taps of the phase, descending]. */
function phaseWeights(
  weights: Constant,
  w: Window,
  rows: readonly number[],
  columns: readonly number[],
): Constant {
  const [channels = 1, perGroup = 1, kh = 1, kw = 1] = weights.shape;
  const inGroup = channels / w.groups;
  const split = reshaped(weights, [w.groups, inGroup, perGroup, kh, kw]);
  const turned = apply(
    'transpose',
    { perm: [0, 2, 1, 3, 4] },
    [split],
    [w.groups, perGroup, inGroup, kh, kw],
  );
  const flat = reshaped(turned, [w.groups * perGroup, inGroup, kh, kw]);
  const step = (taps: readonly number[]): number => (taps.length > 1 ? (taps[1] ?? 0) - (taps[0] ?? 0) : 1);
  const sizes = [w.groups * perGroup, inGroup, rows.length, columns.length];
  return apply(
    'slice',
    { starts: [0, 0, rows[0] ?? 0, columns[0] ?? 0], sizes, steps: [1, 1, step(rows), step(columns)] },
    [flat],
    sizes,
  );
}

export const TRANSPOSED: Readonly<Record<string, Kernel>> = { conv_transpose: convTranspose };

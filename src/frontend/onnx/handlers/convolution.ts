// Convolutions of ai.onnx. Padding that the operator derives (auto_pad, output_shape) is resolved to numbers here.
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';

export interface Padding {
  readonly low: readonly number[];
  readonly high: readonly number[];
}

export interface Window extends Padding {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
}

/** Elements under the largest window. */
const MOST_TAPS = 2 ** 20;

/** Strides, dilations and padding of a window of these taps over the spatial axes of `x`. */
export function windowOf(c: NodeContext, x: Value, kernel: readonly number[]): Window {
  const spatial = c.rank(x) - 2;
  const { attributes: a } = c;
  const ones = Array.from({ length: spatial }, () => 1);
  const strides = a.ints('strides', ones);
  const dilations = a.ints('dilations', ones);
  for (const list of [strides, dilations, kernel]) {
    if (list.length !== spatial || list.some((n) => n < 1))
      throw c.bad(`strides, dilations or kernel [${list}] do not belong to ${spatial} spatial axes`);
  }
  if (kernel.reduce((n, taps) => n * taps, 1) > MOST_TAPS)
    throw c.refuse(`a window of ${kernel.join('x')} is too large`);
  return { strides, dilations, ...paddingOf(c, x, kernel, strides, dilations) };
}

function paddingOf(
  c: NodeContext,
  x: Value,
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): Padding {
  const mode = c.attributes.oneOf('auto_pad', ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'], 'NOTSET');
  const zeros = kernel.map(() => 0);
  if (mode === 'VALID') return { low: zeros, high: zeros };
  if (mode === 'NOTSET') {
    const pads = c.attributes.ints('pads', [...zeros, ...zeros]);
    if (pads.length !== 2 * kernel.length)
      throw c.bad(`${pads.length} pads do not belong to ${kernel.length} spatial axes`);
    return { low: pads.slice(0, kernel.length), high: pads.slice(kernel.length) };
  }
  const total = kernel.map((taps, i) => {
    const size = c.dim(x, i + 2);
    const [stride, dilation] = [strides[i] ?? 1, dilations[i] ?? 1];
    const outputs = Math.ceil(size / stride);
    return Math.max(0, (outputs - 1) * stride + (taps - 1) * dilation + 1 - size);
  });
  const smaller = total.map((n) => Math.floor(n / 2));
  const larger = total.map((n, i) => n - (smaller[i] ?? 0));
  return mode === 'SAME_UPPER' ? { low: smaller, high: larger } : { low: larger, high: smaller };
}

/** Taps of the filters: the attribute, if any, only repeats them. */
export function kernelOf(c: NodeContext, w: Value): readonly number[] {
  return c.shape(w).slice(2);
}

const conv: Handler = (c) => {
  const [x, w, bias] = [c.input(0), c.input(1), c.optional(2)];
  return convOf(c, x, w, bias, windowOf(c, x, kernelOf(c, w)));
};

export function convOf(c: NodeContext, x: Value, w: Value, bias: Value | undefined, window: Window): Value {
  const attrs = { ...window, groups: c.attributes.int('group', 1), bias: bias !== undefined };
  return c.op('conv', bias === undefined ? [x, w] : [x, w, bias], attrs);
}

const convTranspose: Handler = (c) => {
  const [x, w, bias] = [c.input(0), c.input(1), c.optional(2)];
  const { attributes: a } = c;
  const kernel = kernelOf(c, w);
  const ones = kernel.map(() => 1);
  const strides = a.ints('strides', ones);
  const dilations = a.ints('dilations', ones);
  const extra = a.ints(
    'output_padding',
    kernel.map(() => 0),
  );
  const full = kernel.map(
    (taps, i) =>
      (c.dim(x, i + 2) - 1) * (strides[i] ?? 1) + (taps - 1) * (dilations[i] ?? 1) + 1 + (extra[i] ?? 0),
  );
  const { low, high } = transposedPadding(c, x, full, strides);
  const attrs = {
    strides: [...strides],
    dilations: [...dilations],
    groups: a.int('group', 1),
    output_padding: [...extra],
    low: low.map((n) => Math.max(0, n)),
    high: high.map((n) => Math.max(0, n)),
  };
  // Negative padding is output that no tap reaches: zeros, and the bias.
  const beyond = [...low, ...high].some((n) => n < 0);
  if (!beyond && bias !== undefined) return c.op('conv_transpose', [x, w, bias], { ...attrs, bias: true });
  const product = c.op('conv_transpose', [x, w], attrs);
  const grown = (amounts: readonly number[]) => [0, 0, ...amounts.map((n) => Math.max(0, -n))];
  const whole = c.pad(product, grown(low), grown(high));
  return bias === undefined ? whole : c.add(whole, c.alongAxis(bias, 1, c.rank(x)));
};

/** How much of the full result is cut off on each side. */
function transposedPadding(
  c: NodeContext,
  x: Value,
  full: readonly number[],
  strides: readonly number[],
): Padding {
  const { attributes: a } = c;
  const mode = a.oneOf('auto_pad', ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'], 'NOTSET');
  const zeros = full.map(() => 0);
  const isSame = mode === 'SAME_UPPER' || mode === 'SAME_LOWER';
  if (!a.has('output_shape') && !isSame) {
    const pads = mode === 'VALID' ? [...zeros, ...zeros] : a.ints('pads', [...zeros, ...zeros]);
    return { low: pads.slice(0, full.length), high: pads.slice(full.length) };
  }
  const wanted = a.has('output_shape')
    ? a.ints('output_shape').slice(-full.length)
    : full.map((_, i) => c.dim(x, i + 2) * (strides[i] ?? 1));
  const total = full.map((n, i) => n - (wanted[i] ?? 0));
  const half = total.map((n) => Math.floor(n / 2));
  const rest = total.map((n, i) => n - (half[i] ?? 0));
  return mode === 'SAME_UPPER' ? { low: half, high: rest } : { low: rest, high: half };
}

export const CONVOLUTION: HandlerTable = {
  Conv: conv,
  ConvTranspose: convTranspose,
};

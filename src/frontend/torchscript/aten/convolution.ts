// Convolutions and their transposes over one to three spatial axes. Inputs without a batch axis get one for the operator.
import type { Value } from '../../../ir/graph.js';
import type { Lowering } from '../lower/lowering.js';
import { shapeOf } from '../lower/views.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { promote } from './promote.js';

export interface ConvSettings {
  readonly strides: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly dilations: readonly number[];
  readonly groups: number;
  /** Of a transposed convolution. */
  readonly outputPadding?: readonly number[];
}

/** Runs `of` with a batch axis of 1 where the input has none. */
export function withBatch(c: Lowering, x: Value, spatial: number, of: (x: Value) => Value): Value {
  const shape = shapeOf(x);
  if (shape.length !== spatial + 1) return of(x);
  const result = of(c.reshape(x, [1, ...shape]));
  return c.reshape(result, shapeOf(result).slice(1));
}

export function convolve(c: Lowering, x: Value, w: Value, bias: Value | undefined, s: ConvSettings): Value {
  const { strides, low, high, dilations, groups, outputPadding } = s;
  const operands = (image: Value): Value[] => [image, w, ...(bias === undefined ? [] : [bias])];
  const common = { strides, low, high, dilations, groups, bias: bias !== undefined };
  return withBatch(c, x, shapeOf(w).length - 2, (image) =>
    outputPadding === undefined
      ? c.one('conv', operands(image), common)
      : c.one('conv_transpose', operands(image), { ...common, output_padding: outputPadding }),
  );
}

/** Padding that keeps the size: the odd element goes behind. */
export function samePadding(
  kernel: readonly number[],
  dilations: readonly number[],
): { low: number[]; high: number[] } {
  const total = kernel.map((n, i) => (n - 1) * (dilations[i] ?? 1));
  return { low: total.map((n) => Math.floor(n / 2)), high: total.map((n) => Math.ceil(n / 2)) };
}

interface Operands {
  readonly x: Value;
  readonly w: Value;
  readonly bias: Value | undefined;
  readonly spatial: number;
}

/** The operands in their common type. */
function operandsOf(c: Lowering, a: Args): Operands {
  const [x, w, bias] = [a.tensor('input'), a.tensor('weight'), a.optional('bias')];
  const dtype = promote([x, w]);
  return {
    x: c.cast(c.value(x), dtype),
    w: c.cast(c.value(w), dtype),
    bias: bias && c.cast(c.value(bias), dtype),
    spatial: w.shape.length - 2,
  };
}

/** `paddingName` is a list, or the words `same` and `valid`. */
const conv: Handler = (c, a) => {
  const { x, w, bias, spatial } = operandsOf(c, a);
  const dilations = a.ints('dilation', spatial);
  const strides = a.ints('stride', spatial);
  const padding = a.item('padding');
  let pads: { low: number[]; high: number[] };
  if (padding.kind === 'string') {
    const none = new Array<number>(spatial).fill(0);
    pads = padding.value === 'same' ? samePadding(shapeOf(w).slice(2), dilations) : { low: none, high: none };
  } else {
    const both = a.ints('padding', spatial);
    pads = { low: both, high: both };
  }
  return convolve(c, x, w, bias, { strides, ...pads, dilations, groups: a.number('groups') });
};

const transposed: Handler = (c, a) => {
  const { x, w, bias, spatial } = operandsOf(c, a);
  const pads = a.ints('padding', spatial);
  return convolve(c, x, w, bias, {
    strides: a.ints('stride', spatial),
    low: pads,
    high: pads,
    dilations: a.ints('dilation', spatial),
    groups: a.number('groups'),
    outputPadding: a.ints('output_padding', spatial),
  });
};

const either: Handler = (c, a) => (a.flag('transposed') ? transposed(c, a) : conv(c, a));

const SPATIAL = [1, 2, 3] as const;

export const CONVOLUTION: Family = {
  '_convolution(Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, bool transposed, int[] output_padding, int groups, bool benchmark, bool deterministic, bool cudnn_enabled, bool allow_tf32=True)':
    either,
  'convolution(Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, bool transposed, int[] output_padding, int groups)':
    either,
  '_convolution_mode(Tensor input, Tensor weight, Tensor? bias, int[] stride, str padding, int[] dilation, int groups)':
    conv,
  ...Object.fromEntries(
    SPATIAL.flatMap((n): [string, Handler][] => [
      [
        `conv${n}d(Tensor input, Tensor weight, Tensor? bias=None, int[${n}] stride=1, int[${n}] padding=0, int[${n}] dilation=1, int groups=1)`,
        conv,
      ],
      [
        `conv${n}d(Tensor input, Tensor weight, Tensor? bias=None, int[${n}] stride=1, str padding="valid", int[${n}] dilation=1, int groups=1)`,
        conv,
      ],
      [
        `conv_transpose${n}d(Tensor input, Tensor weight, Tensor? bias=None, int[${n}] stride=1, int[${n}] padding=0, int[${n}] output_padding=0, int groups=1, int[${n}] dilation=1)`,
        transposed,
      ],
    ]),
  ),
};

// Packed weights, as quantised and mobile models keep them: objects of PyTorch's own classes, whose saved state holds the
// weight, the bias and the settings of the layer. And XNNPACK's layers on packed floats.
import { constantOf, type Value } from '../../../ir/graph.js';
import { constantNumbers } from '../../../ops/evaluate.js';
import type { PickleValue, TorchTensor } from '../archive/value.js';
import { archiveTensor } from '../lower/archive-tensor.js';
import { type Item, isConstant, numberOf, type ObjectItem } from '../lower/items.js';
import type { Lowering } from '../lower/lowering.js';
import type { TensorItem } from '../lower/tensor-item.js';
import type { Args } from './bind.js';
import { type ConvSettings, convolve } from './convolution.js';
import type { Family, Handler } from './declare.js';
import { linear } from './linear.js';

/** Weight and bias of a packed object, and of a convolution its settings. */
export interface Packed {
  readonly weight: TensorItem;
  readonly bias: Value | undefined;
  readonly conv?: ConvSettings;
}

export function packedOf(c: Lowering, a: Args, name: string): Packed {
  return packedObject(c, a.item(name) as ObjectItem);
}

export function packedObject(c: Lowering, item: Omit<ObjectItem, 'kind'>): Packed {
  const { state } = item;
  const own = madeHere(c, item);
  if (own !== undefined) return own;
  const short = item.class.split('.').at(-1) ?? item.class;
  const parts = state?.kind === 'tuple' || state?.kind === 'list' ? state.items : undefined;
  const packed =
    parts &&
    (short.startsWith('Linear')
      ? packedLinear(c, item.path, parts)
      : short.startsWith('Conv')
        ? packedConv(c, item.path, parts)
        : undefined);
  if (packed === undefined)
    throw c.refuse('E4326', `packed weights of class ${item.class} are not read in the form they have here`);
  return packed;
}

/** Weights that the program packs itself, as `__setstate__` of quantised layers does: an object with the operands for attributes. */
const packing =
  (kind: 'Linear' | 'Conv', transposed = false): Handler =>
  (_c, a) => ({
    kind: 'object',
    class: `__torch__.torch.classes.quantized.${kind}PackedParamsBase`,
    path: '',
    attributes: new Map<string, Item>([
      ['weight', a.item(kind === 'Linear' ? 'W' : 'weight')],
      ['bias', a.item(kind === 'Linear' ? 'B' : 'bias')],
      ...(kind === 'Linear' ? [] : CONV_SETTINGS.map((name): [string, Item] => [name, a.item(name)])),
      ...(transposed ? ([['output_padding', a.item('output_padding')]] as const) : []),
    ]),
  });

const CONV_SETTINGS = ['stride', 'padding', 'dilation', 'groups'];

function madeHere(c: Lowering, { attributes }: Pick<ObjectItem, 'attributes'>): Packed | undefined {
  const weight = attributes.get('weight');
  if (weight?.kind !== 'tensor') return undefined;
  const ints = (name: string): number[] | undefined => {
    const item = attributes.get(name);
    if (item === undefined) return undefined;
    return (item.kind === 'list' ? item.items : [item]).map((x) => (isConstant(x) ? numberOf(x) : 0));
  };
  const bias = attributes.get('bias');
  const [strides, padding, dilations, groups] = CONV_SETTINGS.map(ints);
  const outputPadding = ints('output_padding');
  return {
    weight,
    bias: bias?.kind === 'tensor' ? c.value(bias) : undefined,
    ...(strides && {
      conv: {
        strides,
        low: padding ?? [],
        high: padding ?? [],
        dilations: dilations ?? [],
        groups: groups?.[0] ?? 1,
        ...(outputPadding && { outputPadding }),
      },
    }),
  };
}

const asTensor = (v: PickleValue | undefined): TorchTensor | undefined =>
  v?.kind === 'tensor' ? v : undefined;

function packedLinear(c: Lowering, path: string, parts: readonly PickleValue[]): Packed | undefined {
  const weight = asTensor(parts[0]);
  const bias = asTensor(parts[1]);
  if (weight === undefined) return undefined;
  return {
    weight: archiveTensor(c, weight, `${path}.weight`),
    bias: bias && c.value(archiveTensor(c, bias, `${path}.bias`)),
  };
}

/** Version 2 and 3: a vector of settings, the weight, the optional bias. */
function packedConv(c: Lowering, path: string, parts: readonly PickleValue[]): Packed | undefined {
  const [, first, second] = parts;
  const tensors = first?.kind === 'list' ? first.items : [];
  const optional = second?.kind === 'list' || second?.kind === 'tuple' ? second.items : [];
  const settings = asTensor(tensors[0]);
  const weight = asTensor(tensors[1]);
  if (settings === undefined || weight === undefined) return undefined;
  const constant = constantOf(c.value(archiveTensor(c, settings, `${path}.settings`)));
  const numbers = constant === undefined ? [] : Array.from(constantNumbers(constant));
  const spatial = numbers[0] ?? 0;
  if (spatial !== weight.shape.length - 2) return undefined;
  const take = (i: number): number[] => numbers.slice(1 + i * spatial, 1 + (i + 1) * spatial);
  const pads = take(1);
  const [groups = 1, flags = 0] = numbers.slice(1 + 4 * spatial);
  const transposed = (flags & 1) !== 0;
  const bias = optional.map(asTensor).find((t) => t !== undefined);
  return {
    weight: archiveTensor(c, weight, `${path}.weight`),
    bias: bias && c.value(archiveTensor(c, bias, `${path}.bias`)),
    conv: {
      strides: take(0),
      low: pads,
      high: pads,
      dilations: take(2),
      groups,
      ...(transposed && { outputPadding: take(3) }),
    },
  };
}

/** XNNPACK's packed layers of mobile models: weight, bias, settings, bounds of the result. */
const clampedLayer =
  (kind: 'linear' | 'conv'): Handler =>
  (c, a) => {
    const object = a.item('W_prepack') as ObjectItem;
    const { state } = object;
    const parts = state?.kind === 'tuple' ? state.items : [];
    const weight = asTensor(parts[0]);
    if (weight === undefined)
      throw c.refuse(
        'E4326',
        `packed weights of class ${object.class} are not read in the form they have here`,
      );
    const bias = asTensor(parts[1]);
    const w = c.value(archiveTensor(c, weight, `${object.path}.weight`));
    const b = bias && c.value(archiveTensor(c, bias, `${object.path}.bias`));
    const x = c.value(a.tensor('X'));
    const [low, high] = parts
      .slice(-2)
      .map((p) => (p.kind === 'float' || p.kind === 'int' ? Number(p.value) : undefined));
    const ints = (i: number): number[] => {
      const p = parts[i];
      return p?.kind === 'list' ? p.items.map((n) => (n.kind === 'int' ? Number(n.value) : 1)) : [];
    };
    const groups = parts[5]?.kind === 'int' ? Number(parts[5].value) : 1;
    const y =
      kind === 'linear'
        ? linear(c, x, w, b)
        : convolve(c, x, w, b, { strides: ints(2), low: ints(3), high: ints(3), dilations: ints(4), groups });
    const above =
      low === undefined || low === Number.NEGATIVE_INFINITY
        ? y
        : low === 0
          ? c.one('relu', [y])
          : c.one('max', [y, c.constantF('f32', low)]);
    return high === undefined || high === Number.POSITIVE_INFINITY
      ? above
      : c.one('min', [above, c.constantF('f32', high)]);
  };

export const PREPACKED: Family = {
  'linear_clamp_run(Tensor X, Object W_prepack)': clampedLayer('linear'),
  'conv2d_clamp_run(Tensor X, Object W_prepack)': clampedLayer('conv'),
};

const CONV = 'Tensor weight, Tensor? bias, int[] stride, int[] padding';

/** `quantized::`. */
export const PACKING: Family = {
  'linear_prepack(Tensor W, Tensor? B=None)': packing('Linear'),
  'linear_prepack_fp16(Tensor W, Tensor? B=None)': packing('Linear'),
  ...Object.fromEntries(
    [1, 2, 3].flatMap((n): [string, Handler][] => [
      [`conv${n}d_prepack(${CONV}, int[] dilation, int groups)`, packing('Conv')],
      [
        `conv_transpose${n}d_prepack(${CONV}, int[] output_padding, int[] dilation, int groups)`,
        packing('Conv', true),
      ],
    ]),
  ),
};

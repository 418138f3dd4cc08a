// Operators that put elements elsewhere and always copy: joining, repeating, rolling, windows, shuffles.
import { badInput } from '../../../base/diagnostic.js';
import type { Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import { list } from '../lower/items.js';
import type { Lowering } from '../lower/lowering.js';
import type { TensorItem } from '../lower/tensor-item.js';
import { permuteView, reshapeView, shapeOf, sliceAxis, sliceView } from '../lower/views.js';
import { axesOf, axisOf } from './axes.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { commonType } from './promote.js';
import { unsqueeze } from './shapes.js';

function joined(c: Lowering, tensors: readonly TensorItem[], dim: number): Value {
  // An empty vector takes part in nothing, as PyTorch has it for old models.
  const present = tensors.filter((t) => !(t.shape.length === 1 && t.shape[0] === 0));
  const [first] = present.length > 0 ? present : tensors;
  if (first === undefined) throw badInput('E3374', 'a list of no tensors is concatenated', c.where());
  const dtype = tensors.map((t) => t.dtype).reduce(commonType);
  const axis = axisOf(c, dim, first.shape.length);
  const operands = (present.length > 0 ? present : [first]).map((t) => c.cast(c.value(t), dtype));
  return c.one('concat', operands, { axis });
}

const cat: Handler = (c, a) => {
  const tensors = a.tensors('tensors');
  const value = joined(c, tensors, a.number('dim'));
  const quantizer = tensors[0]?.quantizer;
  return quantizer === undefined ? value : c.fresh(value, { quantizer });
};

const stack: Handler = (c, a) => {
  const tensors = a.tensors('tensors');
  return joined(
    c,
    tensors.map((t) => unsqueeze(c, t, a.number('dim'))),
    axisOf(c, a.number('dim'), (tensors[0]?.shape.length ?? 0) + 1),
  );
};

function repeat(c: Lowering, x: Value, repeats: readonly number[]): Value {
  const rank = Math.max(repeats.length, shapeOf(x).length);
  const shape = [...new Array<number>(rank - shapeOf(x).length).fill(1), ...shapeOf(x)];
  const counts = [...new Array<number>(rank - repeats.length).fill(1), ...repeats];
  const apart = c.reshape(
    x,
    shape.flatMap((n) => [1, n]),
  );
  const spread = c.broadcast(
    apart,
    shape.flatMap((n, i) => [counts[i] ?? 1, n]),
  );
  return c.reshape(
    spread,
    shape.map((n, i) => n * (counts[i] ?? 1)),
  );
}

function repeatEach(c: Lowering, a: Args): Value {
  const t = a.tensor('self');
  const dim = a.numberOr('dim');
  const x = dim === undefined ? c.reshape(c.value(t), [elementCount(t.shape)]) : c.value(t);
  const shape = shapeOf(x);
  const axis = axisOf(c, dim ?? 0, shape.length);
  const count = a.number('repeats');
  const apart = c.reshape(x, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
  const spread = c.broadcast(apart, [...shape.slice(0, axis + 1), count, ...shape.slice(axis + 1)]);
  return c.reshape(
    spread,
    shape.map((n, i) => (i === axis ? n * count : n)),
  );
}

/** The elements of an axis, each `by` places further; those that fall off come in at the other end. */
export function rolled(c: Lowering, x: Value, axis: number, by: number): Value {
  const length = shapeOf(x)[axis] ?? 0;
  const shift = length === 0 ? 0 : ((by % length) + length) % length;
  if (shift === 0) return x;
  const tail = sliceAxis(c.builder, x, axis, length - shift, shift);
  const head = sliceAxis(c.builder, x, axis, 0, length - shift);
  return c.one('concat', [tail, head], { axis });
}

function roll(c: Lowering, a: Args): Value {
  const t = a.tensor('self');
  const dims = a.ints('dims');
  const flat = dims.length === 0;
  const start = flat ? c.reshape(c.value(t), [elementCount(t.shape)]) : c.value(t);
  const axes = flat ? [0] : dims.map((d) => axisOf(c, d, t.shape.length));
  const result = a.ints('shifts').reduce((x, by, i) => rolled(c, x, axes[i] ?? 0, by), start);
  return flat ? c.reshape(result, t.shape) : result;
}

function flip(c: Lowering, x: Value, axes: readonly number[]): Value {
  const shape = shapeOf(x);
  return c.one('slice', [x], {
    starts: shape.map((n, i) => (axes.includes(i) ? Math.max(0, n - 1) : 0)),
    sizes: shape,
    steps: shape.map((_, i) => (axes.includes(i) ? -1 : 1)),
  });
}

/** Sliding windows of one axis as a new last axis: elements may coincide, so that no write to either may be read by the other. */
function unfoldAxis(c: Lowering, a: Args): TensorItem {
  const t = a.tensor('self');
  const axis = axisOf(c, a.number('dimension'), t.shape.length);
  const [size, step] = [a.number('size'), a.number('step')];
  const count = Math.floor(((t.shape[axis] ?? 0) - size) / step) + 1;
  c.checkElements(count * size);
  const index = c.builder.ints(
    Array.from({ length: count * size }, (_, i) => Math.floor(i / size) * step + (i % size)),
  );
  const picked = c.one('gather', [c.value(t), index], { axis });
  const shape = t.shape.flatMap((n, i) => (i === axis ? [count, size] : [n]));
  const rank = shape.length;
  const perm = [...Array(rank).keys()].filter((i) => i !== axis + 1);
  return sharing(c, t, c.transpose(c.reshape(picked, shape), [...perm, axis + 1]));
}

/** Elements of a tensor in an arrangement that is no view here but shares memory in PyTorch: a write makes the other unreadable. */
function sharing(c: Lowering, t: TensorItem, value: Value): TensorItem {
  const copy = c.fresh(value, { rowMajor: false });
  c.rival(copy.storage, t.storage);
  return copy;
}

/** [N, C r r, H, W] to [N, C, H r, W r]. */
function pixelShuffle(c: Lowering, a: Args): Value {
  const t = a.tensor('self');
  const r = a.number('upscale_factor');
  const lead = t.shape.slice(0, -3);
  const [channels = 1, h = 1, w = 1] = t.shape.slice(-3);
  const n = elementCount(lead);
  const split6 = c.reshape(c.value(t), [n, channels / (r * r), r, r, h, w]);
  return c.reshape(c.transpose(split6, [0, 1, 4, 2, 5, 3]), [...lead, channels / (r * r), h * r, w * r]);
}

function pixelUnshuffle(c: Lowering, a: Args): Value {
  const t = a.tensor('self');
  const r = a.number('downscale_factor');
  const lead = t.shape.slice(0, -3);
  const [channels = 1, h = 1, w = 1] = t.shape.slice(-3);
  const split6 = c.reshape(c.value(t), [elementCount(lead), channels, h / r, r, w / r, r]);
  return c.reshape(c.transpose(split6, [0, 1, 3, 5, 2, 4]), [...lead, channels * r * r, h / r, w / r]);
}

function channelShuffle(c: Lowering, a: Args): Value {
  const t = a.tensor('self');
  const groups = a.number('groups');
  const [n = 1, channels = 1, ...rest] = t.shape;
  const apart = c.reshape(c.value(t), [n, groups, channels / groups, ...rest]);
  return c.reshape(c.transpose(apart, [0, 2, 1, ...rest.map((_, i) => i + 3)]), t.shape);
}

/** Diagonal of two axes, as the last axis: a view. */
function diagonal(c: Lowering, a: Args): TensorItem {
  const t = a.tensor('self');
  const rank = t.shape.length;
  const [p, q, offset] = [
    axisOf(c, a.number('dim1'), rank),
    axisOf(c, a.number('dim2'), rank),
    a.number('offset'),
  ];
  const rest = t.shape.map((_, i) => i).filter((i) => i !== p && i !== q);
  const [rows, columns] = [t.shape[p] ?? 0, t.shape[q] ?? 0];
  const start = offset >= 0 ? offset : -offset * columns;
  const size = Math.max(
    0,
    Math.min(offset >= 0 ? rows : rows + offset, offset >= 0 ? columns - offset : columns),
  );
  const last = c.view(t, permuteView([...rest, p, q], t.shape));
  const flat = c.view(last, reshapeView([...rest.map((i) => t.shape[i] ?? 1), rows * columns]));
  return c.view(flat, sliceView(rest.length, size === 0 ? 0 : start, size, columns + 1, flat.shape));
}

/** Vectors spread over a grid, one axis each. */
const meshgrid: Handler = (c, a) => {
  const tensors = a.tensors('tensors');
  const xy = a.textOr('indexing') === 'xy' && tensors.length > 1;
  const order = tensors.map((_, i) => (xy && i < 2 ? 1 - i : i));
  const shape = order.map((i) => elementCount(tensors[i]?.shape ?? []));
  return list(
    tensors.map((t, i) => {
      const own = order.indexOf(i);
      const aligned = c.reshape(
        c.value(t),
        shape.map((n, axis) => (axis === own ? n : 1)),
      );
      return sharing(c, t, c.broadcast(aligned, shape));
    }),
  );
};

export const REARRANGE: Family = {
  'repeat(Tensor self, int[] repeats)': (c, a) => repeat(c, c.value(a.tensor('self')), a.ints('repeats')),
  'tile(Tensor self, int[] dims)': (c, a) => repeat(c, c.value(a.tensor('self')), a.ints('dims')),
  'repeat_interleave(Tensor self, int repeats, int? dim=None, *, int? output_size=None)': repeatEach,
  'cat(Tensor[] tensors, int dim=0)': cat,
  'concat(Tensor[] tensors, int dim=0)': cat,
  'concatenate(Tensor[] tensors, int dim=0)': cat,
  'stack(Tensor[] tensors, int dim=0)': stack,
  'hstack(Tensor[] tensors)': (c, a) =>
    joined(c, a.tensors('tensors'), (a.tensors('tensors')[0]?.shape.length ?? 1) > 1 ? 1 : 0),
  'vstack(Tensor[] tensors)': (c, a) =>
    joined(
      c,
      a
        .tensors('tensors')
        .map((t) => (t.shape.length < 2 ? c.view(t, reshapeView([1, elementCount(t.shape)])) : t)),
      0,
    ),
  'roll(Tensor self, int[] shifts, int[] dims=[])': roll,
  'flip(Tensor self, int[] dims)': (c, a) =>
    flip(c, c.value(a.tensor('self')), axesOf(c, a.ints('dims'), a.tensor('self').shape.length)),
  'fliplr(Tensor self)': (c, a) => flip(c, c.value(a.tensor('self')), [1]),
  'flipud(Tensor self)': (c, a) => flip(c, c.value(a.tensor('self')), [0]),
  'unfold(Tensor self, int dimension, int size, int step)': unfoldAxis,
  'pixel_shuffle(Tensor self, int upscale_factor)': pixelShuffle,
  'pixel_unshuffle(Tensor self, int downscale_factor)': pixelUnshuffle,
  'channel_shuffle(Tensor self, int groups)': channelShuffle,
  'diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1)': diagonal,
  'meshgrid(Tensor[] tensors)': meshgrid,
  'meshgrid(Tensor[] tensors, *, str indexing)': meshgrid,
};

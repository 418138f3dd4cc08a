// Operators that rearrange tensors: views that share memory wherever PyTorch's do, and the copies.
import { badInput } from '../../../base/diagnostic.js';
import type { Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import { type Item, int, list } from '../lower/items.js';
import type { Lowering } from '../lower/lowering.js';
import type { TensorItem } from '../lower/tensor-item.js';
import { expandView, permuteView, reshapeView, shapeOf, sliceAxis, sliceView } from '../lower/views.js';
import { axesOf, axisOf, commonShape, indexOf, rangeOf } from './axes.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { commonType } from './promote.js';

/** A shape with at most one -1, for so many elements. E3373 where they do not agree. */
export function resolveShape(c: Lowering, shape: readonly number[], count: number): number[] {
  const open = shape.indexOf(-1);
  const known = shape.reduce((n, d, i) => (i === open ? n : n * d), 1);
  const resolved = open < 0 ? [...shape] : shape.map((d, i) => (i === open ? (known === 0 ? 0 : count / known) : d));
  if (resolved.some((d) => d < 0 || !Number.isInteger(d)) || elementCount(resolved) !== count)
    throw badInput('E3373', `a tensor of ${count} elements cannot have the shape [${shape.join(', ')}]`, c.where());
  return resolved;
}

export function reshapeTo(c: Lowering, t: TensorItem, shape: readonly number[]): TensorItem {
  const resolved = resolveShape(c, shape, elementCount(t.shape));
  return c.viewOrCopy(t, reshapeView(resolved));
}

function unsqueeze(c: Lowering, t: TensorItem, dim: number): TensorItem {
  const axis = axisOf(c, dim, t.shape.length + 1);
  return c.view(t, reshapeView([...t.shape.slice(0, axis), 1, ...t.shape.slice(axis)]));
}

function squeeze(c: Lowering, t: TensorItem, axes: readonly number[]): TensorItem {
  const shape = t.shape.filter((n, i) => n !== 1 || !axes.includes(i));
  return shape.length === t.shape.length ? t : c.view(t, reshapeView(shape));
}

export function select(c: Lowering, t: TensorItem, dim: number, index: number): TensorItem {
  const axis = axisOf(c, dim, t.shape.length);
  const at = indexOf(c, index, t.shape[axis] ?? 0);
  const row = c.view(t, sliceView(axis, at, 1, 1, t.shape));
  return c.view(row, reshapeView(t.shape.filter((_, i) => i !== axis)));
}

export function sliceOf(c: Lowering, t: TensorItem, dim: number, start: number | undefined, end: number | undefined, step: number): TensorItem {
  const axis = axisOf(c, dim, t.shape.length);
  const length = t.shape[axis] ?? 0;
  const range = rangeOf(start, end, step, length);
  if (range.size === length) return t;
  return c.view(t, sliceView(axis, range.start, range.size, step, t.shape));
}

function permute(c: Lowering, t: TensorItem, perm: readonly number[]): TensorItem {
  return c.view(t, permuteView(perm, t.shape));
}

function transposeAxes(c: Lowering, t: TensorItem, p: number, q: number): TensorItem {
  const rank = t.shape.length;
  if (rank === 0) return t;
  const [x, y] = [axisOf(c, p, rank), axisOf(c, q, rank)];
  return permute(c, t, t.shape.map((_, i) => (i === x ? y : i === y ? x : i)));
}

/** Axes moved from and to the places given; the others keep their order. */
function moveAxes(c: Lowering, t: TensorItem, source: readonly number[], target: readonly number[]): TensorItem {
  const rank = t.shape.length;
  const from = source.map((axis) => axisOf(c, axis, rank));
  const to = target.map((axis) => axisOf(c, axis, rank));
  const rest = t.shape.map((_, i) => i).filter((i) => !from.includes(i));
  const perm = t.shape.map((_, i) => (to.includes(i) ? (from[to.indexOf(i)] ?? 0) : (rest.shift() ?? 0)));
  return permute(c, t, perm);
}

function expand(c: Lowering, t: TensorItem, sizes: readonly number[]): TensorItem {
  const missing = sizes.length - t.shape.length;
  const shape = sizes.map((n, i) => (n === -1 ? (t.shape[i - missing] ?? 1) : n));
  return c.view(t, expandView(shape, t.shape));
}

/** Parts along an axis, of these sizes, as views. */
function parts(c: Lowering, t: TensorItem, dim: number, sizes: readonly number[]): Item {
  const axis = axisOf(c, dim, t.shape.length);
  let at = 0;
  return list(
    sizes.map((size) => {
      const part = c.view(t, sliceView(axis, at, size, 1, t.shape));
      at += size;
      return part;
    }),
  );
}

function partsOf(c: Lowering, t: TensorItem, dim: number, size: number): Item {
  const axis = axisOf(c, dim, t.shape.length);
  const length = t.shape[axis] ?? 0;
  const count = Math.max(1, Math.ceil(length / Math.max(1, size)));
  return parts(c, t, axis, Array.from({ length: count }, (_, i) => Math.min(size, length - i * size)));
}

const chunk: Handler = (c, a) => {
  const t = a.tensor('self');
  const axis = axisOf(c, a.number('dim'), t.shape.length);
  return partsOf(c, t, axis, Math.ceil((t.shape[axis] ?? 0) / a.number('chunks')));
};

/** Parts of sizes that differ by at most one. */
const tensorSplit: Handler = (c, a) => {
  const t = a.tensor('self');
  const axis = axisOf(c, a.number('dim'), t.shape.length);
  const [length, n] = [t.shape[axis] ?? 0, a.number('sections')];
  return parts(c, t, axis, Array.from({ length: n }, (_, i) => Math.floor(length / n) + (i < length % n ? 1 : 0)));
};

const split: Handler = (c, a) => {
  const sizes = a.item('split_size');
  return sizes.kind === 'list'
    ? parts(c, a.tensor('self'), a.number('dim'), a.ints('split_size'))
    : partsOf(c, a.tensor('self'), a.number('dim'), a.number('split_size'));
};

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
  return joined(c, tensors.map((t) => unsqueeze(c, t, a.number('dim'))), axisOf(c, a.number('dim'), (tensors[0]?.shape.length ?? 0) + 1));
};

function repeat(c: Lowering, x: Value, repeats: readonly number[]): Value {
  const rank = Math.max(repeats.length, shapeOf(x).length);
  const shape = [...new Array<number>(rank - shapeOf(x).length).fill(1), ...shapeOf(x)];
  const counts = [...new Array<number>(rank - repeats.length).fill(1), ...repeats];
  const apart = c.reshape(x, shape.flatMap((n) => [1, n]));
  const spread = c.broadcast(apart, shape.flatMap((n, i) => [counts[i] ?? 1, n]));
  return c.reshape(spread, shape.map((n, i) => n * (counts[i] ?? 1)));
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
  return c.reshape(spread, shape.map((n, i) => (i === axis ? n * count : n)));
}

/** Elements shifted along axes; those that fall off come in at the other end. */
function roll(c: Lowering, a: Args): Value {
  const t = a.tensor('self');
  const dims = a.ints('dims');
  const flat = dims.length === 0;
  const start = flat ? c.reshape(c.value(t), [elementCount(t.shape)]) : c.value(t);
  const axes = flat ? [0] : dims.map((d) => axisOf(c, d, t.shape.length));
  const rolled = a.ints('shifts').reduce((x, by, i) => {
    const axis = axes[i] ?? 0;
    const length = shapeOf(x)[axis] ?? 0;
    const shift = length === 0 ? 0 : ((by % length) + length) % length;
    if (shift === 0) return x;
    const [tail, head] = [sliceAxis(c.builder, x, axis, length - shift, shift), sliceAxis(c.builder, x, axis, 0, length - shift)];
    return c.one('concat', [tail, head], { axis });
  }, start);
  return flat ? c.reshape(rolled, t.shape) : rolled;
}

function flip(c: Lowering, x: Value, axes: readonly number[]): Value {
  const shape = shapeOf(x);
  return c.one('slice', [x], {
    starts: shape.map((n, i) => (axes.includes(i) ? Math.max(0, n - 1) : 0)),
    sizes: shape,
    steps: shape.map((_, i) => (axes.includes(i) ? -1 : 1)),
  });
}

function flatten(c: Lowering, a: Args): TensorItem {
  const t = a.tensor('self');
  const rank = t.shape.length;
  if (rank === 0) return c.view(t, reshapeView([1]));
  const [first, last] = [axisOf(c, a.number('start_dim'), rank), axisOf(c, a.number('end_dim'), rank)];
  if (first === last) return t;
  const middle = elementCount(t.shape.slice(first, last + 1));
  return c.viewOrCopy(t, reshapeView([...t.shape.slice(0, first), middle, ...t.shape.slice(last + 1)]));
}

function unflatten(c: Lowering, a: Args): TensorItem {
  const t = a.tensor('self');
  const axis = axisOf(c, a.number('dim'), t.shape.length);
  const sizes = resolveShape(c, a.ints('sizes'), t.shape[axis] ?? 0);
  return c.viewOrCopy(t, reshapeView([...t.shape.slice(0, axis), ...sizes, ...t.shape.slice(axis + 1)]));
}

/** Sliding windows of one axis as a new last axis: a copy, since its elements may coincide. */
function unfoldAxis(c: Lowering, a: Args): Value {
  const t = a.tensor('self');
  const axis = axisOf(c, a.number('dimension'), t.shape.length);
  const [size, step] = [a.number('size'), a.number('step')];
  const count = Math.floor(((t.shape[axis] ?? 0) - size) / step) + 1;
  const index = c.builder.ints(Array.from({ length: count * size }, (_, i) => Math.floor(i / size) * step + (i % size)));
  const picked = c.one('gather', [c.value(t), index], { axis });
  const shape = t.shape.flatMap((n, i) => (i === axis ? [count, size] : [n]));
  const rank = shape.length;
  const perm = [...Array(rank).keys()].filter((i) => i !== axis + 1);
  return c.transpose(c.reshape(picked, shape), [...perm, axis + 1]);
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

/** Diagonal of two axes, as the last axis: a copy. */
function diagonal(c: Lowering, a: Args): Value {
  const t = a.tensor('self');
  const rank = t.shape.length;
  const [p, q, offset] = [axisOf(c, a.number('dim1'), rank), axisOf(c, a.number('dim2'), rank), a.number('offset')];
  const rest = t.shape.map((_, i) => i).filter((i) => i !== p && i !== q);
  const [rows, columns] = [t.shape[p] ?? 0, t.shape[q] ?? 0];
  const start = offset >= 0 ? offset : -offset * columns;
  const size = Math.max(0, Math.min(offset >= 0 ? rows : rows + offset, offset >= 0 ? columns - offset : columns));
  const flat = c.reshape(c.transpose(c.value(t), [...rest, p, q]), [...rest.map((i) => t.shape[i] ?? 1), rows * columns]);
  return sliceAxis(c.builder, flat, rest.length, size === 0 ? 0 : start, size, columns + 1);
}

const viewTo: Handler = (c, a) => reshapeTo(c, a.tensor('self'), a.ints('size'));
const itself: Handler = (_c, a) => a.tensor('self');

const asStridedShape: Handler = (c, a) => {
  const t = a.tensor('self');
  const other = a.tensor('other');
  return reshapeTo(c, t, other.shape);
};

/** Vectors spread over a grid, one axis each. */
const meshgrid: Handler = (c, a) => {
  const tensors = a.tensors('tensors');
  const xy = a.textOr('indexing') === 'xy' && tensors.length > 1;
  const order = tensors.map((_, i) => (xy && i < 2 ? 1 - i : i));
  const shape = order.map((i) => elementCount(tensors[i]?.shape ?? []));
  return list(
    tensors.map((t, i) => {
      const own = order.indexOf(i);
      const aligned = c.reshape(c.value(t), shape.map((n, axis) => (axis === own ? n : 1)));
      return c.fresh(c.broadcast(aligned, shape));
    }),
  );
};

export const SHAPES: Family = {
  'view(Tensor self, int[] size)': viewTo,
  '_unsafe_view(Tensor self, int[] size)': viewTo,
  'reshape(Tensor self, int[] shape)': (c, a) => reshapeTo(c, a.tensor('self'), a.ints('shape')),
  'view_as(Tensor self, Tensor other)': asStridedShape,
  'reshape_as(Tensor self, Tensor other)': asStridedShape,
  'flatten(Tensor self, int start_dim=0, int end_dim=-1)': flatten,
  'ravel(Tensor self)': (c, a) => reshapeTo(c, a.tensor('self'), [-1]),
  'unflatten(Tensor self, int dim, int[] sizes)': unflatten,
  'unsqueeze(Tensor self, int dim)': (c, a) => unsqueeze(c, a.tensor('self'), a.number('dim')),
  'squeeze(Tensor self)': (c, a) => squeeze(c, a.tensor('self'), axesOf(c, undefined, a.tensor('self').shape.length)),
  'squeeze(Tensor self, int dim)': (c, a) => squeeze(c, a.tensor('self'), [axisOf(c, a.number('dim'), a.tensor('self').shape.length)]),
  'squeeze(Tensor self, int[] dim)': (c, a) => squeeze(c, a.tensor('self'), a.ints('dim').map((d) => axisOf(c, d, a.tensor('self').shape.length))),
  'transpose(Tensor self, int dim0, int dim1)': (c, a) => transposeAxes(c, a.tensor('self'), a.number('dim0'), a.number('dim1')),
  'swapaxes(Tensor self, int axis0, int axis1)': (c, a) => transposeAxes(c, a.tensor('self'), a.number('axis0'), a.number('axis1')),
  'swapdims(Tensor self, int dim0, int dim1)': (c, a) => transposeAxes(c, a.tensor('self'), a.number('dim0'), a.number('dim1')),
  't(Tensor self)': (c, a) => (a.tensor('self').shape.length < 2 ? a.tensor('self') : transposeAxes(c, a.tensor('self'), 0, 1)),
  'numpy_T(Tensor self)': (c, a) => permute(c, a.tensor('self'), a.tensor('self').shape.map((_, i, s) => s.length - 1 - i)),
  'mT(Tensor self)': (c, a) => transposeAxes(c, a.tensor('self'), -2, -1),
  'adjoint(Tensor self)': (c, a) => transposeAxes(c, a.tensor('self'), -2, -1),
  'permute(Tensor self, int[] dims)': (c, a) => {
    const t = a.tensor('self');
    return permute(c, t, a.ints('dims').map((d) => axisOf(c, d, t.shape.length)));
  },
  'movedim(Tensor self, int[] source, int[] destination)': (c, a) => moveAxes(c, a.tensor('self'), a.ints('source'), a.ints('destination')),
  'moveaxis(Tensor self, int[] source, int[] destination)': (c, a) => moveAxes(c, a.tensor('self'), a.ints('source'), a.ints('destination')),
  'expand(Tensor self, int[] size, *, bool implicit=False)': (c, a) => expand(c, a.tensor('self'), a.ints('size')),
  'expand_as(Tensor self, Tensor other)': (c, a) => expand(c, a.tensor('self'), a.tensor('other').shape),
  'broadcast_to(Tensor self, int[] size)': (c, a) => expand(c, a.tensor('self'), a.ints('size')),
  'repeat(Tensor self, int[] repeats)': (c, a) => repeat(c, c.value(a.tensor('self')), a.ints('repeats')),
  'tile(Tensor self, int[] dims)': (c, a) => repeat(c, c.value(a.tensor('self')), a.ints('dims')),
  'repeat_interleave(Tensor self, int repeats, int? dim=None, *, int? output_size=None)': repeatEach,
  'select(Tensor self, int dim, int index)': (c, a) => select(c, a.tensor('self'), a.number('dim'), a.number('index')),
  'slice(Tensor self, int dim=0, int? start=None, int? end=None, int step=1)': (c, a) =>
    sliceOf(c, a.tensor('self'), a.number('dim'), a.numberOr('start'), a.numberOr('end'), a.number('step')),
  'narrow(Tensor self, int dim, int start, int length)': (c, a) => {
    const t = a.tensor('self');
    const axis = axisOf(c, a.number('dim'), t.shape.length);
    const start = a.number('start') < 0 ? a.number('start') + (t.shape[axis] ?? 0) : a.number('start');
    return sliceOf(c, t, axis, start, start + a.number('length'), 1);
  },
  'chunk(Tensor self, int chunks, int dim=0)': chunk,
  'unsafe_chunk(Tensor self, int chunks, int dim=0)': chunk,
  'split(Tensor self, int[] split_size, int dim=0)': split,
  'unsafe_split(Tensor self, int split_size, int dim=0)': split,
  'split_with_sizes(Tensor self, int[] split_sizes, int dim=0)': (c, a) => parts(c, a.tensor('self'), a.number('dim'), a.ints('split_sizes')),
  'tensor_split(Tensor self, int sections, int dim=0)': tensorSplit,
  'unbind(Tensor self, int dim=0)': (c, a) => {
    const t = a.tensor('self');
    const axis = axisOf(c, a.number('dim'), t.shape.length);
    return list(Array.from({ length: t.shape[axis] ?? 0 }, (_, i) => select(c, t, axis, i)));
  },
  'cat(Tensor[] tensors, int dim=0)': cat,
  'concat(Tensor[] tensors, int dim=0)': cat,
  'concatenate(Tensor[] tensors, int dim=0)': cat,
  'stack(Tensor[] tensors, int dim=0)': stack,
  'hstack(Tensor[] tensors)': (c, a) => joined(c, a.tensors('tensors'), (a.tensors('tensors')[0]?.shape.length ?? 1) > 1 ? 1 : 0),
  'vstack(Tensor[] tensors)': (c, a) =>
    joined(c, a.tensors('tensors').map((t) => (t.shape.length < 2 ? c.view(t, reshapeView([1, elementCount(t.shape)])) : t)), 0),
  'roll(Tensor self, int[] shifts, int[] dims=[])': roll,
  'flip(Tensor self, int[] dims)': (c, a) => flip(c, c.value(a.tensor('self')), axesOf(c, a.ints('dims'), a.tensor('self').shape.length)),
  'fliplr(Tensor self)': (c, a) => flip(c, c.value(a.tensor('self')), [1]),
  'flipud(Tensor self)': (c, a) => flip(c, c.value(a.tensor('self')), [0]),
  'unfold(Tensor self, int dimension, int size, int step)': unfoldAxis,
  'pixel_shuffle(Tensor self, int upscale_factor)': pixelShuffle,
  'pixel_unshuffle(Tensor self, int downscale_factor)': pixelUnshuffle,
  'channel_shuffle(Tensor self, int groups)': channelShuffle,
  'diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1)': diagonal,
  'meshgrid(Tensor[] tensors)': meshgrid,
  'meshgrid(Tensor[] tensors, *, str indexing)': meshgrid,
  'broadcast_tensors(Tensor[] tensors)': (c, a) => {
    const tensors = a.tensors('tensors');
    const shape = commonShape(c, tensors.map((t) => t.shape));
    return list(tensors.map((t) => expand(c, t, shape)));
  },
  'contiguous(Tensor self, *, MemoryFormat memory_format=0)': (c, a) => c.contiguous(a.tensor('self')),
  'clone(Tensor self, *, MemoryFormat? memory_format=None)': (c, a) => {
    const t = a.tensor('self');
    return c.fresh(c.value(t), { rowMajor: t.strides !== undefined, ...(t.quantizer && { quantizer: t.quantizer }) });
  },
  'detach(Tensor self)': itself,
  'alias(Tensor self)': itself,
  'requires_grad_(Tensor self, bool requires_grad=True)': itself,
  'size(Tensor self)': (_c, a) => list(a.tensor('self').shape.map(int)),
  'size(Tensor self, int dim)': (c, a) => {
    const { shape } = a.tensor('self');
    return int(shape[axisOf(c, a.number('dim'), shape.length)] ?? 1);
  },
  'dim(Tensor self)': (_c, a) => int(a.tensor('self').shape.length),
  'ndimension(Tensor self)': (_c, a) => int(a.tensor('self').shape.length),
  'stride(Tensor self)': (c, a) => list(stridesOf(c, a.tensor('self')).map(int)),
  'stride(Tensor self, int dim)': (c, a) => {
    const t = a.tensor('self');
    return int(stridesOf(c, t)[axisOf(c, a.number('dim'), t.shape.length)] ?? 1);
  },
};

function stridesOf(c: Lowering, t: TensorItem): readonly number[] {
  if (t.strides !== undefined) return t.strides;
  throw c.refuse('E4315', 'the strides of a tensor are asked for whose layout is not known when compiling');
}

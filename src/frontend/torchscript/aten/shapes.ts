// Views of tensors: they share memory wherever PyTorch's do, and are copies where its are.
import { badInput } from '../../../base/diagnostic.js';
import { elementCount } from '../../../ir/type.js';
import { type Item, int, list } from '../lower/items.js';
import type { Lowering } from '../lower/lowering.js';
import type { TensorItem } from '../lower/tensor-item.js';
import { expandView, permuteView, reshapeView, sliceView } from '../lower/views.js';
import { axesOf, axisOf, commonShape, indexOf, rangeOf } from './axes.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';

/** A shape with at most one -1, for so many elements. E3373 where they do not agree. */
export function resolveShape(c: Lowering, shape: readonly number[], count: number): number[] {
  const open = shape.indexOf(-1);
  const known = shape.reduce((n, d, i) => (i === open ? n : n * d), 1);
  const resolved =
    open < 0 ? [...shape] : shape.map((d, i) => (i === open ? (known === 0 ? 0 : count / known) : d));
  if (resolved.some((d) => d < 0 || !Number.isInteger(d)) || elementCount(resolved) !== count)
    throw badInput(
      'E3373',
      `a tensor of ${count} elements cannot have the shape [${shape.join(', ')}]`,
      c.where(),
    );
  return resolved;
}

export function reshapeTo(c: Lowering, t: TensorItem, shape: readonly number[]): TensorItem {
  const resolved = resolveShape(c, shape, elementCount(t.shape));
  return c.viewOrCopy(t, reshapeView(resolved));
}

export function unsqueeze(c: Lowering, t: TensorItem, dim: number): TensorItem {
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

export function sliceOf(
  c: Lowering,
  t: TensorItem,
  dim: number,
  start: number | undefined,
  end: number | undefined,
  step: number,
): TensorItem {
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
  return permute(
    c,
    t,
    t.shape.map((_, i) => (i === x ? y : i === y ? x : i)),
  );
}

/** Axes moved from and to the places given; the others keep their order. */
function moveAxes(
  c: Lowering,
  t: TensorItem,
  source: readonly number[],
  target: readonly number[],
): TensorItem {
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
  c.checkElements(sizes.length);
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
  c.checkElements(count);
  return parts(
    c,
    t,
    axis,
    Array.from({ length: count }, (_, i) => Math.min(size, length - i * size)),
  );
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
  return parts(
    c,
    t,
    axis,
    Array.from({ length: n }, (_, i) => Math.floor(length / n) + (i < length % n ? 1 : 0)),
  );
};

const split: Handler = (c, a) => {
  const sizes = a.item('split_size');
  return sizes.kind === 'list'
    ? parts(c, a.tensor('self'), a.number('dim'), a.ints('split_size'))
    : partsOf(c, a.tensor('self'), a.number('dim'), a.number('split_size'));
};

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

const viewTo: Handler = (c, a) => reshapeTo(c, a.tensor('self'), a.ints('size'));
const itself: Handler = (_c, a) => a.tensor('self');

const asStridedShape: Handler = (c, a) => {
  const t = a.tensor('self');
  const other = a.tensor('other');
  return reshapeTo(c, t, other.shape);
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
  'squeeze(Tensor self)': (c, a) =>
    squeeze(c, a.tensor('self'), axesOf(c, undefined, a.tensor('self').shape.length)),
  'squeeze(Tensor self, int dim)': (c, a) =>
    squeeze(c, a.tensor('self'), [axisOf(c, a.number('dim'), a.tensor('self').shape.length)]),
  'squeeze(Tensor self, int[] dim)': (c, a) =>
    squeeze(
      c,
      a.tensor('self'),
      a.ints('dim').map((d) => axisOf(c, d, a.tensor('self').shape.length)),
    ),
  'transpose(Tensor self, int dim0, int dim1)': (c, a) =>
    transposeAxes(c, a.tensor('self'), a.number('dim0'), a.number('dim1')),
  'swapaxes(Tensor self, int axis0, int axis1)': (c, a) =>
    transposeAxes(c, a.tensor('self'), a.number('axis0'), a.number('axis1')),
  'swapdims(Tensor self, int dim0, int dim1)': (c, a) =>
    transposeAxes(c, a.tensor('self'), a.number('dim0'), a.number('dim1')),
  't(Tensor self)': (c, a) =>
    a.tensor('self').shape.length < 2 ? a.tensor('self') : transposeAxes(c, a.tensor('self'), 0, 1),
  'numpy_T(Tensor self)': (c, a) =>
    permute(
      c,
      a.tensor('self'),
      a.tensor('self').shape.map((_, i, s) => s.length - 1 - i),
    ),
  'mT(Tensor self)': (c, a) => transposeAxes(c, a.tensor('self'), -2, -1),
  'adjoint(Tensor self)': (c, a) => transposeAxes(c, a.tensor('self'), -2, -1),
  'permute(Tensor self, int[] dims)': (c, a) => {
    const t = a.tensor('self');
    return permute(
      c,
      t,
      a.ints('dims').map((d) => axisOf(c, d, t.shape.length)),
    );
  },
  'movedim(Tensor self, int[] source, int[] destination)': (c, a) =>
    moveAxes(c, a.tensor('self'), a.ints('source'), a.ints('destination')),
  'moveaxis(Tensor self, int[] source, int[] destination)': (c, a) =>
    moveAxes(c, a.tensor('self'), a.ints('source'), a.ints('destination')),
  'expand(Tensor self, int[] size, *, bool implicit=False)': (c, a) =>
    expand(c, a.tensor('self'), a.ints('size')),
  'expand_as(Tensor self, Tensor other)': (c, a) => expand(c, a.tensor('self'), a.tensor('other').shape),
  'broadcast_to(Tensor self, int[] size)': (c, a) => expand(c, a.tensor('self'), a.ints('size')),
  'select(Tensor self, int dim, int index)': (c, a) =>
    select(c, a.tensor('self'), a.number('dim'), a.number('index')),
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
  'split_with_sizes(Tensor self, int[] split_sizes, int dim=0)': (c, a) =>
    parts(c, a.tensor('self'), a.number('dim'), a.ints('split_sizes')),
  'tensor_split(Tensor self, int sections, int dim=0)': tensorSplit,
  'unbind(Tensor self, int dim=0)': (c, a) => {
    const t = a.tensor('self');
    const axis = axisOf(c, a.number('dim'), t.shape.length);
    const count = t.shape[axis] ?? 0;
    c.checkElements(count);
    return list(Array.from({ length: count }, (_, i) => select(c, t, axis, i)));
  },
  'broadcast_tensors(Tensor[] tensors)': (c, a) => {
    const tensors = a.tensors('tensors');
    const shape = commonShape(
      c,
      tensors.map((t) => t.shape),
    );
    return list(tensors.map((t) => expand(c, t, shape)));
  },
  'contiguous(Tensor self, *, MemoryFormat memory_format=0)': (c, a) => c.contiguous(a.tensor('self')),
  'clone(Tensor self, *, MemoryFormat? memory_format=None)': (c, a) => {
    const t = a.tensor('self');
    return c.fresh(c.value(t), {
      rowMajor: t.strides !== undefined,
      ...(t.quantizer && { quantizer: t.quantizer }),
    });
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
  throw c.refuse('E4327', 'the strides of a tensor are asked for whose layout is not known when compiling');
}

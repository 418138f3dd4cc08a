// Parts of a tensor at places known at run time: their sizes are fixed, and starts that would make a part leave the tensor
// are moved inside, so that nothing is ever read or written beyond it.
import { type DType, elementBytes } from '../base/dtype.js';
import type { Random } from '../base/random.js';
import { type HostTensor, zeros } from '../base/tensor.js';
import type { Attrs } from '../ir/constant.js';
import { type Dim, dimText } from '../ir/dim.js';
import { rowMajorStrides, type TensorType, tensorType } from '../ir/type.js';
import { shapesContradict } from './agreement.js';
import { intsAttr } from './attributes.js';
import { perResult } from './cost.js';
import type { InferContext, OpDecl } from './declare.js';
import { loadNumbers } from './elements.js';
import { checkIndex, INDEX_TYPES } from './index-places.js';
import { copyElements, pickElements } from './move.js';
import { FLOATS, INTEGERS, randomShape, randomTensor } from './samples.js';
import { dimsText } from './shape-math.js';

type Fail = (reason: string) => never;

function checkStarts(x: TensorType, starts: TensorType, fail: Fail): void {
  checkIndex(starts, fail);
  if (shapesContradict(starts.shape, [x.shape.length]))
    fail(`there are ${dimsText(starts.shape)} starts for the ${x.shape.length} axes of x`);
}

function inferDynamicSlice({ inputs, attrs }: InferContext, fail: Fail): readonly TensorType[] {
  const [x, starts] = inputs as [TensorType, TensorType];
  checkStarts(x, starts, fail);
  const sizes = intsAttr(attrs, 'sizes');
  if (sizes.length !== x.shape.length)
    fail(`there are ${sizes.length} sizes for the ${x.shape.length} axes of x`);
  return [
    tensorType(
      x.dtype,
      sizes.map((size, i) => checkPart(size === -1 ? (x.shape[i] as Dim) : size, x, i, fail)),
    ),
  ];
}

/** A part of axis `axis` of x. */
function checkPart(size: Dim, x: TensorType, axis: number, fail: Fail): Dim {
  const whole = x.shape[axis] as Dim;
  if (typeof size === 'number' && (size < 0 || (typeof whole === 'number' && size > whole)))
    fail(`a part of ${size} elements is not possible on axis ${axis}, which has ${dimText(whole)}`);
  return size;
}

function inferDynamicUpdate({ inputs }: InferContext, fail: Fail): readonly TensorType[] {
  const [x, update, starts] = inputs as [TensorType, TensorType, TensorType];
  checkStarts(x, starts, fail);
  if (update.dtype !== x.dtype) fail(`an update of type ${update.dtype} does not go into ${x.dtype}`);
  if (update.shape.length !== x.shape.length)
    fail(`the update ${dimsText(update.shape)} and x ${dimsText(x.shape)} differ in rank`);
  for (const [i, dim] of update.shape.entries()) checkPart(dim, x, i, fail);
  return [x];
}

/** Offset in x of a part of this shape whose starts are moved inside where they would leave it. */
function partOffset(x: readonly number[], part: readonly number[], starts: HostTensor): number {
  const values = loadNumbers(starts);
  return rowMajorStrides(x).reduce((at, stride, i) => {
    const room = (x[i] ?? 0) - (part[i] ?? 0);
    return at + stride * Math.max(0, Math.min(room, values[i] ?? 0));
  }, 0);
}

function evaluateDynamicSlice(
  inputs: readonly HostTensor[],
  _attrs: Attrs,
  types: readonly TensorType[],
): HostTensor[] {
  const [x, starts] = inputs as [HostTensor, HostTensor];
  const shape = (types[0] as TensorType).shape as readonly number[];
  return [
    pickElements(x, shape, { strides: rowMajorStrides(x.shape), start: partOffset(x.shape, shape, starts) }),
  ];
}

function evaluateDynamicUpdate(inputs: readonly HostTensor[]): HostTensor[] {
  const [x, update, starts] = inputs as [HostTensor, HostTensor, HostTensor];
  const result = zeros(x.dtype, x.shape);
  result.data.set(x.data);
  const from = { strides: rowMajorStrides(update.shape), start: 0 };
  const to = { strides: rowMajorStrides(x.shape), start: partOffset(x.shape, update.shape, starts) };
  copyElements(elementBytes(x.dtype), update.shape, update.data, from, result.data, to);
  return [result];
}

const SAMPLED: readonly DType[] = [...FLOATS, ...INTEGERS, 'bool'];

/** A part of x and starts for it, some of which have to be moved inside. */
function samplePart(random: Random) {
  const x = randomTensor(random, random.pick(SAMPLED), randomShape(random, 1));
  const sizes = x.shape.map((dim) => random.integer(1, dim));
  return { x, sizes, starts: randomTensor(random, random.pick(INDEX_TYPES), [x.shape.length], -1, 5) };
}

const common = {
  family: 'indexing',
  tolerance: { relative: 0, absolute: 0 },
  cost: perResult(0),
} as const;
export const DYNAMIC_SLICES: readonly OpDecl[] = [
  {
    ...common,
    name: 'dynamic_slice',
    doc: 'A part of x of a fixed size; starts that would make it leave x are moved inside.',
    operands: [{ name: 'x' }, { name: 'starts' }],
    attrs: { sizes: { kind: 'ints', doc: 'elements per axis; -1 is all of them' } },
    infer: inferDynamicSlice,
    evaluate: evaluateDynamicSlice,
    sample(random) {
      const { x, sizes, starts } = samplePart(random);
      return { inputs: [x, starts], attrs: { sizes } };
    },
  },
  {
    ...common,
    name: 'dynamic_update_slice',
    doc: 'x with a part of it replaced; starts that would make the update leave x are moved inside.',
    operands: [{ name: 'x' }, { name: 'update' }, { name: 'starts' }],
    attrs: {},
    infer: inferDynamicUpdate,
    evaluate: evaluateDynamicUpdate,
    sample(random) {
      const { x, sizes, starts } = samplePart(random);
      return { inputs: [x, randomTensor(random, x.dtype, sizes), starts], attrs: {} };
    },
  },
];

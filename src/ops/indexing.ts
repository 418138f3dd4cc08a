// Operators whose operand says which elements are meant: gathers and scatters (slices: dynamic-slice.ts). Each becomes a list of places of equal blocks (index-places.ts) and a loop over them. Gathers are exact for every
// element type; indices count from 0, and one out of range is the input's fault.
import { type DType, dtypeKind } from '../base/dtype.js';
import type { Random } from '../base/random.js';
import { fromNumbers, type HostTensor } from '../base/tensor.js';
import type { Attrs } from '../ir/constant.js';
import type { Dim } from '../ir/dim.js';
import { elementCount, rowMajorStrides, type TensorType, tensorType } from '../ir/type.js';
import { dimsContradict, shapesContradict } from './agreement.js';
import { intAttr, stringAttr } from './attributes.js';
import { perResult } from './cost.js';
import type { AttrSpec, InferContext, OpDecl, OpSample } from './declare.js';
import { DYNAMIC_SLICES } from './dynamic-slice.js';
import { loadNumbers } from './elements.js';
import {
  axisPlaces,
  checkIndex,
  copyBlocks,
  elementPlaces,
  INDEX_TYPES,
  type Places,
  REDUCTIONS,
  scatterBlocks,
  tuplePlaces,
} from './index-places.js';
import {
  FLOATS,
  INTEGERS,
  randomDims,
  randomDistinct,
  randomIndices,
  randomShape,
  randomTensor,
} from './samples.js';
import { checkAxis, dimsText } from './shape-math.js';

type Fail = (reason: string) => never;

const AXIS: AttrSpec = { kind: 'int', doc: 'the axis of x that the indices count along' };
const REDUCTION: AttrSpec = {
  kind: 'string',
  doc: 'what becomes of an element and an update to it; of several updates without it, the last stays',
  default: 'none',
  oneOf: ['none', ...Object.keys(REDUCTIONS)],
};

function inferGather({ inputs, attrs }: InferContext, fail: Fail): readonly TensorType[] {
  const [x, index] = inputs as [TensorType, TensorType];
  checkIndex(index, fail);
  const axis = checkAxis(intAttr(attrs, 'axis'), x.shape.length, fail);
  return [tensorType(x.dtype, [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)])];
}

/** The index names one element along `axis` for each of its own: no longer than x on the other axes. */
function checkElementIndex(x: TensorType, index: TensorType, attrs: Attrs, fail: Fail): void {
  checkIndex(index, fail);
  const axis = checkAxis(intAttr(attrs, 'axis'), x.shape.length, fail);
  if (index.shape.length !== x.shape.length)
    fail(`indices ${dimsText(index.shape)} and x ${dimsText(x.shape)} differ in rank`);
  for (const [i, dim] of index.shape.entries()) {
    const own = x.shape[i] as Dim;
    if (i !== axis && typeof dim === 'number' && typeof own === 'number' && dim > own)
      fail(`indices ${dimsText(index.shape)} are longer than x ${dimsText(x.shape)} on axis ${i}`);
  }
}

function inferGatherElements({ inputs, attrs }: InferContext, fail: Fail): readonly TensorType[] {
  const [x, index] = inputs as [TensorType, TensorType];
  checkElementIndex(x, index, attrs, fail);
  return [tensorType(x.dtype, index.shape)];
}

/** How many axes of x one index tuple names, after `batch` common ones. */
function checkTuples(x: TensorType, index: TensorType, batch: number, fail: Fail): number {
  checkIndex(index, fail);
  const width = index.shape.at(-1);
  if (typeof width !== 'number')
    return fail(`the last axis of the indices ${dimsText(index.shape)} is not known`);
  if (batch < 0 || batch >= index.shape.length)
    fail(`${batch} batch axes are not fewer than those of the indices ${dimsText(index.shape)}`);
  if (batch + width > x.shape.length)
    fail(`tuples of ${width} indices after ${batch} batch axes are too long for x ${dimsText(x.shape)}`);
  for (let i = 0; i < batch; i++)
    if (dimsContradict(x.shape[i] ?? 1, index.shape[i] ?? 1))
      fail(`x ${dimsText(x.shape)} and the indices ${dimsText(index.shape)} differ on batch axis ${i}`);
  return width;
}

function inferGatherNd({ inputs, attrs }: InferContext, fail: Fail): readonly TensorType[] {
  const [x, index] = inputs as [TensorType, TensorType];
  const batch = intAttr(attrs, 'batch');
  const width = checkTuples(x, index, batch, fail);
  return [tensorType(x.dtype, [...index.shape.slice(0, -1), ...x.shape.slice(batch + width)])];
}

function checkUpdates(
  x: TensorType,
  updates: TensorType,
  shape: readonly Dim[],
  attrs: Attrs,
  fail: Fail,
): void {
  if (updates.dtype !== x.dtype) fail(`updates of type ${updates.dtype} do not go into ${x.dtype}`);
  if (shapesContradict(updates.shape, shape))
    fail(`the updates have shape ${dimsText(updates.shape)}, not ${dimsText(shape)}`);
  const reduction = stringAttr(attrs, 'reduction');
  const kind = dtypeKind(x.dtype);
  if (reduction !== 'none' && kind !== 'float' && kind !== 'int' && kind !== 'uint')
    fail(`reduction '${reduction}' of ${x.dtype} is not defined`);
}

function inferScatterElements({ inputs, attrs }: InferContext, fail: Fail): readonly TensorType[] {
  const [x, index, updates] = inputs as [TensorType, TensorType, TensorType];
  checkElementIndex(x, index, attrs, fail);
  checkUpdates(x, updates, index.shape, attrs, fail);
  return [x];
}

function inferScatterNd({ inputs, attrs }: InferContext, fail: Fail): readonly TensorType[] {
  const [x, index, updates] = inputs as [TensorType, TensorType, TensorType];
  const width = checkTuples(x, index, 0, fail);
  checkUpdates(x, updates, [...index.shape.slice(0, -1), ...x.shape.slice(width)], attrs, fail);
  return [x];
}

type PlacesOf = (x: HostTensor, index: HostTensor, attrs: Attrs) => Places;

const gatherPlaces: PlacesOf = (x, index, attrs) =>
  axisPlaces(x.shape, loadNumbers(index), intAttr(attrs, 'axis'));
const elementwisePlaces: PlacesOf = (x, index, attrs) =>
  elementPlaces(x.shape, index.shape, loadNumbers(index), intAttr(attrs, 'axis'));
const gatherNdPlaces: PlacesOf = (x, index, attrs) =>
  tuplePlaces(x.shape, index.shape, loadNumbers(index), intAttr(attrs, 'batch'));
const scatterNdPlaces: PlacesOf = (x, index) => tuplePlaces(x.shape, index.shape, loadNumbers(index), 0);

const gatherWith =
  (places: PlacesOf): NonNullable<OpDecl['evaluate']> =>
  ([x, index], attrs, types) => [
    copyBlocks(
      x as HostTensor,
      places(x as HostTensor, index as HostTensor, attrs),
      (types[0] as TensorType).shape as readonly number[],
    ),
  ];

const scatterWith =
  (places: PlacesOf): NonNullable<OpDecl['evaluate']> =>
  (inputs, attrs) => {
    const [x, index, updates] = inputs as [HostTensor, HostTensor, HostTensor];
    return [scatterBlocks(x, places(x, index, attrs), updates, stringAttr(attrs, 'reduction'))];
  };

const SAMPLED: readonly DType[] = [...FLOATS, ...INTEGERS, 'bool'];

function sampleGather(random: Random): OpSample {
  const x = randomTensor(random, random.pick(SAMPLED), randomShape(random, 1));
  const axis = random.integer(0, x.shape.length - 1);
  const shape = randomDims(random, random.integer(0, 2), 0, 3);
  return {
    inputs: [x, randomIndices(random, random.pick(INDEX_TYPES), shape, x.shape[axis] ?? 1)],
    attrs: { axis },
  };
}

/** Operands x and index of gather_elements and scatter_elements. */
function sampleElements(random: Random, dtypes: readonly DType[]) {
  const x = randomTensor(random, random.pick(dtypes), randomShape(random, 1));
  const axis = random.integer(0, x.shape.length - 1);
  const shape = x.shape.map((dim, i) => random.integer(1, i === axis ? 6 : dim));
  return { x, index: randomIndices(random, random.pick(INDEX_TYPES), shape, x.shape[axis] ?? 1), axis };
}

/** Operands x and index of gather_nd and scatter_nd. */
function sampleTuples(random: Random, dtypes: readonly DType[], batch: number) {
  const x = randomTensor(random, random.pick(dtypes), randomDims(random, random.integer(batch + 1, 4), 2, 4));
  const width = random.integer(1, x.shape.length - batch);
  const shape = [...x.shape.slice(0, batch), ...randomDims(random, random.integer(0, 2), 1, 3), width];
  // Every dim is at least 2.
  return { x, index: randomIndices(random, random.pick(INDEX_TYPES), shape, 2), width };
}

const REDUCED: readonly DType[] = [...FLOATS, ...INTEGERS];
const reductionOf = (random: Random): string => random.pick(['none', ...Object.keys(REDUCTIONS)]);

/** Indices of scatter_elements of which no two name one element: along the axis all are different. */
function distinctAlong(random: Random, x: readonly number[], axis: number): HostTensor {
  const dim = x[axis] ?? 1;
  const order = randomDistinct(random, random.integer(1, dim), dim);
  const step = elementCount(x.slice(axis + 1));
  const shape = x.with(axis, order.length);
  const values = Array.from(
    { length: elementCount(shape) },
    (_, i) => order[Math.floor(i / step) % order.length] ?? 0,
  );
  return fromNumbers(random.pick(INDEX_TYPES), shape, values.map(BigInt));
}

/** A vector of different tuples of indices into axes of these dims. */
function distinctTuples(random: Random, dims: readonly number[]): HostTensor {
  const count = elementCount(dims);
  const strides = rowMajorStrides(dims);
  const chosen = randomDistinct(random, random.integer(1, Math.min(4, count)), count);
  const values = chosen.flatMap((n) => dims.map((dim, i) => Math.floor(n / (strides[i] ?? 1)) % dim));
  return fromNumbers(random.pick(INDEX_TYPES), [chosen.length, dims.length], values.map(BigInt));
}

const common = {
  family: 'indexing',
  tolerance: { relative: 0, absolute: 0 },
  cost: perResult(0),
} as const;
/** Sums of few updates, in any order. */
const SCATTER_TOLERANCE = { relative: 1e-5, absolute: 1e-6 } as const;
const X_AND_INDEX = [{ name: 'x' }, { name: 'index' }] as const;
const SCATTERED = [...X_AND_INDEX, { name: 'updates' }] as const;

export const INDEXING: readonly OpDecl[] = [
  {
    ...common,
    name: 'gather',
    doc: 'Slices of x across an axis, in the order of the indices; the axes of the index take the place of that axis.',
    operands: X_AND_INDEX,
    attrs: { axis: AXIS },
    infer: inferGather,
    evaluate: gatherWith(gatherPlaces),
    sample: sampleGather,
  },
  {
    ...common,
    name: 'gather_elements',
    doc: 'For each index the element of x at its own position, but with the index as coordinate along the axis.',
    operands: X_AND_INDEX,
    attrs: { axis: AXIS },
    infer: inferGatherElements,
    evaluate: gatherWith(elementwisePlaces),
    sample(random) {
      const { x, index, axis } = sampleElements(random, SAMPLED);
      return { inputs: [x, index], attrs: { axis } };
    },
  },
  {
    ...common,
    name: 'gather_nd',
    doc: 'Blocks of x named by tuples along the last axis of the index, after so many batch axes that both have.',
    operands: X_AND_INDEX,
    attrs: { batch: { kind: 'int', doc: 'leading axes that x and index share', default: 0 } },
    infer: inferGatherNd,
    evaluate: gatherWith(gatherNdPlaces),
    sample(random) {
      const batch = random.integer(0, 2);
      const { x, index } = sampleTuples(random, SAMPLED, batch);
      return { inputs: [x, index], attrs: { batch } };
    },
  },
  {
    ...common,
    name: 'scatter_elements',
    doc: 'x with each update put at its own position, but with the index as coordinate along the axis.',
    operands: SCATTERED,
    attrs: { axis: AXIS, reduction: REDUCTION },
    infer: inferScatterElements,
    evaluate: scatterWith(elementwisePlaces),
    tolerance: SCATTER_TOLERANCE,
    sample(random) {
      const reduction = reductionOf(random);
      const { x, index, axis } = sampleElements(random, REDUCED);
      const chosen = reduction === 'none' ? distinctAlong(random, x.shape, axis) : index;
      const updates = randomTensor(random, x.dtype, chosen.shape);
      return { inputs: [x, chosen, updates], attrs: { axis, reduction } };
    },
  },
  {
    ...common,
    name: 'scatter_nd',
    doc: 'x with each update put at the block named by a tuple along the last axis of the index.',
    operands: SCATTERED,
    attrs: { reduction: REDUCTION },
    infer: inferScatterNd,
    evaluate: scatterWith(scatterNdPlaces),
    tolerance: SCATTER_TOLERANCE,
    sample(random) {
      const reduction = reductionOf(random);
      const { x, index, width } = sampleTuples(random, REDUCED, 0);
      const chosen = reduction === 'none' ? distinctTuples(random, x.shape.slice(0, width)) : index;
      const shape = [...chosen.shape.slice(0, -1), ...x.shape.slice(width)];
      return { inputs: [x, chosen, randomTensor(random, x.dtype, shape)], attrs: { reduction } };
    },
  },
  ...DYNAMIC_SLICES,
];

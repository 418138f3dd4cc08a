// Operators whose operand says which elements are meant: gathers, scatters, slices at places known at run time. A gather or
// scatter becomes a list of places of equal blocks (index-places.ts) and a loop over them. Gathers are exact for every
// element type; indices count from 0, and one out of range is the input's fault.
import { dtypeKind, elementBytes, isInteger, type DType } from '../base/dtype.js';
import { type HostTensor, zeros } from '../base/tensor.js';
import type { Random } from '../base/random.js';
import type { Attrs } from '../ir/constant.js';
import { type Dim, dimText } from '../ir/dim.js';
import { elementCount, rowMajorStrides, type TensorType, tensorType } from '../ir/type.js';
import { dimsContradict, shapesContradict } from './agreement.js';
import { intAttr, intsAttr, stringAttr } from './attributes.js';
import { perResult } from './cost.js';
import type { AttrSpec, InferContext, OpDecl, OpSample } from './declare.js';
import { loadNumbers } from './elements.js';
import { axisPlaces, copyBlocks, elementPlaces, type Places, REDUCTIONS, scatterBlocks, tuplePlaces } from './index-places.js';
import { copyElements, pickElements } from './move.js';
import { FLOATS, INTEGERS, randomDims, randomDistinct, randomIndices, randomShape, randomTensor } from './samples.js';
import { checkAxis, dimsText } from './shape-math.js';

type Fail = (reason: string) => never;

const AXIS: AttrSpec = { kind: 'int', doc: 'the axis of x that the indices count along' };
const REDUCTION: AttrSpec = {
  kind: 'string',
  doc: 'what becomes of an element and an update to it; of several updates without it, the last stays',
  default: 'none',
  oneOf: ['none', ...Object.keys(REDUCTIONS)],
};

function checkIndex(t: TensorType, fail: Fail): void {
  if (t.dtype !== 'i64' && t.dtype !== 'i32') fail(`indices of type ${t.dtype} are neither i64 nor i32`);
}

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
  if (typeof width !== 'number') return fail(`the last axis of the indices ${dimsText(index.shape)} is not known`);
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

function checkUpdates(x: TensorType, updates: TensorType, shape: readonly Dim[], attrs: Attrs, fail: Fail): void {
  if (updates.dtype !== x.dtype) fail(`updates of type ${updates.dtype} do not go into ${x.dtype}`);
  if (shapesContradict(updates.shape, shape)) fail(`the updates have shape ${dimsText(updates.shape)}, not ${dimsText(shape)}`);
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

const gatherPlaces: PlacesOf = (x, index, attrs) => axisPlaces(x.shape, loadNumbers(index), intAttr(attrs, 'axis'));
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

function checkStarts(x: TensorType, starts: TensorType, fail: Fail): void {
  checkIndex(starts, fail);
  if (shapesContradict(starts.shape, [x.shape.length]))
    fail(`there are ${dimsText(starts.shape)} starts for the ${x.shape.length} axes of x`);
}

function inferDynamicSlice({ inputs, attrs }: InferContext, fail: Fail): readonly TensorType[] {
  const [x, starts] = inputs as [TensorType, TensorType];
  checkStarts(x, starts, fail);
  const sizes = intsAttr(attrs, 'sizes');
  if (sizes.length !== x.shape.length) fail(`there are ${sizes.length} sizes for the ${x.shape.length} axes of x`);
  return [tensorType(x.dtype, sizes.map((size, i) => checkPart(size === -1 ? (x.shape[i] as Dim) : size, x, i, fail)))];
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

function evaluateDynamicSlice(inputs: readonly HostTensor[], _attrs: Attrs, types: readonly TensorType[]): HostTensor[] {
  const [x, starts] = inputs as [HostTensor, HostTensor];
  const shape = (types[0] as TensorType).shape as readonly number[];
  return [pickElements(x, shape, { strides: rowMajorStrides(x.shape), start: partOffset(x.shape, shape, starts) })];
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
const INDEX: readonly DType[] = ['i64', 'i32'];

function sampleGather(random: Random): OpSample {
  const x = randomTensor(random, random.pick(SAMPLED), randomShape(random, 1));
  const axis = random.integer(0, x.shape.length - 1);
  const shape = randomDims(random, random.integer(0, 2), 0, 3);
  return { inputs: [x, randomIndices(random, random.pick(INDEX), shape, x.shape[axis] ?? 1)], attrs: { axis } };
}

/** Operands x and index of gather_elements and scatter_elements. */
function sampleElements(random: Random, dtypes: readonly DType[]) {
  const x = randomTensor(random, random.pick(dtypes), randomShape(random, 1));
  const axis = random.integer(0, x.shape.length - 1);
  const shape = x.shape.map((dim, i) => random.integer(1, i === axis ? 6 : dim));
  return { x, index: randomIndices(random, random.pick(INDEX), shape, x.shape[axis] ?? 1), axis };
}

/** Operands x and index of gather_nd and scatter_nd. */
function sampleTuples(random: Random, dtypes: readonly DType[], batch: number) {
  const x = randomTensor(random, random.pick(dtypes), randomDims(random, random.integer(batch + 1, 4), 2, 4));
  const width = random.integer(1, x.shape.length - batch);
  const shape = [...x.shape.slice(0, batch), ...randomDims(random, random.integer(0, 2), 1, 3), width];
  // Every dim is at least 2.
  return { x, index: randomIndices(random, random.pick(INDEX), shape, 2), width };
}

const REDUCED: readonly DType[] = [...FLOATS, ...INTEGERS];
const reductionOf = (random: Random): string => random.pick(['none', ...Object.keys(REDUCTIONS)]);

/** A part of x and starts for it, some of which have to be moved inside. */
function samplePart(random: Random) {
  const x = randomTensor(random, random.pick(SAMPLED), randomShape(random, 1));
  const sizes = x.shape.map((dim) => random.integer(1, dim));
  return { x, sizes, starts: randomTensor(random, random.pick(INDEX), [x.shape.length], -1, 5) };
}

const common = {
  family: 'indexing',
  tolerance: { relative: 0, absolute: 0 },
  cost: perResult(0),
} as const;
const X_AND_INDEX = [{ name: 'x' }, { name: 'index' }] as const;
const SCATTERED = [...X_AND_INDEX, { name: 'updates' }] as const;

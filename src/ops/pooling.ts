// Pooling over one to three spatial axes, each channel by itself. Padding takes no part in a maximum; whether it counts in
// an average is an attribute. Windows and the places they meet: window.ts.
import { isFloat, isInteger } from '../base/dtype.js';
import type { Random } from '../base/random.js';
import { elementCount, type HostTensor, type NumberArray } from '../base/tensor.js';
import type { Attrs } from '../ir/constant.js';
import type { Dim } from '../ir/dim.js';
import { type TensorType, tensorType } from '../ir/type.js';
import { flagAttr, intsAttr } from './attributes.js';
import { costOf, countElements } from './cost.js';
import type { AttrSpec, InferContext, OpDecl, OpSample } from './declare.js';
import { fromDoubles, toDoubles } from './doubles.js';
import { integerRange } from './elements.js';
import { randomDims, randomTensor } from './samples.js';
import { dimsText } from './shape-math.js';
import {
  checkWindow,
  RUN,
  type Runs,
  WINDOW_ATTRS,
  windowOf,
  windowPositions,
  windowRuns,
} from './window.js';

type Fail = (reason: string) => never;

const POOL_ATTRS = {
  kernel: { kind: 'ints', doc: 'taps of the window per spatial axis' },
  ...WINDOW_ATTRS,
} as const satisfies Record<string, AttrSpec>;

function inferPool({ inputs, attrs }: InferContext, fail: Fail): readonly TensorType[] {
  const x = inputs[0] as TensorType;
  const rank = x.shape.length - 2;
  if (rank < 1 || rank > 3)
    fail(
      `the operand has shape ${dimsText(x.shape)}; there must be batch, channels and one to three spatial axes`,
    );
  checkWindow(attrs, Object.keys(POOL_ATTRS), rank, fail);
  const [batch, channels, ...input] = x.shape as [Dim, Dim, ...Dim[]];
  return [
    tensorType(x.dtype, [batch, channels, ...windowPositions(input, intsAttr(attrs, 'kernel'), attrs, fail)]),
  ];
}

function inferMax(context: InferContext, fail: Fail): readonly TensorType[] {
  const { dtype } = context.inputs[0] as TensorType;
  if (!isFloat(dtype) && !(isInteger(dtype) && dtype !== 'i64' && dtype !== 'u64'))
    fail(`a maximum over windows of ${dtype} is not defined`);
  return inferPool(context, fail);
}

function inferAverage(context: InferContext, fail: Fail): readonly TensorType[] {
  const x = context.inputs[0] as TensorType;
  if (!isFloat(x.dtype)) fail(`an average of ${x.dtype} is not defined`);
  const uncounted = intsAttr(context.attrs, 'uncounted');
  if (uncounted.length > 0) checkWindow(context.attrs, ['uncounted'], x.shape.length - 2, fail);
  const high = intsAttr(context.attrs, 'high');
  if (uncounted.some((n, i) => n > (high[i] ?? 0))) fail(`attribute 'uncounted' is more than 'high'`);
  return inferPool(context, fail);
}

/** Geometry of one channel. */
interface Plane {
  readonly runs: Runs;
  readonly input: readonly number[];
  readonly output: readonly number[];
}

function planeOf(x: HostTensor, attrs: Attrs, type: TensorType): Plane {
  const input = x.shape.slice(2);
  const output = type.shape.slice(2) as readonly number[];
  return { input, output, runs: windowRuns(windowOf(intsAttr(attrs, 'kernel'), attrs), input, output) };
}

function evaluateMax([x]: readonly HostTensor[], attrs: Attrs, types: readonly TensorType[]): HostTensor[] {
  const t = x as HostTensor;
  const type = types[0] as TensorType;
  const { runs, input, output } = planeOf(t, attrs, type);
  const values = toDoubles(t);
  const least = isFloat(t.dtype) ? -Infinity : Number(integerRange(t.dtype).low);
  const result = new Float64Array(elementCount(type.shape as readonly number[])).fill(least);
  const size = elementCount(input);
  const positions = elementCount(output);
  for (let x0 = 0, y0 = 0; y0 < result.length; x0 += size, y0 += positions) {
    maximise(values, x0, result, y0, runs);
  }
  return [fromDoubles(type.dtype, type.shape as readonly number[], result)];
}

/** NaN is above everything. */
function maximise(x: Float64Array, x0: number, y: Float64Array, y0: number, { records, step }: Runs): void {
  for (let r = 0; r < records.length; r += RUN.fields) {
    let source = x0 + records[r + RUN.input]!;
    let target = y0 + records[r + RUN.position]!;
    for (const end = target + records[r + RUN.count]!; target < end; target++) {
      const value = x[source]!;
      if (!(value <= y[target]!)) y[target] = value;
      source += step;
    }
  }
}

function evaluateAverage(
  [x]: readonly HostTensor[],
  attrs: Attrs,
  types: readonly TensorType[],
): HostTensor[] {
  const t = x as HostTensor;
  const type = types[0] as TensorType;
  const plane = planeOf(t, attrs, type);
  const values = toDoubles(t);
  const result = new Float64Array(elementCount(type.shape as readonly number[]));
  const size = elementCount(plane.input);
  const counts = flagAttr(attrs, 'include_pad')
    ? paddedCounts(plane, attrs)
    : countTaps(plane.runs, plane.output);
  for (let x0 = 0, y0 = 0; y0 < result.length; x0 += size, y0 += counts.length) {
    addUp(values, x0, result, y0, plane.runs);
    for (let i = 0; i < counts.length; i++) result[y0 + i] = result[y0 + i]! / counts[i]!;
  }
  return [fromDoubles(type.dtype, type.shape as readonly number[], result)];
}

function addUp(x: Float64Array, x0: number, y: Float64Array, y0: number, { records, step }: Runs): void {
  for (let r = 0; r < records.length; r += RUN.fields) {
    let source = x0 + records[r + RUN.input]!;
    let target = y0 + records[r + RUN.position]!;
    for (const end = target + records[r + RUN.count]!; target < end; target++) {
      y[target] = y[target]! + x[source]!;
      source += step;
    }
  }
}

/** How many taps of each window lie inside. */
function countTaps({ records }: Runs, output: readonly number[]): NumberArray {
  const counts = new Int32Array(elementCount(output));
  for (let r = 0; r < records.length; r += RUN.fields) {
    const from = records[r + RUN.position]!;
    for (let i = 0; i < records[r + RUN.count]!; i++) counts[from + i] = counts[from + i]! + 1;
  }
  return counts;
}

/** How many lie inside the input and its padding, without the elements that rounding up added. */
function paddedCounts({ input, output }: Plane, attrs: Attrs): NumberArray {
  const w = windowOf(intsAttr(attrs, 'kernel'), attrs);
  const none = input.map(() => 0);
  const uncounted = intsAttr(attrs, 'uncounted');
  const padded = input.map((d, i) => d + (w.low[i] ?? 0) + (w.high[i] ?? 0) - (uncounted[i] ?? 0));
  return countTaps(windowRuns({ ...w, low: none, high: none }, padded, output), output);
}

function samplePool(random: Random, integers: boolean): OpSample {
  const rank = random.integer(1, 3);
  const kernel = randomDims(random, rank, 1, 3);
  const strides = randomDims(random, rank, 1, 3);
  const dilations = randomDims(random, rank, 1, 2);
  const low = kernel.map((size) => random.integer(0, size - 1));
  const high = kernel.map((size) => random.integer(0, size - 1));
  const input = kernel.map((size, i) => (size - 1) * (dilations[i] ?? 1) + random.integer(1, 6));
  const dtype = random.pick(
    integers ? (['f32', 'f16', 'i8', 'u8', 'i32'] as const) : (['f32', 'f16', 'bf16'] as const),
  );
  const x = randomTensor(random, dtype, [random.integer(1, 2), random.integer(1, 3), ...input]);
  return { inputs: [x], attrs: { kernel, strides, low, high, dilations } };
}

const cost: NonNullable<OpDecl['cost']> = (inputs, outputs, attrs) =>
  costOf(inputs, outputs, countElements(outputs[0] as TensorType) * elementCount(intsAttr(attrs, 'kernel')));

export const POOLING: readonly OpDecl[] = [
  {
    name: 'max_pool',
    family: 'pooling',
    doc: 'Largest element under a window over the spatial axes of x [N,C,spatial…]. Padding takes no part; a window of padding alone gives the least value of the type. NaN wins.',
    operands: [{ name: 'x' }],
    attrs: POOL_ATTRS,
    infer: inferMax,
    evaluate: evaluateMax,
    tolerance: { relative: 0, absolute: 0 },
    cost,
    sample: (random) => samplePool(random, true),
  },
  {
    name: 'avg_pool',
    family: 'pooling',
    doc: 'Average of the elements under a window over the spatial axes of x [N,C,spatial…].',
    operands: [{ name: 'x' }],
    attrs: {
      ...POOL_ATTRS,
      include_pad: { kind: 'bool', doc: 'whether padding counts, as zeros', default: false },
      uncounted: {
        kind: 'ints',
        doc: "how much of 'high' comes from rounding the output size up (ceil_mode) and never counts; empty: nothing",
        default: [],
      },
    },
    infer: inferAverage,
    evaluate: evaluateAverage,
    tolerance: { relative: 1e-5, absolute: 1e-6 },
    cost,
    sample: (random) => {
      const { inputs, attrs } = samplePool(random, false);
      const include_pad = random.chance(0.5);
      const uncounted = random.chance(0.5) ? [] : intsAttr(attrs, 'high').map((n) => random.integer(0, n));
      return { inputs, attrs: { ...attrs, include_pad, uncounted } };
    },
  },
];

// Convolutions over one to three spatial axes. Patches of the input are packed, a panel at a time, as rows along which a
// filter multiplies (gemm.ts); conv_transpose is the adjoint: products spread over the patches and added up.
import { isFloat } from '../base/dtype.js';
import { bug } from '../base/diagnostic.js';
import type { HostTensor } from '../base/tensor.js';
import type { Random } from '../base/random.js';
import type { Attrs } from '../ir/constant.js';
import { addDims, type Dim, dimText, multiplyDims } from '../ir/dim.js';
import { elementCount, type TensorType, tensorType } from '../ir/type.js';
import { dimsContradict } from './agreement.js';
import { flagAttr, intsAttr, intAttr } from './attributes.js';
import {
  BIAS_ATTR,
  checkBias,
  checkFused,
  FUSED_ATTRS,
  finishSums,
  isByte,
  OUT_ATTR,
  productType,
} from './contraction.js';
import type { AttrSpec, InferContext, OpDecl, OpSample } from './declare.js';
import { toDoubles } from './doubles.js';
import { multiply, panelRows } from './gemm.js';
import { costOf, countElements } from './cost.js';
import { randomDims, randomTensor } from './samples.js';
import { dimsText } from './shape-math.js';
import { checkWindow, RUN, type Runs, WINDOW_ATTRS, windowExtent, windowOf, windowPositions, windowRuns } from './window.js';

type Fail = (reason: string) => never;

const GROUPS_ATTR: AttrSpec = { kind: 'int', doc: 'channels are split into so many independent groups', default: 1 };
const ONE_ENTRY_PER_AXIS = ['strides', 'low', 'high', 'dilations'];

/** Checks ranks, groups and windows; returns the number of spatial axes. */
function checkOperands({ inputs, attrs }: InferContext, fail: Fail): number {
  const [x, w] = inputs as [TensorType, TensorType];
  const rank = x.shape.length - 2;
  if (rank < 1 || rank > 3)
    fail(`operand x has shape ${dimsText(x.shape)}; there must be batch, channels and one to three spatial axes`);
  if (w.shape.length !== x.shape.length)
    fail(`x has ${x.shape.length} axes, the filters ${dimsText(w.shape)} have ${w.shape.length}`);
  const groups = intAttr(attrs, 'groups');
  if (groups < 1) fail(`there cannot be ${groups} groups`);
  checkWindow(attrs, ONE_ENTRY_PER_AXIS, rank, fail);
  for (const dim of w.shape.slice(2)) if (dim === 0) fail(`the filters ${dimsText(w.shape)} have no taps`);
  return rank;
}

function inferConv(context: InferContext, fail: Fail): readonly TensorType[] {
  checkOperands(context, fail);
  const { attrs } = context;
  const [x, w] = context.inputs as [TensorType, TensorType];
  const groups = intAttr(attrs, 'groups');
  const [batch, channels, ...input] = x.shape as [Dim, Dim, ...Dim[]];
  const [filters, depth, ...kernel] = w.shape as [Dim, Dim, ...Dim[]];
  if (dimsContradict(multiplyDims(depth, groups), channels))
    fail(`x has ${dimText(channels)} channels, the filters take ${dimText(depth)} in each of ${groups} groups`);
  if (typeof filters === 'number' && filters % groups !== 0)
    fail(`${filters} filters do not divide into ${groups} groups`);
  const dtype = productType(x, w, attrs, fail);
  checkBias(flagAttr(attrs, 'bias') ? context.inputs[2] : undefined, dtype, filters, fail);
  const result = tensorType(dtype, [batch, filters, ...windowPositions(input, kernel, attrs, fail)]);
  checkFused(context, result, fail);
  return [result];
}

function evaluateConv(inputs: readonly HostTensor[], attrs: Attrs, types: readonly TensorType[]): HostTensor[] {
  const [x, w] = inputs as [HostTensor, HostTensor];
  const type = types[0] as TensorType;
  const [batch, filters, ...output] = type.shape as [number, number, ...number[]];
  const [, channels, ...input] = x.shape as [number, number, ...number[]];
  const [, groupChannels, ...kernel] = w.shape as [number, number, ...number[]];
  const groups = intAttr(attrs, 'groups');
  const runs = windowRuns(windowOf(kernel, attrs), input, output);
  const plane = elementCount(input);
  const positions = elementCount(output);
  const depth = groupChannels * runs.taps;
  const perGroup = filters / groups;
  const values = toDoubles(x);
  const weights = toDoubles(w);
  const sums = new Float64Array(batch * filters * positions);
  const rows = panelRows(depth, positions);
  const panel = new Float64Array(rows * depth);
  for (let image = 0; image < batch; image++) {
    for (let group = 0; group < groups; group++) {
      const from = (image * channels + group * groupChannels) * plane;
      for (let first = 0; first < positions; first += rows) {
        const bRows = Math.min(rows, positions - first);
        packPatches(panel, values, { from, plane, channels: groupChannels }, runs, first, bRows);
        multiply({
          a: weights,
          aAt: group * perGroup * depth,
          aRows: perGroup,
          b: panel,
          bRows,
          depth,
          out: sums,
          outAt: (image * filters + group * perGroup) * positions + first,
          pitch: positions,
        });
      }
    }
  }
  const bias = flagAttr(attrs, 'bias') ? inputs[2] : undefined;
  const residual = flagAttr(attrs, 'residual') ? inputs.at(-1) : undefined;
  return [finishSums(sums, type, attrs, { bias, perBias: positions, residual })];
}

/** Where the planes of a group's channels start in `x`, their size and number. */
interface Planes {
  readonly from: number;
  readonly plane: number;
  readonly channels: number;
}

/** Rows of `panel`: the patches, channel by channel and tap by tap, of `count` positions from `first` on. */
function packPatches(
  panel: Float64Array,
  x: Float64Array,
  { from, plane, channels }: Planes,
  runs: Runs,
  first: number,
  count: number,
): void {
  const { taps } = runs;
  const depth = channels * taps;
  panel.fill(0, 0, count * depth);
  eachRun(runs, first, count, (tap, position, input, length) => {
    for (let channel = 0; channel < channels; channel++) {
      let source = from + channel * plane + input;
      let target = position * depth + channel * taps + tap;
      for (const end = target + length * depth; target < end; target += depth) {
        panel[target] = x[source]!;
        source += runs.step;
      }
    }
  });
}

/** The parts of runs among `count` positions from `first` on, counted from there. */
function eachRun(
  { records, rows, rowLength, step }: Runs,
  first: number,
  count: number,
  visit: (tap: number, position: number, input: number, count: number) => void,
): void {
  if (count === 0) return;
  const begin = rows[Math.floor(first / rowLength)]!;
  const end = rows[Math.floor((first + count - 1) / rowLength) + 1]!;
  for (let r = begin * RUN.fields; r < end * RUN.fields; r += RUN.fields) {
    const position = records[r + RUN.position]!;
    const skipped = Math.max(0, first - position);
    const length = Math.min(records[r + RUN.count]!, first + count - position) - skipped;
    if (length > 0) {
      visit(records[r + RUN.tap]!, position + skipped - first, records[r + RUN.input]! + skipped * step, length);
    }
  }
}

function inferTranspose(context: InferContext, fail: Fail): readonly TensorType[] {
  const rank = checkOperands(context, fail);
  const { attrs } = context;
  const [x, w] = context.inputs as [TensorType, TensorType];
  const groups = intAttr(attrs, 'groups');
  const [batch, channels, ...input] = x.shape as [Dim, Dim, ...Dim[]];
  const [depth, perGroup, ...kernel] = w.shape as [Dim, Dim, ...Dim[]];
  if (dimsContradict(depth, channels))
    fail(`x has ${dimText(channels)} channels, the filters take ${dimText(depth)}`);
  if (typeof channels === 'number' && channels % groups !== 0)
    fail(`${channels} channels do not divide into ${groups} groups`);
  checkWindow(attrs, ['output_padding'], rank, fail);
  if (!isFloat(x.dtype)) fail(`operands of type ${x.dtype} are not floats`);
  const dtype = productType(x, w, attrs, fail);
  const filters = multiplyDims(perGroup, groups);
  checkBias(context.inputs[2], dtype, filters, fail);
  return [tensorType(dtype, [batch, filters, ...spreadExtents(input, kernel, attrs, fail)])];
}

/** Spatial dims of conv_transpose: what conv would turn into `input`, and the output padding. */
function spreadExtents(input: readonly Dim[], kernel: readonly Dim[], attrs: Attrs, fail: Fail): Dim[] {
  const { strides, low, high, dilations } = windowOf([], attrs);
  const extra = intsAttr(attrs, 'output_padding');
  return input.map((dim, i) => {
    const reach = addDims(multiplyDims(addDims(dim, -1), strides[i] ?? 1), windowExtent(kernel[i] ?? 1, dilations[i] ?? 1));
    const size = addDims(reach, (extra[i] ?? 0) - (low[i] ?? 0) - (high[i] ?? 0));
    if (typeof size === 'number' && size < 0)
      fail(`on spatial axis ${i} the padding takes more than the ${dimText(reach)} elements of the result`);
    return size;
  });
}

function evaluateTranspose(
  inputs: readonly HostTensor[],
  attrs: Attrs,
  types: readonly TensorType[],
): HostTensor[] {
  const [x, w, bias] = inputs as [HostTensor, HostTensor, HostTensor?];
  const type = types[0] as TensorType;
  const [batch, filters, ...output] = type.shape as [number, number, ...number[]];
  const [, channels, ...input] = x.shape as [number, number, ...number[]];
  const [, perGroup, ...kernel] = w.shape as [number, number, ...number[]];
  const groups = intAttr(attrs, 'groups');
  const runs = windowRuns(windowOf(kernel, attrs), output, input);
  const plane = elementCount(output);
  const positions = elementCount(input);
  const depth = channels / groups;
  const width = perGroup * runs.taps;
  const values = toDoubles(x);
  const weights = toDoubles(w);
  const sums = new Float64Array(batch * filters * plane);
  const rows = panelRows(Math.max(depth, width), positions);
  const patches = new Float64Array(rows * width);
  const panel = new Float64Array(rows * depth);
  for (let group = 0; group < groups; group++) {
    const filtersByTap = transposed(weights, group * depth * width, depth, width);
    for (let image = 0; image < batch; image++) {
      const from = (image * channels + group * depth) * positions;
      const to = (image * filters + group * perGroup) * plane;
      for (let first = 0; first < positions; first += rows) {
        const aRows = Math.min(rows, positions - first);
        for (let c = 0; c < depth; c++) {
          const source = from + c * positions + first;
          for (let p = 0; p < aRows; p++) panel[p * depth + c] = values[source + p]!;
        }
        multiply({ a: panel, aAt: 0, aRows, b: filtersByTap, bRows: width, depth, out: patches, outAt: 0, pitch: width });
        addPatches(sums, patches, { from: to, plane, channels: perGroup }, runs, first, aRows);
      }
    }
  }
  return [finishSums(sums, type, { act: '' }, { bias, perBias: plane })];
}

/** A rows x columns matrix inside `a`, its columns as rows. */
function transposed(a: Float64Array, from: number, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = a[from + i * columns + j]!;
  return out;
}

/** Inverse of packPatches: adds the patches to the places they come from. */
function addPatches(
  y: Float64Array,
  patches: Float64Array,
  { from, plane, channels }: Planes,
  runs: Runs,
  first: number,
  count: number,
): void {
  const { taps } = runs;
  const depth = channels * taps;
  eachRun(runs, first, count, (tap, position, input, length) => {
    for (let channel = 0; channel < channels; channel++) {
      let target = from + channel * plane + input;
      let source = position * depth + channel * taps + tap;
      for (const end = source + length * depth; source < end; source += depth) {
        y[target] = y[target]! + patches[source]!;
        target += runs.step;
      }
    }
  });
}

/** A random window over 1 to 3 axes and an input in which it fits. */
function sampleWindow(random: Random): { readonly kernel: number[]; readonly input: number[]; readonly attrs: Attrs } {
  const rank = random.integer(1, 3);
  const kernel = randomDims(random, rank, 1, 3);
  const strides = randomDims(random, rank, 1, 3);
  const dilations = randomDims(random, rank, 1, 2);
  const low = randomDims(random, rank, 0, 2);
  const high = randomDims(random, rank, 0, 2);
  const input = kernel.map((size, i) => {
    const extent = (size - 1) * dilations[i]! + 1;
    return Math.max(1, extent - low[i]! - high[i]! + random.integer(0, 6));
  });
  return { kernel, input, attrs: { strides, low, high, dilations } };
}

function sampleConv(random: Random): OpSample {
  const { kernel, input, attrs } = sampleWindow(random);
  const bytes = random.chance(0.2);
  const dtype = random.pick(['f32', 'f32', 'f16', 'bf16'] as const);
  const type = bytes ? () => random.pick(['i8', 'u8'] as const) : () => dtype;
  const groups = random.integer(1, 3);
  const depth = random.integer(1, 3);
  const filters = groups * random.integer(1, 4);
  const x = randomTensor(random, type(), [random.integer(1, 2), groups * depth, ...input]);
  const w = randomTensor(random, type(), [filters, depth, ...kernel]);
  const out = !bytes && dtype !== 'f32' && random.chance(0.5) ? 'f32' : '';
  const result = bytes ? 'i32' : out === 'f32' ? 'f32' : dtype;
  const act = random.pick(bytes ? ['', 'relu'] : ['', 'relu', 'elu', 'silu']);
  const bias = random.chance(0.5);
  const residual = random.chance(0.3);
  const full = { ...attrs, groups, bias, residual, act, alpha: 0.5, out };
  const positions = windowPositions(input, kernel, full, noFailure) as readonly number[];
  return {
    inputs: [
      x,
      w,
      ...(bias ? [randomTensor(random, result, [filters])] : []),
      ...(residual ? [randomTensor(random, result, [x.shape[0] ?? 1, filters, ...positions])] : []),
    ],
    attrs: full,
  };
}

function sampleTranspose(random: Random): OpSample {
  const { kernel, input, attrs } = sampleWindow(random);
  const dtype = random.pick(['f32', 'f16'] as const);
  const groups = random.integer(1, 2);
  const depth = random.integer(1, 3);
  const perGroup = random.integer(1, 3);
  const bias = random.chance(0.5);
  // As much padding as leaves at least one element.
  const low = kernel.map((size) => random.integer(0, size - 1));
  const output_padding = intsAttr(attrs, 'strides').map((s) => random.integer(0, s - 1));
  return {
    inputs: [
      randomTensor(random, dtype, [random.integer(1, 2), groups * depth, ...input]),
      randomTensor(random, dtype, [groups * depth, perGroup, ...kernel]),
      ...(bias ? [randomTensor(random, dtype, [groups * perGroup])] : []),
    ],
    attrs: { ...attrs, low, high: kernel.map(() => 0), groups, output_padding, bias, out: '' },
  };
}

function noFailure(reason: string): never {
  throw bug('E1260', `a sample of an operator is not valid: ${reason}`);
}

/** Multiplications and additions of filters [F,…] whose taps meet every element of `t`, each once per position. */
function tapFlops(w: TensorType | undefined, t: TensorType | undefined): number {
  if (w === undefined || t === undefined) return 0;
  return 2 * countElements(t) * countElements({ ...w, shape: w.shape.slice(1) });
}

const FILTERED_OPERANDS = [{ name: 'x' }, { name: 'w' }, { name: 'bias', when: 'bias' }] as const;

export const CONVOLUTION: readonly OpDecl[] = [
  {
    name: 'conv',
    family: 'convolution',
    doc: 'Cross-correlation of x [N,C,spatial…] with filters [M,C/groups,kernel…] over 1 to 3 spatial axes; then bias per filter, residual, activation. Operands of i8 and u8, mixed or not, give exact i32.',
    operands: [...FILTERED_OPERANDS, { name: 'residual', when: 'residual' }],
    attrs: {
      ...WINDOW_ATTRS,
      groups: GROUPS_ATTR,
      ...FUSED_ATTRS,
      residual: { kind: 'bool', doc: 'whether a tensor like the result is added before the activation', default: false },
    },
    infer: inferConv,
    evaluate: evaluateConv,
    tolerance: { relative: 1e-4, absolute: 1e-5 },
    cost: (inputs, outputs) => costOf(inputs, outputs, tapFlops(inputs[1], outputs[0])),
    sample: sampleConv,
  },
  {
    name: 'conv_transpose',
    family: 'convolution',
    doc: 'Adjoint of conv: x [N,C,spatial…] spread by filters [C,M/groups,kernel…]; a dim becomes (d-1)*stride + (k-1)*dilation + 1 + output_padding - low - high. Then bias per output channel.',
    operands: FILTERED_OPERANDS,
    attrs: {
      ...WINDOW_ATTRS,
      groups: GROUPS_ATTR,
      output_padding: { kind: 'ints', doc: 'elements added after the last one per spatial axis' },
      bias: BIAS_ATTR,
      out: OUT_ATTR,
    },
    infer: inferTranspose,
    evaluate: evaluateTranspose,
    tolerance: { relative: 1e-4, absolute: 1e-5 },
    cost: (inputs, outputs) => costOf(inputs, outputs, tapFlops(inputs[1], inputs[0])),
    sample: sampleTranspose,
  },
];

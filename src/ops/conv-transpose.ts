// Transposed convolution, the adjoint of conv: every element of x times every filter, the products spread over the patch that
// conv would have reduced to that element, and added up where patches overlap.
import { isFloat } from '../base/dtype.js';
import type { Random } from '../base/random.js';
import type { HostTensor } from '../base/tensor.js';
import type { Attrs } from '../ir/constant.js';
import { addDims, type Dim, dimText, multiplyDims } from '../ir/dim.js';
import { elementCount, type TensorType, tensorType } from '../ir/type.js';
import { dimsContradict } from './agreement.js';
import { intAttr, intsAttr } from './attributes.js';
import { BIAS_ATTR, checkBias, finishSums, OUT_ATTR, productType } from './contraction.js';
import { costOf } from './cost.js';
import type { InferContext, OpDecl, OpSample } from './declare.js';
import { toDoubles } from './doubles.js';
import { checkFilters, FILTERED_OPERANDS, GROUPS_ATTR, sampleWindow, tapFlops } from './filters.js';
import { multiply, panelRows } from './gemm.js';
import { addPatches } from './patches.js';
import { randomTensor } from './samples.js';
import { checkWindow, WINDOW_ATTRS, windowExtent, windowOf, windowRuns } from './window.js';

type Fail = (reason: string) => never;

function inferTranspose(context: InferContext, fail: Fail): readonly TensorType[] {
  const rank = checkFilters(context, fail);
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
    const reach = addDims(
      multiplyDims(addDims(dim, -1), strides[i] ?? 1),
      windowExtent(kernel[i] ?? 1, dilations[i] ?? 1),
    );
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
        multiply({
          a: panel,
          aAt: 0,
          aRows,
          b: filtersByTap,
          bRows: width,
          depth,
          out: patches,
          outAt: 0,
          pitch: width,
        });
        addPatches(sums, patches, { from: to, plane, channels: perGroup }, runs, first, aRows);
      }
    }
  }
  return [finishSums(sums, type, { act: '' }, { bias, perBias: plane })];
}

/** A rows x columns matrix inside `a`, its columns as rows. */
function transposed(a: Float64Array, from: number, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) out[j * rows + i] = a[from + i * columns + j]!;
  return out;
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

export const CONV_TRANSPOSE: OpDecl = {
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
};

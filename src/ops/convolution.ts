// Convolution over one to three spatial axes. Patches of the input are packed, a panel at a time, as rows along which a
// filter multiplies (patches.ts, gemm.ts), so that one loop serves every rank, stride, dilation and grouping.
import { bug } from '../base/diagnostic.js';
import type { Random } from '../base/random.js';
import type { HostTensor } from '../base/tensor.js';
import type { Attrs } from '../ir/constant.js';
import { type Dim, dimText, multiplyDims } from '../ir/dim.js';
import { elementCount, type TensorType, tensorType } from '../ir/type.js';
import { dimsContradict } from './agreement.js';
import { flagAttr, intAttr } from './attributes.js';
import { checkBias, checkFused, FUSED_ATTRS, finishSums, productType } from './contraction.js';
import { CONV_TRANSPOSE } from './conv-transpose.js';
import { costOf } from './cost.js';
import type { InferContext, OpDecl, OpSample } from './declare.js';
import { toDoubles } from './doubles.js';
import { checkFilters, FILTERED_OPERANDS, GROUPS_ATTR, sampleWindow, tapFlops } from './filters.js';
import { multiply, panelRows } from './gemm.js';
import { packPatches } from './patches.js';
import { randomTensor } from './samples.js';
import { RUN, type Runs, WINDOW_ATTRS, windowOf, windowPositions, windowRuns } from './window.js';

type Fail = (reason: string) => never;

function inferConv(context: InferContext, fail: Fail): readonly TensorType[] {
  checkFilters(context, fail);
  const { attrs } = context;
  const [x, w] = context.inputs as [TensorType, TensorType];
  const groups = intAttr(attrs, 'groups');
  const [batch, channels, ...input] = x.shape as [Dim, Dim, ...Dim[]];
  const [filters, depth, ...kernel] = w.shape as [Dim, Dim, ...Dim[]];
  if (dimsContradict(multiplyDims(depth, groups), channels))
    fail(
      `x has ${dimText(channels)} channels, the filters take ${dimText(depth)} in each of ${groups} groups`,
    );
  if (typeof filters === 'number' && filters % groups !== 0)
    fail(`${filters} filters do not divide into ${groups} groups`);
  const dtype = productType(x, w, attrs, fail);
  checkBias(flagAttr(attrs, 'bias') ? context.inputs[2] : undefined, dtype, filters, fail);
  const result = tensorType(dtype, [batch, filters, ...windowPositions(input, kernel, attrs, fail)]);
  checkFused(context, result, fail);
  return [result];
}

function evaluateConv(
  inputs: readonly HostTensor[],
  attrs: Attrs,
  types: readonly TensorType[],
): HostTensor[] {
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
  const sums = new Float64Array(batch * filters * positions);
  const g: Group = {
    values: toDoubles(x),
    weights: toDoubles(w),
    sums,
    runs,
    plane,
    positions,
    depth,
    filters: perGroup,
  };
  const product = perGroup < FEW_FILTERS ? slideFilters : multiplyPatches;
  const panel = new Float64Array(panelRows(depth, positions) * depth);
  for (let image = 0; image < batch; image++) {
    for (let group = 0; group < groups; group++) {
      const at = {
        x: (image * channels + group * groupChannels) * plane,
        w: group * perGroup * depth,
        sums: (image * filters + group * perGroup) * positions,
      };
      product(g, at, panel);
    }
  }
  const bias = flagAttr(attrs, 'bias') ? inputs[2] : undefined;
  const residual = flagAttr(attrs, 'residual') ? inputs.at(-1) : undefined;
  return [finishSums(sums, type, attrs, { bias, perBias: positions, residual })];
}

function noFailure(reason: string): never {
  throw bug('E1260', `a sample of an operator is not valid: ${reason}`);
}

/** Fewest filters of a group for which packing its patches pays; depthwise convolutions have one. */
const FEW_FILTERS = 3;

/** What all groups of one convolution share. */
interface Group {
  readonly values: Float64Array;
  readonly weights: Float64Array;
  readonly sums: Float64Array;
  readonly runs: Runs;
  /** Elements of a channel of x, and of the result. */
  readonly plane: number;
  readonly positions: number;
  /** Weights of a filter. */
  readonly depth: number;
  readonly filters: number;
}

/** Where a group's channels, filters and results start. */
interface GroupPlace {
  readonly x: number;
  readonly w: number;
  readonly sums: number;
}

function multiplyPatches(g: Group, at: GroupPlace, panel: Float64Array): void {
  const { depth, positions } = g;
  const planes = { from: at.x, plane: g.plane, channels: depth / g.runs.taps };
  const rows = panelRows(depth, positions);
  for (let first = 0; first < positions; first += rows) {
    const bRows = Math.min(rows, positions - first);
    packPatches(panel, g.values, planes, g.runs, first, bRows);
    multiply({
      a: g.weights,
      aAt: at.w,
      aRows: g.filters,
      b: panel,
      bRows,
      depth,
      out: g.sums,
      outAt: at.sums + first,
      pitch: positions,
    });
  }
}

/** Few filters: for each weight, the input elements it meets are added, times it, to the sums. */
function slideFilters(g: Group, at: GroupPlace): void {
  const { values, sums, weights, runs } = g;
  const channels = g.depth / runs.taps;
  for (let filter = 0; filter < g.filters; filter++) {
    for (let channel = 0; channel < channels; channel++) {
      const w0 = at.w + filter * g.depth + channel * runs.taps;
      slide(values, at.x + channel * g.plane, weights, w0, sums, at.sums + filter * g.positions, runs);
    }
  }
}

function slide(
  x: Float64Array,
  x0: number,
  w: Float64Array,
  w0: number,
  sums: Float64Array,
  sums0: number,
  { records, step }: Runs,
): void {
  for (let r = 0; r < records.length; r += RUN.fields) {
    const weight = w[w0 + records[r + RUN.tap]!]!;
    let source = x0 + records[r + RUN.input]!;
    let target = sums0 + records[r + RUN.position]!;
    for (const end = target + records[r + RUN.count]!; target < end; target++) {
      sums[target] = sums[target]! + weight * x[source]!;
      source += step;
    }
  }
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
      residual: {
        kind: 'bool',
        doc: 'whether a tensor like the result is added before the activation',
        default: false,
      },
    },
    infer: inferConv,
    evaluate: evaluateConv,
    tolerance: { relative: 1e-4, absolute: 1e-5 },
    cost: (inputs, outputs) => costOf(inputs, outputs, tapFlops(inputs[1], outputs[0])),
    sample: sampleConv,
  },
  CONV_TRANSPOSE,
];

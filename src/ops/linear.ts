// Matrix products over the last two axes, with numpy's broadcasting of the others, and the bias and activation fused
// behind them. Wider integers than 8 bits are multiplied exactly and wrap; they occur in arithmetic on shapes only.
import { isFloat, isInteger } from '../base/dtype.js';
import type { Random } from '../base/random.js';
import { elementReader, elementWriter, type HostTensor, type NumberArray, zeros } from '../base/tensor.js';
import type { Attrs } from '../ir/constant.js';
import type { Dim } from '../ir/dim.js';
import { elementCount, rowMajorStrides, type TensorType, tensorType } from '../ir/type.js';
import { dimsContradict } from './agreement.js';
import { stringAttr } from './attributes.js';
import { checkBias, checkFused, FUSED_ATTRS, finishSums, isByte, productType } from './contraction.js';
import { costOf, countElements } from './cost.js';
import type { InferContext, OpDecl, OpSample } from './declare.js';
import { toDoubles } from './doubles.js';
import { loadNumbers } from './elements.js';
import { multiply, panelRows } from './gemm.js';
import { randomTensor } from './samples.js';
import { broadcastShapes, dimsText } from './shape-math.js';

type Fail = (reason: string) => never;

function infer(context: InferContext, fail: Fail): readonly TensorType[] {
  const [a, b, bias] = context.inputs as [TensorType, TensorType, TensorType?];
  for (const [name, { shape }] of Object.entries({ a, b }))
    if (shape.length < 2)
      fail(`operand ${name} has shape ${dimsText(shape)}; a matrix has at least two axes`);
  const shapes = `${dimsText(a.shape)} x ${dimsText(b.shape)}`;
  const [m, k] = a.shape.slice(-2) as [Dim, Dim];
  const [depth, n] = b.shape.slice(-2) as [Dim, Dim];
  if (dimsContradict(k, depth)) fail(`the matrices of ${shapes} do not chain`);
  const batch =
    broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)) ??
    fail(`the axes before the matrices of ${shapes} do not broadcast`);
  const wide = a.dtype === b.dtype && isInteger(a.dtype) && !isByte(a.dtype);
  if (wide && stringAttr(context.attrs, 'out') !== '')
    fail(`the result of ${a.dtype} operands cannot be ${stringAttr(context.attrs, 'out')}`);
  const dtype = wide ? a.dtype : productType(a, b, context.attrs, fail);
  if (wide && (bias !== undefined || stringAttr(context.attrs, 'act') !== ''))
    fail(`a product of ${a.dtype} takes no bias and no activation`);
  checkBias(bias, dtype, n, fail);
  const result = tensorType(dtype, [...batch, m, n]);
  checkFused(context, result, fail);
  return [result];
}

/** One product of an m x k by a k x n matrix: where they start, in elements. */
interface Pair {
  readonly a: number;
  readonly b: number;
  readonly out: number;
}

interface Extents {
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

function evaluate(inputs: readonly HostTensor[], attrs: Attrs, types: readonly TensorType[]): HostTensor[] {
  const [a, b, bias] = inputs as [HostTensor, HostTensor, HostTensor?];
  const type = types[0] as TensorType;
  const shape = type.shape as readonly number[];
  // One matrix for all rows of `a`: its batch is just more rows.
  const shared = elementCount(b.shape.slice(0, -2)) === 1;
  const n = shape.at(-1) ?? 1;
  const k = a.shape.at(-1) ?? 1;
  const m = shared ? elementCount(a.shape.slice(0, -1)) : (shape.at(-2) ?? 1);
  const pairs = shared ? [{ a: 0, b: 0, out: 0 }] : batchPairs(a.shape, b.shape, shape);
  if (!isFloat(a.dtype) && !isByte(a.dtype)) return [multiplyIntegers(a, b, type, pairs, { m, k, n })];
  const sums = new Float64Array(elementCount(shape));
  multiplyFloats(toDoubles(a), b, sums, pairs, { m, k, n });
  return [finishSums(sums, type, attrs, { bias, perBias: 1 })];
}

function batchPairs(a: readonly number[], b: readonly number[], out: readonly number[]): Pair[] {
  const rank = out.length - 2;
  const batch = out.slice(0, rank);
  const aSteps = broadcastStrides(a, rank);
  const bSteps = broadcastStrides(b, rank);
  const size = (out[rank] ?? 1) * (out[rank + 1] ?? 1);
  return Array.from({ length: elementCount(batch) }, (_, i) => {
    let rest = i;
    const pair = { a: 0, b: 0, out: i * size };
    for (let axis = rank - 1; axis >= 0; axis--) {
      const dim = batch[axis] ?? 1;
      pair.a += (rest % dim) * (aSteps[axis] ?? 0);
      pair.b += (rest % dim) * (bSteps[axis] ?? 0);
      rest = Math.floor(rest / dim);
    }
    return pair;
  });
}

/** Strides of the batch axes of an operand, aligned to the right in `rank` axes; 0 where it broadcasts. */
function broadcastStrides(shape: readonly number[], rank: number): number[] {
  const missing = rank + 2 - shape.length;
  const strides = rowMajorStrides(shape);
  return Array.from({ length: rank }, (_, i) =>
    (shape[i - missing] ?? 1) === 1 ? 0 : (strides[i - missing] ?? 0),
  );
}

/** Fewest rows of `a` for which packing `b` pays. */
const FEW_ROWS = 3;

function multiplyFloats(
  a: Float64Array,
  b: HostTensor,
  sums: Float64Array,
  pairs: readonly Pair[],
  extents: Extents,
): void {
  if (extents.m < FEW_ROWS) multiplyRows(a, loadNumbers(b), sums, pairs, extents);
  else multiplyPanels(a, toDoubles(b), sums, pairs, extents);
}

function multiplyPanels(
  a: Float64Array,
  b: Float64Array,
  sums: Float64Array,
  pairs: readonly Pair[],
  { m, k, n }: Extents,
): void {
  const rows = panelRows(k, n);
  const panel = new Float64Array(rows * k);
  for (const pair of pairs) {
    for (let from = 0; from < n; from += rows) {
      const columns = Math.min(rows, n - from);
      packColumns(panel, b, pair.b + from, columns, k, n);
      multiply({
        a,
        aAt: pair.a,
        aRows: m,
        b: panel,
        bRows: columns,
        depth: k,
        out: sums,
        outAt: pair.out + from,
        pitch: n,
      });
    }
  }
}

/** Columns of a matrix of `k` rows, `pitch` apart, as rows of `panel`; eight elements, a cache line, at a time. */
function packColumns(
  panel: Float64Array,
  b: Float64Array,
  at: number,
  columns: number,
  k: number,
  pitch: number,
): void {
  for (let i0 = 0; i0 < k; i0 += 8) {
    const i1 = Math.min(i0 + 8, k);
    for (let j = 0; j < columns; j++) for (let i = i0; i < i1; i++) panel[j * k + i] = b[at + i * pitch + j]!;
  }
}

/** Few rows of `a`: row after row of `b`, times an element of `a`, is added to the sums. */
function multiplyRows(
  a: Float64Array,
  b: NumberArray,
  sums: Float64Array,
  pairs: readonly Pair[],
  { m, k, n }: Extents,
): void {
  const row = new Float64Array(n);
  for (const pair of pairs) {
    for (let i = 0; i < k; i++) {
      row.set(b.subarray(pair.b + i * n, pair.b + (i + 1) * n));
      for (let r = 0; r < m; r++) addScaled(sums, pair.out + r * n, a[pair.a + r * k + i]!, row);
    }
  }
}

function addScaled(sums: Float64Array, at: number, factor: number, row: Float64Array): void {
  for (let j = 0; j < row.length; j++) sums[at + j] = sums[at + j]! + factor * row[j]!;
}

function multiplyIntegers(
  a: HostTensor,
  b: HostTensor,
  type: TensorType,
  pairs: readonly Pair[],
  { m, k, n }: Extents,
): HostTensor {
  const result = zeros(type.dtype, type.shape as readonly number[]);
  const readA = elementReader(a);
  const readB = elementReader(b);
  const write = elementWriter(result);
  for (const pair of pairs) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0n;
        for (let l = 0; l < k; l++)
          sum += BigInt(readA(pair.a + i * k + l)) * BigInt(readB(pair.b + l * n + j));
        write(pair.out + i * n + j, BigInt.asIntN(64, sum));
      }
    }
  }
  return result;
}

function sample(random: Random): OpSample {
  const bytes = random.chance(0.2);
  const type = bytes ? () => random.pick(['i8', 'u8'] as const) : () => dtype;
  const dtype = random.pick(['f32', 'f32', 'f16', 'bf16', 'f64', 'i32', 'i64'] as const);
  const wide = !bytes && !isFloat(dtype);
  const [m, k, n] = [
    random.integer(1, 9),
    random.integer(random.chance(0.1) ? 0 : 1, 9),
    random.integer(1, 9),
  ];
  const batch = Array.from({ length: random.integer(0, 2) }, () => random.integer(1, 3));
  const part = () => batch.map((d) => (random.chance(0.3) ? 1 : d)).slice(random.integer(0, batch.length));
  const small = !bytes && (dtype === 'f16' || dtype === 'bf16');
  const out = small && random.chance(0.5) ? 'f32' : '';
  const bias = !wide && random.chance(0.5);
  const result = bytes ? 'i32' : out === 'f32' ? 'f32' : dtype;
  const a = randomTensor(random, type(), [...part(), m, k]);
  const b = randomTensor(random, type(), [...part(), k, n]);
  const act = wide ? '' : random.pick(bytes ? ['', 'relu'] : ['', 'relu', 'leaky_relu', 'tanh', 'gelu']);
  return {
    inputs: [a, b, ...(bias ? [randomTensor(random, result, [n])] : [])],
    attrs: { bias, act, alpha: 0.1, out },
  };
}

export const LINEAR: readonly OpDecl[] = [
  {
    name: 'matmul',
    family: 'linear',
    doc: 'Matrix product of the last two axes; the axes before broadcast. Then bias per column, then activation. Operands of i8 and u8, mixed or not, give exact i32; wider integers wrap.',
    operands: [{ name: 'a' }, { name: 'b' }, { name: 'bias', when: 'bias' }],
    attrs: FUSED_ATTRS,
    infer,
    evaluate,
    tolerance: { relative: 1e-4, absolute: 1e-5 },
    cost: (inputs, outputs) => {
      const depth = inputs[0]?.shape.at(-1);
      const products = countElements(outputs[0] as TensorType) * (typeof depth === 'number' ? depth : 1);
      return costOf(inputs, outputs, 2 * products);
    },
    sample,
  },
];

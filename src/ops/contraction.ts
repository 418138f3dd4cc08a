// What matmul and the convolutions share: the type of the sums, and the bias, residual and activation fused behind them.
// The sums are exact for 8-bit operands, and of doubles for floats; bias, residual and activation follow in double, and the
// result is rounded once. `out: 'f32'` keeps the sums of 16-bit operands in fp32, as the chip's accumulators hold them.
import type { DType } from '../base/dtype.js';
import { DTYPES, isFloat } from '../base/dtype.js';
import type { HostTensor } from '../base/tensor.js';
import type { Attrs } from '../ir/constant.js';
import type { Dim } from '../ir/dim.js';
import { formatType, type TensorType } from '../ir/type.js';
import { ACT_NAMES, activation } from './activation.js';
import { shapesContradict } from './agreement.js';
import { flagAttr, floatAttr, stringAttr } from './attributes.js';
import type { AttrSpec, InferContext } from './declare.js';
import { fromDoubles, toDoubles } from './doubles.js';
import { dimsText } from './shape-math.js';

type Fail = (reason: string) => never;

export const OUT_ATTR: AttrSpec = {
  kind: 'string',
  doc: "element type of the result: '' for that of the operands, 'f32' to keep the sums of 16-bit ones; 8-bit integers always give i32",
  default: '',
  oneOf: ['', 'f32', 'i32'],
};
export const BIAS_ATTR: AttrSpec = { kind: 'bool', doc: 'whether there is a bias', default: false };

export const FUSED_ATTRS = {
  bias: BIAS_ATTR,
  act: { kind: 'string', doc: 'activation applied last', default: '', oneOf: ACT_NAMES },
  alpha: { kind: 'float', doc: 'parameter of leaky_relu and elu', default: 0 },
  out: OUT_ATTR,
} as const satisfies Record<string, AttrSpec>;

/** i8 and u8: their products are summed exactly in i32. */
export function isByte(t: DType): boolean {
  return t === 'i8' || t === 'u8';
}

/** Element type of the sums of products of `a` and `b` (floats or bytes). */
export function productType(a: TensorType, b: TensorType, attrs: Attrs, fail: Fail): DType {
  const out = stringAttr(attrs, 'out');
  if (isByte(a.dtype) && isByte(b.dtype)) {
    if (out === 'f32') fail(`8-bit integers give i32, not ${out}`);
    return 'i32';
  }
  if (a.dtype !== b.dtype) fail(`operands of types ${a.dtype} and ${b.dtype} cannot be multiplied`);
  if (!isFloat(a.dtype)) fail(`operands of type ${a.dtype} are neither floats nor 8-bit integers`);
  if (out === '' || out === a.dtype) return a.dtype;
  if (out !== 'f32' || DTYPES[a.dtype].bits > 16) fail(`the result of ${a.dtype} operands cannot be ${out}`);
  return 'f32';
}

/** Checks a bias operand: one value per channel, of the result's type or, beside a small float, f32. */
export function checkBias(bias: TensorType | undefined, dtype: DType, channels: Dim, fail: Fail): void {
  if (bias === undefined) return;
  if (bias.dtype !== dtype && !(isFloat(dtype) && bias.dtype === 'f32'))
    fail(`a bias of type ${bias.dtype} cannot be added to ${dtype}`);
  if (shapesContradict(bias.shape, [channels]))
    fail(`the bias has shape ${dimsText(bias.shape)}, not ${dimsText([channels])}`);
}

/** Checks residual and activation against the result. */
export function checkFused(context: InferContext, result: TensorType, fail: Fail): void {
  const act = stringAttr(context.attrs, 'act');
  if (act !== '' && act !== 'relu' && !isFloat(result.dtype))
    fail(`${act} of ${result.dtype} is not defined`);
  if (!flagAttr(context.attrs, 'residual')) return;
  const residual = context.inputs.at(-1) as TensorType;
  if (residual.dtype !== result.dtype || shapesContradict(residual.shape, result.shape))
    fail(`the residual is ${formatType(residual)}, the result ${formatType(result)}`);
}

export interface Fused {
  readonly bias?: HostTensor | undefined;
  /** Elements of the result that share a bias value, one after the other. */
  readonly perBias: number;
  readonly residual?: HostTensor | undefined;
}

/** Adds bias and residual to the sums, applies the activation, and rounds. Writes into `sums`. */
export function finishSums(sums: Float64Array, type: TensorType, attrs: Attrs, fused: Fused): HostTensor {
  if (fused.bias !== undefined) addBias(sums, toDoubles(fused.bias), fused.perBias);
  if (fused.residual !== undefined) {
    const residual = toDoubles(fused.residual);
    for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + residual[i]!;
  }
  const act = activation(stringAttr(attrs, 'act'));
  if (act !== undefined) {
    const alpha = floatAttr(attrs, 'alpha');
    // Sums of integers wrap before the activation looks at their sign.
    const wrap = type.dtype === 'i32';
    for (let i = 0; i < sums.length; i++) sums[i] = act(wrap ? sums[i]! | 0 : sums[i]!, alpha);
  }
  return fromDoubles(type.dtype, type.shape as readonly number[], sums);
}

function addBias(sums: Float64Array, bias: Float64Array, per: number): void {
  for (let i = 0, channel = 0; i < sums.length; channel = (channel + 1) % bias.length) {
    const value = bias[channel]!;
    for (const end = i + per; i < end; i++) sums[i] = sums[i]! + value;
  }
}

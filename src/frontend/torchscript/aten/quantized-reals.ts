// Operators of floats on quantised tensors: computed on the reals, with a result on the grid that PyTorch gives it, that of the
// operand or one of the operator's own.
import type { Item } from '../lower/items.js';
import type { Lowering } from '../lower/lowering.js';
import type { Quantizer, TensorItem } from '../lower/tensor-item.js';
import { dequantize, quantize } from './quantized.js';

type Grid = (own: Quantizer, signed: boolean) => Quantizer;

const same: Grid = (own) => own;
const fixed =
  (scale: number, unsigned: number, signed: number): Grid =>
  (_own, isSigned) => ({ scale: [scale], zeroPoint: [isSigned ? signed : unsigned] });

const GRIDS: Readonly<Record<string, Grid>> = {
  relu: same,
  clamp: same,
  hardtanh: same,
  relu6: same,
  mean: same,
  avg_pool2d: same,
  avg_pool3d: same,
  adaptive_avg_pool2d: same,
  adaptive_avg_pool3d: same,
  max_pool1d: same,
  max_pool2d: same,
  upsample_nearest2d: same,
  upsample_bilinear2d: same,
  sigmoid: fixed(1 / 256, 0, -128),
  hardsigmoid: fixed(1 / 256, 0, -128),
  tanh: fixed(2 / 256, 128, 0),
};

/** The grid of the result of `aten::op` on quantised operands; undefined where it is no operator of reals. */
export const realsGrid = (name: string): Grid | undefined => {
  const [namespace, op = ''] = name.split('::');
  return namespace === 'aten' && Object.hasOwn(GRIDS, op) ? GRIDS[op] : undefined;
};

/** Runs an operator on the reals of its one quantised operand. */
export function throughReals(
  c: Lowering,
  grid: Grid,
  bound: ReadonlyMap<string, Item>,
  run: (bound: ReadonlyMap<string, Item>) => Item,
): Item {
  const found = [...bound].find(
    (entry): entry is [string, TensorItem] => entry[1].kind === 'tensor' && entry[1].quantizer !== undefined,
  );
  if (found === undefined) return run(bound);
  const [name, t] = found;
  const result = run(new Map(bound).set(name, c.fresh(dequantize(c, t))));
  if (result.kind !== 'tensor' || t.quantizer === undefined) return result;
  return quantize(c, c.value(result), grid(t.quantizer, t.dtype === 'i8'), t.dtype);
}

// Random tensors for `run --random SEED` and for tests: the same seed gives the same values on every machine.
import { unsupported } from '../../base/diagnostic.js';
import { DTYPES, type DType } from '../../base/dtype.js';
import type { Random } from '../../base/random.js';
import { elementCount, fromNumbers, type HostTensor, makeTensor, shapeText } from '../../base/tensor.js';

export interface ValueRange {
  readonly low: number;
  /** Inclusive for integers. */
  readonly high: number;
}

/**
 * Values by kind: floats normal (mean 0, deviation 1), or uniform over `range`; integers 0 or 1 (valid as token, mask and
 * index alike), or uniform over `range`; bools even. The next tensor of the same generator differs.
 * @throws E4612 for strings.
 */
export function randomTensor(
  dtype: DType,
  shape: readonly number[],
  random: Random,
  range?: ValueRange,
): HostTensor {
  const { kind } = DTYPES[dtype];
  if (kind === 'string') {
    throw unsupported(
      'E4612',
      `an input of strings (${shapeText(shape)}) has no random values`,
      undefined,
      'give its values with --input NAME=FILE',
    );
  }
  const count = elementCount(shape);
  if (kind === 'complex') {
    const parts = randomTensor(dtype === 'c64' ? 'f32' : 'f64', [2 * count], random, range);
    return makeTensor(dtype, shape, parts.data);
  }
  const draw =
    kind === 'float'
      ? () => (range ? random.between(range.low, range.high) : random.normal())
      : () => random.integer(range?.low ?? 0, kind === 'bool' ? 1 : (range?.high ?? 1));
  return fromNumbers(dtype, shape, Float64Array.from({ length: count }, draw));
}

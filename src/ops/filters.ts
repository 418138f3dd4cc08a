// What convolutions and transposed convolutions have in common: groups, checks of operands, costs, windows for samples.
import type { Random } from '../base/random.js';
import type { Attrs } from '../ir/constant.js';
import type { TensorType } from '../ir/type.js';
import { intAttr } from './attributes.js';
import { countElements } from './cost.js';
import type { AttrSpec, InferContext } from './declare.js';
import { randomDims } from './samples.js';
import { dimsText } from './shape-math.js';
import { checkWindow } from './window.js';

type Fail = (reason: string) => never;

export const FILTERED_OPERANDS = [{ name: 'x' }, { name: 'w' }, { name: 'bias', when: 'bias' }] as const;

export const GROUPS_ATTR: AttrSpec = {
  kind: 'int',
  doc: 'channels are split into so many independent groups',
  default: 1,
};
export const ONE_ENTRY_PER_AXIS = ['strides', 'low', 'high', 'dilations'];

/** Checks ranks, groups and windows; returns the number of spatial axes. */
export function checkFilters({ inputs, attrs }: InferContext, fail: Fail): number {
  const [x, w] = inputs as [TensorType, TensorType];
  const rank = x.shape.length - 2;
  if (rank < 1 || rank > 3)
    fail(
      `operand x has shape ${dimsText(x.shape)}; there must be batch, channels and one to three spatial axes`,
    );
  if (w.shape.length !== x.shape.length)
    fail(`x has ${x.shape.length} axes, the filters ${dimsText(w.shape)} have ${w.shape.length}`);
  const groups = intAttr(attrs, 'groups');
  if (groups < 1) fail(`there cannot be ${groups} groups`);
  checkWindow(attrs, ONE_ENTRY_PER_AXIS, rank, fail);
  for (const dim of w.shape.slice(2)) if (dim === 0) fail(`the filters ${dimsText(w.shape)} have no taps`);
  return rank;
}

/** Multiplications and additions of filters [F,…] whose taps meet every element of `t`, each once per position. */
export function tapFlops(w: TensorType | undefined, t: TensorType | undefined): number {
  if (w === undefined || t === undefined) return 0;
  return 2 * countElements(t) * countElements({ ...w, shape: w.shape.slice(1) });
}

/** A random window over 1 to 3 axes and an input in which it fits. */
export function sampleWindow(random: Random): {
  readonly kernel: number[];
  readonly input: number[];
  readonly attrs: Attrs;
} {
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

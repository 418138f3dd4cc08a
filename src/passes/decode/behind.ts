// How elementwise operators act on what is known behind the row: intervals, a summand of the size of a score, and what each
// row surely has before it. Unknown entries are taken to be finite, as scores are; derived steps are checked on values.
import type { DType } from '../../base/dtype.js';
import { fromNumbers, toNumbers } from '../../base/tensor.js';
import type { Attrs } from '../../ir/constant.js';
import { completeAttrs } from '../../ops/infer.js';
import { declarationOf } from '../../ops/table.js';
import type { Behind } from './facts.js';

/** A finite mask at or below this counts as -inf: exp of anything near it is exactly 0 in fp32. */
export const MASK_LIMIT = -1e4;

/** What an operand is behind the row; undefined: nothing known but that it is of the size of a score. */
export type Region = Omit<Behind, 'row' | 'key'> | undefined;

type Rule = (operands: readonly Region[]) => Region;

const sum = (a: number, b: number): number => (a === -b && !Number.isFinite(a) ? Number.NaN : a + b);

/** What is known of the entries that are not behind; each bound may be unknown. */
interface Before {
  readonly most?: number | undefined;
  readonly least?: number | undefined;
  readonly floor?: number | undefined;
  readonly ceiling?: number | undefined;
}

/** Entries of the size of a score. */
const SCORES: Before = { most: 0, least: 0, floor: 0, ceiling: 0 };

const before = (r: Region): Before => r ?? SCORES;

/** The bounds that are known. */
function bounds(b: Before): Pick<Behind, 'most' | 'least' | 'floor' | 'ceiling'> {
  return {
    ...(b.most !== undefined && { most: b.most }),
    ...(b.least !== undefined && { least: b.least }),
    ...(b.floor !== undefined && { floor: b.floor }),
    ...(b.ceiling !== undefined && { ceiling: b.ceiling }),
  };
}

type Bound = number | undefined;
const plus = (a: Bound, b: Bound): Bound => (a === undefined || b === undefined ? undefined : sum(a, b));
const greater = (a: Bound, b: Bound): Bound =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
const smaller = (a: Bound, b: Bound): Bound =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
const both = (pick: (a: number, b: number) => number, a: Bound, b: Bound): Bound =>
  a === undefined || b === undefined ? undefined : pick(a, b);

const add: Rule = ([a, b]) => {
  if (a === undefined && b === undefined) return undefined;
  const [x, y] = [before(a), before(b)];
  return {
    low: sum(a?.low ?? 0, b?.low ?? 0),
    high: sum(a?.high ?? 0, b?.high ?? 0),
    shifted: a === undefined || b === undefined || a.shifted || b.shifted,
    ...bounds({
      most: greater(plus(x.most, y.floor), plus(y.most, x.floor)),
      least: smaller(plus(x.least, y.ceiling), plus(y.least, x.ceiling)),
      floor: plus(x.floor, y.floor),
      ceiling: plus(x.ceiling, y.ceiling),
    }),
  };
};

const isPoint = (r: NonNullable<Region>): boolean =>
  r.low === r.high && r.floor === r.low && r.ceiling === r.high && !r.shifted;

const opposite = (x: Bound): Bound => (x === undefined ? undefined : -x);

const neg: Rule = ([a]) =>
  a && {
    low: -a.high,
    high: -a.low,
    shifted: a.shifted,
    ...bounds({
      most: opposite(a.least),
      least: opposite(a.most),
      floor: opposite(a.ceiling),
      ceiling: opposite(a.floor),
    }),
  };

const isZero = (r: Region): boolean => r !== undefined && r.low === 0 && r.high === 0 && !r.shifted;

/** The operand times the one number that another is everywhere. */
function scale(x: Region, factor: Region): Region {
  if (x === undefined || factor === undefined || !isPoint(factor)) return undefined;
  const c = factor.low;
  if (c < 0) return neg([scale(x, pointAt(-c))]);
  if (c === 0 || !Number.isFinite(c)) return undefined;
  const times = (bound: Bound): Bound => (bound === undefined ? undefined : bound * c);
  return {
    low: x.low * c,
    high: x.high * c,
    shifted: x.shifted,
    ...bounds({
      most: times(x.most),
      least: times(x.least),
      floor: times(x.floor),
      ceiling: times(x.ceiling),
    }),
  };
}

function pointAt(x: number): NonNullable<Region> {
  return { low: x, high: x, shifted: false, most: x, least: x, floor: x, ceiling: x };
}

const ZERO: NonNullable<Region> = { low: 0, high: 0, shifted: false };

/** Scores times a factor of the size of a mask's 1 are scores. */
function product(a: Region, b: Region): Before {
  const [x, y] = [before(a), before(b)];
  const small = (v: Before): boolean =>
    v.floor !== undefined && v.ceiling !== undefined && Math.max(Math.abs(v.floor), Math.abs(v.ceiling)) <= 1;
  return small(x) && small(y) ? SCORES : {};
}

const mul: Rule = ([a, b]) =>
  isZero(a) || isZero(b) ? { ...ZERO, ...bounds(product(a, b)) } : (scale(a, b) ?? scale(b, a));

const div: Rule = ([a, b]) => {
  if (isZero(a)) return ZERO;
  if (b === undefined || !isPoint(b) || b.low === 0) return undefined;
  return scale(a, pointAt(1 / b.low));
};

/** Either of both, nobody knows which. */
function hull(a: Region, b: Region): Region {
  if (a === undefined || b === undefined) return undefined;
  return {
    low: Math.min(a.low, b.low),
    high: Math.max(a.high, b.high),
    shifted: a.shifted || b.shifted,
    ...bounds({ floor: both(Math.min, a.floor, b.floor), ceiling: both(Math.max, a.ceiling, b.ceiling) }),
  };
}

const where: Rule = ([cond, a, b]) => {
  if (cond === undefined || cond.low !== cond.high) return hull(a, b);
  const [picked, other] = cond.low !== 0 ? [a, b] : [b, a];
  if (picked === undefined) return undefined;
  const { low, high, shifted } = picked;
  const [x, y] = [before(picked), before(other)];
  // Whether each row has an entry before it that takes the other operand.
  const open = cond.low !== 0 ? cond.least === 0 : cond.most === 1;
  return {
    low,
    high,
    shifted,
    ...bounds({
      most: open ? y.floor : undefined,
      least: open ? y.ceiling : undefined,
      floor: both(Math.min, x.floor, y.floor),
      ceiling: both(Math.max, x.ceiling, y.ceiling),
    }),
  };
};

const min: Rule = ([a, b]) => {
  if (a !== undefined && b !== undefined)
    return { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high), shifted: a.shifted || b.shifted };
  const known = a ?? b;
  return known && { low: -Infinity, high: known.high, shifted: known.shifted };
};

const max: Rule = ([a, b]) => {
  if (a === undefined || b === undefined) return undefined;
  return {
    low: Math.max(a.low, b.low),
    high: Math.max(a.high, b.high),
    shifted: a.shifted || b.shifted,
    ...bounds({ most: greater(a.most, b.most), floor: greater(a.floor, b.floor) }),
  };
};

const and: Rule = ([a, b]) => {
  if (!isZero(a) && !isZero(b)) return undefined;
  // An entry that one has is in the result where the other has all.
  const most = a?.floor === 1 ? b?.most : b?.floor === 1 ? a?.most : undefined;
  return { ...ZERO, ...bounds({ most }) };
};

const flipped = (x: Bound): Bound => (x === undefined ? undefined : x === 0 ? 1 : 0);

/** Whether numbers are not 0. */
function truth(a: NonNullable<Region>): Region {
  if (isZero(a)) return isPoint(a) ? pointAt(0) : ZERO;
  const never = a.shifted || (a.low <= 0 && a.high >= 0);
  if (!never) return isPoint(a) ? pointAt(1) : { low: 1, high: 1, shifted: false };
  return { low: 0, high: 1, shifted: false, floor: 0, ceiling: 1 };
}

const not: Rule = ([a]) =>
  a && {
    low: a.high === 0 ? 1 : 0,
    high: a.low === 0 ? 1 : 0,
    shifted: false,
    ...bounds({
      most: flipped(a.least),
      least: flipped(a.most),
      floor: flipped(a.ceiling),
      ceiling: flipped(a.floor),
    }),
  };

/** exp of a masked score is 0: the greatest entry of its row was taken off before, or the mask is far below any score. */
const exp: Rule = ([a]) => (a !== undefined && a.high <= MASK_LIMIT ? ZERO : undefined);

const same: Rule = ([a]) => a;

const RULES: Readonly<Record<string, Rule>> = {
  add,
  sub: ([a, b]) => add([a, neg([b])]),
  neg,
  mul,
  div,
  where,
  min,
  max,
  and,
  not,
  exp,
  relu: ([a]) => a && max([a, pointAt(0)]),
};

/** What the result of an elementwise operator is behind the row. */
export function throughElementwise(
  op: string,
  attrs: Attrs,
  operands: readonly Region[],
  dtypes: readonly DType[],
  result: DType,
): Region {
  if (op === 'cast') return throughCast(operands, dtypes[0], result);
  return RULES[op]?.(operands) ?? atPoint(op, attrs, operands, dtypes, result);
}

function throughCast(operands: readonly Region[], from: DType | undefined, to: DType): Region {
  const [a] = operands;
  if (from === to || from === 'bool') return same([a]);
  if (to === 'bool') return a && truth(a);
  // Narrower floats have less range: a mask may become -inf, and stays below the limit.
  return same([a]);
}

/** The operator's own value where all operands are single numbers there. */
function atPoint(
  op: string,
  attrs: Attrs,
  operands: readonly Region[],
  dtypes: readonly DType[],
  result: DType,
): Region {
  const values: number[] = [];
  for (const r of operands) {
    if (r === undefined || r.low !== r.high || r.shifted || Number.isNaN(r.low)) return undefined;
    values.push(r.low);
  }
  const decl = declarationOf(op);
  const scalars = values.map((x, i) => fromNumbers(dtypes[i] ?? result, [], [x]));
  const [value] = decl.evaluate?.(scalars, completeAttrs(decl, attrs), [{ dtype: result, shape: [] }]) ?? [];
  const x = value === undefined ? Number.NaN : (toNumbers(value)[0] ?? Number.NaN);
  if (Number.isNaN(x)) return undefined;
  return operands.every((r) => r !== undefined && isPoint(r))
    ? pointAt(x)
    : { low: x, high: x, shifted: false };
}

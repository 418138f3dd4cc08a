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

/** Bounds that exist only where both are known. */
function bounds(most: number | undefined, least: number | undefined): Pick<Behind, 'most' | 'least'> {
  return { ...(most !== undefined && { most }), ...(least !== undefined && { least }) };
}

const add: Rule = ([a, b]) => {
  const [known, other] = a === undefined ? [b, a] : [a, b];
  if (known === undefined) return undefined;
  if (other === undefined) return { ...known, shifted: true };
  // Which entry is the greatest of a sum is known only where one summand is the same everywhere.
  const [x, c] = isPoint(other) ? [known, other] : [other, known];
  const even = isPoint(c);
  return {
    low: sum(a?.low ?? 0, b?.low ?? 0),
    high: sum(a?.high ?? 0, b?.high ?? 0),
    shifted: known.shifted || other.shifted,
    ...bounds(
      even && x.most !== undefined ? x.most + c.low : undefined,
      even && x.least !== undefined ? x.least + c.low : undefined,
    ),
  };
};

const isPoint = (r: NonNullable<Region>): boolean =>
  r.low === r.high && r.most === r.low && r.least === r.high && !r.shifted;

const neg: Rule = ([a]) =>
  a && {
    low: -a.high,
    high: -a.low,
    shifted: a.shifted,
    ...bounds(a.least === undefined ? undefined : -a.least, a.most === undefined ? undefined : -a.most),
  };

const isZero = (r: Region): boolean => r !== undefined && r.low === 0 && r.high === 0 && !r.shifted;

function scale(x: Region, factor: Region): Region {
  if (x === undefined || factor === undefined || !isPoint(factor)) return undefined;
  const c = factor.low;
  if (c < 0) return neg([scale(x, { ...factor, low: -c, high: -c, most: -c, least: -c })]);
  if (c === 0 || !Number.isFinite(c)) return undefined;
  return {
    low: x.low * c,
    high: x.high * c,
    shifted: x.shifted,
    ...bounds(x.most === undefined ? undefined : x.most * c, x.least === undefined ? undefined : x.least * c),
  };
}

const ZERO: NonNullable<Region> = { low: 0, high: 0, shifted: false };

const mul: Rule = ([a, b]) => (isZero(a) || isZero(b) ? ZERO : (scale(a, b) ?? scale(b, a)));

const div: Rule = ([a, b]) => {
  if (isZero(a)) return ZERO;
  if (b === undefined || !isPoint(b) || b.low === 0) return undefined;
  const c = 1 / b.low;
  return scale(a, { ...b, low: c, high: c, most: c, least: c });
};

/** Either of both. */
function hull(a: Region, b: Region): Region {
  if (a === undefined || b === undefined) return undefined;
  return {
    low: Math.min(a.low, b.low),
    high: Math.max(a.high, b.high),
    shifted: a.shifted || b.shifted,
  };
}

const where: Rule = ([cond, a, b]) => {
  if (cond === undefined || cond.low !== cond.high) return hull(a, b);
  const picked = cond.low !== 0 ? a : b;
  const other = cond.low !== 0 ? b : a;
  if (picked === undefined) return undefined;
  const { low, high, shifted } = picked;
  // Where some entry before the row takes the other operand, and nothing is known of it, it is of the size of a score.
  const open = cond.low !== 0 ? cond.least === 0 : cond.most === 1;
  return {
    low,
    high,
    shifted,
    ...(open && bounds(other === undefined ? 0 : other.low, other === undefined ? 0 : other.high)),
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
  const most = a.most === undefined ? b.most : Math.max(a.most, b.most ?? -Infinity);
  return {
    low: Math.max(a.low, b.low),
    high: Math.max(a.high, b.high),
    shifted: a.shifted || b.shifted,
    ...bounds(most, undefined),
  };
};

const and: Rule = ([a, b]) => {
  if (isZero(a) || isZero(b)) {
    const [x, y] = [a, b];
    const most =
      x?.most !== undefined && y?.most !== undefined && (isPoint(x) || isPoint(y))
        ? Math.min(x.most, y.most)
        : undefined;
    return { ...ZERO, ...bounds(most, undefined) };
  }
  return undefined;
};

const not: Rule = ([a]) =>
  a && {
    low: a.high === 0 ? 1 : 0,
    high: a.low === 0 ? 1 : 0,
    shifted: false,
    ...bounds(
      a.least === undefined ? undefined : a.least === 0 ? 1 : 0,
      a.most === undefined ? undefined : a.most === 0 ? 1 : 0,
    ),
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
  relu: ([a]) => a && max([a, { ...ZERO, most: 0, least: 0 }]),
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
  if (to === 'bool') return a && not([not([a])]);
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
  return Number.isNaN(x) ? undefined : { low: x, high: x, shifted: false };
}

// MAX8, MAX_INDEX, MATCH_REPLACE in plain TypeScript. Values are compared as numbers; a NaN counts as greater than all and
// equal to itself, so that a row with a NaN yields its position as other software does.
import type { ChipDType } from '../../../isa/operands.js';
import type { Fields } from '../../../isa/table.js';
import type { Machine } from '../../machine.js';
import { domainOf } from '../domain.js';
import { INTEGER_RANGE } from './element.js';
import { numberToDomain, sinkOf, sourceOf } from './row.js';

const WIDTH = 8;

function same(a: number, b: number): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}

function greater(a: number, b: number): boolean {
  return a > b || (Number.isNaN(a) && !Number.isNaN(b));
}

/** What stands for a missing value: -inf, or the least value of the integer type. */
export function least(t: ChipDType): number {
  return domainOf(t) === 'f32' ? -Infinity : (INTEGER_RANGE[t]?.[0] ?? 0);
}

export function max8(i: Fields<'MAX8'>, m: Machine): void {
  const source = sourceOf(m, i.src);
  const sink = sinkOf(m, i.dst);
  for (let p = 0; p < i.src.parts; p++) {
    const best: number[] = [];
    for (const x of source.row(p)) {
      let at = best.length;
      while (at > 0 && greater(x, best[at - 1]!)) at--;
      if (at < WIDTH) best.splice(at, 0, x);
      if (best.length > WIDTH) best.pop();
    }
    while (best.length < WIDTH) best.push(least(i.src.dtype));
    sink.store(p, Float64Array.from(best), source.domain);
  }
}

/** For each value, the position of its first occurrence in the row that no earlier equal value took; -1 for none. */
function positions(values: Float64Array, row: Float64Array): Int32Array {
  const found = new Int32Array(values.length).fill(-1);
  values.forEach((value, j) => {
    let from = 0;
    for (let before = 0; before < j; before++) {
      if (same(values[before]!, value)) from = found[before]! < 0 ? row.length : found[before]! + 1;
    }
    for (let at = from; at < row.length && found[j]! < 0; at++) if (same(row[at]!, value)) found[j] = at;
  });
  return found;
}

export function maxIndex(i: Fields<'MAX_INDEX'>, m: Machine): void {
  const values = sourceOf(m, i.values);
  const source = sourceOf(m, i.src);
  const sink = sinkOf(m, i.dst);
  for (let p = 0; p < i.src.parts; p++) {
    sink.store(p, Float64Array.from(positions(values.row(p), source.row(p))), 'i32');
  }
}

export function matchReplace(i: Fields<'MATCH_REPLACE'>, m: Machine): void {
  const values = sourceOf(m, i.values);
  const source = sourceOf(m, i.src);
  const sink = sinkOf(m, i.dst);
  const replacement = numberToDomain(Math.fround(i.value), 'f32', source.domain);
  for (let p = 0; p < i.src.parts; p++) {
    const row = source.row(p);
    for (const at of positions(values.row(p), row)) if (at >= 0) row[at] = replacement;
    sink.store(p, row, source.domain);
  }
}

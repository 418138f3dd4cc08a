// MATMUL in plain TypeScript: products summed from 0 in ascending k, each multiplication and addition rounded, then stored or
// added to PSUM once. Integers are exact and wrap.
import type { Fields } from '../../../isa/table.js';
import type { Machine } from '../../machine.js';
import { sinkOf, sourceOf } from './row.js';

export function matmul(i: Fields<'MATMUL'>, m: Machine): void {
  const stationary = sourceOf(m, i.stationary);
  const moving = sourceOf(m, i.moving);
  const integer = stationary.domain !== 'f32';
  const rows = i.dst.parts;
  const sums = Array.from({ length: rows }, () => new Float64Array(moving.length));
  for (let k = 0; k < i.stationary.parts; k++) {
    const weights = stationary.row(k);
    const values = moving.row(k);
    for (let row = 0; row < rows; row++) {
      const w = weights[row]!;
      const sum = sums[row]!;
      for (let n = 0; n < values.length; n++) {
        sum[n] = integer ? sum[n]! + w * values[n]! : Math.fround(sum[n]! + Math.fround(w * values[n]!));
      }
    }
  }
  accumulate(i, m, sums, integer);
}

function accumulate(i: Fields<'MATMUL'>, m: Machine, sums: readonly Float64Array[], integer: boolean): void {
  const before = sourceOf(m, i.dst);
  const sink = sinkOf(m, i.dst);
  sums.forEach((sum, row) => {
    if (!i.start) {
      const old = before.row(row);
      for (let n = 0; n < sum.length; n++)
        sum[n] = integer ? (sum[n]! + old[n]!) | 0 : Math.fround(old[n]! + sum[n]!);
    }
    sink.store(row, sum, integer ? 'i32' : 'f32');
  });
}

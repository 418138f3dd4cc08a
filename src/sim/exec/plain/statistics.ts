// BN_STATS and BN_AGGR in plain TypeScript, in fp32 with each operation rounded. Sums run as `reduceRun` defines; the merge of
// groups is in ascending order.
import type { Fields } from '../../../isa/table.js';
import type { Machine } from '../../machine.js';
import { reduceRun } from './alu.js';
import { sinkOf, sourceOf, toDomain } from './row.js';

const round = Math.fround;

export function bnStats(i: Fields<'BN_STATS'>, m: Machine): void {
  const source = sourceOf(m, i.src);
  const sink = sinkOf(m, i.dst);
  const count = source.length;
  for (let p = 0; p < i.src.parts; p++) {
    const row = toDomain(source.row(p), source.domain, 'f32');
    const mean = round(reduceRun('add', 'f32', row, 0, count) / count);
    const squares = row.map((x) => round(round(x - mean) * round(x - mean)));
    sink.store(p, Float64Array.of(count, mean, reduceRun('add', 'f32', squares, 0, count)), 'f32');
  }
}

/** mean = sum(n * mean) / sum(n); variance = (sum(m2) + sum(n * (mean_k - mean)^2)) / sum(n). */
export function bnAggr(i: Fields<'BN_AGGR'>, m: Machine): void {
  const source = sourceOf(m, i.src);
  const sink = sinkOf(m, i.dst);
  for (let p = 0; p < i.src.parts; p++) {
    const row = toDomain(source.row(p), source.domain, 'f32');
    let count = 0;
    let total = 0;
    for (let k = 0; k < row.length; k += 3) {
      count = round(count + row[k]!);
      total = round(total + round(row[k]! * row[k + 1]!));
    }
    const mean = round(total / count);
    let squares = 0;
    for (let k = 0; k < row.length; k += 3) {
      const delta = round(row[k + 1]! - mean);
      squares = round(squares + round(row[k + 2]! + round(row[k]! * round(delta * delta))));
    }
    sink.store(p, Float64Array.of(mean, round(squares / count)), 'f32');
  }
}

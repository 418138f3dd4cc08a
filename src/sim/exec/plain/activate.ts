// ACTIVATE in plain TypeScript: func(src * scale + bias), the argument in fp32 with two roundings, the function in float64 and
// rounded once. The row's sum is of the fp32 results before they are stored.

import type { Fields } from '../../../isa/table.js';
import type { Machine } from '../../machine.js';
import { ACTIVATION } from './activation.js';
import { reduceRun } from './alu.js';
import { scalarOf, sinkOf, sourceOf } from './row.js';

export function activate(i: Fields<'ACTIVATE'>, m: Machine): void {
  const source = sourceOf(m, i.src);
  const sink = sinkOf(m, i.dst);
  const scaleIn = scalarOf(m, i.scale, i.src.start);
  const biasIn = scalarOf(m, i.bias, i.src.start);
  const sumSink = i.sum ? sinkOf(m, i.sumDst) : undefined;
  const f = ACTIVATION[i.func];
  const alpha = Math.fround(i.alpha);
  for (let p = 0; p < i.src.parts; p++) {
    const scale = Math.fround(scaleIn(p));
    const bias = Math.fround(biasIn(p));
    const row = source.row(p);
    for (let n = 0; n < row.length; n++) {
      row[n] = Math.fround(f(Math.fround(Math.fround(Math.fround(row[n]!) * scale) + bias), alpha));
    }
    sink.store(p, row, 'f32');
    sumSink?.store(p, Float64Array.of(reduceRun('add', 'f32', row, 0, row.length)), 'f32');
  }
}

// Averages whose window size was rounded up: elements that only the rounding added never count. Where padding counts, it is put
// there as zeros, and then nothing else does.
import type { Value } from '../../ir/graph.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule } from '../rules.js';

const counted: Rule = (node, rw) => {
  const [uncounted, low, high] = ['uncounted', 'low', 'high'].map(
    (name) => node.attrs[name] as readonly number[],
  ) as [readonly number[], readonly number[], readonly number[]];
  if (uncounted.length === 0) return undefined;
  if (node.attrs.include_pad !== true || uncounted.every((n) => n === 0))
    return rw.builder.one('avg_pool', node.inputs, { ...node.attrs, uncounted: [] });
  const real = high.map((n, i) => n - (uncounted[i] ?? 0));
  const padded = rw.builder.one('pad', [node.inputs[0] as Value], {
    low: [0, 0, ...low],
    high: [0, 0, ...real],
    mode: 'constant',
    value: 0,
  });
  const attrs = { ...node.attrs, low: low.map(() => 0), high: uncounted, include_pad: false, uncounted: [] };
  return rw.builder.one('avg_pool', [padded], attrs);
};

export const EXPAND_AVERAGES: Pass = {
  name: 'expand-averages',
  theme: 'expand',
  level: 0,
  doc: 'Averages over windows whose number was rounded up count what they should by their padding alone.',
  run: (graph, context) => applyRules(graph, context, { avg_pool: [counted] }),
};

// Loops with a constant trip count become their iterations one after the other. Where the condition is computed, an iteration
// after the last keeps the carried values (a selection each), which needs shapes that do not change and no scan outputs.
// Loops that would become too many nodes stay.
import { constantOf, type Node, type Region, type Value } from '../../ir/graph.js';
import { sameType } from '../../ir/type.js';
import type { GraphBuilder } from '../../ops/build.js';
import { type Rewriter, rewriteGraph } from '../../ops/rewrite.js';
import { nodeCount, scalarOf } from '../match.js';
import type { Pass } from '../pass.js';
import { inlineRegion } from './inline.js';

/** Nodes that unrolling may make: with a constant condition, and with a computed one. */
const UNROLLED_NODES = 20000;
const MASKED_NODES = 4000;

interface State {
  readonly condition: Value;
  readonly carried: readonly Value[];
}

function unrolled(node: Node, rw: Rewriter): readonly Value[] | undefined {
  const [region] = node.regions;
  const [trip, condition, ...rest] = node.inputs;
  const trips = Math.max(0, scalarOf(trip) ?? NaN);
  if (region === undefined || condition === undefined || !(trips * nodeCount(region) <= UNROLLED_NODES))
    return undefined;
  const count = Number(node.attrs.carried);
  const captures = rest.slice(count);
  const fixed = conditionIsFixed(region, condition);
  if (!fixed && !maskable(node, region, trips)) return undefined;
  let state: State = { condition, carried: rest.slice(0, count) };
  const rows: Value[][] = [];
  for (let i = 0; i < trips && scalarOf(state.condition) !== 0; i++) {
    const results = inlineRegion(rw.builder, region, [
      rw.builder.scalar('i64', i),
      state.condition,
      ...state.carried,
      ...captures,
    ]);
    rows.push(results.slice(1 + count));
    state = next(rw.builder, state, results[0] as Value, results.slice(1, 1 + count));
  }
  const scans = region.results.slice(1 + count);
  const stacked = scans.map((v, k) =>
    stack(
      rw.builder,
      rows.map((row) => row[k] as Value),
      v,
    ),
  );
  return stacked.includes(undefined) ? undefined : [...state.carried, ...(stacked as Value[])];
}

/** Whether every iteration up to the trip count runs, or none. */
function conditionIsFixed(region: Region, condition: Value): boolean {
  const result = region.results[0] as Value;
  if (scalarOf(condition) === 0) return true;
  return scalarOf(condition) === 1 && (result === region.params[1] || scalarOf(result) === 1);
}

function maskable(node: Node, region: Region, trips: number): boolean {
  const count = Number(node.attrs.carried);
  const carried = region.results.slice(1, 1 + count);
  const steady = carried.every((v, i) => sameType(v.type, (node.inputs[2 + i] as Value).type));
  return steady && region.results.length === 1 + count && trips * (nodeCount(region) + count) <= MASKED_NODES;
}

/** The state after an iteration that ran if the condition before it was true. */
function next(b: GraphBuilder, before: State, condition: Value, carried: readonly Value[]): State {
  if (constantOf(before.condition) !== undefined) return { condition, carried };
  const active = before.condition;
  return {
    condition: b.one('and', [active, condition]),
    carried: carried.map((v, i) =>
      v === before.carried[i] ? v : b.one('where', [active, v, before.carried[i] as Value]),
    ),
  };
}

/** Rows on a new first axis; undefined for none of a shape that is not known. */
function stack(b: GraphBuilder, rows: readonly Value[], like: Value): Value | undefined {
  const shape = like.type.shape;
  if (rows.length === 0) {
    if (!shape.every((d) => typeof d === 'number')) return undefined;
    return b.one('broadcast', [b.scalar(like.type.dtype, 0)], {
      shape: [0, ...(shape as readonly number[])],
    });
  }
  const lifted = rows.map((row) =>
    b.one('reshape', [row], { shape: [1, ...row.type.shape.map((_, i) => -2 - i)] }),
  );
  return b.one('concat', lifted, { axis: 0 });
}

export const LOOPS: Pass = {
  name: 'loops',
  theme: 'control',
  level: 0,
  doc: 'Loops with a constant trip count become their iterations; where the condition is computed, iterations after the last keep the carried values.',
  run: (graph) => rewriteGraph(graph, (node, rw) => (node.op === 'loop' ? unrolled(node, rw) : undefined)),
};

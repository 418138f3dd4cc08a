// The graph: SSA values, nodes with regions, origins. Plain data; nodes of a region are in an order that respects dominance.
// Only GraphBuilder (build.ts) and Rewriter (rewrite.ts) write it; everyone else reads. verify.ts states the invariants.
import type { Attrs, Constant } from './constant.js';
import type { TensorType } from './type.js';

/** Where a node came from: the model's file, node name or module path, and line of its source where there is one. */
export interface Origin {
  readonly node: string;
  readonly op?: string;
  readonly file?: string;
  readonly line?: number;
}

export type ValueDef =
  /** A graph input or a region's parameter. */
  | { readonly kind: 'param' }
  | { readonly kind: 'constant'; readonly constant: Constant }
  | { readonly kind: 'result'; readonly node: Node; readonly index: number };

export interface Value {
  readonly id: number;
  readonly name: string;
  readonly type: TensorType;
  readonly def: ValueDef;
}

export interface Node {
  readonly id: number;
  readonly op: string;
  readonly attrs: Attrs;
  /** Operands; for nodes with regions the captured values come last, one region parameter each (explicit captures). */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly regions: readonly Region[];
  readonly origins: readonly Origin[];
}

export interface Region {
  readonly params: readonly Value[];
  readonly nodes: readonly Node[];
  readonly results: readonly Value[];
}

export interface Graph {
  readonly name: string;
  /** params = the model's inputs (in order, by name), results = its outputs. */
  readonly body: Region;
  /** Names of the outputs in the source; values may be shared or constants. */
  readonly outputNames: readonly string[];
}

export function constantOf(v: Value): Constant | undefined {
  return v.def.kind === 'constant' ? v.def.constant : undefined;
}
export function producer(v: Value): Node | undefined {
  return v.def.kind === 'result' ? v.def.node : undefined;
}

/** How often each value is used by nodes of the region (nested ones excluded: captures are operands) and as its results. */
export function countUses(region: Region): Map<Value, number> {
  const uses = new Map<Value, number>();
  const use = (v: Value) => uses.set(v, (uses.get(v) ?? 0) + 1);
  for (const node of region.nodes) for (const v of node.inputs) use(v);
  for (const v of region.results) use(v);
  return uses;
}

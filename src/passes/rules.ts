// Rules: local rewrites by operator. A rule looks at one node and the producers of its operands, and answers with what shall
// stand for the results, or nothing. A pass made of rules is one sweep of the rewriter; the first rule that answers wins.
import type { Graph, Node, Value } from '../ir/graph.js';
import { type Rewriter, rewriteGraph } from '../ops/rewrite.js';
import type { PassContext } from './pass.js';

export type Rule = (node: Node, rw: Rewriter, context: PassContext) => Value | readonly Value[] | undefined;

/** Rules by operator, in the order in which they are tried; those of `any` follow. */
export type RuleTable = Readonly<Record<string, readonly Rule[]>>;

/** One sweep. Every answer counts as a rewrite; none is asked for when no more may be made. */
export function applyRules(graph: Graph, context: PassContext, table: RuleTable): Graph {
  const { any = [], ...byOp } = table;
  const rulesOf = new Map(Object.entries(byOp).map(([op, rules]) => [op, [...rules, ...any]]));
  let open = true;
  return rewriteGraph(graph, (node, rw) => {
    if (!open) return undefined;
    for (const rule of rulesOf.get(node.op) ?? any) {
      const answer = rule(node, rw, context);
      if (answer === undefined) continue;
      open = context.rewrite();
      if (!open) return undefined;
      return 'def' in answer ? [answer] : answer;
    }
    return undefined;
  });
}

/** The table with this rule for each of the operators. */
export function forEach(ops: Iterable<string>, ...rules: readonly Rule[]): RuleTable {
  return Object.fromEntries([...ops].map((op) => [op, rules]));
}

/** One table of several: rules of an operator in the order of the tables. */
export function mergeTables(...tables: readonly RuleTable[]): RuleTable {
  const merged: Record<string, Rule[]> = {};
  for (const table of tables)
    for (const [op, rules] of Object.entries(table)) merged[op] = [...(merged[op] ?? []), ...rules];
  return merged;
}

// What to do at a loop whose end depends on tensor data. By default it becomes a loop of the graph, if what it carries keeps
// its shapes; a policy takes one such loop apart instead (loop-site.ts).
import type { Stmt } from '../code/ast.js';
import type { Frame } from './frame.js';
import type { Item } from './items.js';

export type WhileStmt = Extract<Stmt, { kind: 'while' }>;

/** A loop at its head: `advance` runs the body once and returns the next condition. */
export interface LoopHead {
  readonly stmt: WhileStmt;
  readonly frame: Frame;
  /** The condition at the head. */
  readonly condition: Item;
  advance(): Item;
}

export interface LoopPolicy {
  /** Whether this loop is taken over. */
  takes(stmt: WhileStmt): boolean;
  /** Runs the loop; on return, interpretation goes on behind it. */
  run(head: LoopHead): void;
}

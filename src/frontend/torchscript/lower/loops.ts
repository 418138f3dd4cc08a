// Loops. What is known when compiling is unrolled; a loop that tensor data ends becomes a loop of the graph, if everything it
// carries keeps its type and shape, or goes to the policy that takes decoding loops apart (loop-policy.ts).
import { truthOf } from '../aten/scalars.js';
import type { Stmt } from '../code/ast.js';
import { dataLoop } from './data-loop.js';
import type { Frame } from './frame.js';
import type { Item } from './items.js';
import type { WhileStmt } from './loop-policy.js';
import { type Completion, type Machine, malformedProgram } from './machine.js';
import { rangeItems } from './ranges.js';

type ForStmt = Extract<Stmt, { kind: 'for' }>;

export function whileLoop(m: Machine, frame: Frame, stmt: WhileStmt): Completion {
  let condition = m.evaluate(frame, stmt.test);
  if (m.loops?.takes(stmt) === true) {
    m.loops.run({
      stmt,
      frame,
      condition,
      advance: () => {
        runBody(m, frame, stmt);
        return m.evaluate(frame, stmt.test);
      },
    });
    return undefined;
  }
  for (;;) {
    if (condition.kind === 'unknown') return runUnknown(m, frame, stmt);
    const truth = truthOf(m.c, condition);
    if (truth.kind === 'dynamic') {
      dataLoop(m, frame, stmt, truth.value);
      return undefined;
    }
    if (!truth.value) return undefined;
    const end = m.execute(frame, stmt.body);
    if (end?.kind === 'return') return end;
    if (end?.kind === 'break') return undefined;
    condition = m.evaluate(frame, stmt.test);
  }
}

function runBody(m: Machine, frame: Frame, stmt: WhileStmt): void {
  const end = m.execute(frame, stmt.body);
  if (end !== undefined && end.kind !== 'continue')
    throw m.c.refuse('E4343', `a ${end.kind} ends a loop whose end depends on the values of tensors`);
}

/** After something unsupported: the body is looked at once for more of it. */
function runUnknown(m: Machine, frame: Frame, stmt: WhileStmt): Completion {
  m.execute(frame, stmt.body);
  return undefined;
}

export function forLoop(m: Machine, frame: Frame, stmt: ForStmt): Completion {
  const iterated = m.evaluate(frame, stmt.iterable);
  if (iterated.kind === 'unknown') return undefined;
  for (const item of elementsOf(m, iterated, stmt)) {
    m.assign(frame, stmt.target, item);
    const end = m.execute(frame, stmt.body);
    if (end?.kind === 'return') return end;
    if (end?.kind === 'break') return undefined;
  }
  return undefined;
}

function elementsOf(m: Machine, item: Item, stmt: ForStmt): readonly Item[] {
  if (item.kind === 'list' || item.kind === 'tuple') return [...item.items];
  // A single number is how many times the loop runs.
  if (item.kind === 'int' || item.kind === 'dynamic') return rangeItems(m, [item], stmt.at);
  if (item.kind === 'tensor') {
    const parts = m.operator('aten::unbind', [item], new Map());
    return parts.kind === 'list' ? parts.items : [];
  }
  if (item.kind === 'dict' || item.kind === 'string') {
    const parts = m.operator(item.kind === 'dict' ? 'aten::keys' : 'aten::list', [item], new Map());
    return parts.kind === 'list' ? parts.items : [];
  }
  throw malformedProgram(`a ${item.kind} is iterated over`, stmt.at);
}

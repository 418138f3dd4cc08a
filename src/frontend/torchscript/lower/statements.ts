// Statements: assignments, calls for their effect, branches and loops. What the archive and the input shapes decide is decided
// here; what tensor data decides goes to branches.ts and loops.ts.
import { unsupported } from '../../../base/diagnostic.js';
import { truthOf } from '../aten/scalars.js';
import type { Expr, Stmt } from '../code/ast.js';
import { branchOnData } from './branches.js';
import { augmented } from './expressions.js';
import type { Frame } from './frame.js';
import { display, type Item, NONE, UNKNOWN } from './items.js';
import { forLoop, whileLoop } from './loops.js';
import {
  type Completion,
  INTERPRETER_LIMITS,
  type Machine,
  malformedProgram,
  note,
  Raised,
} from './machine.js';

export function executeBlock(m: Machine, frame: Frame, body: readonly Stmt[]): Completion {
  for (const stmt of body) {
    if (++m.statements > INTERPRETER_LIMITS.statements)
      throw unsupported(
        'E4340',
        `the program runs more than ${INTERPRETER_LIMITS.statements} statements`,
        m.c.where(),
      );
    m.c.place = { module: frame.module, file: stmt.at.file, line: stmt.at.line };
    const end = executeStmt(m, frame, stmt);
    if (end !== undefined) return end;
  }
  return undefined;
}

function executeStmt(m: Machine, frame: Frame, stmt: Stmt): Completion {
  switch (stmt.kind) {
    case 'assign':
      if (stmt.value !== undefined) m.assign(frame, stmt.target, evaluated(m, frame, stmt.value));
      return undefined;
    case 'expression':
      evaluated(m, frame, stmt.value);
      return undefined;
    case 'augmented':
      m.assign(
        frame,
        stmt.target,
        augmented(m, stmt.op, m.evaluate(frame, stmt.target), m.evaluate(frame, stmt.value)),
      );
      return undefined;
    case 'return':
      return { kind: 'return', item: stmt.value === undefined ? NONE : evaluated(m, frame, stmt.value) };
    case 'if':
      return ifStmt(m, frame, stmt);
    case 'while':
      return whileLoop(m, frame, stmt);
    case 'for':
      return forLoop(m, frame, stmt);
    case 'break':
    case 'continue':
      return { kind: stmt.kind };
    case 'raise':
      throw new Raised(stmt.value === undefined ? '' : display(m.evaluate(frame, stmt.value)), m.c.place);
    case 'assert':
      return assertStmt(m, frame, stmt);
    case 'with':
      return withStmt(m, frame, stmt);
    case 'delete':
      return deleteStmt(m, frame, stmt);
    case 'function':
    case 'class':
      throw malformedProgram(`a ${stmt.kind} is defined inside of a function`, stmt.at);
    case 'import':
    case 'pass':
      return undefined;
  }
}

/** What cannot be evaluated for want of support is noted, and unknown. */
function evaluated(m: Machine, frame: Frame, expr: Expr): Item {
  try {
    return m.evaluate(frame, expr);
  } catch (error) {
    note(m, error);
    return UNKNOWN;
  }
}

function ifStmt(m: Machine, frame: Frame, stmt: Extract<Stmt, { kind: 'if' }>): Completion {
  const test = evaluated(m, frame, stmt.test);
  if (test.kind === 'unknown') return ifUnknown(m, frame, stmt);
  const truth = truthOf(m.c, test);
  if (truth.kind === 'bool') return m.execute(frame, truth.value ? stmt.body : stmt.orElse);
  return branchOnData(m, frame, stmt, truth.value);
}

/** After something unsupported: both ways are looked at for more of it. */
function ifUnknown(m: Machine, frame: Frame, stmt: Extract<Stmt, { kind: 'if' }>): Completion {
  const before = new Map(frame.variables);
  for (const body of [stmt.body, stmt.orElse]) {
    try {
      const end = m.execute(frame, body);
      if (end?.kind === 'return') return { kind: 'return', item: UNKNOWN };
    } catch (error) {
      if (!(error instanceof Raised)) throw error;
    }
  }
  for (const [name, item] of frame.variables)
    if (before.get(name) !== item) frame.variables.set(name, UNKNOWN);
  return undefined;
}

function assertStmt(m: Machine, frame: Frame, stmt: Extract<Stmt, { kind: 'assert' }>): Completion {
  const test = evaluated(m, frame, stmt.test);
  if (test.kind === 'unknown') return undefined;
  const truth = truthOf(m.c, test);
  if (truth.kind === 'dynamic')
    m.c.warn('W4334', 'an assertion about tensor data is not checked when the compiled model runs');
  else if (!truth.value)
    throw new Raised(
      stmt.message === undefined ? 'AssertionError' : display(m.evaluate(frame, stmt.message)),
      m.c.place,
    );
  return undefined;
}

function withStmt(m: Machine, frame: Frame, stmt: Extract<Stmt, { kind: 'with' }>): Completion {
  const context = m.evaluate(frame, stmt.context);
  const managed = context.kind === 'object' && m.definition(context.class) !== undefined;
  const entered = managed ? m.method(context, '__enter__', [], stmt.at) : context;
  if (stmt.target !== undefined) m.assign(frame, stmt.target, entered);
  const end = m.execute(frame, stmt.body);
  if (managed) m.method(context, '__exit__', [NONE, NONE, NONE], stmt.at);
  return end;
}

function deleteStmt(m: Machine, frame: Frame, stmt: Extract<Stmt, { kind: 'delete' }>): Completion {
  const { target } = stmt;
  if (target.kind === 'subscript' && target.indices[0] !== undefined && target.indices[0].kind !== 'slice')
    m.operator(
      'aten::Delete',
      [m.evaluate(frame, target.object), m.evaluate(frame, target.indices[0])],
      new Map(),
    );
  else if (target.kind === 'name') frame.variables.delete(target.name);
  else throw malformedProgram(`a ${target.kind} is deleted`, stmt.at);
  return undefined;
}

/** Assigns to a name, an attribute, an element, or the parts of a tuple. */
export function assignTo(m: Machine, frame: Frame, target: Expr, item: Item): void {
  switch (target.kind) {
    case 'name':
      frame.variables.set(target.name, item);
      return;
    case 'tuple':
    case 'list': {
      const parts = partsOf(item, target.items.length);
      if (parts === undefined)
        throw malformedProgram(`a ${item.kind} is unpacked into ${target.items.length} names`, target.at);
      for (const [i, part] of target.items.entries()) m.assign(frame, part, parts[i] ?? UNKNOWN);
      return;
    }
    case 'attribute': {
      const object = m.evaluate(frame, target.object);
      if (object.kind === 'unknown') return;
      if (object.kind !== 'object')
        throw malformedProgram(`an attribute of a ${object.kind} is assigned`, target.at);
      m.c.touch(object);
      object.attributes.set(target.name, item);
      return;
    }
    case 'subscript': {
      const [index] = target.indices;
      if (index === undefined || index.kind === 'slice')
        throw malformedProgram('a slice is assigned', target.at);
      const object = m.evaluate(frame, target.object);
      m.operator('aten::_set_item', [object, m.evaluate(frame, index), item], new Map());
      return;
    }
    default:
      throw malformedProgram(`a ${target.kind} is assigned`, target.at);
  }
}

function partsOf(item: Item, count: number): readonly Item[] | undefined {
  if (item.kind === 'unknown') return new Array<Item>(count).fill(UNKNOWN);
  if (item.kind !== 'tuple' && item.kind !== 'list') return undefined;
  return item.items.length === count ? item.items : undefined;
}

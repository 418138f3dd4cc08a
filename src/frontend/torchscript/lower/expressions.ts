// Expressions of serialized TorchScript. Python's operators are spelled as operators of the table mostly; where they are not,
// they mean the same.
import { elementAt, keyOf } from '../aten/containers.js';
import { binaryScalars, negate, notItem, truthOf } from '../aten/scalars.js';
import { select, sliceOf } from '../aten/shapes.js';
import type { BinaryOp, CompareOp, Expr, Slice } from '../code/ast.js';
import { dottedName } from '../code/types.js';
import { attribute, evaluateCall, isBuiltin } from './calls.js';
import type { Frame } from './frame.js';
import { type Item, type ItemKey, isConstant, list, NONE, numberOf, text, tuple, UNKNOWN } from './items.js';
import type { ScalarArg } from './lowering.js';
import { type Machine, malformedProgram } from './machine.js';

const BINARY: Readonly<Record<BinaryOp, string>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '//': 'floordiv',
  '%': 'remainder',
  '@': 'matmul',
  '**': 'pow',
  '|': '__or__',
  '^': '__xor__',
  '&': '__and__',
  '<<': '__lshift__',
  '>>': '__rshift__',
};
const COMPARE: Readonly<Record<Exclude<CompareOp, 'in' | 'not in'>, string>> = {
  '<': 'lt',
  '>': 'gt',
  '<=': 'le',
  '>=': 'ge',
  '==': 'eq',
  '!=': 'ne',
  is: '__is__',
  'is not': '__isnot__',
};

export function evaluateExpr(m: Machine, frame: Frame, expr: Expr): Item {
  switch (expr.kind) {
    case 'name':
      return nameItem(frame, expr);
    case 'none':
      return NONE;
    case 'bool':
    case 'int':
    case 'float':
      return expr as Item;
    case 'string':
      return text(expr.value);
    case 'imaginary':
      return { kind: 'complex', re: 0, im: expr.value };
    case 'ellipsis':
    case 'starred':
      throw malformedProgram(`a ${expr.kind} stands where a value is expected`, expr.at);
    case 'attribute':
      return attributeItem(m, frame, expr);
    case 'subscript':
      return subscript(m, frame, expr);
    case 'call':
      return evaluateCall(m, frame, expr);
    case 'list':
      return list(expr.items.map((x) => m.evaluate(frame, x)));
    case 'tuple':
      return tuple(expr.items.map((x) => m.evaluate(frame, x)));
    case 'dict': {
      const entries = new Map<ItemKey, Item>();
      for (const [key, value] of expr.entries)
        entries.set(keyOf(m.c, m.evaluate(frame, key)), m.evaluate(frame, value));
      return { kind: 'dict', entries };
    }
    case 'unary':
      return unary(m, frame, expr);
    case 'binary':
      return m.operator(
        `aten::${BINARY[expr.op]}`,
        [m.evaluate(frame, expr.left), m.evaluate(frame, expr.right)],
        new Map(),
      );
    case 'compare':
      return compare(m, frame, expr);
    case 'logical':
      return logical(m, frame, expr);
    case 'conditional':
      return conditional(m, frame, expr);
  }
}

/** Names that no assignment made: namespaces, builtins, and the floats that have no literal. */
function nameItem(frame: Frame, expr: Extract<Expr, { kind: 'name' }>): Item {
  const { name } = expr;
  const item = frame.variables.get(name);
  if (item !== undefined) return item;
  if (name === 'inf' || name === 'nan')
    return { kind: 'float', value: name === 'inf' ? Number.POSITIVE_INFINITY : Number.NaN };
  if (name === 'infj' || name === 'nanj') return { kind: 'complex', re: 0, im: Number.NaN };
  if (isBuiltin(name)) return { kind: 'builtin', name };
  if (name === 'torch' || name === 'ops' || name === '__torch__' || name === 'CONSTANTS')
    return { kind: 'namespace', name };
  throw malformedProgram(`the name ${name} is not defined`, expr.at);
}

function attributeItem(m: Machine, frame: Frame, expr: Extract<Expr, { kind: 'attribute' }>): Item {
  if (expr.object.kind === 'name' && expr.object.name === 'CONSTANTS' && !frame.variables.has('CONSTANTS')) {
    const i = /^c(\d{1,9})$/.exec(expr.name)?.[1];
    const value = i === undefined ? undefined : m.archive.constants[Number(i)];
    if (value === undefined) throw malformedProgram(`the archive has no constant ${expr.name}`, expr.at);
    return m.tree.item(value, `CONSTANTS.${expr.name}`);
  }
  m.c.place = { module: frame.module, file: expr.at.file, line: expr.at.line };
  return attribute(m, m.evaluate(frame, expr.object), expr.name, expr.at);
}

function unary(m: Machine, frame: Frame, expr: Extract<Expr, { kind: 'unary' }>): Item {
  const item = m.evaluate(frame, expr.operand);
  if (item.kind === 'unknown') return UNKNOWN;
  if (expr.op === 'not') return notItem(m.c, item);
  if (expr.op === '+') return item;
  if (expr.op === '-') {
    if (isConstant(item) || item.kind === 'dynamic') return negate(m.c, item);
    return m.operator('aten::neg', [item], new Map());
  }
  return m.operator('aten::bitwise_not', [item], new Map());
}

function compare(m: Machine, frame: Frame, expr: Extract<Expr, { kind: 'compare' }>): Item {
  const [left, right] = [m.evaluate(frame, expr.left), m.evaluate(frame, expr.right)];
  if (expr.op !== 'in' && expr.op !== 'not in')
    return m.operator(`aten::${COMPARE[expr.op]}`, [left, right], new Map());
  const inside = m.operator('aten::__contains__', [right, left], new Map());
  return expr.op === 'in' || inside.kind === 'unknown' ? inside : notItem(m.c, inside);
}

/** `and` and `or`: the second part is evaluated where the first does not decide, or where data decides. */
function logical(m: Machine, frame: Frame, expr: Extract<Expr, { kind: 'logical' }>): Item {
  const left = m.evaluate(frame, expr.left);
  if (left.kind === 'unknown') return UNKNOWN;
  const truth = truthOf(m.c, left);
  if (truth.kind === 'bool' && truth.value === (expr.op === 'or')) return left;
  const right = m.evaluate(frame, expr.right);
  if (truth.kind === 'bool' || right.kind === 'unknown') return right;
  const other = truthOf(m.c, right);
  if (other.kind === 'bool') return other.value === (expr.op === 'or') ? other : truth;
  return { kind: 'dynamic', type: 'bool', value: m.c.one(expr.op, [truth.value, other.value]) };
}

function conditional(m: Machine, frame: Frame, expr: Extract<Expr, { kind: 'conditional' }>): Item {
  const test = m.evaluate(frame, expr.test);
  if (test.kind === 'unknown') return UNKNOWN;
  const truth = truthOf(m.c, test);
  if (truth.kind === 'bool') return m.evaluate(frame, truth.value ? expr.whenTrue : expr.whenFalse);
  const [yes, no] = [m.evaluate(frame, expr.whenTrue), m.evaluate(frame, expr.whenFalse)];
  if (yes.kind === 'tensor' && no.kind === 'tensor')
    return m.c.fresh(m.c.one('where', [truth.value, m.c.value(yes), m.c.value(no)]));
  throw m.c.refuse(
    'E4343',
    'a conditional expression on tensor data chooses between values that are no tensors',
  );
}

function subscript(m: Machine, frame: Frame, expr: Extract<Expr, { kind: 'subscript' }>): Item {
  const object = m.evaluate(frame, expr.object);
  const [index] = expr.indices;
  if (object.kind === 'unknown') return UNKNOWN;
  if (index === undefined || expr.indices.length > 1)
    throw malformedProgram(
      `${dottedName(expr.object) ?? 'a value'} is subscripted with ${expr.indices.length} indices`,
      expr.at,
    );
  m.c.place = { module: frame.module, file: expr.at.file, line: expr.at.line };
  if (index.kind === 'slice') return sliceItem(m, frame, object, index);
  const key = m.evaluate(frame, index);
  if (key.kind === 'unknown') return UNKNOWN;
  if (object.kind === 'tensor' && isConstant(key)) return select(m.c, object, 0, numberOf(key));
  if ((object.kind === 'list' || object.kind === 'tuple') && isConstant(key))
    return elementAt(m.c, object.items, numberOf(key));
  return m.operator('aten::__getitem__', [object, key], new Map());
}

function sliceItem(m: Machine, frame: Frame, object: Item, slice: Slice): Item {
  const part = (e: Expr | undefined): Item => (e === undefined ? NONE : m.evaluate(frame, e));
  const [start, stop, step] = [part(slice.start), part(slice.stop), part(slice.step)];
  const by = step.kind === 'none' ? ({ kind: 'int', value: 1n } as const) : step;
  if (object.kind === 'tensor') {
    const bound = (item: Item): number | undefined => (isConstant(item) ? numberOf(item) : undefined);
    return sliceOf(m.c, object, 0, bound(start), bound(stop), bound(by) ?? 1);
  }
  return m.operator('aten::slice', [object, start, stop, by], new Map());
}

/** `target op= value` on numbers and tensors: tensors are written in place. */
export function augmented(m: Machine, op: BinaryOp, target: Item, value: Item): Item {
  if (target.kind === 'unknown' || value.kind === 'unknown') return UNKNOWN;
  const name = BINARY[op];
  if (target.kind === 'tensor') return m.operator(`aten::${name}_`, [target, value], new Map());
  const scalar = (item: Item): item is ScalarArg & Item => isConstant(item) || item.kind === 'dynamic';
  if (scalar(target) && scalar(value) && !name.startsWith('__'))
    return binaryScalars(m.c, name, target, value);
  return m.operator(`aten::${name}`, [target, value], new Map());
}

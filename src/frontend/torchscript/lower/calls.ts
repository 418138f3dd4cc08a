// Calls: of functions and methods of the archive (inlined), of classes, and of the few builtins of serialized TorchScript;
// attributes, which are what most calls start from. Operators are called in operators.ts.
import { unsupported } from '../../../base/diagnostic.js';
import { truthOf } from '../aten/scalars.js';
import type { Expr, FunctionDef, SourcePoint, TypeExpr } from '../code/ast.js';
import { typeFromExpr } from '../code/types.js';
import type { Frame } from './frame.js';
import {
  attributeOf,
  bool,
  type CalleeItem,
  type Item,
  list,
  NONE,
  type ObjectItem,
  text,
  UNKNOWN,
} from './items.js';
import { INTERPRETER_LIMITS, type Machine, malformedProgram } from './machine.js';
import { rangeItems } from './ranges.js';

/** Runs a function or method with its arguments bound; the result of its `return`. */
export function callFunction(
  m: Machine,
  def: FunctionDef,
  args: readonly Item[],
  keywords: ReadonlyMap<string, Item>,
  module: string,
): Item {
  if (m.frames.length >= INTERPRETER_LIMITS.depth)
    throw unsupported('E4340', `calls are nested more than ${INTERPRETER_LIMITS.depth} deep`, m.c.where());
  const variables = new Map<string, Item>();
  for (const [i, param] of def.params.entries()) {
    const given = args[i] ?? keywords.get(param.name);
    const item = given ?? (param.default && m.evaluate({ variables, module }, param.default));
    if (item === undefined)
      throw malformedProgram(`${def.name} is called without its argument ${param.name}`, def.at);
    variables.set(param.name, item);
  }
  if (args.length > def.params.length)
    throw malformedProgram(`${def.name} is called with ${args.length} arguments`, def.at);
  const frame: Frame = { variables, module };
  const outer = m.c.place;
  m.frames.push(frame);
  try {
    const end = m.execute(frame, def.body);
    return end?.kind === 'return' ? end.item : NONE;
  } finally {
    m.frames.pop();
    m.c.place = outer;
  }
}

export function callMethod(
  m: Machine,
  self: ObjectItem,
  name: string,
  args: readonly Item[],
  at: SourcePoint,
): Item {
  const def = m.layoutOf(self.class, at).methods.get(name);
  if (def === undefined) throw malformedProgram(`class ${self.class} has no method ${name}`, at);
  return m.call(def, [self, ...args], new Map(), self.path);
}

/** A call expression. */
export function evaluateCall(m: Machine, frame: Frame, expr: Extract<Expr, { kind: 'call' }>): Item {
  const callee = m.evaluate(frame, expr.callee);
  if (callee.kind === 'builtin') return callBuiltin(m, frame, callee.name, expr);
  const args = expr.args.flatMap((a) => {
    if (a.kind !== 'starred') return [m.evaluate(frame, a)];
    const items = m.evaluate(frame, a.value);
    return items.kind === 'list' || items.kind === 'tuple' ? [...items.items] : [items];
  });
  const keywords = new Map(expr.keywords.map((k) => [k.name, m.evaluate(frame, k.value)]));
  m.c.place = { module: frame.module, file: expr.at.file, line: expr.at.line };
  return callItem(m, frame, callee, args, keywords, expr.at);
}

function callItem(
  m: Machine,
  frame: Frame,
  callee: Item,
  args: readonly Item[],
  keywords: ReadonlyMap<string, Item>,
  at: SourcePoint,
): Item {
  switch (callee.kind) {
    case 'operator':
      return m.operator(callee.name, args, keywords);
    case 'function':
      return m.call(callee.def, args, keywords, frame.module);
    case 'method':
      return m.call(callee.def, [callee.self, ...args], keywords, callee.self.path);
    case 'class':
      return construct(m, callee, args, keywords, at);
    case 'object':
      return m.method(callee, 'forward', args, at);
    case 'unknown':
      return UNKNOWN;
    default:
      throw malformedProgram(`a ${callee.kind} is called`, at);
  }
}

/** A named tuple from its fields, or an object and its `__init__`. */
function construct(
  m: Machine,
  callee: CalleeItem & { kind: 'class' },
  args: readonly Item[],
  keywords: ReadonlyMap<string, Item>,
  at: SourcePoint,
): Item {
  const layout = m.layoutOf(callee.name, at);
  if (layout.kind === 'named tuple') {
    const fields = [...layout.attributes.keys()];
    return { kind: 'tuple', items: fields.map((name, i) => args[i] ?? keywords.get(name) ?? NONE), fields };
  }
  const self: ObjectItem = { kind: 'object', class: callee.name, path: '', attributes: new Map() };
  const init = layout.methods.get('__init__');
  if (init !== undefined) m.call(init, [self, ...args], keywords, '');
  return self;
}

type Builtin = (m: Machine, frame: Frame, expr: Extract<Expr, { kind: 'call' }>) => Item;

const argument = (m: Machine, frame: Frame, expr: Extract<Expr, { kind: 'call' }>, i: number): Item => {
  const arg = expr.args[i];
  if (arg === undefined) throw malformedProgram('a call lacks an argument', expr.at);
  return m.evaluate(frame, arg);
};

/** Numbers in tensors become Python numbers where the type says so. */
function annotated(m: Machine, type: TypeExpr, item: Item): Item {
  if (item.kind !== 'tensor') return item;
  const { name } = type;
  if (name === 'int' || name === 'float' || name === 'bool') return m.c.scalarOf(m.c.value(item), name);
  return name === 'number' ? m.c.scalarOf(m.c.value(item)) : item;
}

const conversion =
  (name: string): Builtin =>
  (m, frame, expr) => {
    const item = argument(m, frame, expr, 0);
    m.c.place = { module: frame.module, file: expr.at.file, line: expr.at.line };
    return m.operator(`aten::${name}`, [item], new Map());
  };

const typed: Builtin = (m, frame, expr) => {
  const [type] = expr.args;
  if (type === undefined) throw malformedProgram('an annotation lacks its type', expr.at);
  return annotated(m, typeFromExpr(type), argument(m, frame, expr, 1));
};

const BUILTINS: Readonly<Record<string, Builtin>> = {
  annotate: typed,
  unchecked_cast: typed,
  uninitialized: () => ({ kind: 'absent', why: 'it was not given a value on this path' }),
  isinstance: (m, frame, expr) => {
    const [, types] = expr.args;
    if (types === undefined) throw malformedProgram('isinstance lacks its type', expr.at);
    const item = argument(m, frame, expr, 0);
    const choices = types.kind === 'tuple' || types.kind === 'list' ? types.items : [types];
    return item.kind === 'unknown' ? UNKNOWN : bool(choices.some((t) => isOf(item, typeFromExpr(t))));
  },
  getattr: (m, frame, expr) => {
    const [object, name] = [argument(m, frame, expr, 0), argument(m, frame, expr, 1)];
    if (name.kind !== 'string') throw malformedProgram('getattr needs a name', expr.at);
    return attribute(m, object, name.value, expr.at);
  },
  int: conversion('Int'),
  float: conversion('Float'),
  bool: (m, frame, expr) => {
    const item = argument(m, frame, expr, 0);
    return item.kind === 'unknown' ? item : truthOf(m.c, item);
  },
  str: conversion('str'),
  range: (m, frame, expr) =>
    list(
      rangeItems(
        m,
        expr.args.map((_, i) => argument(m, frame, expr, i)),
        expr.at,
      ),
    ),
  print: () => NONE,
  len: conversion('len'),
};

export function isBuiltin(name: string): boolean {
  return Object.hasOwn(BUILTINS, name);
}

function callBuiltin(m: Machine, frame: Frame, name: string, expr: Extract<Expr, { kind: 'call' }>): Item {
  const run = BUILTINS[name];
  if (run === undefined) throw malformedProgram(`${name} is not defined`, expr.at);
  return run(m, frame, expr);
}

function isOf(item: Item, type: TypeExpr): boolean {
  const [inner] = type.args ?? [];
  switch (type.name) {
    case 'Tensor':
      return item.kind === 'tensor';
    case 'int':
    case 'float':
    case 'bool':
      return item.kind === type.name || (item.kind === 'dynamic' && item.type === type.name);
    case 'str':
      return item.kind === 'string';
    case 'None':
    case 'NoneType':
      return item.kind === 'none';
    case 'Device':
      return item.kind === 'device';
    case 'List':
      return item.kind === 'list' && (inner === undefined || item.items.every((x) => isOf(x, inner)));
    case 'Dict':
      return item.kind === 'dict';
    case 'Tuple':
      return item.kind === 'tuple' && (type.args === undefined || type.args.length === item.items.length);
    case 'Optional':
      return item.kind === 'none' || (inner !== undefined && isOf(item, inner));
    case 'list':
    case 'tuple':
    case 'dict':
      return item.kind === type.name;
    default:
      return item.kind === 'object' && item.class === type.name;
  }
}

/** `object.name`. */
export function attribute(m: Machine, object: Item, name: string, at: SourcePoint): Item {
  switch (object.kind) {
    case 'object':
      return objectAttribute(m, object, name, at);
    case 'namespace':
      return member(m, object.name, name);
    case 'class':
      return classAttribute(m, object, name, at);
    case 'tuple': {
      const i = object.fields?.indexOf(name) ?? -1;
      const item = object.items[i];
      if (item === undefined) throw malformedProgram(`a tuple has no field ${name}`, at);
      return item;
    }
    case 'enum':
      return name === 'value' ? object.value : text(object.name);
    case 'tensor':
      return m.operator(`prim::${name}`, [object], new Map());
    case 'unknown':
      return UNKNOWN;
    default:
      throw malformedProgram(`a ${object.kind} has no attribute ${name}`, at);
  }
}

function objectAttribute(m: Machine, object: ObjectItem, name: string, at: SourcePoint): Item {
  const own = attributeOf(object, name);
  if (own !== undefined) return own;
  const layout = m.layoutOf(object.class, at);
  const def = layout.methods.get(name);
  if (def !== undefined) return { kind: 'method', self: object, def };
  const constant = layout.constants.get(name);
  if (constant !== undefined)
    return m.evaluate({ variables: new Map(), module: object.path }, constant.value);
  throw malformedProgram(`an object of class ${object.class} has no attribute ${name}`, at);
}

function classAttribute(
  m: Machine,
  object: CalleeItem & { kind: 'class' },
  name: string,
  at: SourcePoint,
): Item {
  if (name === '__new__') return { kind: 'class', name: `${object.name}.__new__` };
  const constant = m.layoutOf(object.name, at).constants.get(name);
  if (constant === undefined) throw malformedProgram(`class ${object.name} has no attribute ${name}`, at);
  const value = m.evaluate({ variables: new Map(), module: '' }, constant.value);
  return { kind: 'enum', class: object.name, name, value };
}

/** A name below `torch`, `ops` or `__torch__`. */
function member(m: Machine, namespace: string, name: string): Item {
  if (namespace === 'torch') return { kind: 'operator', name: `aten::${name}` };
  if (namespace === 'ops') return { kind: 'namespace', name: `ops.${name}` };
  if (namespace.startsWith('ops.')) return { kind: 'operator', name: `${namespace.slice(4)}::${name}` };
  const full = `${namespace}.${name}`;
  const def = m.definition(full);
  if (def === undefined) return { kind: 'namespace', name: full };
  return def.kind === 'function' ? { kind: 'function', name: full, def } : { kind: 'class', name: full };
}

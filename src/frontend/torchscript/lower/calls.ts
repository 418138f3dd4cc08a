// Calls: of functions and methods of the archive (inlined), of classes, of the few builtins of serialized TorchScript, and of
// operators through the table. An operator that is not supported is noted and yields an unknown, so that one run of the
// interpreter finds all of them.
import { unsupported } from '../../../base/diagnostic.js';
import { bindArgs, Args } from '../aten/bind.js';
import type { Yield } from '../aten/declare.js';
import { ON_INTEGERS } from '../aten/quantized.js';
import { truthOf } from '../aten/scalars.js';
import { findOperator, type Overload } from '../aten/table.js';
import type { Expr, FunctionDef, SourcePoint, TypeExpr } from '../code/ast.js';
import { typeFromExpr } from '../code/types.js';
import type { Value } from '../../../ir/graph.js';
import {
  attributeOf,
  bool,
  type CalleeItem,
  display,
  hasUnknown,
  int,
  type Item,
  list,
  NONE,
  type ObjectItem,
  text,
  tuple,
  UNKNOWN,
} from './items.js';
import { INTERPRETER_LIMITS, type Machine, type Frame, malformedProgram, note, Raised } from './machine.js';
import { isContiguous, type TensorItem } from './tensor-item.js';

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
    if (item === undefined) throw malformedProgram(`${def.name} is called without its argument ${param.name}`, def.at);
    variables.set(param.name, item);
  }
  if (args.length > def.params.length) throw malformedProgram(`${def.name} is called with ${args.length} arguments`, def.at);
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

export function callMethod(m: Machine, self: ObjectItem, name: string, args: readonly Item[], at: SourcePoint): Item {
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
function construct(m: Machine, callee: CalleeItem & { kind: 'class' }, args: readonly Item[], keywords: ReadonlyMap<string, Item>, at: SourcePoint): Item {
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
  range: (m, frame, expr) => list(rangeItems(m, expr.args.map((_, i) => argument(m, frame, expr, i)), expr.at)),
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

/** Numbers of a range that is known. */
export function rangeItems(m: Machine, bounds: readonly Item[], at: SourcePoint): Item[] {
  const numbers = bounds.map((b) => {
    if (b.kind === 'int') return Number(b.value);
    if (b.kind === 'dynamic') throw m.c.refuse('E4310', 'the bounds of a range depend on the values of tensors');
    throw malformedProgram(`a range is bounded by a ${b.kind}`, at);
  });
  const [start, stop, step] = numbers.length === 1 ? [0, numbers[0] ?? 0, 1] : [numbers[0] ?? 0, numbers[1] ?? 0, numbers[2] ?? 1];
  if (step === 0) throw malformedProgram('the step of a range is 0', at);
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (count > INTERPRETER_LIMITS.statements) throw unsupported('E4340', `a range of ${count} numbers is run through`, m.c.where());
  return Array.from({ length: count }, (_, i) => int(start + i * step));
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
  if (constant !== undefined) return m.evaluate({ variables: new Map(), module: object.path }, constant.value);
  throw malformedProgram(`an object of class ${object.class} has no attribute ${name}`, at);
}

function classAttribute(m: Machine, object: CalleeItem & { kind: 'class' }, name: string, at: SourcePoint): Item {
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

type Special = (m: Machine, args: readonly Item[]) => Item;

/** Operators that concern the interpreter rather than tensors. */
const SPECIAL: Readonly<Record<string, Special>> = {
  'prim::RaiseException': (m, [message]) => {
    throw new Raised(message === undefined ? '' : display(message), m.c.place);
  },
  'prim::unchecked_unwrap_optional': (_m, [x = NONE]) => x,
  'aten::_unwrap_optional': (_m, [x = NONE]) => x,
  'prim::data': (_m, [x = NONE]) => x,
  'prim::Print': () => NONE,
  'prim::isinstance': () => UNKNOWN,
  'prim::rangelist': (m, [n = NONE]) => list(rangeItems(m, [n], { file: m.c.place.file, line: m.c.place.line, column: 1, offset: 0 })),
  'aten::format': (_m, [format, ...values]) => text(formatted(format === undefined ? '' : display(format), values)),
  'aten::percentFormat': (_m, [format, ...values]) => text(percentFormatted(format === undefined ? '' : display(format), values)),
  'aten::__derive_index': (m, [index = NONE, start = NONE, step = NONE]) =>
    m.operator('aten::add', [m.operator('aten::mul', [index, step], new Map()), start], new Map()),
  'aten::__range_length': (m, bounds) => int(rangeItems(m, bounds, { file: m.c.place.file, line: m.c.place.line, column: 1, offset: 0 }).length),
  'aten::device': (_m, [name]) => (name?.kind === 'string' ? { kind: 'device', name: name.value } : { kind: 'device', name: 'cpu' }),
  'prim::TupleIndex': (m, args) => m.operator('aten::__getitem__', args, new Map()),
};

function formatted(format: string, values: readonly Item[]): string {
  let i = 0;
  return format.replace(/\{\}/g, () => {
    const value = values[i++];
    return value === undefined ? '' : display(value);
  });
}

function percentFormatted(format: string, values: readonly Item[]): string {
  let i = 0;
  return format.replace(/%[sdifg]/g, () => {
    const value = values[i++];
    return value === undefined ? '' : display(value);
  });
}

/** A use of an operator of the table. */
export function callOperator(m: Machine, name: string, args: readonly Item[], keywords: ReadonlyMap<string, Item>): Item {
  const special = Object.hasOwn(SPECIAL, name) ? SPECIAL[name] : undefined;
  if (special !== undefined) return special(m, args);
  const found = findOperator(name);
  if (found === undefined) {
    note(m, unsupported('E4001', `operator ${name} is not supported`, m.c.where(), 'neffc ops --frontend torchscript lists those that are'));
    return UNKNOWN;
  }
  if (args.some(hasUnknown) || [...keywords.values()].some(hasUnknown)) return UNKNOWN;
  try {
    return apply(m, name, found.overloads, found.inPlace, args, keywords);
  } catch (error) {
    note(m, error);
    return UNKNOWN;
  }
}

function apply(
  m: Machine,
  name: string,
  overloads: readonly Overload[],
  inPlace: boolean,
  args: readonly Item[],
  keywords: ReadonlyMap<string, Item>,
): Item {
  for (const item of [...args, ...keywords.values()])
    if (item.kind === 'absent') throw m.c.refuse('E4341', `${name} uses a value that is not there: ${item.why}`);
  m.c.startOperator(name);
  for (const { schema, handler } of overloads) {
    const bound = bindArgs(schema, { positional: args, keywords });
    if (bound === undefined) continue;
    const items = [...bound.values()];
    if (items.some(isQuantized) && !handlesQuantized(name))
      throw m.c.refuse('E4325', `${name} is not supported on quantised tensors`);
    const result = wrap(m, handler(m.c, new Args(m.c, schema, bound)), items);
    return inPlace ? writeBack(m, name, items[0] as TensorItem, result) : result;
  }
  const kinds = [...args.map(kindText), ...[...keywords].map(([key, item]) => `${key}=${kindText(item)}`)];
  throw m.c.refuse('E4002', `operator ${name} is not supported with the arguments (${kinds.join(', ')})`);
}

function kindText(item: Item): string {
  if (item.kind === 'tensor') return `${item.dtype}[${item.shape.join(',')}]`;
  if (item.kind === 'list') return `[${item.items.slice(0, 3).map(kindText).join(', ')}${item.items.length > 3 ? ', ...' : ''}]`;
  return item.kind;
}

function isQuantized(item: Item): boolean {
  if (item.kind === 'tensor') return item.quantizer !== undefined;
  return (item.kind === 'list' || item.kind === 'tuple') && item.items.some(isQuantized);
}

function handlesQuantized(name: string): boolean {
  const [namespace, op = ''] = name.split('::');
  return namespace === 'quantized' || ON_INTEGERS.has(op);
}

/** New tensors lie in order where all the operands do; else their layout is not known. */
function wrap(m: Machine, result: Yield, operands: readonly Item[]): Item {
  const rowMajor = operands.every(inOrder);
  const one = (x: Value | Item): Item => ('kind' in x ? x : m.c.fresh(x, { rowMajor }));
  return Array.isArray(result) ? tuple((result as readonly (Value | Item)[]).map(one)) : one(result as Value | Item);
}

function inOrder(item: Item): boolean {
  if (item.kind === 'tensor') return isContiguous(item) === true;
  return item.kind === 'list' ? item.items.every(inOrder) : true;
}

/** The in-place form: the first argument takes the result, in its own type. */
function writeBack(m: Machine, name: string, self: TensorItem, result: Item): Item {
  if (result.kind !== 'tensor') throw m.c.refuse('E4002', `operator ${name} has no in-place form`);
  if (result === self) return self;
  const same = result.shape.length === self.shape.length && result.shape.every((n, i) => n === self.shape[i]);
  if (!same)
    throw m.c.refuse('E4342', `${name} writes a result of shape [${result.shape.join(',')}] into a tensor of shape [${self.shape.join(',')}]`);
  m.c.write(self, m.c.cast(m.c.value(result), self.dtype));
  return self;
}

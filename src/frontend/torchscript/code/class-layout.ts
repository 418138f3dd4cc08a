// What a class of serialized TorchScript declares: attributes with types, which of them are parameters and
// buffers, constants, methods, hooks, fields of a named tuple, members of an enum.
// The body has a fixed small grammar; anything else in it is refused at its line.

import { badInput } from '../../../base/diagnostic.js';
import type { ClassDef, Expr, FunctionDef, SourcePoint, Stmt, TypeExpr } from './ast.js';
import { typeFromExpr } from './types.js';

export interface ClassLayout {
  readonly kind: 'module' | 'class' | 'named tuple' | 'enum' | 'interface' | 'module interface';
  readonly parameters: ReadonlySet<string>;
  readonly buffers: ReadonlySet<string>;
  /** In declaration order; the fields of a named tuple too. */
  readonly attributes: ReadonlyMap<string, TypeExpr>;
  /** `name : Final[T] = value`. The members of an enum too, without a type. */
  readonly constants: ReadonlyMap<string, { readonly type?: TypeExpr; readonly value: Expr }>;
  readonly methods: ReadonlyMap<string, FunctionDef>;
  readonly forwardPreHooks: readonly string[];
  readonly forwardHooks: readonly string[];
}

const KINDS: Readonly<Record<string, ClassLayout['kind']>> = {
  Module: 'module',
  NamedTuple: 'named tuple',
  Enum: 'enum',
  Interface: 'interface',
  ModuleInterface: 'module interface',
};

/** Lists of names that the serializer writes into module classes. */
const NAME_LISTS = ['__parameters__', '__buffers__', '__forward_pre_hooks__', '__forward_hooks__'] as const;

/** Reads the body of a class. @throws E3365 for a statement that class bodies do not have. */
export function classLayout(def: ClassDef): ClassLayout {
  const kind =
    def.base === undefined ? 'class' : Object.hasOwn(KINDS, def.base) ? KINDS[def.base] : undefined;
  if (kind === undefined) throw malformed(`class ${def.name} inherits from ${def.base}`, def.at);
  const lists = new Map<string, readonly string[]>();
  const attributes = new Map<string, TypeExpr>();
  const constants = new Map<string, { type?: TypeExpr; value: Expr }>();
  const methods = new Map<string, FunctionDef>();
  for (const stmt of def.body) {
    if (stmt.kind === 'function') methods.set(stmt.name, stmt);
    else if (stmt.kind === 'assign') declare(stmt, def, lists, attributes, constants);
    else if (stmt.kind !== 'pass')
      throw malformed(`class ${def.name} contains a ${stmt.kind} statement`, stmt.at);
  }
  return {
    kind,
    parameters: new Set(lists.get('__parameters__')),
    buffers: new Set(lists.get('__buffers__')),
    attributes,
    constants,
    methods,
    forwardPreHooks: lists.get('__forward_pre_hooks__') ?? [],
    forwardHooks: lists.get('__forward_hooks__') ?? [],
  };
}

function declare(
  stmt: Extract<Stmt, { kind: 'assign' }>,
  def: ClassDef,
  lists: Map<string, readonly string[]>,
  attributes: Map<string, TypeExpr>,
  constants: Map<string, { type?: TypeExpr; value: Expr }>,
): void {
  const { target, type, value } = stmt;
  if (
    target.kind === 'subscript' &&
    target.object.kind === 'name' &&
    target.object.name === '__annotations__'
  ) {
    const [key] = target.indices;
    if (key?.kind !== 'string' || value === undefined) throw malformed('an annotation has no name', stmt.at);
    attributes.set(key.value, typeFromExpr(value));
    return;
  }
  if (target.kind !== 'name') throw malformed(`class ${def.name} assigns to a ${target.kind}`, stmt.at);
  const { name } = target;
  if (value === undefined) {
    if (type !== undefined) attributes.set(name, type);
  } else if ((NAME_LISTS as readonly string[]).includes(name)) lists.set(name, nameList(value));
  else if (name !== '__annotations__') {
    const final = type?.name === 'Final' ? type.args?.[0] : type;
    constants.set(name, { ...(final && { type: final }), value });
  }
}

function nameList(value: Expr): string[] {
  if (value.kind !== 'list') throw malformed('a list of names is not a list', value.at);
  return value.items.map((item) => {
    if (item.kind !== 'string') throw malformed('a list of names contains something else', item.at);
    return item.value;
  });
}

function malformed(what: string, at: SourcePoint) {
  return badInput('E3365', what, { file: at.file, line: at.line, offset: at.offset });
}

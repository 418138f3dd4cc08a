// What an expression of TorchScript yields while `forward` is interpreted: everything that the archive and the input shapes
// decide is a value here; tensors, and the Python scalars that depend on them, are values of the graph. Lists, dicts and
// objects are shared by reference, as in Python; whoever changes one tells the journal (journal.ts) first.
import type { Value } from '../../../ir/graph.js';
import type { PickleValue } from '../archive/value.js';
import type { FunctionDef } from '../code/ast.js';
import type { TensorItem } from './tensor-item.js';

export type ScalarType = 'bool' | 'int' | 'float';

/** A Python scalar that depends on tensor data: a value of rank 0 of type bool, i64 or f32. */
export interface DynamicItem {
  readonly kind: 'dynamic';
  readonly type: ScalarType;
  readonly value: Value;
}
export interface ListItem {
  readonly kind: 'list';
  items: Item[];
}
export interface TupleItem {
  readonly kind: 'tuple';
  readonly items: readonly Item[];
  /** Of a named tuple. */
  readonly fields?: readonly string[];
}
export type ItemKey = string | bigint | number | boolean;
export interface DictItem {
  readonly kind: 'dict';
  entries: Map<ItemKey, Item>;
}
export interface ObjectItem {
  readonly kind: 'object';
  /** Qualified name of its class. */
  readonly class: string;
  /** Place in the module tree: `features.0`; empty for the root. */
  readonly path: string;
  /** Attributes that the program assigned. */
  attributes: Map<string, Item>;
  /** Attributes as the archive has them. */
  readonly saved?: (name: string) => Item | undefined;
  /** What `__getstate__` of a class of PyTorch itself returned (packed weights). */
  readonly state?: PickleValue;
}
/** Something to call or to take attributes of: a function, a class, a namespace, a method of an object. */
export type CalleeItem =
  | { readonly kind: 'namespace'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string; readonly def: FunctionDef }
  | { readonly kind: 'class'; readonly name: string }
  | { readonly kind: 'operator'; readonly name: string }
  | { readonly kind: 'method'; readonly self: ObjectItem; readonly def: FunctionDef }
  | { readonly kind: 'builtin'; readonly name: string };

/** A scalar known when compiling. */
export type ConstantItem =
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number };

export type Item =
  | { readonly kind: 'none' }
  | ConstantItem
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'complex'; readonly re: number; readonly im: number }
  | { readonly kind: 'device'; readonly name: string }
  | { readonly kind: 'enum'; readonly class: string; readonly name: string; readonly value: Item }
  | TensorItem
  | DynamicItem
  | ListItem
  | TupleItem
  | DictItem
  | ObjectItem
  | CalleeItem
  /** Has no value on this path; using it is an error, which `why` explains. */
  | { readonly kind: 'absent'; readonly why: string }
  /** Result of something not supported, which has been noted: interpretation goes on to find the rest. */
  | { readonly kind: 'unknown' };

export const NONE: Item = { kind: 'none' };
export const UNKNOWN: Item = { kind: 'unknown' };

export const int = (value: number | bigint): Item => ({ kind: 'int', value: BigInt(value) });
export const float = (value: number): Item => ({ kind: 'float', value });
export const bool = (value: boolean): Item => ({ kind: 'bool', value });
export const text = (value: string): Item => ({ kind: 'string', value });
export const list = (items: readonly Item[]): ListItem => ({ kind: 'list', items: [...items] });
export const tuple = (items: readonly Item[]): TupleItem => ({ kind: 'tuple', items });

/** Whether any part of an item is unknown. */
export function hasUnknown(item: Item): boolean {
  switch (item.kind) {
    case 'unknown':
      return true;
    case 'list':
    case 'tuple':
      return item.items.some(hasUnknown);
    case 'dict':
      return [...item.entries.values()].some(hasUnknown);
    default:
      return false;
  }
}

/** The attribute of an object, or undefined. */
export function attributeOf(object: ObjectItem, name: string): Item | undefined {
  return object.attributes.get(name) ?? object.saved?.(name);
}

/** A constant scalar as a number; integers beyond 2^53 are clamped to it (slices end at 2^63-1). */
export function numberOf(item: ConstantItem): number {
  if (item.kind === 'float') return item.value;
  if (item.kind === 'bool') return item.value ? 1 : 0;
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(item.value > limit ? limit : item.value < -limit ? -limit : item.value);
}

export function isConstant(item: Item): item is ConstantItem {
  return item.kind === 'int' || item.kind === 'float' || item.kind === 'bool';
}

/** Equality of Python, where it is known when compiling; undefined where it is not. */
export function equalItems(a: Item, b: Item): boolean | undefined {
  if (a === b) return true;
  if (isConstant(a) && isConstant(b)) {
    if (a.kind === 'int' && b.kind === 'int') return a.value === b.value;
    return numberOf(a) === numberOf(b);
  }
  if (a.kind === 'dynamic' || b.kind === 'dynamic' || a.kind === 'tensor' || b.kind === 'tensor')
    return a.kind === 'none' || b.kind === 'none' ? false : undefined;
  if ((a.kind === 'list' && b.kind === 'list') || (a.kind === 'tuple' && b.kind === 'tuple')) {
    if (a.items.length !== b.items.length) return false;
    return allEqual(a.items.map((item, i) => equalItems(item, b.items[i] ?? NONE)));
  }
  if (a.kind === 'dict' && b.kind === 'dict') {
    if (a.entries.size !== b.entries.size) return false;
    return allEqual(
      [...a.entries].map(([key, item]) => {
        const other = b.entries.get(key);
        return other === undefined ? false : equalItems(item, other);
      }),
    );
  }
  if (a.kind === 'string' && b.kind === 'string') return a.value === b.value;
  if (a.kind === 'device' && b.kind === 'device') return a.name === b.name;
  if (a.kind === 'device' && b.kind === 'string') return a.name === b.value;
  if (a.kind === 'string' && b.kind === 'device') return a.value === b.name;
  if (a.kind === 'enum' && b.kind === 'enum') return a.class === b.class && a.name === b.name;
  return a.kind === 'none' && b.kind === 'none';
}

function allEqual(parts: readonly (boolean | undefined)[]): boolean | undefined {
  if (parts.includes(false)) return false;
  return parts.includes(undefined) ? undefined : true;
}

/** What `str()` and `format` print; not exact for tensors. */
export function display(item: Item, quoted = false): string {
  switch (item.kind) {
    case 'none':
      return 'None';
    case 'bool':
      return item.value ? 'True' : 'False';
    case 'int':
      return item.value.toString();
    case 'float':
      return Number.isInteger(item.value) ? item.value.toFixed(1) : String(item.value);
    case 'string':
      return quoted ? `'${item.value}'` : item.value;
    case 'device':
      return item.name;
    case 'list':
      return `[${item.items.map((i) => display(i, true)).join(', ')}]`;
    case 'tuple':
      return `(${item.items.map((i) => display(i, true)).join(', ')}${item.items.length === 1 ? ',' : ''})`;
    case 'dict':
      return `{${[...item.entries].map(([k, v]) => `${typeof k === 'string' ? `'${k}'` : k}: ${display(v, true)}`).join(', ')}}`;
    default:
      return `<${item.kind}>`;
  }
}

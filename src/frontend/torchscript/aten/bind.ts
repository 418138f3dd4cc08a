// Arguments of a call bound to the parameters of a signature: whether they fit, and what they are. The conversions are
// those of TorchScript: a number where a list is expected, a tensor of one element where a number is, None for optionals.
import { bug } from '../../../base/diagnostic.js';
import type { DType } from '../../../base/dtype.js';
import { elementCount } from '../../../base/tensor.js';
import { scalarTypeById } from '../archive/torch-types.js';
import { type Item, isConstant, numberOf } from '../lower/items.js';
import type { Lowering, ScalarArg } from '../lower/lowering.js';
import type { TensorItem } from '../lower/tensor-item.js';
import type { ParamType, Schema, SchemaParam } from './schema.js';

export interface CallArgs {
  readonly positional: readonly Item[];
  readonly keywords: ReadonlyMap<string, Item>;
}

/** The item of each parameter, or undefined where the call does not fit the signature. */
export function bindArgs(schema: Schema, call: CallArgs): ReadonlyMap<string, Item> | undefined {
  if (call.positional.length > schema.positional) return undefined;
  for (const keyword of call.keywords.keys()) if (!schema.names.has(keyword)) return undefined;
  const bound = new Map<string, Item>();
  for (let i = 0; i < schema.params.length; i++) {
    const param = schema.params[i] as SchemaParam;
    const item = call.positional[i] ?? call.keywords.get(param.name) ?? param.fallback;
    if (item === undefined || !fits(item, param.type)) return undefined;
    bound.set(param.name, item);
  }
  return bound;
}

const isNumber = (item: Item): boolean => isConstant(item) || item.kind === 'dynamic';
const isSingle = (item: Item): boolean =>
  item.kind === 'tensor' && item.shape.length === 0 && elementCount(item.shape) === 1;

const FITS: Readonly<Record<string, (item: Item) => boolean>> = {
  Tensor: (item) => item.kind === 'tensor',
  number: isNumber,
  Scalar: (item) => isNumber(item) || isSingle(item),
  int: (item) => isIntegral(item),
  float: (item) => isNumber(item) || isSingle(item),
  bool: (item) => item.kind === 'bool' || (item.kind === 'dynamic' && item.type === 'bool'),
  str: (item) => item.kind === 'string',
  ScalarType: (item) => item.kind === 'int',
  Layout: (item) => item.kind === 'int',
  MemoryFormat: (item) => item.kind === 'int',
  Device: (item) => item.kind === 'device' || item.kind === 'string',
  Generator: () => false,
  Tuple: (item) => item.kind === 'tuple',
  Dict: (item) => item.kind === 'dict',
  Object: (item) => item.kind === 'object',
  t: () => true,
};

function isIntegral(item: Item): boolean {
  if (item.kind === 'int' || (item.kind === 'dynamic' && item.type === 'int')) return true;
  return item.kind === 'tensor' && isSingle(item) && /^[iu]\d/.test(item.dtype);
}

function fits(item: Item, type: ParamType): boolean {
  if (item.kind === 'unknown') return true;
  if (item.kind === 'none') return type.optional || type.name === 't';
  const one = FITS[type.name];
  if (one === undefined) throw bug('E1270', `'${type.name}' is no type of a parameter`);
  if (!type.list) return one(item);
  if (item.kind === 'list' || (item.kind === 'tuple' && type.name !== 't'))
    return item.items.every((x) => one(x) || (x.kind === 'none' && type.name === 'Tensor'));
  // A single number stands for a list of equal ones.
  return (type.name === 'int' || type.name === 'float') && one(item);
}

/** The bound arguments, read by name and type. */
export class Args {
  private readonly c: Lowering;
  private readonly schema: Schema;
  private readonly bound: ReadonlyMap<string, Item>;

  constructor(c: Lowering, schema: Schema, bound: ReadonlyMap<string, Item>) {
    this.c = c;
    this.schema = schema;
    this.bound = bound;
  }

  item(name: string): Item {
    const item = this.bound.get(name);
    if (item === undefined) throw bug('E1270', `'${this.schema.text}' has no parameter '${name}'`);
    return item;
  }

  has(name: string): boolean {
    return this.bound.has(name);
  }

  isNone(name: string): boolean {
    return this.item(name).kind === 'none';
  }

  tensor(name: string): TensorItem {
    const item = this.item(name);
    if (item.kind !== 'tensor') throw bug('E1270', `'${name}' of '${this.schema.text}' is no tensor`);
    return item;
  }

  optional(name: string): TensorItem | undefined {
    return this.isNone(name) ? undefined : this.tensor(name);
  }

  tensors(name: string): TensorItem[] {
    const tensors = this.optionals(name).filter((t) => t !== undefined);
    return tensors;
  }

  optionals(name: string): (TensorItem | undefined)[] {
    const item = this.item(name);
    const items = item.kind === 'list' || item.kind === 'tuple' ? item.items : [];
    return items.map((x) => (x.kind === 'tensor' ? x : undefined));
  }

  scalar(name: string): ScalarArg {
    return this.scalarItem(this.item(name), name);
  }

  scalarOr(name: string): ScalarArg | undefined {
    return this.isNone(name) ? undefined : this.scalar(name);
  }

  /** A number known when compiling. E4310 where it depends on tensor data. */
  number(name: string): number {
    return this.known(this.item(name), name);
  }

  numberOr(name: string): number | undefined {
    return this.isNone(name) ? undefined : this.number(name);
  }

  /** Integers; a single one is repeated to `count`. */
  ints(name: string, count?: number): number[] {
    const item = this.item(name);
    const values =
      item.kind === 'list' || item.kind === 'tuple'
        ? item.items.map((x) => this.known(x, name))
        : [this.known(item, name)];
    const [only] = values;
    if (count !== undefined && values.length === 1 && only !== undefined)
      return new Array<number>(count).fill(only);
    return values;
  }

  intsOr(name: string, count?: number): number[] | undefined {
    return this.isNone(name) ? undefined : this.ints(name, count);
  }

  flag(name: string): boolean {
    return this.number(name) !== 0;
  }

  text(name: string): string {
    const item = this.item(name);
    if (item.kind !== 'string') throw bug('E1270', `'${name}' of '${this.schema.text}' is no string`);
    return item.value;
  }

  textOr(name: string): string | undefined {
    return this.isNone(name) ? undefined : this.text(name);
  }

  /** An element type given by its number; E4311 for one that there is not here. */
  dtype(name: string): DType | undefined {
    if (this.isNone(name)) return undefined;
    const id = this.number(name);
    const found = scalarTypeById(id);
    if (found?.dtype === undefined || found.dtype === 'c64' || found.dtype === 'c128')
      throw this.c.refuse(
        'E4311',
        `tensors of element type ${found?.python ?? `number ${id}`} are not supported`,
      );
    return found.dtype;
  }

  private scalarItem(item: Item, name: string): ScalarArg {
    if (isConstant(item) || item.kind === 'dynamic') return item;
    if (item.kind === 'tensor') return this.c.scalarOf(this.c.value(item));
    throw bug('E1270', `'${name}' of '${this.schema.text}' is no number`);
  }

  private known(item: Item, name: string): number {
    const scalar = this.scalarItem(item, name);
    if (scalar.kind !== 'dynamic') return numberOf(scalar);
    throw this.c.refuse(
      'E4310',
      `argument '${name}' of ${this.schema.name} depends on the values of tensors`,
      'shapes, axes and counts must follow from the input shapes',
    );
  }
}

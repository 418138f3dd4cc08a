// Uses of operators: found in the table, bound to the signature that fits, lowered, written back where they are in place. What
// is not supported is noted and yields an unknown, so that one run of the interpreter finds all of it.
import { unsupported } from '../../../base/diagnostic.js';
import type { Value } from '../../../ir/graph.js';
import { Args, bindArgs } from '../aten/bind.js';
import type { Yield } from '../aten/declare.js';
import { ON_INTEGERS } from '../aten/quantized.js';
import { realsGrid, throughReals } from '../aten/quantized-reals.js';
import { findOperator, type Overload } from '../aten/table.js';
import { display, hasUnknown, type Item, int, list, NONE, text, tuple, UNKNOWN } from './items.js';
import { type Machine, note, Raised } from './machine.js';
import { rangeItems } from './ranges.js';
import { isContiguous } from './strides.js';
import type { TensorItem } from './tensor-item.js';

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
  'prim::rangelist': (m, [n = NONE]) =>
    list(rangeItems(m, [n], { file: m.c.place.file, line: m.c.place.line, column: 1, offset: 0 })),
  'aten::format': (_m, [format, ...values]) =>
    text(formatted(format === undefined ? '' : display(format), values)),
  'aten::percentFormat': (_m, [format, ...values]) =>
    text(percentFormatted(format === undefined ? '' : display(format), values)),
  'aten::__derive_index': (m, [index = NONE, start = NONE, step = NONE]) =>
    m.operator('aten::add', [m.operator('aten::mul', [index, step], new Map()), start], new Map()),
  'aten::__range_length': (m, bounds) =>
    int(rangeItems(m, bounds, { file: m.c.place.file, line: m.c.place.line, column: 1, offset: 0 }).length),
  'aten::device': (_m, [name]) =>
    name?.kind === 'string' ? { kind: 'device', name: name.value } : { kind: 'device', name: 'cpu' },
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
export function callOperator(
  m: Machine,
  name: string,
  args: readonly Item[],
  keywords: ReadonlyMap<string, Item>,
): Item {
  const special = Object.hasOwn(SPECIAL, name) ? SPECIAL[name] : undefined;
  if (special !== undefined) return special(m, args);
  const [first] = args;
  if (name === 'aten::add_' && first?.kind === 'list') {
    m.operator('aten::extend', args, keywords);
    return first;
  }
  const found = findOperator(name);
  if (found === undefined) {
    note(
      m,
      unsupported(
        'E4001',
        `operator ${name} is not supported`,
        m.c.where(),
        'neffc ops --frontend torchscript lists those that are',
      ),
    );
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
    if (item.kind === 'absent')
      throw m.c.refuse('E4341', `${name} uses a value that is not there: ${item.why}`);
  m.c.startOperator(name);
  for (const { schema, handler } of overloads) {
    const bound = bindArgs(schema, { positional: args, keywords });
    if (bound === undefined) continue;
    const items = [...bound.values()];
    const run = (operands: ReadonlyMap<string, Item>): Item =>
      wrap(m, handler(m.c, new Args(m.c, schema, operands)), [...operands.values()]);
    const quantized = items.some(isQuantized);
    const grid = quantized ? realsGrid(name.replace(/_$/, '')) : undefined;
    if (quantized && grid === undefined && !handlesQuantized(name))
      throw m.c.refuse('E4325', `${name} is not supported on quantised tensors`);
    const result = grid === undefined ? run(bound) : throughReals(m.c, grid, bound, run);
    return inPlace ? writeBack(m, name, items[0] as TensorItem, result) : result;
  }
  const kinds = [...args.map(kindText), ...[...keywords].map(([key, item]) => `${key}=${kindText(item)}`)];
  throw m.c.refuse('E4002', `operator ${name} is not supported with the arguments (${kinds.join(', ')})`);
}

function kindText(item: Item): string {
  if (item.kind === 'tensor') return `${item.dtype}[${item.shape.join(',')}]`;
  if (item.kind === 'list')
    return `[${item.items.slice(0, 3).map(kindText).join(', ')}${item.items.length > 3 ? ', ...' : ''}]`;
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
  return Array.isArray(result)
    ? tuple((result as readonly (Value | Item)[]).map(one))
    : one(result as Value | Item);
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
    throw m.c.refuse(
      'E4342',
      `${name} writes a result of shape [${result.shape.join(',')}] into a tensor of shape [${self.shape.join(',')}]`,
    );
  m.c.write(self, m.c.cast(m.c.value(result), self.dtype));
  return self;
}

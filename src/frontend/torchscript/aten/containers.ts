// Lists, tuples, dicts and strings of Python: known when compiling in structure, whatever their elements are. Changes are told
// to the journal first, since a branch on data may have to be taken back.
import { badInput } from '../../../base/diagnostic.js';
import {
  bool,
  type ConstantItem,
  display,
  equalItems,
  float,
  type Item,
  type ItemKey,
  int,
  isConstant,
  list,
  NONE,
  numberOf,
  text,
  tuple,
} from '../lower/items.js';
import { LOWERING_LIMITS, overLimit } from '../lower/limits.js';
import type { Lowering, ScalarArg } from '../lower/lowering.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { binaryScalars, truthOf } from './scalars.js';

/** Equality that must be known, or of numbers on the graph. */
function equality(c: Lowering, x: Item, y: Item, wanted: boolean): Item {
  const known = equalItems(x, y);
  if (known !== undefined) return bool(known === wanted);
  if ((isConstant(x) || x.kind === 'dynamic') && (isConstant(y) || y.kind === 'dynamic'))
    return binaryScalars(c, wanted ? 'eq' : 'ne', x, y);
  throw c.refuse('E4310', 'values that depend on the data of tensors are compared in a list, tuple or dict');
}

function identity(x: Item, y: Item): boolean {
  if (x.kind === 'none' || y.kind === 'none') return x.kind === y.kind;
  return x === y || equalItems(x, y) === true;
}

export function keyOf(c: Lowering, item: Item): ItemKey {
  if (item.kind === 'string' || isConstant(item)) return item.value;
  throw c.refuse('E4310', `a dict is keyed by a ${item.kind}`);
}

export function itemOfKey(key: ItemKey): Item {
  if (typeof key === 'string') return text(key);
  if (typeof key === 'bigint') return int(key);
  return typeof key === 'boolean' ? bool(key) : float(key);
}

/** The element of a list or tuple; E3372 outside. */
export function elementAt(c: Lowering, items: readonly Item[], index: number): Item {
  const item = items[index < 0 ? index + items.length : index];
  if (item === undefined)
    throw badInput('E3372', `index ${index} is outside of a list of ${items.length} elements`, c.where());
  return item;
}

const entryOf = (c: Lowering, a: Args): Item => {
  const dict = a.item('self');
  const key = a.item('key');
  const found = dict.kind === 'dict' ? dict.entries.get(keyOf(c, key)) : undefined;
  if (found === undefined) throw badInput('E3372', `a dict has no key ${display(key, true)}`, c.where());
  return found;
};

/** Items of a list or tuple argument. */
function itemsOf(a: Args, name: string): readonly Item[] {
  const item = a.item(name);
  return item.kind === 'list' || item.kind === 'tuple' ? item.items : [];
}

/** Runs a change of a list or dict argument. */
const changing =
  (run: (c: Lowering, a: Args) => Item): Handler =>
  (c, a) => {
    const target = a.item('self');
    if (target.kind === 'list' || target.kind === 'dict') c.touch(target);
    return run(c, a);
  };

const onList = (run: (items: Item[], c: Lowering, a: Args) => Item): Handler =>
  changing((c, a) => {
    const target = a.item('self');
    return target.kind === 'list' ? run(target.items, c, a) : NONE;
  });

const onDict = (run: (entries: Map<ItemKey, Item>, c: Lowering, a: Args) => Item): Handler =>
  changing((c, a) => {
    const target = a.item('self');
    return target.kind === 'dict' ? run(target.entries, c, a) : NONE;
  });

function sliceItems(c: Lowering, a: Args, items: readonly Item[]): Item[] {
  const step = a.number('step');
  const size = items.length;
  const bound = (name: string, fallback: number): number => {
    const n = a.numberOr(name) ?? fallback;
    return Math.min(size, Math.max(0, n < 0 ? n + size : n));
  };
  if (step <= 0) throw c.refuse('E4318', 'a list is sliced backwards');
  const [from, to] = [bound('start', 0), bound('end', size)];
  return items.slice(from, Math.max(from, to)).filter((_, i) => i % step === 0);
}

function repeated(c: Lowering, items: readonly Item[], count: number): Item[] {
  c.checkElements(items.length * count);
  return Array.from({ length: items.length === 0 ? 0 : Math.max(0, count) }, () => items).flat();
}

/** Numbers of a list in order: for `sorted`, `min`, `max`. */
function ordered(c: Lowering, items: readonly Item[]): ConstantItem[] {
  const known = items.filter(isConstant);
  if (known.length !== items.length)
    throw c.refuse('E4310', 'a list of values that depend on data is put in order');
  return known.sort((p, q) => numberOf(p) - numberOf(q));
}

export const CONTAINERS: Family = {
  '__is__(t a, t b)': (_c, a) => bool(identity(a.item('a'), a.item('b'))),
  '__isnot__(t a, t b)': (_c, a) => bool(!identity(a.item('a'), a.item('b'))),
  'eq(t a, t b)': (c, a) => equality(c, a.item('a'), a.item('b'), true),
  'ne(t a, t b)': (c, a) => equality(c, a.item('a'), a.item('b'), false),
  'add(str a, str b)': (c, a) => {
    const sum = a.text('a') + a.text('b');
    const limit = LOWERING_LIMITS.characters;
    if (sum.length > limit) throw overLimit(`a string of ${sum.length} characters`, limit, c.where());
    return text(sum);
  },
  'add(t[] a, t[] b)': (c, a) => {
    const [x, y] = [itemsOf(a, 'a'), itemsOf(a, 'b')];
    c.checkElements(x.length + y.length);
    return list([...x, ...y]);
  },
  'mul(t[] a, int b)': (c, a) => list(repeated(c, itemsOf(a, 'a'), a.number('b'))),
  'mul(int a, t[] b)': (c, a) => list(repeated(c, itemsOf(a, 'b'), a.number('a'))),
  'len(t[] self)': (_c, a) => int(itemsOf(a, 'self').length),
  'len(Tuple self)': (_c, a) => int(itemsOf(a, 'self').length),
  'len(str self)': (_c, a) => int([...a.text('self')].length),
  'len(Dict self)': (_c, a) => int(entriesOf(a).size),
  'len(Tensor self)': (_c, a) => int(a.tensor('self').shape[0] ?? 0),
  '__getitem__(t[] self, int key)': (c, a) => elementAt(c, itemsOf(a, 'self'), a.number('key')),
  '__getitem__(Tuple self, int key)': (c, a) => elementAt(c, itemsOf(a, 'self'), a.number('key')),
  '__getitem__(Dict self, t key)': entryOf,
  '__getitem__(str self, int key)': (_c, a) => text([...a.text('self')].at(a.number('key')) ?? ''),
  '__contains__(t[] self, t item)': (c, a) => contains(c, itemsOf(a, 'self'), a.item('item')),
  '__contains__(Dict self, t item)': (c, a) => bool(entriesOf(a).has(keyOf(c, a.item('item')))),
  '__contains__(str self, str item)': (_c, a) => bool(a.text('self').includes(a.text('item'))),
  'slice(t[] self, int? start=None, int? end=None, int step=1)': (c, a) =>
    list(sliceItems(c, a, itemsOf(a, 'self'))),
  'slice(Tuple self, int? start=None, int? end=None, int step=1)': (c, a) =>
    tuple(sliceItems(c, a, itemsOf(a, 'self'))),
  'append(t[] self, t el)': onList((items, _c, a) => {
    items.push(a.item('el'));
    return a.item('self');
  }),
  'extend(t[] self, t[] other)': onList((items, c, a) => {
    const more = itemsOf(a, 'other');
    c.checkElements(items.length + more.length);
    items.push(...more);
    return NONE;
  }),
  'insert(t[] self, int idx, t el)': onList((items, _c, a) => {
    items.splice(a.number('idx'), 0, a.item('el'));
    return NONE;
  }),
  'pop(t[] self, int idx=-1)': onList((items, c, a) => {
    const at = a.number('idx');
    const item = elementAt(c, items, at);
    items.splice(at < 0 ? at + items.length : at, 1);
    return item;
  }),
  'clear(t[] self)': onList((items) => {
    items.length = 0;
    return NONE;
  }),
  'reverse(t[] self)': onList((items) => {
    items.reverse();
    return NONE;
  }),
  'sort(t[] self, bool reverse=False)': onList((items, c, a) => {
    const sorted = ordered(c, items);
    items.splice(0, items.length, ...(a.flag('reverse') ? sorted.reverse() : sorted));
    return NONE;
  }),
  '_set_item(t[] self, int idx, t el)': onList((items, c, a) => {
    const at = a.number('idx');
    elementAt(c, items, at);
    items[at < 0 ? at + items.length : at] = a.item('el');
    return a.item('self');
  }),
  '_set_item(Dict self, t idx, t el)': onDict((entries, c, a) => {
    entries.set(keyOf(c, a.item('idx')), a.item('el'));
    return NONE;
  }),
  'Delete(Dict self, t key)': onDict((entries, c, a) => {
    entries.delete(keyOf(c, a.item('key')));
    return NONE;
  }),
  'Delete(t[] self, int idx)': onList((items, _c, a) => {
    items.splice(a.number('idx'), 1);
    return NONE;
  }),
  'update(Dict self, Dict other)': onDict((entries, _c, a) => {
    const other = a.item('other');
    if (other.kind === 'dict') for (const [key, item] of other.entries) entries.set(key, item);
    return NONE;
  }),
  'pop(Dict self, t key)': onDict((entries, c, a) => {
    const item = entryOf(c, a);
    entries.delete(keyOf(c, a.item('key')));
    return item;
  }),
  'setdefault(Dict self, t key, t default_value)': onDict((entries, c, a) => {
    const key = keyOf(c, a.item('key'));
    if (!entries.has(key)) entries.set(key, a.item('default_value'));
    return entries.get(key) ?? NONE;
  }),
  'copy(t[] self)': (_c, a) => list(itemsOf(a, 'self')),
  'copy(Dict self)': (_c, a) => ({ kind: 'dict', entries: new Map(entriesOf(a)) }),
  'get(Dict self, t key, t default_value=None)': (c, a) =>
    entriesOf(a).get(keyOf(c, a.item('key'))) ?? a.item('default_value'),
  'keys(Dict self)': (_c, a) => list([...entriesOf(a).keys()].map(itemOfKey)),
  'values(Dict self)': (_c, a) => list([...entriesOf(a).values()]),
  'items(Dict self)': (_c, a) => list([...entriesOf(a)].map(([key, item]) => tuple([itemOfKey(key), item]))),
  'dict()': () => ({ kind: 'dict', entries: new Map() }),
  'dict(Dict self)': (_c, a) => ({ kind: 'dict', entries: new Map(entriesOf(a)) }),
  'dict(t[] pairs)': (c, a) => ({
    kind: 'dict',
    entries: new Map(
      itemsOf(a, 'pairs').map((pair): [ItemKey, Item] => {
        const [key, value] = pair.kind === 'tuple' ? pair.items : [];
        if (key === undefined || value === undefined)
          throw badInput('E3376', `a dict is made from a ${pair.kind}, which is no pair`, c.where());
        return [keyOf(c, key), value];
      }),
    ),
  }),
  'list(t[] l)': (_c, a) => list(itemsOf(a, 'l')),
  'list(Tuple l)': (_c, a) => list(itemsOf(a, 'l')),
  'list(str l)': (_c, a) => list([...a.text('l')].map(text)),
  'index(t[] self, t el)': (c, a) => {
    const at = itemsOf(a, 'self').findIndex((item) => equalItems(item, a.item('el')) === true);
    if (at < 0) throw badInput('E3372', `${display(a.item('el'), true)} is not in the list`, c.where());
    return int(at);
  },
  'count(t[] self, t el)': (_c, a) =>
    int(itemsOf(a, 'self').filter((item) => equalItems(item, a.item('el')) === true).length),
  'sum(t[] self)': (c, a) =>
    itemsOf(a, 'self').reduce(
      (sum, item) => binaryScalars(c, 'add', sum as ScalarArg, item as ScalarArg),
      int(0),
    ),
  'max(t[] self)': (c, a) => ordered(c, itemsOf(a, 'self')).at(-1) ?? NONE,
  'min(t[] self)': (c, a) => ordered(c, itemsOf(a, 'self'))[0] ?? NONE,
  'max(t[] self, t[] other)': (c, a) => larger(c, a, true),
  'min(t[] self, t[] other)': (c, a) => larger(c, a, false),
  'sorted(t[] self)': (c, a) => list(ordered(c, itemsOf(a, 'self'))),
  'all(t[] self)': (c, a) => bool(itemsOf(a, 'self').every((item) => truthOf(c, item).value === true)),
  'any(t[] self)': (c, a) => bool(itemsOf(a, 'self').some((item) => truthOf(c, item).value === true)),
  'ord(str a)': (_c, a) => int(a.text('a').codePointAt(0) ?? 0),
  'chr(int a)': (_c, a) => text(String.fromCodePoint(a.number('a'))),
  'str(t elem)': (_c, a) => text(display(a.item('elem'))),
  'lower(str self)': (_c, a) => text(a.text('self').toLowerCase()),
  'upper(str self)': (_c, a) => text(a.text('self').toUpperCase()),
  'strip(str self)': (_c, a) => text(a.text('self').trim()),
  'startswith(str self, str substr)': (_c, a) => bool(a.text('self').startsWith(a.text('substr'))),
  'endswith(str self, str substr)': (_c, a) => bool(a.text('self').endsWith(a.text('substr'))),
  'split(str self, str separator)': (_c, a) => list(a.text('self').split(a.text('separator')).map(text)),
  'join(str self, t[] values)': (_c, a) =>
    text(
      itemsOf(a, 'values')
        .map((item) => display(item))
        .join(a.text('self')),
    ),
  'replace(str self, str old, str new)': (_c, a) =>
    text(a.text('self').replaceAll(a.text('old'), a.text('new'))),
  'type(Device self)': (_c, a) => {
    const device = a.item('self');
    return text(device.kind === 'device' ? (device.name.split(':')[0] ?? '') : 'cpu');
  },
};

function entriesOf(a: Args): Map<ItemKey, Item> {
  const item = a.item('self');
  return item.kind === 'dict' ? item.entries : new Map();
}

function contains(c: Lowering, items: readonly Item[], wanted: Item): Item {
  const parts = items.map((item) => equality(c, item, wanted, true));
  if (parts.some((p) => p.kind === 'bool' && p.value)) return bool(true);
  const open = parts.filter((p) => p.kind === 'dynamic');
  return open.reduce<Item>((sum, p) => {
    if (p.kind !== 'dynamic' || sum.kind !== 'dynamic') return p;
    return { kind: 'dynamic', type: 'bool', value: c.one('or', [sum.value, p.value]) };
  }, bool(false));
}

/** The larger (or smaller) of two lists in dictionary order. */
function larger(c: Lowering, a: Args, greatest: boolean): Item {
  const [x, y] = [itemsOf(a, 'self'), itemsOf(a, 'other')];
  for (const [i, item] of x.entries()) {
    const other = y[i];
    if (other === undefined) return list(greatest ? x : y);
    if (!isConstant(item) || !isConstant(other))
      throw c.refuse('E4310', 'lists of values that depend on data are compared');
    const difference = numberOf(item) - numberOf(other);
    if (difference !== 0) return list(difference > 0 === greatest ? x : y);
  }
  return list(greatest ? y : x);
}

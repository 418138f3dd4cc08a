// The state of a program at the head of a loop, as leaves: the tensors and data-dependent numbers that its variables lead to.
// Cutting there ends one graph, whose results the leaves are, and begins another, whose parameters they are.
import { badInput } from '../../../base/diagnostic.js';
import { constantOf, type Graph, type Value } from '../../../ir/graph.js';
import { type TensorType, tensorType } from '../../../ir/type.js';
import { GraphBuilder } from '../../../ops/build.js';
import type { Frame } from './frame.js';
import type { DynamicItem, Item } from './items.js';
import type { Machine } from './machine.js';
import type { Storage, TensorItem } from './tensor-item.js';

/** A place of the state that holds a value of the graph. */
export interface Leaf {
  /** Variable, with the indices below it: `tokens0`, `outputs.3`; of outer calls with their module before it. */
  readonly name: string;
  /** Changed in the body. */
  readonly carried: boolean;
  readonly value: Value;
}

type Visit = (name: string, item: Item, carried: boolean) => void;

/** Every variable that was there when the loop was reached, those that the body changes first. */
function eachVariable(
  m: Machine,
  frame: Frame,
  names: readonly string[],
  carried: ReadonlySet<string>,
  visit: Visit,
): void {
  for (const own of [true, false])
    for (const name of names) {
      const item = frame.variables.get(name);
      if (item !== undefined && carried.has(name) === own) visit(name, item, own);
    }
  for (const outer of m.frames) {
    if (outer === frame) continue;
    for (const [name, item] of outer.variables) visit(`${outer.module || 'forward'}/${name}`, item, false);
  }
  for (const item of m.tree.made()) if (item.kind === 'tensor') visit(item.storage.source ?? '', item, false);
}

/** Visits the tensors and numbers below an item. */
function eachLeaf(
  name: string,
  item: Item,
  seen: Set<Item>,
  visit: (name: string, item: Item) => void,
): void {
  if (seen.has(item)) return;
  seen.add(item);
  if (item.kind === 'tensor' || item.kind === 'dynamic') visit(name, item);
  else if (item.kind === 'list' || item.kind === 'tuple')
    item.items.forEach((x, i) => {
      eachLeaf(`${name}.${i}`, x, seen, visit);
    });
  else if (item.kind === 'dict')
    for (const [key, x] of item.entries) eachLeaf(`${name}.${key}`, x, seen, visit);
  else if (item.kind === 'object')
    for (const [key, x] of item.attributes) eachLeaf(`${name}.${key}`, x, seen, visit);
}

/** Where the value of a leaf is written when the next graph begins. */
interface Slot extends Leaf {
  readonly put: (value: Value) => void;
}

export interface LoopState {
  readonly frame: Frame;
  readonly names: readonly string[];
  readonly carried: ReadonlySet<string>;
}

/** The leaves: carried ones always, others where they are no constants. */
function slotsOf(m: Machine, { frame, names, carried }: LoopState): Slot[] {
  const slots: Slot[] = [];
  const storages = new Set<Storage>();
  const numbers = new Set<Item>();
  const seen = new Set<Item>();
  eachVariable(m, frame, names, carried, (name, item, own) => {
    eachLeaf(name, item, seen, (leaf, x) => {
      if (x.kind === 'tensor') {
        const { storage } = x;
        const constant = constantOf(storage.value) !== undefined;
        if (
          storages.has(storage) ||
          storage.stale !== undefined ||
          (constant && (!own || storage.source !== undefined))
        )
          return;
        storages.add(storage);
        slots.push({ name: leaf, carried: own, value: storage.value, put: (v) => m.c.replace(storage, v) });
      } else if (x.kind === 'dynamic' && !numbers.has(x)) {
        numbers.add(x);
        slots.push({ name: leaf, carried: own, value: x.value, put: (v) => replaceNumber(m, x, v) });
      }
    });
  });
  return slots;
}

/** Puts another number in the place of one, wherever variables hold it. */
function replaceNumber(m: Machine, old: DynamicItem, value: Value): void {
  const fresh: Item = { ...old, value };
  const swap = (item: Item): Item => {
    if (item === old) return fresh;
    if (item.kind === 'tuple' && item.items.some((x) => swap(x) !== x))
      return { ...item, items: item.items.map(swap) };
    if (item.kind === 'list') item.items = item.items.map(swap);
    return item;
  };
  for (const frame of m.frames)
    for (const [name, item] of frame.variables) frame.variables.set(name, swap(item));
}

export interface Cut {
  /** Results of the graph that ended, and parameters of the one that begins. */
  readonly leaves: readonly Leaf[];
  readonly ended: Graph;
}

/**
 * Every place of the loop's variables gets memory of its own, so that each is a leaf under its own name, in every iteration
 * the same. Places that shared memory become rivals: a write to one would have to be seen through the other.
 */
function settle(m: Machine, { frame, names, carried }: LoopState): void {
  const taken = new Set<Storage>();
  const own = (item: Item): Item => {
    if (item.kind === 'tensor') return settled(m, item, taken);
    if (item.kind === 'list') item.items = item.items.map(own);
    else if (item.kind === 'dict') for (const [key, x] of item.entries) item.entries.set(key, own(x));
    else if (item.kind === 'tuple' && item.items.some((x) => x.kind === 'tensor'))
      return { ...item, items: item.items.map(own) };
    return item;
  };
  for (const first of [true, false])
    for (const name of names) {
      const item = frame.variables.get(name);
      if (item !== undefined && carried.has(name) === first) frame.variables.set(name, own(item));
    }
}

function settled(m: Machine, item: TensorItem, taken: Set<Storage>): TensorItem {
  const { storage } = item;
  if (storage.stale !== undefined || storage.source !== undefined) return item;
  if (!taken.has(storage) && item.path.length === 0) {
    taken.add(storage);
    return item;
  }
  const own = m.c.fresh(m.c.value(item), { rowMajor: false });
  m.c.rival(own.storage, storage);
  taken.add(own.storage);
  return own;
}

/** Ends the graph at hand with `first` and then the leaves as its results, and begins another with the leaves as parameters. */
export function cut(m: Machine, state: LoopState, first: readonly Value[]): Cut {
  settle(m, state);
  for (const name of [...state.frame.variables.keys()])
    if (!state.names.includes(name)) state.frame.variables.delete(name);
  const slots = slotsOf(m, state);
  const { builder } = m.c;
  const names = [...first.map(() => 'condition'), ...slots.map((s) => s.name)];
  const ended = builder.finish([...first, ...slots.map((s) => s.value)], names);
  const above = builder.param(tensorType('bool', []), '').id + 1;
  m.c.builder = new GraphBuilder(builder.name, above);
  for (const slot of slots) slot.put(m.c.builder.input(slot.name, slot.value.type));
  return { leaves: slots.map(({ name, carried, value }) => ({ name, carried, value })), ended };
}

/** What the variables hold, for comparison of two heads. */
export function snapshot({ frame, names }: LoopState): ReadonlyMap<string, Item> {
  const copy = (item: Item): Item =>
    item.kind === 'list' ? { kind: 'list', items: item.items.map(copy) } : item;
  return new Map(
    names.flatMap((name): [string, Item][] => {
      const item = frame.variables.get(name);
      return item === undefined ? [] : [[name, copy(item)]];
    }),
  );
}

/**
 * Moves the state from head 2 to head `t` along the straight line through heads 1 and 2: numbers, dims and lengths of lists.
 * E3379 where the two differ in another way, for then the state at `t` must be reached by running.
 */
export function leap(m: Machine, state: LoopState, one: ReadonlyMap<string, Item>, t: number): void {
  for (const [name, item] of state.frame.variables) {
    const before = one.get(name);
    if (before === undefined) throw notStraight(m, name);
    state.frame.variables.set(name, along(m, name, before, item, t - 2));
  }
}

const notStraight = (m: Machine, name: string) =>
  badInput(
    'E3379',
    `the loop changes '${name}' in a way that does not follow a straight line from iteration to iteration`,
    m.c.where(),
  );

/** `b` moved on `n` times by what it is beyond `a`. */
function along(m: Machine, name: string, a: Item, b: Item, n: number): Item {
  if (a === b) return b;
  if (a.kind === 'int' && b.kind === 'int')
    return { kind: 'int', value: b.value + BigInt(n) * (b.value - a.value) };
  if (a.kind === 'tensor' && b.kind === 'tensor' && a.shape.length === b.shape.length) {
    const shape = b.shape.map((d, i) => d + n * (d - (a.shape[i] ?? d)));
    if (shape.every((d, i) => d === b.shape[i])) return b;
    return m.c.fresh(m.c.builder.input(name, tensorType(b.dtype, shape) as TensorType));
  }
  if (a.kind === 'list' && b.kind === 'list') return longer(m, name, a.items, b, n);
  if (a.kind === 'tuple' && b.kind === 'tuple' && a.items.length === b.items.length)
    return { ...b, items: b.items.map((x, i) => along(m, `${name}.${i}`, a.items[i] as Item, x, n)) };
  if (a.kind === b.kind && a.kind !== 'float' && a.kind !== 'bool' && a.kind !== 'string') return b;
  if ('value' in a && 'value' in b && a.value === b.value) return b;
  throw notStraight(m, name);
}

function longer(
  m: Machine,
  name: string,
  a: readonly Item[],
  b: Extract<Item, { kind: 'list' }>,
  n: number,
): Item {
  const more = n * (b.items.length - a.length);
  const last = b.items.at(-1);
  if (more < 0 || (more > 0 && last?.kind !== 'tensor')) throw notStraight(m, name);
  for (let i = 0; i < more && last?.kind === 'tensor'; i++)
    b.items.push(
      m.c.fresh(m.c.builder.input(`${name}.${b.items.length}`, tensorType(last.dtype, last.shape))),
    );
  return b;
}

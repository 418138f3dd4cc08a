// Objects whose class restores itself: `__setstate__` is a method of the archive like any other, and is interpreted when the first
// attribute is asked for. It runs on an object of its own, outside of any branch: what it assigns is what the archive holds, no
// change that the program makes.
import type { Item, ObjectItem } from './items.js';
import type { Machine } from './machine.js';

/** What `__setstate__` assigns for a state; undefined where the class has no such method, and attributes are the state. */
export function restoredAttributes(
  m: Machine,
  object: Pick<ObjectItem, 'class' | 'path'>,
  state: () => Item,
): ReadonlyMap<string, Item> | undefined {
  const def = m.definition(object.class);
  if (def?.kind !== 'class') return undefined;
  const restore = m.layoutOf(object.class, def.at).methods.get('__setstate__');
  if (restore === undefined) return undefined;
  const self: ObjectItem = { kind: 'object', ...object, attributes: new Map() };
  const { journal } = m.c;
  m.c.journal = undefined;
  try {
    m.call(restore, [self, state()], new Map(), object.path);
  } finally {
    m.c.journal = journal;
  }
  return self.attributes;
}

// What a program can still name at a point: the lists, dicts, objects and storages reachable from its open calls and from the
// archive. Only changes to these outlive a branch or an iteration; what was made inside of one is its own affair.
import type { Item } from './items.js';
import type { Mutable } from './journal.js';
import type { Machine } from './machine.js';

export function reachable(m: Machine): ReadonlySet<Mutable> {
  const found = new Set<Mutable>();
  const pending: Item[] = [...m.tree.made(), ...m.frames.flatMap((f) => [...f.variables.values()])];
  const seen = new Set<Item>();
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    if (seen.has(item)) continue;
    seen.add(item);
    switch (item.kind) {
      case 'tensor':
        found.add(item.storage);
        break;
      case 'tuple':
        pending.push(...item.items);
        break;
      case 'list':
        found.add(item);
        pending.push(...item.items);
        break;
      case 'dict':
        found.add(item);
        pending.push(...item.entries.values());
        break;
      case 'object':
        found.add(item);
        pending.push(...item.attributes.values());
        break;
      case 'method':
        pending.push(item.self);
        break;
    }
  }
  return found;
}

// What a stretch of the program changed: the state that storages, lists, dicts and objects had before their first change
// in it. Branches on tensor data are interpreted one after the other from the same state, and then merged.

import type { Value } from '../../../ir/graph.js';
import type { DictItem, Item, ItemKey, ListItem, ObjectItem } from './items.js';
import type { Storage } from './tensor-item.js';

export type Mutable = Storage | ListItem | DictItem | ObjectItem;
export type State =
  | { readonly kind: 'storage'; readonly value: Value; readonly stale: string | undefined }
  | { readonly kind: 'list'; readonly items: Item[] }
  | { readonly kind: 'dict'; readonly entries: Map<ItemKey, Item> }
  | { readonly kind: 'object'; readonly attributes: Map<string, Item> };

export type Journal = Map<Mutable, State>;

export function stateOf(x: Mutable): State {
  if (!('kind' in x)) return { kind: 'storage', value: x.value, stale: x.stale };
  if (x.kind === 'list') return { kind: 'list', items: [...x.items] };
  if (x.kind === 'dict') return { kind: 'dict', entries: new Map(x.entries) };
  return { kind: 'object', attributes: new Map(x.attributes) };
}

export function setState(x: Mutable, state: State): void {
  if (!('kind' in x)) {
    if (state.kind !== 'storage') return;
    x.value = state.value;
    x.version++;
    if (state.stale === undefined) delete x.stale;
    else x.stale = state.stale;
  } else if (x.kind === 'list' && state.kind === 'list') x.items = [...state.items];
  else if (x.kind === 'dict' && state.kind === 'dict') x.entries = new Map(state.entries);
  else if (x.kind === 'object' && state.kind === 'object') x.attributes = new Map(state.attributes);
}

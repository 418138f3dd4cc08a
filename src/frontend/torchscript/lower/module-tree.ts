// Values of the archive as items, made when first asked for: modules by reference, so that what the program writes into one
// is seen wherever it is named; tensors as constants named by their place in the tree.

import { scalarTypeById, TORCH_SCALAR_TYPES } from '../archive/torch-types.js';
import type { PickleValue, TorchTensor } from '../archive/value.js';
import { archiveTensor } from './archive-tensor.js';
import {
  bool,
  float,
  type Item,
  type ItemKey,
  int,
  list,
  NONE,
  type ObjectItem,
  text,
  tuple,
  UNKNOWN,
} from './items.js';
import type { Lowering } from './lowering.js';
import type { TensorItem } from './tensor-item.js';

/** What a class makes of a saved state itself; undefined where attributes are the state. */
export type Restore = (
  object: Pick<ObjectItem, 'class' | 'path'>,
  state: () => Item,
) => ReadonlyMap<string, Item> | undefined;

export class ModuleTree {
  private readonly c: Lowering;
  private readonly restore: Restore;
  /** Objects, lists and dicts keep their identity. */
  private readonly known = new Map<PickleValue, Item>();

  constructor(c: Lowering, restore: Restore) {
    this.c = c;
    this.restore = restore;
  }

  /** Lists, dicts, objects and tensors that the program has named so far. */
  made(): Iterable<Item> {
    return this.known.values();
  }

  item(value: PickleValue, path: string): Item {
    switch (value.kind) {
      case 'none':
        return NONE;
      case 'bool':
        return bool(value.value);
      case 'int':
        return int(value.value);
      case 'float':
        return float(value.value);
      case 'string':
        return text(value.value);
      case 'complex':
        return value;
      case 'device':
        return value;
      case 'symbol':
        return symbolItem(value.name);
      case 'bytes':
        return { kind: 'absent', why: `'${path}' holds raw bytes` };
      case 'enum':
        return { kind: 'enum', class: value.class, name: '', value: this.item(value.value, path) };
      case 'tuple':
        return tuple(value.items.map((x, i) => this.item(x, `${path}.${i}`)));
      default:
        return this.shared(value, path);
    }
  }

  private shared(value: PickleValue, path: string): Item {
    const known = this.known.get(value);
    if (known !== undefined) return known;
    const item = this.make(value, path);
    this.known.set(value, item);
    return item;
  }

  private make(value: PickleValue, path: string): Item {
    switch (value.kind) {
      case 'tensor':
        return this.tensor(value, path);
      case 'list':
      case 'set':
        return list(value.items.map((x, i) => this.item(x, `${path}.${i}`)));
      case 'dict': {
        const entries = new Map<ItemKey, Item>();
        for (const [key, x] of value.entries)
          if (typeof key !== 'object') entries.set(key, this.item(x, `${path}.${key}`));
        return { kind: 'dict', entries };
      }
      case 'object': {
        const own = { class: value.class, path };
        let restored: { readonly attributes: ReadonlyMap<string, Item> | undefined } | undefined;
        const item: ObjectItem = {
          kind: 'object',
          ...own,
          attributes: new Map(),
          saved: (name) => {
            restored ??= { attributes: this.restore(own, () => this.item(value.state, path)) };
            if (restored.attributes !== undefined) return restored.attributes.get(name);
            const x = value.attributes.get(name);
            return x && this.item(x, path === '' ? name : `${path}.${name}`);
          },
          state: value.state,
        };
        return item;
      }
      default:
        return UNKNOWN;
    }
  }

  private tensor(t: TorchTensor, path: string): TensorItem {
    return archiveTensor(this.c, t, path);
  }
}

/** Enumerators of torch are integers in programs. */
function symbolItem(name: string): Item {
  const short = name.replace(/^torch\./, '');
  const type = TORCH_SCALAR_TYPES.find((t) => t.python === short);
  if (type !== undefined && scalarTypeById(type.id) !== undefined) return int(type.id);
  return int(0);
}

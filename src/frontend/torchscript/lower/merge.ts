// Joining the states that two branches leave. Tensors and numbers that differ become results of the `if`; structures must
// agree; what exists or makes sense on one side only is absent afterwards, which is no error unless it is used.
import type { Value } from '../../../ir/graph.js';
import { equalItems, type Item, isConstant } from './items.js';
import { DYNAMIC_TYPES, type Lowering, type ScalarArg } from './lowering.js';
import type { Storage, TensorItem } from './tensor-item.js';
import { viewless } from './tensor-item.js';

/** Pairs of values of which the `if` gives one; `slot` returns where it will stand. */
export interface Slots {
  slot(yes: Value, no: Value): number;
  /** After the `if` is made. */
  value(slot: number): Value;
}

/** An item to be made when the values of the slots are there. */
export type Later = () => Item;

/** How to read an item's value at the end of each branch. */
export interface Sides {
  readonly yes: (t: TensorItem) => Value;
  readonly no: (t: TensorItem) => Value;
}

const absent =
  (why: string): Later =>
  () => ({ kind: 'absent', why });

function scalarType(a: ScalarArg, b: ScalarArg): 'bool' | 'int' | 'float' {
  const kinds = [a, b].map((s) => (s.kind === 'dynamic' ? s.type : s.kind));
  if (kinds.includes('float')) return 'float';
  return kinds.includes('int') ? 'int' : 'bool';
}

const isScalar = (item: Item): item is ScalarArg & Item => isConstant(item) || item.kind === 'dynamic';

export function mergeItems(c: Lowering, slots: Slots, sides: Sides, a: Item, b: Item): Later {
  if (a === b) return () => a;
  if (a.kind === 'unknown' || b.kind === 'unknown') return () => ({ kind: 'unknown' });
  if (a.kind === 'tensor' && b.kind === 'tensor') return mergeTensors(c, slots, sides, a, b);
  if (isScalar(a) && isScalar(b)) {
    if (isConstant(a) && isConstant(b) && a.kind === b.kind && equalItems(a, b) === true) return () => a;
    const type = scalarType(a, b);
    const dtype = DYNAMIC_TYPES[type];
    const slot = slots.slot(c.scalarValue(a, dtype), c.scalarValue(b, dtype));
    return () => ({ kind: 'dynamic', type, value: slots.value(slot) });
  }
  if ((a.kind === 'tuple' && b.kind === 'tuple') || (a.kind === 'list' && b.kind === 'list')) {
    if (a.items.length !== b.items.length)
      return absent('it has different lengths, depending on tensor data');
    const parts = a.items.map((item, i) => mergeItems(c, slots, sides, item, b.items[i] as Item));
    const fields = a.kind === 'tuple' && a.fields !== undefined ? { fields: a.fields } : {};
    return () => ({ kind: a.kind, items: parts.map((part) => part()), ...fields }) as Item;
  }
  if (equalItems(a, b) === true) return () => a;
  return absent('it is of different kinds, depending on tensor data');
}

function mergeTensors(c: Lowering, slots: Slots, sides: Sides, a: TensorItem, b: TensorItem): Later {
  if (a.storage === b.storage && a.path === b.path) return () => a;
  const same =
    a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((n, i) => n === b.shape[i]);
  if (!same || a.quantizer !== b.quantizer)
    return absent(`it is ${viewless(a)} or ${viewless(b)}, depending on tensor data`);
  const slot = slots.slot(sides.yes(a), sides.no(b));
  return () => {
    const merged = c.fresh(slots.value(slot), {
      rowMajor: false,
      ...(a.quantizer && { quantizer: a.quantizer }),
    });
    for (const storage of [a.storage, b.storage]) c.rival(merged.storage, storage);
    return merged;
  };
}

/** The content of a storage that a branch wrote. */
export function mergeStorage(slots: Slots, storage: Storage, yes: Value, no: Value): () => void {
  if (yes === no) return () => undefined;
  const slot = slots.slot(yes, no);
  return () => {
    storage.value = slots.value(slot);
    storage.version++;
  };
}

// What a name of an ONNX graph stands for while it is imported: a value of the graph; or a sequence or an optional, which
// exist only at import and whose length or presence is therefore known. Nothing of them remains in the graph.
import type { Dim } from '../../ir/dim.js';
import type { Value } from '../../ir/graph.js';
import type { TensorType } from '../../ir/type.js';

export interface Sequence {
  readonly kind: 'sequence';
  readonly elements: readonly Item[];
}

export interface Optional {
  readonly kind: 'optional';
  readonly element: Item | undefined;
}

/** A vector or scalar of i64 that is known but for symbols: what Shape of a symbolic dim gives, and arithmetic on it. */
export interface Extents {
  readonly kind: 'extents';
  readonly dims: readonly Dim[];
  readonly isScalar: boolean;
}

/** The result of a node that could not be imported; the reason has been recorded. */
export interface Unavailable {
  readonly kind: 'unavailable';
}

export type Item = Value | Sequence | Optional | Extents | Unavailable;

export const UNAVAILABLE: Unavailable = { kind: 'unavailable' };

export function isValue(item: Item | undefined): item is Value {
  return item !== undefined && 'def' in item;
}

/** The values of the graph that an item is made of, in order. */
export function valuesOf(item: Item): readonly Value[] {
  if (isValue(item)) return [item];
  if (item.kind === 'sequence') return item.elements.flatMap(valuesOf);
  if (item.kind === 'optional') return item.element === undefined ? [] : valuesOf(item.element);
  return [];
}

/** The item with each of its values replaced. */
export function mapValues(item: Item, replace: (value: Value) => Value): Item {
  if (isValue(item)) return replace(item);
  if (item.kind === 'sequence')
    return { kind: 'sequence', elements: item.elements.map((element) => mapValues(element, replace)) };
  if (item.kind === 'optional' && item.element !== undefined)
    return { kind: 'optional', element: mapValues(item.element, replace) };
  return item;
}

export function typesOf(values: readonly Value[]): readonly TensorType[] {
  return values.map((value) => value.type);
}

// A recurrence as data: one cell that serves as the pattern, the states that pass from cell to cell, what leaves them.
import { elementBytes } from '../../base/dtype.js';
import { splatConstant } from '../../ir/constant.js';
import type { Node, Value } from '../../ir/graph.js';

/** A state of the cell: what it is before and after the cell that serves as the pattern. */
export interface CellState {
  readonly before: Value;
  readonly after: Value;
}

/** What leaves the cells: the values of all, one after the other along an axis, or that of the last. */
export interface CellOutput {
  readonly kind: 'rows' | 'final';
  /** In the pattern. */
  readonly value: Value;
  /** Axis of the rows. */
  readonly axis: number;
}

export interface Recurrence {
  /** inputs: the value cut into tokens, the states at the start, what all cells share; outputs as `outputs`. */
  readonly node: Node;
  /** Axis of tokens of the value cut. */
  readonly axis: number;
  /** The pattern is the cell of the second token: the first may be simpler, where its state is a constant. */
  readonly input: Value;
  readonly states: readonly CellState[];
  readonly shared: readonly Value[];
  readonly outputs: readonly CellOutput[];
}

/** States of which nothing is known start as zeros. */
export function zerosLike(v: Value): Value {
  const { dtype, shape } = v.type;
  const constant = splatConstant(dtype, shape as readonly number[], new Uint8Array(elementBytes(dtype)));
  return { id: v.id, name: '', type: v.type, def: { kind: 'constant', constant } };
}

// What an operator is: one declaration from which schema check, inference, folding, tolerances, costs, docs and property
// tests follow. Files of this folder hold one family each; table.ts collects them.

import type { Random } from '../base/random.js';
import type { HostTensor } from '../base/tensor.js';
import type { Attrs, Constant } from '../ir/constant.js';
import type { Region } from '../ir/graph.js';
import type { TensorType } from '../ir/type.js';

export type AttrKind = 'int' | 'float' | 'bool' | 'string' | 'ints' | 'dtype';

export interface AttrSpec {
  readonly kind: AttrKind;
  readonly doc: string;
  /** Absent: the attribute is required. */
  readonly default?: number | boolean | string | readonly number[];
  /** Allowed strings. */
  readonly oneOf?: readonly string[];
}

export interface OperandSpec {
  readonly name: string;
  /** Name of the bool attribute that says whether the operand is there. */
  readonly when?: string;
  /** Any number of operands from here (last one only). */
  readonly variadic?: true;
}

export interface InferContext {
  readonly inputs: readonly TensorType[];
  readonly attrs: Attrs;
  /** Of operators that have regions. */
  readonly regions: readonly Region[];
  /** The operand's constant, where it is one. */
  constant(index: number): Constant | undefined;
}

export interface OpCost {
  /** Multiplications and additions, each counted. */
  readonly flops: number;
  /** Bytes read and written once. */
  readonly bytes: number;
}

export interface Tolerance {
  readonly relative: number;
  /** Of the output's largest magnitude. */
  readonly absolute: number;
}

export interface OpSample {
  readonly inputs: readonly HostTensor[];
  readonly attrs: Attrs;
}

export interface OpDecl {
  readonly name: string;
  readonly family: string;
  readonly doc: string;
  readonly operands: readonly OperandSpec[];
  readonly attrs: Readonly<Record<string, AttrSpec>>;
  readonly regions?: number;
  /** Result types; throws through `fail` (sentence without place; the caller adds the node). */
  infer(context: InferContext, fail: (reason: string) => never): readonly TensorType[];
  /** Reference values; absent for operators with regions. Shapes of `types` are static. */
  evaluate?(inputs: readonly HostTensor[], attrs: Attrs, types: readonly TensorType[]): readonly HostTensor[];
  readonly tolerance: Tolerance;
  cost?(inputs: readonly TensorType[], outputs: readonly TensorType[], attrs: Attrs): OpCost;
  /** A random valid use of the operator, small; every declaration has one. */
  sample?(random: Random): OpSample;
}

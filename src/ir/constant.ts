// Constants. A constant is an expression over source tensors: a view of the model file's bytes, or an operator applied to
// other constants. It is evaluated when its bytes are first asked for, so that weights are never copied before something
// changes them, and the expression is the recipe that `reweight` replays (source tensor, folds, casts, layout).
import type { DType } from '../base/dtype.js';

/** Attribute values of nodes: plain data. */
export type Attr = number | string | boolean | readonly number[] | readonly string[];
export type Attrs = Readonly<Record<string, Attr>>;

export type Recipe =
  /** Bytes of the source model (a view) or literal bytes; `name` is the tensor's name in the source where it has one. */
  | { readonly kind: 'bytes'; readonly name?: string; readonly bytes: Uint8Array }
  /** Every element is the element in `bytes`. */
  | { readonly kind: 'splat'; readonly bytes: Uint8Array }
  /** Output `result` of an operator's evaluator over other constants. */
  | {
      readonly kind: 'apply';
      readonly op: string;
      readonly attrs: Attrs;
      readonly inputs: readonly Constant[];
      readonly result: number;
    }
  /** Read from text that names the bytes by their hash; it has a type, but no values. */
  | { readonly kind: 'opaque'; readonly hash: string; readonly name?: string };

/** Elements unpacked (sub-byte types take a byte each), little-endian, row-major. Strings: see `strings`. */
export interface Constant {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly recipe: Recipe;
  readonly strings?: readonly string[];
  /** Evaluated bytes, kept once made; written only by ops/evaluate.ts. */
  cache?: Uint8Array;
}

/** The name that the constant's tensor has in the source model, where it is one unchanged. */
export function sourceName({ recipe }: Constant): string | undefined {
  return recipe.kind === 'bytes' || recipe.kind === 'opaque' ? recipe.name : undefined;
}

export function bytesConstant(
  dtype: DType,
  shape: readonly number[],
  bytes: Uint8Array,
  name?: string,
): Constant {
  return {
    dtype,
    shape,
    recipe: { kind: 'bytes', bytes, ...(name !== undefined && { name }) },
    cache: bytes,
  };
}

export function splatConstant(dtype: DType, shape: readonly number[], element: Uint8Array): Constant {
  return { dtype, shape, recipe: { kind: 'splat', bytes: element } };
}

// What a pickle of a TorchScript archive holds, as plain data. Shared references stay shared: two places that
// name one list, tensor, storage or module hold the same JavaScript object (aliasing means something there).
// Invariant of a `PickleValue` that left the unpickler: no cycles, bounded depth, tensors inside their storage.

import type { DType } from '../../../base/dtype.js';

/** The bytes behind one or more tensors. */
export interface TorchStorage {
  /** Member path in the archive, for instance `data/3`. */
  readonly key: string;
  /** Little-endian elements; a view of the file where the member is stored. Not necessarily aligned. */
  readonly bytes: Uint8Array;
  readonly dtype: DType;
  /** PyTorch's name of the element type: `Float`, `Long`, `QInt8`. */
  readonly scalar: string;
  /** Elements. */
  readonly count: number;
  /** Where it lived when it was saved: `cpu`, `cuda:0`. */
  readonly device: string;
}

/** Affine quantisation of a tensor whose storage holds the integers: real = (q - zeroPoint) * scale. */
export type TorchQuantization =
  | { readonly scheme: 'per_tensor_affine'; readonly scale: number; readonly zeroPoint: number }
  | {
      readonly scheme: 'per_channel_affine' | 'per_channel_affine_float_qparams';
      readonly scales: TorchTensor;
      readonly zeroPoints: TorchTensor;
      readonly axis: number;
    };

/** A strided view of a storage. Strides and offset count elements; strides may be zero. */
export interface TorchTensor {
  readonly kind: 'tensor';
  /** Element type of the storage (of the integers, if quantised). */
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly storage: TorchStorage;
  readonly requiresGrad: boolean;
  /** Came through `_rebuild_parameter`. TorchScript marks parameters in the class text instead. */
  readonly isParameter: boolean;
  readonly quantization?: TorchQuantization;
}

export type Scalar =
  | { readonly kind: 'none' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'complex'; readonly re: number; readonly im: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'device'; readonly name: string }
  /** An enumerator of torch: `torch.float32`, `torch.strided`, `torch.per_tensor_affine`. */
  | { readonly kind: 'symbol'; readonly name: string };

export type ListElement = 'int' | 'tensor' | 'float' | 'bool';

export interface ListOf<X> {
  readonly kind: 'list';
  readonly items: Value<X>[];
  /** Set by `build_intlist` and its kin. */
  element?: ListElement;
  /** Set by `restore_type_tag`, for instance `List[List[int]]`. */
  typeTag?: string;
}
export interface TupleOf<X> {
  readonly kind: 'tuple';
  readonly items: readonly Value<X>[];
}
export type DictKey = string | bigint | number | boolean | TorchTensor;
export interface DictOf<X> {
  readonly kind: 'dict';
  /** In insertion order. Integer keys are bigints, float keys numbers; tensors are keys by identity. */
  readonly entries: Map<DictKey, Value<X>>;
  typeTag?: string;
}
export interface SetOf<X> {
  readonly kind: 'set';
  readonly items: Value<X>[];
}
/** An instance of a class of the archive's own code (or of a custom class of PyTorch, `__torch__.torch.classes.…`). */
export interface ObjectOf<X> {
  readonly kind: 'object';
  /** Qualified name, `__torch__.torch.nn.modules.linear.___torch_mangle_3.Linear`. */
  readonly class: string;
  /** What BUILD handed over: an untagged dict of attributes, or what `__getstate__` returned. */
  state: Value<X>;
  /** Attributes by name if the state is a dict whose keys are all strings, else empty. */
  attributes: ReadonlyMap<string, Value<X>>;
}
export interface EnumOf<X> {
  readonly kind: 'enum';
  readonly class: string;
  readonly value: Value<X>;
}

/** `X` is what else may occur: nothing in a finished value, bare classes and storages while unpickling. */
export type Value<X> =
  | Scalar
  | TorchTensor
  | ListOf<X>
  | TupleOf<X>
  | DictOf<X>
  | SetOf<X>
  | ObjectOf<X>
  | EnumOf<X>
  | X;

export type PickleValue = Value<never>;
export type PickleObject = ObjectOf<never>;

export const NONE: Scalar = { kind: 'none' };
export const TRUE: Scalar = { kind: 'bool', value: true };
export const FALSE: Scalar = { kind: 'bool', value: false };

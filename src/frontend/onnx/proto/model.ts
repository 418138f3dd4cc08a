// What the byte-level ONNX reader hands on: plain readonly records that mirror the file, with its encodings resolved
// (element types, defaults, typed tensor fields, external data) and nothing interpreted. Absent strings are ''.
// The operator-set domain `ai.onnx` is written '' everywhere. Knows nothing of operators and of our graph.

import type { DType } from '../../../base/dtype.js';

export interface OnnxModel {
  readonly irVersion: number;
  /** Domain to version. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producer: { readonly name: string; readonly version: string };
  readonly functions: readonly OnnxFunction[];
  readonly graph: OnnxGraph;
  readonly metadata: ReadonlyMap<string, string>;
}

export interface OnnxGraph {
  readonly name: string;
  /** In file order, which need not be topological. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly sparseInitializers: ReadonlyMap<string, OnnxSparseTensor>;
  /** Before IR version 4 every initializer is listed here too. */
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  readonly valueInfo: readonly OnnxValueInfo[];
}

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly overload: string;
  /** '' stands for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

export interface OnnxFunction {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes that the caller must give. */
  readonly attributes: readonly string[];
  /** Attributes that the caller may give, with their defaults. */
  readonly attributeDefaults: ReadonlyMap<string, OnnxAttribute>;
  readonly nodes: readonly OnnxNode[];
  readonly opsets: ReadonlyMap<string, number>;
  readonly valueInfo: readonly OnnxValueInfo[];
}

/**
 * `exact` of the integer kinds is set only where a value lies beyond 2^53, and `value` is then the nearest double:
 * enough for "to the end" (INT64_MAX), not for arithmetic. `ref` stands in a function body for the caller's attribute.
 */
export type OnnxAttribute =
  | { readonly kind: 'int'; readonly value: number; readonly exact: bigint | undefined }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: OnnxTensor }
  | { readonly kind: 'graph'; readonly value: OnnxGraph }
  | { readonly kind: 'sparse_tensor'; readonly value: OnnxSparseTensor }
  | { readonly kind: 'type_proto'; readonly value: OnnxType }
  | {
      readonly kind: 'ints';
      readonly value: readonly number[];
      readonly exact: readonly bigint[] | undefined;
    }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensors'; readonly value: readonly OnnxTensor[] }
  | { readonly kind: 'graphs'; readonly value: readonly OnnxGraph[] }
  | { readonly kind: 'sparse_tensors'; readonly value: readonly OnnxSparseTensor[] }
  | { readonly kind: 'type_protos'; readonly value: readonly OnnxType[] }
  | { readonly kind: 'ref'; readonly value: string; readonly of: OnnxAttributeKind };

/** The kinds that hold a value. */
export type OnnxAttributeKind = Exclude<OnnxAttribute['kind'], 'ref'>;

/** A number, the name of a symbolic dim, or undefined where the file says nothing. */
export type OnnxDim = number | string | undefined;

export type OnnxType =
  /** `dims` is undefined where not even the rank is known; `dtype` where the element type is left open. */
  | OnnxTensorType
  | {
      readonly kind: 'sparse_tensor';
      readonly dtype: DType | undefined;
      readonly dims: readonly OnnxDim[] | undefined;
    }
  | { readonly kind: 'sequence'; readonly element: OnnxType | undefined }
  | { readonly kind: 'optional'; readonly element: OnnxType | undefined }
  | { readonly kind: 'map'; readonly key: DType | undefined; readonly value: OnnxType | undefined }
  | { readonly kind: 'opaque'; readonly domain: string; readonly name: string };

export interface OnnxTensorType {
  readonly kind: 'tensor';
  readonly dtype: DType | undefined;
  readonly dims: readonly OnnxDim[] | undefined;
}

export interface OnnxValueInfo {
  readonly name: string;
  /** Undefined where the file gives a name only, as outputs of subgraphs often do. */
  readonly type: OnnxType | undefined;
}

export interface OnnxTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /**
   * Row-major little-endian elements, sub-byte types packed with the first element in the low bits; empty for strings.
   * A view of the model file or of its external data file, so not aligned and not to be written. Its length is always
   * `byteLength(dtype, product of shape)`.
   */
  readonly data: Uint8Array;
  /** Set for dtype 'string' only. */
  readonly strings: readonly string[] | undefined;
  /** Where `data` lies in a file; undefined where it was converted from a list of numbers. */
  readonly source: OnnxTensorSource | undefined;
}

export interface OnnxTensorSource {
  /** The model file as the caller named it, or the location of the external data relative to the model's folder. */
  readonly file: string;
  readonly offset: number;
}

export interface OnnxSparseTensor {
  readonly name: string;
  readonly values: OnnxTensor;
  /** i64, either [count] (flat positions) or [count, rank]. */
  readonly indices: OnnxTensor;
  /** Shape of the dense tensor. */
  readonly shape: readonly number[];
}

/** Content of a data file of the ONNX test format. */
export type OnnxValue =
  | { readonly kind: 'tensor'; readonly name: string; readonly tensor: OnnxTensor }
  | { readonly kind: 'sparse_tensor'; readonly name: string; readonly tensor: OnnxSparseTensor }
  | { readonly kind: 'sequence'; readonly name: string; readonly elements: readonly OnnxValue[] }
  | {
      readonly kind: 'map';
      readonly name: string;
      readonly keys: readonly (number | bigint | string)[];
      readonly values: readonly OnnxValue[];
    }
  | { readonly kind: 'optional'; readonly name: string; readonly element: OnnxValue | undefined };

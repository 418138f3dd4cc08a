// The ONNX messages as a table: field name, number, kind, and whether it repeats. The decoder (wire.ts) is driven by
// it and the record types follow from it, so a field is declared once. Only fields that somebody reads are listed;
// the decoder skips the others (doc strings, training, device placement). Numbers are those of onnx.proto3 and
// onnx-data.proto, IR version 14.

type SpanKind = 'varintSpans' | 'fixed32Spans' | 'fixed64Spans';
type Kind = keyof Scalars | SpanKind | (string & {});
type Field = readonly [number: number, kind: Kind, count: 'one' | 'many'];

/** What a single value of each scalar kind decodes to. */
export interface Scalars {
  /** UTF-8; invalid bytes become U+FFFD. */
  readonly text: string;
  /** A view of the file. */
  readonly bytes: Uint8Array;
  /** int64 or int32 or an enum; a bigint only where a number would not be exact. */
  readonly int: number | bigint;
  /** 32-bit float. */
  readonly float: number;
}

/**
 * Places of a repeated scalar that is left undecoded: start and end offsets in the file, pair after pair. Tensor data
 * are kept so, because the right decoding is known only when the whole tensor message has been seen.
 */
export type Spans = readonly number[];

export const SCHEMA = {
  ModelProto: {
    irVersion: [1, 'int', 'one'],
    producerName: [2, 'text', 'one'],
    producerVersion: [3, 'text', 'one'],
    graph: [7, 'GraphProto', 'one'],
    opsetImport: [8, 'OperatorSetIdProto', 'many'],
    metadataProps: [14, 'StringStringEntryProto', 'many'],
    functions: [25, 'FunctionProto', 'many'],
  },
  OperatorSetIdProto: {
    domain: [1, 'text', 'one'],
    version: [2, 'int', 'one'],
  },
  StringStringEntryProto: {
    key: [1, 'text', 'one'],
    value: [2, 'text', 'one'],
  },
  FunctionProto: {
    name: [1, 'text', 'one'],
    input: [4, 'text', 'many'],
    output: [5, 'text', 'many'],
    attribute: [6, 'text', 'many'],
    node: [7, 'NodeProto', 'many'],
    opsetImport: [9, 'OperatorSetIdProto', 'many'],
    domain: [10, 'text', 'one'],
    attributeProto: [11, 'AttributeProto', 'many'],
    valueInfo: [12, 'ValueInfoProto', 'many'],
    overload: [13, 'text', 'one'],
  },
  GraphProto: {
    node: [1, 'NodeProto', 'many'],
    name: [2, 'text', 'one'],
    initializer: [5, 'TensorProto', 'many'],
    input: [11, 'ValueInfoProto', 'many'],
    output: [12, 'ValueInfoProto', 'many'],
    valueInfo: [13, 'ValueInfoProto', 'many'],
    sparseInitializer: [15, 'SparseTensorProto', 'many'],
  },
  NodeProto: {
    input: [1, 'text', 'many'],
    output: [2, 'text', 'many'],
    name: [3, 'text', 'one'],
    opType: [4, 'text', 'one'],
    attribute: [5, 'AttributeProto', 'many'],
    domain: [7, 'text', 'one'],
    overload: [8, 'text', 'one'],
  },
  AttributeProto: {
    name: [1, 'text', 'one'],
    f: [2, 'float', 'one'],
    i: [3, 'int', 'one'],
    s: [4, 'text', 'one'],
    t: [5, 'TensorProto', 'one'],
    g: [6, 'GraphProto', 'one'],
    floats: [7, 'float', 'many'],
    ints: [8, 'int', 'many'],
    strings: [9, 'text', 'many'],
    tensors: [10, 'TensorProto', 'many'],
    graphs: [11, 'GraphProto', 'many'],
    tp: [14, 'TypeProto', 'one'],
    typeProtos: [15, 'TypeProto', 'many'],
    type: [20, 'int', 'one'],
    refAttrName: [21, 'text', 'one'],
    sparseTensor: [22, 'SparseTensorProto', 'one'],
    sparseTensors: [23, 'SparseTensorProto', 'many'],
  },
  TensorProto: {
    dims: [1, 'int', 'many'],
    dataType: [2, 'int', 'one'],
    floatData: [4, 'fixed32Spans', 'many'],
    int32Data: [5, 'varintSpans', 'many'],
    stringData: [6, 'text', 'many'],
    int64Data: [7, 'varintSpans', 'many'],
    name: [8, 'text', 'one'],
    rawData: [9, 'bytes', 'one'],
    doubleData: [10, 'fixed64Spans', 'many'],
    uint64Data: [11, 'varintSpans', 'many'],
    externalData: [13, 'StringStringEntryProto', 'many'],
    dataLocation: [14, 'int', 'one'],
  },
  SparseTensorProto: {
    values: [1, 'TensorProto', 'one'],
    indices: [2, 'TensorProto', 'one'],
    dims: [3, 'int', 'many'],
  },
  ValueInfoProto: {
    name: [1, 'text', 'one'],
    type: [2, 'TypeProto', 'one'],
  },
  TypeProto: {
    tensorType: [1, 'TensorTypeProto', 'one'],
    sequenceType: [4, 'ElementTypeProto', 'one'],
    mapType: [5, 'MapTypeProto', 'one'],
    opaqueType: [7, 'OpaqueTypeProto', 'one'],
    sparseTensorType: [8, 'TensorTypeProto', 'one'],
    optionalType: [9, 'ElementTypeProto', 'one'],
  },
  TensorTypeProto: {
    elemType: [1, 'int', 'one'],
    shape: [2, 'TensorShapeProto', 'one'],
  },
  ElementTypeProto: {
    elemType: [1, 'TypeProto', 'one'],
  },
  MapTypeProto: {
    keyType: [1, 'int', 'one'],
    valueType: [2, 'TypeProto', 'one'],
  },
  OpaqueTypeProto: {
    domain: [1, 'text', 'one'],
    name: [2, 'text', 'one'],
  },
  TensorShapeProto: {
    dim: [1, 'DimensionProto', 'many'],
  },
  DimensionProto: {
    dimValue: [1, 'int', 'one'],
    dimParam: [2, 'text', 'one'],
  },
  SequenceProto: {
    name: [1, 'text', 'one'],
    elemType: [2, 'int', 'one'],
    tensorValues: [3, 'TensorProto', 'many'],
    sparseTensorValues: [4, 'SparseTensorProto', 'many'],
    sequenceValues: [5, 'SequenceProto', 'many'],
    mapValues: [6, 'MapProto', 'many'],
    optionalValues: [7, 'OptionalProto', 'many'],
  },
  MapProto: {
    name: [1, 'text', 'one'],
    keyType: [2, 'int', 'one'],
    keys: [3, 'int', 'many'],
    stringKeys: [4, 'text', 'many'],
    values: [5, 'SequenceProto', 'one'],
  },
  OptionalProto: {
    name: [1, 'text', 'one'],
    elemType: [2, 'int', 'one'],
    tensorValue: [3, 'TensorProto', 'one'],
    sparseTensorValue: [4, 'SparseTensorProto', 'one'],
    sequenceValue: [5, 'SequenceProto', 'one'],
    mapValue: [6, 'MapProto', 'one'],
    optionalValue: [7, 'OptionalProto', 'one'],
  },
} as const satisfies Record<string, Record<string, Field>>;

export type MessageName = keyof typeof SCHEMA;

type Single<K> = K extends keyof Scalars ? Scalars[K] : K extends MessageName ? Proto<K> : never;
type Value<F> = F extends readonly [number, infer K, infer C]
  ? K extends SpanKind
    ? Spans
    : C extends 'many'
      ? readonly Single<K>[]
      : Single<K> | undefined
  : never;

/** The decoded form of a message: a repeated field is a list (empty if absent), a single one is undefined if absent. */
export type Proto<M extends MessageName> = {
  readonly [F in keyof (typeof SCHEMA)[M]]: Value<(typeof SCHEMA)[M][F]>;
};

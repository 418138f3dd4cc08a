// Reads the data files of the ONNX test format: one TensorProto, SparseTensorProto, SequenceProto, MapProto or
// OptionalProto a file. The file does not say which of them it is; the type of the model's input or output does.

import { badInput } from '../../../base/diagnostic.js';
import { decodeMessage } from './decode.js';
import { elementType } from './element-type.js';
import type { OnnxTensor, OnnxValue } from './model.js';
import type { Proto } from './schema.js';
import { type FileContext, type ReadOptions, toSparseTensor, toTensor } from './tensor.js';

type ValueKind = OnnxValue['kind'];
type ValueOf<K extends ValueKind> = Extract<OnnxValue, { kind: K }>;

/** @throws NeffcError E3003 to E3006, E3010 to E3017, E4010 */
export function readTensorProto(bytes: Uint8Array, options: ReadOptions): OnnxTensor {
  const proto = decodeMessage('TensorProto', bytes, options.file);
  return tensorValue(proto, { ...options, bytes }).tensor;
}

/** @throws NeffcError as readTensorProto, and E3021 */
export function readSequenceProto(bytes: Uint8Array, options: ReadOptions): ValueOf<'sequence'> {
  return sequenceValue(decodeMessage('SequenceProto', bytes, options.file), { ...options, bytes });
}

/** @throws NeffcError as readTensorProto, and E3021 */
export function readOptionalProto(bytes: Uint8Array, options: ReadOptions): ValueOf<'optional'> {
  return optionalValue(decodeMessage('OptionalProto', bytes, options.file), { ...options, bytes });
}

/**
 * Reads a data file as a value of the kind that the model declares (OnnxType.kind).
 * @throws NeffcError as readTensorProto, and E3021 where the file contradicts itself
 */
export function readValueProto(bytes: Uint8Array, kind: ValueKind, options: ReadOptions): OnnxValue {
  const { file } = options;
  const context: FileContext = { ...options, bytes };
  switch (kind) {
    case 'tensor':
      return tensorValue(decodeMessage('TensorProto', bytes, file), context);
    case 'sparse_tensor':
      return sparseValue(decodeMessage('SparseTensorProto', bytes, file), context);
    case 'sequence':
      return sequenceValue(decodeMessage('SequenceProto', bytes, file), context);
    case 'map':
      return mapValue(decodeMessage('MapProto', bytes, file), context);
    case 'optional':
      return optionalValue(decodeMessage('OptionalProto', bytes, file), context);
  }
}

function tensorValue(proto: Proto<'TensorProto'>, context: FileContext): ValueOf<'tensor'> {
  const name = proto.name ?? '';
  const tensor = toTensor(proto, context, `tensor "${name}"`, { file: context.file });
  return { kind: 'tensor', name, tensor };
}

function sparseValue(proto: Proto<'SparseTensorProto'>, context: FileContext): ValueOf<'sparse_tensor'> {
  const name = proto.values?.name ?? '';
  const tensor = toSparseTensor(proto, context, `tensor "${name}"`, { file: context.file });
  return { kind: 'sparse_tensor', name, tensor };
}

function sequenceValue(proto: Proto<'SequenceProto'>, context: FileContext): ValueOf<'sequence'> {
  const name = proto.name ?? '';
  const elements: OnnxValue[] = [
    ...proto.tensorValues.map((value) => tensorValue(value, context)),
    ...proto.sparseTensorValues.map((value) => sparseValue(value, context)),
    ...proto.sequenceValues.map((value) => sequenceValue(value, context)),
    ...proto.mapValues.map((value) => mapValue(value, context)),
    ...proto.optionalValues.map((value) => optionalValue(value, context)),
  ];
  const [first] = elements;
  if (elements.some((element) => element.kind !== first?.kind)) {
    throw inconsistent(`sequence "${name}" holds values of several kinds`, context);
  }
  return { kind: 'sequence', name, elements };
}

function mapValue(proto: Proto<'MapProto'>, context: FileContext): ValueOf<'map'> {
  const name = proto.name ?? '';
  const { dtype } = elementType(proto.keyType, `map "${name}"`, { file: context.file });
  const keys = dtype === 'string' ? proto.stringKeys : proto.keys;
  const values = proto.values ? sequenceValue(proto.values, context).elements : [];
  if (keys.length !== values.length) {
    throw inconsistent(`map "${name}" has ${keys.length} keys and ${values.length} values`, context);
  }
  return { kind: 'map', name, keys, values };
}

function optionalValue(proto: Proto<'OptionalProto'>, context: FileContext): ValueOf<'optional'> {
  return { kind: 'optional', name: proto.name ?? '', element: heldValue(proto, context) };
}

function heldValue(proto: Proto<'OptionalProto'>, context: FileContext): OnnxValue | undefined {
  if (proto.tensorValue) return tensorValue(proto.tensorValue, context);
  if (proto.sparseTensorValue) return sparseValue(proto.sparseTensorValue, context);
  if (proto.sequenceValue) return sequenceValue(proto.sequenceValue, context);
  if (proto.mapValue) return mapValue(proto.mapValue, context);
  if (proto.optionalValue) return optionalValue(proto.optionalValue, context);
  return undefined;
}

function inconsistent(message: string, { file }: FileContext) {
  return badInput('E3021', message, { file }, 'Write the data file again.');
}

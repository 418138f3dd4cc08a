// TypeProto and ValueInfoProto to the records of model.ts. Must not know tensors or graphs.

import { badInput, type Place } from '../../../base/diagnostic.js';
import type { DType } from '../../../base/dtype.js';
import { elementType } from './element-type.js';
import { LIMITS } from './limits.js';
import type { OnnxDim, OnnxType, OnnxValueInfo } from './model.js';
import type { Proto } from './schema.js';

/** @throws NeffcError E3006, E3010, E3011, E3012, E4010 */
export function toValueInfo(proto: Proto<'ValueInfoProto'>, file: string): OnnxValueInfo {
  const name = proto.name ?? '';
  return { name, type: proto.type && toType(proto.type, `value "${name}"`, { file }) };
}

/** The type described by `proto`, or undefined where it is empty. `what` names the owner in messages. */
export function toType(proto: Proto<'TypeProto'>, what: string, where: Place): OnnxType | undefined {
  const { tensorType, sparseTensorType, sequenceType, optionalType, mapType, opaqueType } = proto;
  if (tensorType) return { kind: 'tensor', ...elementsAndDims(tensorType, what, where) };
  if (sparseTensorType) return { kind: 'sparse_tensor', ...elementsAndDims(sparseTensorType, what, where) };
  if (sequenceType) return { kind: 'sequence', element: inner(sequenceType.elemType, what, where) };
  if (optionalType) return { kind: 'optional', element: inner(optionalType.elemType, what, where) };
  if (mapType) {
    return {
      kind: 'map',
      key: openElementType(mapType.keyType, what, where),
      value: inner(mapType.valueType, what, where),
    };
  }
  if (opaqueType) return { kind: 'opaque', domain: opaqueType.domain ?? '', name: opaqueType.name ?? '' };
  return undefined;
}

function inner(proto: Proto<'TypeProto'> | undefined, what: string, where: Place): OnnxType | undefined {
  return proto && toType(proto, what, where);
}

function elementsAndDims(proto: Proto<'TensorTypeProto'>, what: string, where: Place) {
  const dims = proto.shape?.dim;
  if (dims && dims.length > LIMITS.rank) throw rankOverLimit(what, where);
  return {
    dtype: openElementType(proto.elemType, what, where),
    dims: dims?.map((dim) => toDim(dim, what, where)),
  };
}

/** Element type 0 in a type (unlike in a tensor) leaves it open. */
function openElementType(code: number | bigint | undefined, what: string, where: Place): DType | undefined {
  return code === undefined || code === 0 ? undefined : elementType(code, what, where).dtype;
}

/** Some exporters write -1 for a dim that is not known. */
function toDim(proto: Proto<'DimensionProto'>, what: string, where: Place): OnnxDim {
  if (proto.dimValue === undefined) return proto.dimParam || undefined;
  return proto.dimValue === -1 ? undefined : checkedDim(proto.dimValue, what, where);
}

/**
 * The dims of a tensor with values, and how many elements they span.
 * @throws NeffcError E3006, E3011, E3012
 */
export function toShape(
  dims: readonly (number | bigint)[],
  what: string,
  where: Place,
): { shape: readonly number[]; count: number } {
  if (dims.length > LIMITS.rank) throw rankOverLimit(what, where);
  const shape = dims.map((dim) => checkedDim(dim, what, where));
  if (shape.includes(0)) return { shape, count: 0 };
  let count = 1;
  for (const dim of shape) {
    // At most 2^80 here, far from what a double cannot hold.
    count *= dim;
    if (count > LIMITS.elements) throw tooManyElements(what, `shape [${dims.join(', ')}]`, where);
  }
  return { shape, count };
}

function checkedDim(dim: number | bigint, what: string, where: Place): number {
  if (dim < 0) {
    throw badInput(
      'E3011',
      `${what} has the negative dim ${dim}`,
      where,
      'The file is damaged or its exporter is broken; export the model again.',
    );
  }
  if (dim > LIMITS.elements) throw tooManyElements(what, `a dim of ${dim}`, where);
  return Number(dim);
}

function tooManyElements(what: string, fact: string, where: Place) {
  return badInput(
    'E3012',
    `${what} has ${fact}, more than the limit of 2^40 elements`,
    where,
    'The file is damaged or its exporter is broken; export the model again.',
  );
}

function rankOverLimit(what: string, where: Place) {
  return badInput('E3006', `${what} has more than ${LIMITS.rank} dims`, where, 'Export the model again.');
}

// Data files of the ONNX test format (`input_0.pb`, `output_0.pb`): one serialized tensor each.
import { badInput } from '../../base/diagnostic.js';
import {
  elementCount,
  type HostTensor,
  makeTensor,
  stringTensor,
  unpackElements,
} from '../../base/tensor.js';
import type { OnnxTensor } from '../../frontend/onnx/proto/model.js';
import { readTensorProto } from '../../frontend/onnx/proto/values.js';

/** An ONNX tensor as a host tensor: sub-byte elements unpacked, all else a view. */
export function hostTensorOf({ dtype, shape, data, strings }: OnnxTensor): HostTensor {
  if (dtype === 'string') return stringTensor(shape, strings ?? []);
  return makeTensor(dtype, shape, unpackElements(dtype, data, elementCount(shape)));
}

/** @throws E3003 to E3017 where the bytes are no tensor */
export function readOnnxData(bytes: Uint8Array, file: string): HostTensor {
  const readExternal = (): never => {
    throw badInput('E3016', 'a data file cannot refer to another file', { file });
  };
  return hostTensorOf(readTensorProto(bytes, { file, readExternal }));
}

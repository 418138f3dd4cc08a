// Tensors of a file as constants of the graph: views of the file's bytes where elements take whole bytes; sparse tensors
// made dense, for there are no sparse values in the graph.

import { badInput } from '../../base/diagnostic.js';
import { elementBytes } from '../../base/dtype.js';
import { elementCount, typedView, unpackElements, zeros } from '../../base/tensor.js';
import { bytesConstant, type Constant } from '../../ir/constant.js';
import { rowMajorStrides } from '../../ir/type.js';
import type { OnnxSparseTensor, OnnxTensor } from './proto/model.js';

/** @throws NeffcError E3107 where an index lies outside */
export function densify({ name, values, indices, shape }: OnnxSparseTensor): Constant {
  const dense = zeros(values.dtype, shape);
  const width = elementBytes(values.dtype);
  const count = elementCount(values.shape);
  const source = unpackElements(values.dtype, values.data, count);
  const positions = typedView({ dtype: 'i64', data: indices.data });
  const rank = indices.shape.length === 1 ? 1 : shape.length;
  const strides = rank === 1 ? [1] : rowMajorStrides(shape);
  for (let i = 0; i < count; i++) {
    let at = 0;
    for (let k = 0; k < rank; k++) at += Number(positions[i * rank + k]) * (strides[k] ?? 1);
    if (at < 0 || (at + 1) * width > dense.data.length)
      throw badInput('E3107', `an index of the sparse tensor '${name}' lies outside its shape`);
    dense.data.set(source.subarray(i * width, (i + 1) * width), at * width);
  }
  return bytesConstant(values.dtype, shape, dense.data, name);
}

/** A view of the tensor's bytes where elements take whole bytes. */
export function tensorConstant(tensor: OnnxTensor, name?: string): Constant {
  const { dtype, shape, strings } = tensor;
  const bytes = dtype === 'string' ? tensor.data : unpackElements(dtype, tensor.data, elementCount(shape));
  return { ...bytesConstant(dtype, shape, bytes, name), ...(strings && { strings }) };
}

// Tensors of the archive as constants of the graph: views of the file wherever their elements lie in order, and moves of such
// views (transpose, broadcast) where strides say so, so that no byte is copied before something changes it.
import { elementBytes } from '../../../base/dtype.js';
import { elementCount, makeTensor } from '../../../base/tensor.js';
import { bytesConstant, type Constant } from '../../../ir/constant.js';
import type { Value } from '../../../ir/graph.js';
import { rowMajorStrides } from '../../../ir/type.js';
import { pickElements } from '../../../ops/move.js';
import type { TorchTensor } from '../archive/value.js';
import type { Lowering } from './lowering.js';
import type { Quantizer, TensorItem } from './tensor-item.js';

/** The tensor of that name (its place in the module tree). E4311 for complex elements. */
export function archiveTensor(c: Lowering, t: TorchTensor, name: string): TensorItem {
  if (t.dtype === 'c64' || t.dtype === 'c128')
    throw c.refuse('E4311', `tensor '${name}' has complex elements, which are not supported`);
  const value = stridedValue(c, t, name);
  const quantizer = quantizerOf(c, t);
  const item = c.fresh(value, { source: name, ...(quantizer && { quantizer }) });
  return { ...item, strides: t.strides };
}

function stridedValue(c: Lowering, t: TorchTensor, name: string): Value {
  const { shape, strides } = t;
  const order = [...shape.keys()].sort((p, q) => (strides[q] ?? 0) - (strides[p] ?? 0) || p - q);
  const sorted = order.map((axis) => shape[axis] ?? 1);
  const wanted = rowMajorStrides(sorted);
  const dense =
    shape.includes(0) || order.every((axis, i) => shape[axis] === 1 || strides[axis] === wanted[i]);
  if (!dense) return c.builder.constant(pickedConstant(t, name), name);
  const constant = bytesConstant(t.dtype, sorted, bytesOf(t, elementCount(shape)), name);
  const plain = c.builder.constant(constant, name);
  return order.every((axis, i) => axis === i)
    ? plain
    : c.transpose(
        plain,
        order.map((_, axis) => order.indexOf(axis)),
      );
}

function bytesOf(t: TorchTensor, count: number): Uint8Array {
  const size = elementBytes(t.dtype);
  return t.storage.bytes.subarray(t.offset * size, (t.offset + count) * size);
}

/** Elements with gaps or repetitions: copied out. */
function pickedConstant(t: TorchTensor, name: string): Constant {
  const whole = makeTensor(t.dtype, [t.storage.count], t.storage.bytes);
  const picked = pickElements(whole, t.shape, { strides: t.strides, start: t.offset });
  return bytesConstant(t.dtype, t.shape, picked.data, name);
}

function quantizerOf(c: Lowering, t: TorchTensor): Quantizer | undefined {
  const q = t.quantization;
  if (q === undefined) return undefined;
  if (q.scheme === 'per_tensor_affine') return { scale: [q.scale], zeroPoint: [q.zeroPoint] };
  if (q.scheme === 'per_channel_affine_float_qparams')
    throw c.refuse('E4325', 'weights quantised with zero points of floats are not supported');
  return { scale: numbersOf(q.scales), zeroPoint: numbersOf(q.zeroPoints), axis: q.axis };
}

function numbersOf(t: TorchTensor): number[] {
  const { storage, offset, strides, shape } = t;
  const view = new DataView(storage.bytes.buffer, storage.bytes.byteOffset, storage.bytes.byteLength);
  const read = (i: number): number => {
    if (storage.dtype === 'f64') return view.getFloat64(i * 8, true);
    if (storage.dtype === 'f32') return view.getFloat32(i * 4, true);
    return storage.dtype === 'i64' ? Number(view.getBigInt64(i * 8, true)) : view.getInt32(i * 4, true);
  };
  return Array.from({ length: shape[0] ?? 0 }, (_, i) => read(offset + i * (strides[0] ?? 1)));
}

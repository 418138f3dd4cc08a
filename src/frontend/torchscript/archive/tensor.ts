// Tensors from the parts that a pickle gives: storage, offset, sizes, strides, quantisation.
// Invariant: every element of a tensor made here lies inside its storage.

import { badInput, type NeffcError } from '../../../base/diagnostic.js';
import { type Machine, overLimit, PICKLE_LIMITS, placeOf, type StackValue } from './machine.js';
import { TORCH_SCALAR_TYPES } from './torch-types.js';
import type { TorchQuantization, TorchStorage, TorchTensor } from './value.js';

type Args = readonly StackValue[];

const QUANTIZED = new Set(TORCH_SCALAR_TYPES.filter((t) => t.quantized).map((t) => t.name));

function badTensor(m: Machine, what: string): NeffcError {
  return badInput('E3325', `a tensor of ${m.source.member} is malformed: ${what}`, placeOf(m));
}

/**
 * `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`, and `_rebuild_qtensor`, which has
 * the quantisation after the strides.
 * @throws E3325 malformed, E3326 outside its storage, E3323 rank or expansion over the limits.
 */
export function tensorFromParts(m: Machine, args: Args, quantized: boolean): TorchTensor {
  const [ref, at, size, stride] = args;
  if (ref?.kind !== 'storage') throw badTensor(m, 'it has no storage');
  const { storage } = ref;
  if (QUANTIZED.has(storage.scalar) !== quantized)
    throw badTensor(m, `it is built on ${storage.scalar}Storage`);
  const shape = extents(m, size, 'sizes');
  const strides = extents(m, stride, 'strides');
  const offset = extent(m, at, 'offset');
  if (shape.length !== strides.length) throw badTensor(m, 'sizes and strides differ in rank');
  checkInside(m, storage, shape, strides, offset);
  const grad = args[quantized ? 5 : 4];
  return {
    kind: 'tensor',
    dtype: storage.dtype,
    shape,
    strides,
    offset,
    storage,
    requiresGrad: grad?.kind === 'bool' && grad.value,
    isParameter: false,
    ...(quantized && { quantization: quantization(m, args[4]) }),
  };
}

/** `_rebuild_parameter(data, requires_grad, hooks)`. */
export function parameterFrom(m: Machine, args: Args): TorchTensor {
  const [data, grad] = args;
  if (data?.kind !== 'tensor') throw badTensor(m, 'a parameter has no data');
  return { ...data, isParameter: true, requiresGrad: grad?.kind === 'bool' && grad.value };
}

function extent(m: Machine, value: StackValue | undefined, what: string): number {
  const n = value?.kind === 'int' ? Number(value.value) : -1;
  if (!Number.isSafeInteger(n) || n < 0) throw badTensor(m, `its ${what} are not counts`);
  return n;
}

function extents(m: Machine, value: StackValue | undefined, what: string): number[] {
  if (value?.kind !== 'tuple') throw badTensor(m, `its ${what} are missing`);
  const { items } = value;
  if (items.length > PICKLE_LIMITS.rank) throw overLimit(m, `a rank of ${items.length}`, PICKLE_LIMITS.rank);
  return items.map((item) => extent(m, item, what));
}

function checkInside(
  m: Machine,
  storage: TorchStorage,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): void {
  if (shape.includes(0)) return;
  let last = offset;
  let elements = 1;
  shape.forEach((n, i) => {
    last += (n - 1) * strides[i]!;
    elements *= n;
  });
  if (!(last < storage.count)) {
    throw badInput(
      'E3326',
      `a tensor [${shape.join(',')}] of ${m.source.member} reaches element ${last} of ${storage.key}, which has ${storage.count}`,
      placeOf(m),
    );
  }
  if (elements > storage.count && elements > PICKLE_LIMITS.overlapping) {
    throw overLimit(m, `an expanded tensor of ${elements} elements`, PICKLE_LIMITS.overlapping);
  }
}

function quantization(m: Machine, value: StackValue | undefined): TorchQuantization {
  const [scheme, first, second, axis] = value?.kind === 'tuple' ? value.items : [];
  const name = scheme?.kind === 'symbol' ? scheme.name.replace(/^torch\./, '') : '';
  if (name === 'per_tensor_affine' && first?.kind === 'float' && second?.kind === 'int') {
    return { scheme: name, scale: first.value, zeroPoint: Number(second.value) };
  }
  const perChannel = name === 'per_channel_affine' || name === 'per_channel_affine_float_qparams';
  if (perChannel && first?.kind === 'tensor' && second?.kind === 'tensor') {
    return { scheme: name, scales: first, zeroPoints: second, axis: extent(m, axis, 'axis') };
  }
  throw badTensor(m, `its quantisation ${name} is not known or not complete`);
}

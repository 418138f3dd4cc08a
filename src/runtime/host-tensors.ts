// Tensors on their way between host and device: the source's element type and shape on the host, the storage type in DRAM.
// A conversion never loses bits silently; cropping to a length is the only change of shape.
import type { InputPort, OutputPort, TensorPlace } from '../artifact/signature.js';
import { badInput, bug, usageError } from '../base/diagnostic.js';
import { DTYPES, type DType, elementBytes, isInteger } from '../base/dtype.js';
import {
  elementCount,
  fromNumbers,
  type HostTensor,
  makeTensor,
  shapeText,
  toNumbers,
  typedView,
  zeros,
} from '../base/tensor.js';

/** The shape of a place whose dims are all numbers. @throws E1521 */
export function fixedShape(place: TensorPlace): readonly number[] {
  return place.shape.map((dim) => {
    if (typeof dim === 'number') return dim;
    throw bug('E1521', `tensor ${place.name} moves to the device, but its dim ${dim} is not fixed`);
  });
}

/**
 * Checks what a request gives for an input. Named dims take the size given, the same for each name.
 * @throws E3541 where element type or shape are others
 */
export function requireInput(port: InputPort, given: HostTensor, dims: Map<string, number>): void {
  const shown = `${given.dtype} ${shapeText(given.shape)}`;
  const wanted = `${port.dtype} ${port.shape.length === 0 ? 'scalar' : port.shape.join('x')}`;
  const refuse = (): never => {
    throw badInput(
      'E3541',
      `input ${port.name} is ${shown}; the model takes ${wanted}`,
      {},
      'dump --signature shows the inputs',
    );
  };
  if (given.dtype !== port.dtype || given.shape.length !== port.shape.length) refuse();
  for (const [axis, dim] of port.shape.entries()) {
    const size = given.shape[axis] ?? 0;
    if (typeof dim === 'number' ? dim !== size : (dims.get(dim) ?? size) !== size) refuse();
    if (typeof dim === 'string') dims.set(dim, size);
  }
}

/** An input that a request leaves out; `dims` are the named dims that other inputs have given. @throws E2521 for one that none gave */
export function filledInput(port: InputPort, value: number, dims: ReadonlyMap<string, number>): HostTensor {
  const shape = port.shape.map((dim) => {
    const size = typeof dim === 'number' ? dim : dims.get(dim);
    if (size === undefined)
      throw usageError('E2521', `input ${port.name} is missing, and no other input has its dim ${dim}`);
    return size;
  });
  return fromNumbers(port.dtype, shape, new Float64Array(elementCount(shape)).fill(value));
}

/** Whether some element of a float tensor is infinite or no number. */
export function hasNonFinite(t: HostTensor): boolean {
  const view = typedView(t);
  if (view instanceof Float32Array || view instanceof Float64Array) return !view.every(Number.isFinite);
  const exponent = t.dtype === 'f16' ? 0x7c00 : t.dtype === 'bf16' ? 0x7f80 : undefined;
  return exponent !== undefined && (view as Uint16Array).some((code) => (code & exponent) === exponent);
}

/** The first `length` entries along an axis. */
export function cropTo(t: HostTensor, axis: number, length: number): HostTensor {
  const size = t.shape[axis];
  if (size === undefined || length < 0 || length > size) {
    throw bug('E1522', `an output of shape ${shapeText(t.shape)} cannot end at ${length} along axis ${axis}`);
  }
  if (length === size) return t;
  const shape = t.shape.map((dim, i) => (i === axis ? length : dim));
  return copyBlock(t, zeros(t.dtype, shape), shape);
}

/** Copies the block of that shape at the origin, a row of the last axis at a time. */
function copyBlock(from: HostTensor, to: HostTensor, block: readonly number[]): HostTensor {
  const bytes = elementBytes(from.dtype);
  const row = (block.at(-1) ?? 1) * bytes;
  const rows = row === 0 ? 0 : (elementCount(block) * bytes) / row;
  const outer = block.slice(0, -1);
  const rowOf = (shape: readonly number[], index: number): number => {
    let rest = index;
    let at = 0;
    let pitch = shape.at(-1) ?? 1;
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      const size = outer[axis]!;
      at += (rest % size) * pitch;
      rest = Math.floor(rest / size);
      pitch *= shape[axis]!;
    }
    return at * bytes;
  };
  for (let i = 0; i < rows; i++) {
    const at = rowOf(from.shape, i);
    to.data.set(from.data.subarray(at, at + row), rowOf(to.shape, i));
  }
  return to;
}

/** The bytes that go to the device. @throws E3542 for an integer that its storage type does not hold */
export function toStorage(place: TensorPlace, t: HostTensor): Uint8Array {
  const { storage = t.dtype } = place;
  if (storage === t.dtype) return t.data;
  if (!isInteger(storage) || !isInteger(t.dtype)) return fromNumbers(storage, t.shape, toNumbers(t)).data;
  const from = typedView(t);
  const { min, max } = rangeOf(storage);
  const stored = fromNumbers(storage, t.shape, from);
  for (let i = 0; i < from.length; i++) {
    const value = from[i]!;
    if (value < min || value > max) {
      throw badInput(
        'E3542',
        `element ${i} of ${place.name} is ${value}, which ${storage} on the device does not hold`,
      );
    }
  }
  return stored.data;
}

/** The tensor that the device's bytes are. The result owns its bytes. */
export function fromStorage(place: TensorPlace, bytes: Uint8Array): HostTensor {
  const { storage = place.dtype, dtype } = place;
  const shape = fixedShape(place);
  const stored = makeTensor(storage, shape, bytes.slice(0, elementCount(shape) * elementBytes(storage)));
  if (storage === dtype) return stored;
  return fromNumbers(dtype, shape, isInteger(storage) ? typedView(stored) : toNumbers(stored));
}

/** Bytes that the tensor moves between host and device. */
export function storedBytes(place: TensorPlace): number {
  return elementCount(fixedShape(place)) * elementBytes(place.storage ?? place.dtype);
}

function rangeOf(t: DType): { readonly min: number; readonly max: number } {
  const { bits, kind } = DTYPES[t];
  // Powers of two from 2^1 to 2^64, exact as doubles.
  let span = 1;
  for (let b = 0; b < bits; b++) span *= 2;
  return kind === 'uint' ? { min: 0, max: span - 1 } : { min: -span / 2, max: span / 2 - 1 };
}

/** An output as the source gives it: axes cropped to the host values that say where they end. */
export function finished(port: OutputPort, t: HostTensor, word: (name: string) => number): HostTensor {
  return (port.crop ?? []).reduce((cropped, { axis, by }) => cropTo(cropped, axis, word(by)), t);
}

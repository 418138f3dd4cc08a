// An input file, whatever it is, to the tensor a model takes: told apart by content, never by name. Conversions that change
// no value are made (an integer file for an integer input of another width); all others are the user's to make.
import { badInput, type NeffcError, usageError } from '../../base/diagnostic.js';
import { type DType, isInteger } from '../../base/dtype.js';
import { elementCount, elementReader, fromNumbers, type HostTensor, shapeText } from '../../base/tensor.js';
import { isImage, readImage } from './image.js';
import { fromJsonTensor } from './json-tensor.js';
import { isNpy, readNpy } from './npy.js';
import { readNpz } from './npz.js';
import { type ImageInput, type PreprocessStep, preprocess } from './preprocess.js';

const ZIP_MAGIC = [0x50, 0x4b];

/**
 * The tensor for `input` from the bytes of a PNG, JPEG, .npy, .npz or JSON file. An .npz gives the array of the input's
 * name, or its only one; `steps` concern images alone. The shape is the file's: the caller, who knows buckets, compares it.
 * @throws E3617 no known kind of file, E2165 no such array in an .npz, E3618 elements the input cannot hold.
 */
export function readInput(
  bytes: Uint8Array,
  file: string,
  input: ImageInput,
  steps: readonly PreprocessStep[] = [],
): HostTensor {
  if (isImage(bytes)) return preprocess(readImage(bytes, file), steps, input);
  if (isNpy(bytes)) return convert(readNpy(bytes, file, input.dtype), input, file);
  if (ZIP_MAGIC.every((byte, i) => bytes[i] === byte))
    return convert(fromNpz(bytes, file, input), input, file);
  return fromJsonTensor(parseJson(bytes, file), input.dtype, file);
}

/**
 * The tensor of an .npy or JSON file for an input whose type is not known: that of the .npy; of JSON i64 where all numbers are
 * whole, else f32.
 * @throws E3616, E3617, and as readNpy
 */
export function readTensor(bytes: Uint8Array, file: string): HostTensor {
  if (isNpy(bytes)) return readNpy(bytes, file);
  const json = parseJson(bytes, file);
  const whole = [json].flat(Number.POSITIVE_INFINITY as 1).every((leaf) => Number.isInteger(leaf));
  return fromJsonTensor(json, whole ? 'i64' : 'f32', file);
}

function fromNpz(bytes: Uint8Array, file: string, { name, dtype }: ImageInput): HostTensor {
  const arrays = readNpz(bytes, file, new Map([[name, dtype]]));
  const only = arrays.size === 1 ? [...arrays.values()][0] : undefined;
  const found = arrays.get(name) ?? only;
  if (!found) {
    const names = [...arrays.keys()].join(', ') || 'none';
    throw usageError(
      'E2165',
      `${file} has no array named ${name}; it has: ${names}`,
      undefined,
      'save it under the name of the input',
    );
  }
  return found;
}

function parseJson(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw badInput(
      'E3617',
      'the file is no PNG, JPEG, .npy, .npz or JSON',
      { file, offset: 0 },
      'write it with numpy.save',
    );
  }
}

/** The same values in the input's type, where it can hold them. */
function convert(t: HostTensor, { name, dtype }: ImageInput, file: string): HostTensor {
  if (t.dtype === dtype) return t;
  if (!isWhole(t.dtype) || !isWhole(dtype)) throw holdsOther(t, name, dtype, file);
  const read = elementReader(t);
  const values = Array.from({ length: elementCount(t.shape) }, (_, i) => read(i));
  const converted = fromNumbers(dtype, t.shape, values);
  const back = elementReader(converted);
  const lost = values.findIndex((value, i) => BigInt(value) !== BigInt(back(i)));
  if (lost >= 0) {
    throw badInput(
      'E3618',
      `element ${lost} of the file is ${values[lost]}, which input ${name} of ${dtype} cannot hold`,
      { file },
    );
  }
  return converted;
}

function isWhole(t: DType): boolean {
  return isInteger(t) || t === 'bool';
}

function holdsOther(t: HostTensor, name: string, dtype: DType, file: string): NeffcError {
  return badInput(
    'E3618',
    `the file holds ${t.dtype} elements (${shapeText(t.shape)}); input ${name} takes ${dtype}`,
    { file },
    'convert the array before saving it, so that the rounding is yours',
  );
}

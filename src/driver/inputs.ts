// The tensors of a request from what the user names: files by input name or position, a folder, or a seed. Inputs that take
// images are preprocessed as the artifact says, for the smallest bucket that holds them. Which inputs may be missing, and whether shapes fit, is the runtime's to say.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InputPort, ModelSignature } from '../artifact/signature.js';
import { badInput, usageError } from '../base/diagnostic.js';
import { createRandom } from '../base/random.js';
import type { HostTensor } from '../base/tensor.js';
import { bucketFor, imageInput, type Picture } from './bucket-choice.js';
import { isImage, readImage } from './tensor-files/image.js';
import { parsePreprocess, preprocess } from './tensor-files/preprocess.js';
import { randomTensor } from './tensor-files/random-tensor.js';
import { readInput } from './tensor-files/read.js';

export interface InputSources {
  /** File by name or 0-based position; the empty name is the only input. */
  readonly files: readonly { readonly name: string; readonly file: string }[];
  /** Folder with `input_K.npy` in signature order. */
  readonly folder?: string;
  /** Seed of random values for what is not given otherwise. */
  readonly randomSeed?: number;
}

/** What a file gives for an input: its tensor, or a picture, whose size in the input depends on the bucket. */
type Given = { readonly tensor: HostTensor } | { readonly picture: Picture };

/**
 * @throws E2521 an unknown or doubled input, E3042 a file that cannot be read, and as readInput
 */
export function readInputs(signature: ModelSignature, sources: InputSources): Map<string, HostTensor> {
  const given = new Map<string, Given>();
  for (const { name, file } of sources.files) {
    const port = portOf(signature, name);
    if (given.has(port.name)) throw usageError('E2521', `input ${port.name} is given twice`);
    given.set(port.name, readPort(port, file));
  }
  if (sources.folder !== undefined) readFolder(signature, sources.folder, given);
  const ports = chosenPorts(signature, given);
  const found = new Map<string, HostTensor>();
  for (const [name, one] of given) {
    const port = ports.find((p) => p.name === name) as InputPort;
    found.set(
      name,
      'tensor' in one ? one.tensor : preprocess(one.picture.image, one.picture.steps, imageInput(port)),
    );
  }
  if (sources.randomSeed !== undefined) fillRandom(ports, sources.randomSeed, found);
  return found;
}

/** The inputs of the model, or of the bucket that pictures and tensors ask for. */
function chosenPorts(
  { inputs, buckets }: ModelSignature,
  given: ReadonlyMap<string, Given>,
): readonly InputPort[] {
  const shapes = new Map<string, readonly number[]>();
  const pictures = new Map<string, Picture>();
  for (const [name, one] of given) {
    if ('tensor' in one) shapes.set(name, one.tensor.shape);
    else pictures.set(name, one.picture);
  }
  return bucketFor(buckets, shapes, pictures)?.inputs ?? inputs;
}

function portOf({ inputs }: ModelSignature, name: string): InputPort {
  const byPosition = /^\d+$/.test(name) ? inputs[Number(name)] : undefined;
  const only = name === '' && inputs.length === 1 ? inputs[0] : undefined;
  const port = inputs.find((p) => p.name === name) ?? byPosition ?? only;
  if (port !== undefined) return port;
  const names = inputs.map((p, i) => `${i}: ${p.name}`).join(', ') || 'none';
  throw name === ''
    ? usageError(
        'E2521',
        '--input FILE without a name needs a model with one input',
        undefined,
        `write --input NAME=FILE; the inputs are ${names}`,
      )
    : usageError('E2521', `the model has no input ${name}`, undefined, `its inputs are ${names}`);
}

function readPort(port: InputPort, file: string): Given {
  const bytes = readBytes(file);
  if (!isImage(bytes)) return { tensor: readInput(bytes, file, imageInput(port)) };
  const steps = port.preprocess === undefined ? [] : parsePreprocess(port.preprocess);
  return { picture: { image: readImage(bytes, file), steps } };
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'an error';
    throw badInput(
      'E3042',
      `the input file cannot be read (${code})`,
      { file },
      'check the path and its permissions',
    );
  }
}

function readFolder(signature: ModelSignature, folder: string, found: Map<string, Given>): void {
  for (const [i, port] of signature.inputs.entries()) {
    const file = join(folder, `input_${i}.npy`);
    if (!found.has(port.name) && existsSync(file)) found.set(port.name, readPort(port, file));
  }
}

function fillRandom(ports: readonly InputPort[], seed: number, found: Map<string, HostTensor>): void {
  const random = createRandom(seed);
  for (const port of ports) {
    // Drawn even where a file gives the input: the others' values do not depend on which are given.
    const shape = port.shape.map((dim) => (typeof dim === 'number' ? dim : 1));
    const tensor = randomTensor(port.dtype, shape, random);
    if (!found.has(port.name) && port.fill === undefined) found.set(port.name, tensor);
  }
}

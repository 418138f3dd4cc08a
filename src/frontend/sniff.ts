// Decides by content, never by name, which frontend reads a file; and names what the file is if none does. Looks at a
// few bytes (at the directory, for a zip archive), so it costs nothing on large models. It does not validate: a
// damaged model still goes to its reader, which can say where the damage is.

import { NeffcError } from '../base/diagnostic.js';
import { looksLikeModel } from './onnx/proto/recognize.js';
import { CONVERT, NOT_A_MODEL, SIGNATURES, UNPACK, WEIGHTS_ONLY } from './signatures.js';
import { readDirectory } from './torchscript/archive/zip-directory.js';

export interface Sniffed {
  readonly kind: 'onnx' | 'torchscript' | 'unknown';
  /** What the file is, with its article: "a PNG image". */
  readonly looksLike: string;
  /** What to do about it; undefined for models. */
  readonly hint: string | undefined;
}

const GIVE_A_MODEL = 'Give an ONNX model or a TorchScript archive.';
const ZIP_START = [0x50, 0x4b, 0x03, 0x04];
const ZIP_EMPTY = [0x50, 0x4b, 0x05, 0x06];

const TEXT_LOOKED_AT = 4096;
/** The header of a safetensors file is JSON after its length in 8 bytes; longer ones no library accepts. */
const SAFETENSORS_MAX_HEADER = 100_000_000;

/** Never throws: what cannot be told is 'unknown'. */
export function sniffModel(bytes: Uint8Array): Sniffed {
  if (bytes.length === 0) return unknown('an empty file', 'Fetch or export it again.');
  if (startsWith(bytes, 0, ZIP_START) || startsWith(bytes, 0, ZIP_EMPTY)) return sniffZip(bytes);
  if (looksLikeModel(bytes)) return { kind: 'onnx', looksLike: 'an ONNX model', hint: undefined };
  const signature = SIGNATURES.find((candidate) => startsWith(bytes, candidate.offset, candidate.bytes));
  if (signature) return unknown(signature.what, signature.hint);
  return (
    sniffSafetensors(bytes) ??
    sniffProtobuf(bytes) ??
    sniffText(bytes) ??
    unknown('binary data of no known kind', GIVE_A_MODEL)
  );
}

/** Members of the archives that PyTorch writes, below one root folder. All of them go to its reader. */
const PYTORCH_MEMBERS =
  /^[^/]+\/(data\.pkl|constants\.pkl|bytecode\.pkl|model\.json|archive_format|code\/|models\/|\.data\/)/;
const EXPORTED_PROGRAM = 'serialized_exported_program.json';

function sniffZip(bytes: Uint8Array): Sniffed {
  let names: readonly string[];
  try {
    names = [...readDirectory(bytes, '').keys()];
  } catch (error) {
    if (!(error instanceof NeffcError)) throw error;
    return { kind: 'torchscript', looksLike: 'a zip archive that is damaged or unsafe', hint: undefined };
  }
  if (names.some((name) => PYTORCH_MEMBERS.test(name) || name === EXPORTED_PROGRAM)) {
    return { kind: 'torchscript', looksLike: 'a PyTorch archive', hint: undefined };
  }
  if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) {
    return unknown('a NumPy archive (.npz)', NOT_A_MODEL);
  }
  if (names.includes('model.weights.h5')) return unknown('a Keras model', CONVERT);
  const model = names.find((name) => /\.(onnx|pt|pth)$/.test(name));
  return unknown(
    model ? `a zip archive with ${model} in it` : 'a zip archive without the members of TorchScript',
    model ? UNPACK : GIVE_A_MODEL,
  );
}

function sniffSafetensors(bytes: Uint8Array): Sniffed | undefined {
  if (bytes.length < 10) return undefined;
  const header = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (header > SAFETENSORS_MAX_HEADER || !startsWith(bytes, 8, [0x7b])) return undefined;
  return unknown('a safetensors file', WEIGHTS_ONLY);
}

/** Protobuf files of other kinds that begin with a small version or dim. */
function sniffProtobuf(bytes: Uint8Array): Sniffed | undefined {
  if (bytes[0] !== 0x08 || bytes.length < 4) return undefined;
  const second = bytes.findIndex((byte, i) => i > 0 && byte < 0x80) + 1;
  if (bytes[second] === 0x12) return unknown('a TensorFlow SavedModel or a Core ML model', CONVERT);
  if (bytes[second] === 0x10 || bytes[second] === 0x08) {
    return unknown('a tensor in the format of ONNX test data (.pb)', NOT_A_MODEL);
  }
  return undefined;
}

function sniffText(bytes: Uint8Array): Sniffed | undefined {
  const head = bytes.subarray(0, TEXT_LOOKED_AT);
  if (head.some((byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d)) return undefined;
  const text = new TextDecoder().decode(head).trimStart();
  if (/^<?\s*ir_version/.test(text)) {
    return unknown('an ONNX model in text form', 'Save it in binary form with onnx.save.');
  }
  if (/^[{[]/.test(text)) return unknown('a JSON file', GIVE_A_MODEL);
  if (/^<(!doctype|html)/i.test(text)) return unknown('a web page', 'Fetch the model file itself.');
  // A character cut in two by the end of what is looked at does not make a text binary.
  if (text.slice(0, -1).includes('\uFFFD')) return undefined;
  return unknown('a text file', GIVE_A_MODEL);
}

function unknown(looksLike: string, hint: string): Sniffed {
  return { kind: 'unknown', looksLike, hint };
}

function startsWith(bytes: Uint8Array, offset: number, expected: readonly number[]): boolean {
  return expected.every((byte, i) => bytes[offset + i] === byte);
}

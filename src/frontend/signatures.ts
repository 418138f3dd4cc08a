// Kinds of files that people give in place of a model, by the bytes that mark them. Data for sniff.ts alone.

export interface Signature {
  readonly offset: number;
  readonly bytes: readonly number[];
  readonly what: string;
  readonly hint: string;
}

export const UNPACK = 'Unpack it and give the model inside.';
export const WEIGHTS_ONLY = 'It holds weights and no computation: export the model as ONNX or TorchScript.';
export const CONVERT = 'Convert the model to ONNX first.';
export const NOT_A_MODEL = 'Give the model file; data go in with --input.';

const ascii = (text: string): number[] => [...text].map((character) => character.charCodeAt(0));
const row = (offset: number, bytes: readonly number[] | string, what: string, hint: string): Signature => ({
  offset,
  bytes: typeof bytes === 'string' ? ascii(bytes) : bytes,
  what,
  hint,
});

/** More telling ones first. */
export const SIGNATURES: readonly Signature[] = [
  row(0, 'version https://git-lfs', 'a Git LFS pointer', 'Fetch the file itself with `git lfs pull`.'),
  row(0, '\x89PNG\r\n', 'a PNG image', NOT_A_MODEL),
  row(0, [0xff, 0xd8, 0xff], 'a JPEG image', NOT_A_MODEL),
  row(0, 'GIF8', 'a GIF image', NOT_A_MODEL),
  row(0, 'RIFF', 'a RIFF file (WebP, WAV)', NOT_A_MODEL),
  row(0, '%PDF', 'a PDF document', NOT_A_MODEL),
  row(0, '\x93NUMPY', 'a NumPy array (.npy)', NOT_A_MODEL),
  row(0, [0x1f, 0x8b], 'a gzip file', UNPACK),
  row(0, 'BZh', 'a bzip2 file', UNPACK),
  row(0, '\xfd7zXZ', 'an xz file', UNPACK),
  row(0, '7z\xbc\xaf', 'a 7-Zip archive', UNPACK),
  row(0, [0x28, 0xb5, 0x2f, 0xfd], 'a Zstandard file', UNPACK),
  row(0, 'Rar!', 'a RAR archive', UNPACK),
  row(257, 'ustar', 'a tar archive', UNPACK),
  row(0, '\x89HDF\r\n', 'an HDF5 file (Keras)', CONVERT),
  row(4, 'TFL3', 'a TensorFlow Lite model', CONVERT),
  row(4, 'ORTM', 'an ONNX Runtime model (.ort)', 'Give the .onnx file that it was made from.'),
  row(4, 'ET1', 'an ExecuTorch program', CONVERT),
  row(4, 'PTMF', 'a mobile PyTorch model in flatbuffer form', 'Save it with torch.jit.save.'),
  row(0, 'GGUF', 'a GGUF file', WEIGHTS_ONLY),
  row(0, [0x80, 0x02], 'a Python pickle (PyTorch before 1.6, or scikit-learn)', WEIGHTS_ONLY),
  row(0, [0x80, 0x03], 'a Python pickle', WEIGHTS_ONLY),
  row(0, [0x80, 0x04], 'a Python pickle', WEIGHTS_ONLY),
  row(0, [0x80, 0x05], 'a Python pickle', WEIGHTS_ONLY),
  row(0, '\x7fELF', 'a program (ELF)', NOT_A_MODEL),
  row(0, 'SQLite format 3', 'an SQLite database', NOT_A_MODEL),
];

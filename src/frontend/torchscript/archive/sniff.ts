// Files that are not TorchScript archives, told apart by content so that the refusal can say what they are
// and what to do instead. Never looks at a file name.

import { badInput, type NeffcError, unsupported } from '../../../base/diagnostic.js';

const EXPORT_HINT =
  'export the model with torch.jit.script or torch.jit.trace and torch.jit.save, or as ONNX';

/** A kind of file known by bytes at a fixed offset. */
interface Signature {
  readonly offset: number;
  readonly bytes: readonly number[];
  readonly code: string;
  readonly what: string;
  readonly hint: string;
}

const ascii = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));

const SIGNATURES: readonly Signature[] = [
  {
    offset: 2, // LONG1 of the magic number that the old torch.save wrote first
    bytes: [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19],
    code: 'E4351',
    what: 'a torch.save file of PyTorch before 1.6 (weights or a pickled module, no TorchScript)',
    hint: EXPORT_HINT,
  },
  {
    offset: 257,
    bytes: ascii('ustar'),
    code: 'E4351',
    what: 'a tar file, the format of torch.save before PyTorch 0.1.10',
    hint: EXPORT_HINT,
  },
  {
    offset: 4,
    bytes: ascii('ET1'),
    code: 'E4354',
    what: 'an ExecuTorch program, which holds kernels for its own runtime',
    hint: EXPORT_HINT,
  },
  {
    offset: 4,
    bytes: ascii('PTMF'),
    code: 'E4354',
    what: 'a mobile model in flatbuffer form, which holds bytecode only',
    hint: 'save it with torch.jit.save, or _save_for_lite_interpreter without use_flatbuffer',
  },
  {
    offset: 0,
    bytes: [0x80, 0x02],
    code: 'E4351',
    what: 'a bare pickle',
    hint: EXPORT_HINT,
  },
  { offset: 0, bytes: [0x1f, 0x8b], code: 'E3301', what: 'a gzip file', hint: 'unpack it first' },
  { offset: 0, bytes: ascii('\x89HDF'), code: 'E3301', what: 'an HDF5 file', hint: EXPORT_HINT },
  { offset: 0, bytes: ascii('GGUF'), code: 'E3301', what: 'a GGUF file', hint: EXPORT_HINT },
];

/** Throws what can be said about a file that is no zip archive; returns if it may be one. */
export function refuseOtherFiles(bytes: Uint8Array, file: string): void {
  if (bytes.length === 0) throw badInput('E3301', 'the file is empty', { file });
  for (const s of SIGNATURES) {
    if (!s.bytes.every((b, i) => bytes[s.offset + i] === b)) continue;
    const make = s.code.startsWith('E4') ? unsupported : badInput;
    throw make(s.code, `the file is ${s.what}`, { file, offset: s.offset }, s.hint);
  }
}

/** What a zip archive of PyTorch is, by the members below its root folder; `undefined` if it is TorchScript. */
interface Kind {
  readonly test: (has: (member: string) => boolean, hasFolder: (folder: string) => boolean) => boolean;
  readonly code: string;
  readonly what: string;
  readonly hint: string;
}

const KINDS: readonly Kind[] = [
  {
    test: (has, folder) => has('model.json') && (folder('tensors/') || folder('code/')),
    code: 'E4351',
    what: 'a TorchScript archive of PyTorch 1.0 to 1.3 (model.json)',
    hint: 'load and save it once with a current PyTorch: torch.jit.save(torch.jit.load(f), g)',
  },
  {
    test: (has, folder) =>
      has('archive_format') ||
      has('serialized_exported_program.json') ||
      has('models/model.json') ||
      folder('models/'),
    code: 'E4353',
    what: 'a program saved by torch.export',
    hint: 'export the model as ONNX with torch.onnx.export(..., dynamo=True), or with torch.jit.save',
  },
  {
    test: (has, folder) =>
      has('.data/extern_modules') || has('.data/python_version') || folder('.data/ts_code/'),
    code: 'E4352',
    what: 'a torch.package, which holds Python source',
    hint: EXPORT_HINT,
  },
  {
    test: (has, folder) => has('bytecode.pkl') && !folder('code/'),
    code: 'E4356',
    what: 'a mobile archive with bytecode and no source',
    hint: 'save it with _save_for_lite_interpreter from PyTorch 1.6 or later, which keeps code/',
  },
  {
    test: (has, folder) => has('data.pkl') && !has('constants.pkl') && !folder('code/'),
    code: 'E4350',
    what: 'a torch.save checkpoint (weights or a pickled module), which holds no code',
    hint: EXPORT_HINT,
  },
];

/** The refusal for a zip archive that is another PyTorch format, or undefined. */
export function otherArchive(names: readonly string[], file: string): NeffcError | undefined {
  const set = new Set(names);
  const hasFolder = (folder: string) => names.some((name) => name.startsWith(folder));
  const kind = KINDS.find((k) => k.test((name) => set.has(name), hasFolder));
  return kind && unsupported(kind.code, `the file is ${kind.what}`, { file }, kind.hint);
}

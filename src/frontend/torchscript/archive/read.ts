// A TorchScript archive as data: the module tree, the constants, the source texts, and what else is there.
// Reads and checks; does not parse the source (../code does) and knows nothing of operators.

import { badInput, NeffcError, unsupported } from '../../../base/diagnostic.js';
import { byteLength } from '../../../base/dtype.js';
import { type SourceOrigins, sourceOrigins } from './debug.js';
import type { StorageLookup } from './machine.js';
import { readPickle } from './pickle.js';
import { otherArchive, refuseOtherFiles } from './sniff.js';
import { TORCH_SCALAR_TYPES } from './torch-types.js';
import type { PickleObject, PickleValue, TorchStorage } from './value.js';
import { openZip, type ZipArchive } from './zip.js';
import type { ZipMember } from './zip-directory.js';

/** Bounds of the parts that are read whole; tensor data is only viewed. */
export const ARCHIVE_LIMITS = {
  pickle: 128 * 2 ** 20,
  sourceFile: 32 * 2 ** 20,
  sourceTotal: 128 * 2 ** 20,
  /** kMaxSupportedFileFormatVersion of caffe2/serialize/versions.h. */
  version: 10,
} as const;

export interface TorchArchive {
  readonly file: string;
  /** File format version: 1 (PyTorch 1.0) to 10. Operators changed meaning between versions. */
  readonly version: number;
  readonly byteOrder: 'little';
  /** The root module. */
  readonly data: PickleObject;
  /** `CONSTANTS.c0`, `CONSTANTS.c1`, … */
  readonly constants: readonly PickleValue[];
  /** Source texts by member path, `code/__torch__/torch/nn/modules/linear.py`. */
  readonly code: ReadonlyMap<string, string>;
  /** Mobile archives keep bytecode beside the source; it is not needed and not read. */
  readonly mobile: { readonly bytecode: boolean; readonly debug: boolean };
  /** `extra/` files that the author attached, by path below `extra/`. */
  readonly extraFiles: readonly string[];
  /** All members, by path below the root folder. */
  readonly members: readonly string[];
  /** The bytes of a member. @throws E3340 if there is none. */
  read(member: string): Uint8Array;
  /** Another member as a pickle, for instance `bytecode.pkl`. Storages are shared with `data`. */
  readPickle(member: string): PickleValue;
  /**
   * The example inputs of a traced model: a dict from method name (`forward`) to a list of arguments.
   * Their tensors have types and shapes, but no data: the writer leaves it out.
   */
  tracedInputs(): PickleValue | undefined;
  /** Original Python places of a code file; undefined if the archive does not say or the table is damaged. */
  origins(codePath: string): SourceOrigins | undefined;
}

/**
 * Reads a `.pt` or `.ptl` archive held in memory. Tensor data stays views of `bytes`.
 * @throws E33xx for damaged or contradictory files, E43xx for other formats and unread features.
 */
export function readTorchArchive(bytes: Uint8Array, options: { readonly file: string }): TorchArchive {
  const { file } = options;
  refuseOtherFiles(bytes, file);
  const members = openMembers(openZip(bytes, file), file);
  const other = otherArchive(members.names, file);
  if (other) throw other;
  checkByteOrder(members);
  const version = readVersion(members);
  const unpickle = unpickler(members);
  const data = unpickle('data.pkl');
  if (data.kind !== 'object') {
    throw badInput('E3342', `data.pkl holds a ${data.kind}, not a module`, { file, node: 'data.pkl' });
  }
  const constants = unpickle('constants.pkl');
  if (constants.kind !== 'tuple') {
    throw badInput('E3342', `constants.pkl holds a ${constants.kind}, not a tuple`, {
      file,
      node: 'constants.pkl',
    });
  }
  return {
    file,
    version,
    byteOrder: 'little',
    data,
    constants: constants.items,
    code: readCode(members),
    mobile: { bytecode: members.has('bytecode.pkl'), debug: members.has('mobile_debug_handles.pkl') },
    extraFiles: members.names.filter((n) => n.startsWith('extra/')).map((n) => n.slice('extra/'.length)),
    members: members.names,
    read: members.read,
    readPickle: unpickle,
    tracedInputs: () => (members.has('traced_inputs.pkl') ? unpickle('traced_inputs.pkl') : undefined),
    origins: (path) => readOrigins(members, unpickle, path),
  };
}

/** Members by path below the archive's one root folder. */
interface Members {
  readonly file: string;
  readonly names: readonly string[];
  has(name: string): boolean;
  size(name: string): number;
  read(name: string): Uint8Array;
}

function openMembers(zip: ZipArchive, file: string): Members {
  const root = rootOf([...zip.members.keys()], file);
  const below = new Map<string, ZipMember>();
  for (const [name, member] of zip.members) {
    if (name.startsWith(root)) below.set(name.slice(root.length), member);
  }
  const find = (name: string): ZipMember => {
    const member = below.get(name);
    if (member !== undefined) return member;
    throw badInput(
      'E3340',
      `the archive has no ${name}`,
      { file, node: name },
      'the file is incomplete; save the model again with torch.jit.save',
    );
  };
  return {
    file,
    names: [...below.keys()],
    has: (name) => below.has(name),
    size: (name) => below.get(name)?.size ?? 0,
    read: (name) => zip.read(find(name)),
  };
}

const LANDMARKS = [
  'data.pkl',
  'constants.pkl',
  'version',
  'model.json',
  'bytecode.pkl',
  '.data/version',
  'archive_format',
];

/** The folder that holds the archive, with its slash; '' if it was packed without one. */
function rootOf(names: readonly string[], file: string): string {
  for (const mark of LANDMARKS) {
    const found = names.find(
      (n) => n === mark || (n.endsWith(`/${mark}`) && !n.slice(0, -mark.length - 1).includes('/')),
    );
    if (found !== undefined) return found.slice(0, found.length - mark.length);
  }
  throw badInput(
    'E3341',
    'the file is a zip archive, but not one that PyTorch writes: it has no data.pkl',
    { file },
    'pass the .pt or .ptl file itself, not an archive around it',
  );
}

function checkByteOrder(members: Members): void {
  if (!members.has('byteorder')) return;
  const order = readText(members, 'byteorder', 64).trim();
  if (order === 'little') return;
  const where = { file: members.file, node: 'byteorder' };
  if (order === 'big') {
    throw unsupported(
      'E4355',
      'the archive was written on a big-endian machine',
      where,
      'load and save it on a little-endian machine',
    );
  }
  throw badInput('E3342', `the byte order ${JSON.stringify(order.slice(0, 20))} is not known`, where);
}

function readVersion(members: Members): number {
  const name = members.has('.data/version') ? '.data/version' : 'version';
  const where = { file: members.file, node: name };
  const text = readText(members, name, 64).trim();
  if (!/^\d{1,4}$/.test(text))
    throw badInput(
      'E3342',
      `the file format version ${JSON.stringify(text.slice(0, 20))} is not a number`,
      where,
    );
  const version = Number(text);
  if (version > ARCHIVE_LIMITS.version) {
    throw unsupported(
      'E4317',
      `the archive has file format version ${version}; up to ${ARCHIVE_LIMITS.version} is read`,
      where,
      'save it with an older PyTorch',
    );
  }
  return version;
}

function readText(members: Members, name: string, limit: number): string {
  const size = members.size(name);
  if (size > limit) throw tooLarge(members, name, size, limit);
  const bytes = members.read(name);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badInput('E3343', `${name} is not UTF-8 text`, { file: members.file, node: name });
  }
}

function tooLarge(members: Members, name: string, size: number, limit: number): NeffcError {
  return badInput('E3344', `${name} has ${size} bytes; the limit is ${limit}`, {
    file: members.file,
    node: name,
  });
}

function readCode(members: Members): ReadonlyMap<string, string> {
  const code = new Map<string, string>();
  let total = 0;
  for (const name of members.names) {
    if (!name.startsWith('code/') || !name.endsWith('.py')) continue;
    total += members.size(name);
    if (total > ARCHIVE_LIMITS.sourceTotal)
      throw tooLarge(members, 'code/', total, ARCHIVE_LIMITS.sourceTotal);
    code.set(name, readText(members, name, ARCHIVE_LIMITS.sourceFile));
  }
  if (code.size === 0)
    throw badInput('E3340', 'the archive has no code/ files', { file: members.file, node: 'code/' });
  return code;
}

function readOrigins(
  members: Members,
  unpickle: (name: string) => PickleValue,
  codePath: string,
): SourceOrigins | undefined {
  const name = `${codePath}.debug_pkl`;
  if (!members.has(name)) return undefined;
  try {
    return sourceOrigins(unpickle(name));
  } catch (e) {
    // Only a better place in a message would be lost.
    if (e instanceof NeffcError) return undefined;
    throw e;
  }
}

/** Pickles of one archive. They share storages: `constants/0` is one object wherever it is named. */
function unpickler(members: Members): (name: string) => PickleValue {
  const storages = new Map<string, TorchStorage>();
  const contents = new Map<string, Uint8Array>();
  // Read once each, however often a pickle names it: inflating again and again would be a way to stall us.
  const content = (path: string): Uint8Array => {
    const bytes = contents.get(path) ?? members.read(path);
    contents.set(path, bytes);
    return bytes;
  };
  return (name) => {
    const size = members.size(name);
    if (size > ARCHIVE_LIMITS.pickle) throw tooLarge(members, name, size, ARCHIVE_LIMITS.pickle);
    const storage = storageLookup(members, name, storages, content);
    return readPickle(members.read(name), { file: members.file, member: name, storage });
  };
}

const SCALARS = new Map(TORCH_SCALAR_TYPES.map((t) => [t.name, t]));

/**
 * Storages of a pickle lie in the folder of its name. Keys with a slash are paths already, and bytecode shares the
 * constants. Traced inputs are written without their data: such storages have a count and no bytes.
 */
function storageLookup(
  members: Members,
  pickle: string,
  storages: Map<string, TorchStorage>,
  content: (path: string) => Uint8Array,
): StorageLookup {
  const folder = pickle.replace(/\.pkl$/, '');
  const withoutData = folder === 'traced_inputs';
  return (scalar, key, device, count) => {
    const own = key.includes('/') ? key : `${folder}/${key}`;
    const path = pickle === 'bytecode.pkl' && !members.has(own) ? `constants/${key}` : own;
    const known = storages.get(`${path} ${scalar}`);
    if (known?.count === count) return known;
    const where = { file: members.file, node: path };
    const dtype = SCALARS.get(scalar)?.dtype;
    if (dtype === undefined)
      throw unsupported('E4303', `tensors of element type ${scalar} are not read`, where);
    const size = withoutData ? 0 : byteLength(dtype, count);
    const bytes = size === 0 ? new Uint8Array(0) : content(path);
    if (bytes.length < size) {
      throw badInput(
        'E3326',
        `the tensor data ${path} has ${bytes.length} bytes, but ${count} elements of ${scalar} need ${size}`,
        where,
        'the file is damaged; save the model again',
      );
    }
    const storage = { key: path, bytes: bytes.subarray(0, size), dtype, scalar, count, device };
    storages.set(`${path} ${scalar}`, storage);
    return storage;
  };
}

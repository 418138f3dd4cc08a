// Which member of the archive holds what, in both directions: encodeMembers and decodeMembers are each other's inverse.
//   neff.json host.json constants.bin constants.json debug.json [graph.txt]
//   segments/def.json segments/{pe,act,dve,pool,sp,dma}.bin      sgNN/def.json sgNN/{pe,act,dve,pool,sp,dma}.bin
// A .bin of segments/ is the segments' code one after another, one of sgNN/ the executable's `load`, then `main`; dma.bin is
// a descriptor table. Instructions are not decoded here.
import { createHash } from 'node:crypto';
import { badInput, bug, NeffcError } from '../base/diagnostic.js';
import { ENGINES } from '../chip/target.js';
import { decodeDescriptors, encodeDescriptors } from '../isa/dma-codec.js';
import type { DmaDescriptor, EngineName } from '../isa/operands.js';
import type { Code, Executable, Program, Segment } from '../isa/program.js';
import { type ConstantEntry, constantIndex } from './constants.js';
import { debugInfo } from './debug.js';
import { FEATURES, featuresOf } from './features.js';
import { type HostProgram, hostProgram } from './host-program.js';
import { type Decode, dictionary } from './json.js';
import type { Artifact, ArtifactDraft, ExecutableInfo } from './model.js';
import { type CodeSizes, executableDef, neffJson, segmentsDef } from './schema.js';
import type { Member } from './tar.js';

/** Largest JSON member: what one string of every supported Node version holds, with room. */
const MAX_JSON_BYTES = 2 ** 28;

const hostPrograms: Decode<Readonly<Record<string, HostProgram>>> = dictionary(hostProgram);

/** Folder of an executable. */
export function executableFolder(index: number): string {
  return `sg${String(index).padStart(2, '0')}`;
}

function member(name: string, ...chunks: readonly Uint8Array[]): Member {
  return { name, bytes: chunks.reduce((n, c) => n + c.length, 0), chunks: () => chunks };
}

/** JSON through its decoder, so that key order and bytes depend on content alone. `indent` for what people read. */
function jsonMember<T>(name: string, decode: Decode<T>, value: T, indent = 0): Member {
  try {
    const text = JSON.stringify(decode(value, name), undefined, indent);
    return member(name, new TextEncoder().encode(`${text}\n`));
  } catch (error) {
    if (error instanceof NeffcError)
      throw bug('E1510', `the artifact to write is not valid: ${error.message}`);
    throw error;
  }
}

const sizesOf = (code: Code): CodeSizes =>
  Object.fromEntries(ENGINES.map((e) => [e, code[e].length])) as unknown as CodeSizes;

function codeMembers(
  folder: string,
  codes: readonly Code[],
  descriptors: readonly DmaDescriptor[],
): Member[] {
  return [
    ...ENGINES.map((e) => member(`${folder}/${e}.bin`, ...codes.map((c) => c[e]))),
    member(`${folder}/dma.bin`, encodeDescriptors(descriptors)),
  ];
}

function executableMembers(executable: Executable, info: ExecutableInfo, folder: string): Member[] {
  const { name, kind, pins, load, main, descriptors } = executable;
  const def = { ...info, name, kind, pins, loadBytes: sizesOf(load) };
  return [
    jsonMember(`${folder}/def.json`, executableDef, def),
    ...codeMembers(folder, [load, main], descriptors),
  ];
}

/** The members of an artifact. @throws E1510 where a record is not of the form the format has */
export function encodeMembers(draft: ArtifactDraft): Member[] {
  const { manifest, program, constants, graphText } = draft;
  const { segments, executables, segmentDescriptors, variables } = program;
  const features = Object.fromEntries(featuresOf(draft).map((f) => [f, FEATURES.indexOf(f)]));
  const neff = {
    ...manifest,
    features,
    variables,
    segments: segments.length,
    executables: executables.length,
  };
  const segmentSizes = segments.map(({ name, code }) => ({ name, bytes: sizesOf(code) }));
  return [
    jsonMember('neff.json', neffJson, neff, 1),
    jsonMember('host.json', hostPrograms, draft.host, 1),
    { name: 'constants.bin', bytes: constants.byteLength, chunks: () => constants.chunks() },
    jsonMember('constants.json', constantIndex, { tensors: constants.index }),
    jsonMember('debug.json', debugInfo, draft.debug),
    ...(graphText === undefined ? [] : [member('graph.txt', new TextEncoder().encode(graphText))]),
    jsonMember('segments/def.json', segmentsDef, { segments: segmentSizes }),
    ...codeMembers(
      'segments',
      segments.map((s) => s.code),
      segmentDescriptors,
    ),
    ...executables.flatMap((e, i) => {
      const info = draft.executables[i];
      if (info === undefined) throw bug('E1510', `executable ${e.name} has no host information`);
      return executableMembers(e, info, executableFolder(i));
    }),
  ];
}

/** Takes members by name; what nobody took is an error too. */
class Source {
  private readonly members: Map<string, Uint8Array>;

  constructor(members: Map<string, Uint8Array>) {
    this.members = new Map(members);
  }

  optional(name: string): Uint8Array | undefined {
    const bytes = this.members.get(name);
    this.members.delete(name);
    return bytes;
  }

  bytes(name: string): Uint8Array {
    return this.optional(name) ?? missing(name);
  }

  text(name: string, bytes = this.bytes(name)): string {
    if (bytes.length > MAX_JSON_BYTES)
      throw badInput('E3510', `${name} has ${bytes.length} bytes, more than ${MAX_JSON_BYTES}`);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw badInput('E3511', `${name} is not UTF-8`);
    }
  }

  json<T>(name: string, decode: Decode<T>): T {
    const text = this.text(name);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw badInput('E3511', `${name} is not JSON`);
    }
    return decode(value, name);
  }

  /** Splits each engine's code at the given sizes; the last part takes the rest where `rest` is set. */
  code(folder: string, sizes: readonly CodeSizes[], rest: boolean): Code[] {
    const parts: Record<EngineName, Uint8Array>[] = sizes.map(() => ({}) as Record<EngineName, Uint8Array>);
    const tail = {} as Record<EngineName, Uint8Array>;
    for (const engine of ENGINES) {
      const name = `${folder}/${engine}.bin`;
      const bytes = this.bytes(name);
      let at = 0;
      for (const [i, size] of sizes.entries()) {
        const part = parts[i];
        if (part !== undefined) part[engine] = bytes.subarray(at, at + size[engine]);
        at += size[engine];
      }
      if (at > bytes.length || (!rest && at < bytes.length)) {
        throw badInput('E3512', `${name} has ${bytes.length} bytes; ${folder}/def.json counts ${at}`);
      }
      tail[engine] = bytes.subarray(at);
    }
    return rest ? [...parts, tail] : parts;
  }

  descriptors(folder: string): DmaDescriptor[] {
    try {
      return decodeDescriptors(this.bytes(`${folder}/dma.bin`));
    } catch (error) {
      if (error instanceof NeffcError && error.diagnostics[0]?.code === 'E1207') {
        throw badInput('E3513', `${folder}/dma.bin: ${error.diagnostics[0].message}`);
      }
      throw error;
    }
  }

  end(): void {
    const [name] = this.members.keys();
    if (name !== undefined)
      throw badInput('E3510', `the archive has a member ${name} that the format does not know`);
  }
}

function missing(name: string): never {
  throw badInput('E3510', `the archive has no member ${name}`);
}

function readSegments(source: Source): Segment[] {
  const { segments } = source.json('segments/def.json', segmentsDef);
  const code = source.code(
    'segments',
    segments.map((s) => s.bytes),
    false,
  );
  return segments.map(({ name }, i) => ({ name, code: code[i] ?? missing('segments/def.json') }));
}

function readExecutable(source: Source, folder: string): [Executable, ExecutableInfo] {
  const { name, kind, pins, loadBytes, ...info } = source.json(`${folder}/def.json`, executableDef);
  const [load = missing(folder), main = missing(folder)] = source.code(folder, [loadBytes], true);
  return [{ name, kind, pins, load, main, descriptors: source.descriptors(folder) }, info];
}

/** The names of the features that neff.json says are in use, by bit; empty where it cannot be read. */
export function featureNames(members: Map<string, Uint8Array>): ReadonlyMap<number, string> {
  const bytes = members.get('neff.json');
  if (bytes === undefined || bytes.length > MAX_JSON_BYTES) return new Map();
  try {
    const { features } = JSON.parse(new TextDecoder().decode(bytes)) as {
      readonly features?: Record<string, unknown>;
    };
    return new Map(Object.entries(features ?? {}).map(([name, bit]) => [Number(bit), name]));
  } catch {
    return new Map();
  }
}

/** @throws E3510 (a member missing or unknown), E3511 (JSON), E3512 (sizes of code), E3513 (descriptors) */
export function decodeMembers(members: Map<string, Uint8Array>, lenient: boolean): Omit<Artifact, 'header'> {
  const source = new Source(members);
  const {
    features,
    variables,
    segments,
    executables: count,
    ...manifest
  } = source.json('neff.json', neffJson);
  if (count > members.size) missing(`${executableFolder(count - 1)}/def.json`);
  const host = source.json('host.json', hostPrograms);
  const constants: { bytes: Uint8Array; index: readonly ConstantEntry[] } = {
    bytes: source.bytes('constants.bin'),
    index: source.json('constants.json', constantIndex).tensors,
  };
  const debug = source.json('debug.json', debugInfo);
  const graph = source.optional('graph.txt');
  const program: Program = {
    variables,
    segments: readSegments(source),
    segmentDescriptors: source.descriptors('segments'),
    executables: [],
  };
  if (program.segments.length !== segments) {
    throw badInput(
      'E3512',
      `segments/def.json has ${program.segments.length} segments, neff.json says ${segments}`,
    );
  }
  const read = Array.from({ length: count }, (_, i) => readExecutable(source, executableFolder(i)));
  if (!lenient) source.end();
  return {
    manifest,
    host,
    program: { ...program, executables: read.map(([executable]) => executable) },
    executables: read.map(([, info]) => info),
    constants,
    debug,
    ...(graph && { graphText: source.text('graph.txt', graph) }),
  };
}

/** SHA-256 of chunks. */
export function hashOf(chunks: Iterable<Uint8Array>): Uint8Array {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest();
}

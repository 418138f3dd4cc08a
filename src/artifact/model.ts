// The decoded artifact as data: everything a .neff says. Bytes are in header.ts, tar.ts and members.ts.
// Variables are named by their index in Program.variables, executables and host values by name.
import type { Target } from '../chip/target.js';
import type { Program } from '../isa/program.js';
import type { ConstantEntry, ConstantSource } from './constants.js';
import type { DebugInfo } from './debug.js';
import type { HostProgram } from './host-program.js';
import type { JsonRecord } from './json.js';
import type { ModelSignature } from './signature.js';

/** Version of the format: a reader refuses a newer major, reads a newer minor. `package` says which header and hash. */
export const FORMAT_VERSION = { package: 1, major: 1, minor: 0 } as const;

/** The header's fields that are not derived from the payload. */
export interface ArtifactHeader {
  readonly buildVersion: string;
  /** Physical cores that one copy of the artifact runs on: 1, or the stages of a pipeline. */
  readonly coreCount: number;
  readonly name: string;
  readonly requestedCores: number;
  /** Bit i is FEATURES[i]; computed from the content when written. */
  readonly featureBits: bigint;
  readonly minor: number;
  /** Hex of the first 16 bytes of SHA-256 over the header: names these bytes. */
  readonly uuid: string;
  /** Hex of the payload's SHA-256. */
  readonly hash: string;
}

/** What a host operator takes: a host value, or a tensor of the constants' index. */
export type HostOperand = { readonly value: string } | { readonly constant: number };

/** An operator that runs on the host; `call` steps name it by its index. */
export interface HostOperator {
  /** Name in the table of functions that the runtime is given. */
  readonly op: string;
  /** Node of the source. */
  readonly node: string;
  readonly attributes: JsonRecord;
  readonly inputs: readonly HostOperand[];
  /** Host values it makes. */
  readonly outputs: readonly string[];
  /** Estimated time on the host, in modelled ns. */
  readonly modelledNs: number;
}

export interface NeffManifest {
  readonly compiler: string;
  readonly target: Target;
  /** Options that shaped the artifact, as given and as defaulted; no paths, no dates. */
  readonly options: JsonRecord;
  readonly models: readonly ModelSignature[];
  readonly hostOperators: readonly HostOperator[];
  /** What the compiler tells reports: memory peaks, copies, estimates. Free form. */
  readonly report?: JsonRecord;
}

/** [from, to) in bytes. */
export type ByteRange = readonly [from: number, to: number];

/** State that an executable uses: what must be valid when it starts, what is valid when it has ended. */
export interface StateUse {
  readonly variable: number;
  readonly entry: readonly ByteRange[];
  readonly exit: readonly ByteRange[];
}

/** What a host needs to know of an executable, beside Program.executables[i]. */
export interface ExecutableInfo {
  /** Input variables it reads. */
  readonly reads: readonly number[];
  /** Output variables it writes, whole. */
  readonly writes: readonly number[];
  /** Output or state variables of one int32 word that `while` may test after it. */
  readonly flags: readonly number[];
  readonly states: readonly StateUse[];
  /** Registers the runtime sets to the execution's number times `step`, in every engine (waits on chip semaphores). */
  readonly registers: readonly { readonly register: number; readonly step: number }[];
  /** Core of the artifact's cores it runs on; 0 but for stages of a pipeline. */
  readonly core: number;
}

/** What artifacts that were read and those to be written have in common. */
export interface ArtifactParts {
  readonly manifest: NeffManifest;
  /** By name. */
  readonly host: Readonly<Record<string, HostProgram>>;
  readonly program: Program;
  /** Parallel to Program.executables. */
  readonly executables: readonly ExecutableInfo[];
  readonly debug: DebugInfo;
  readonly graphText?: string;
}

/** An artifact that was read: views of the file's bytes. */
export interface Artifact extends ArtifactParts {
  readonly header: ArtifactHeader;
  readonly constants: { readonly bytes: Uint8Array; readonly index: readonly ConstantEntry[] };
}

/** An artifact to write; hashes, feature bits and versions follow from it. */
export interface ArtifactDraft extends ArtifactParts {
  /** Shown by tools that read the header only; cut to 255 bytes. */
  readonly name: string;
  readonly requestedCores?: number;
  readonly constants: ConstantSource;
}

/** The draft that writes a read artifact again, e.g. after `link` or `reweight` changed parts of it. */
export function draftOf(artifact: Artifact): ArtifactDraft {
  const { header, constants, ...parts } = artifact;
  return {
    ...parts,
    name: header.name,
    requestedCores: header.requestedCores,
    constants: {
      index: constants.index,
      byteLength: constants.bytes.length,
      chunks: () => [constants.bytes],
    },
  };
}

/** Cores that one copy of the artifact runs on. */
export function coreCountOf(executables: readonly ExecutableInfo[]): number {
  return executables.reduce((most, e) => Math.max(most, e.core + 1), 1);
}

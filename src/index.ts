// The public API of the package: compile a model, read an artifact, run it on the simulated chip. Everything is synchronous and
// prints nothing; what goes wrong is a NeffcError, whose diagnostics are the ones the command line shows. What is not exported
// here may change without notice.
import type { Artifact } from './artifact/model.js';
import { readArtifact, readArtifactFile } from './artifact/read.js';
import { artifactBytes, type WrittenArtifact, writeArtifactFile } from './artifact/write.js';
import { usageError } from './base/diagnostic.js';
import type { HostTensor } from './base/tensor.js';
import { BUILTIN_TARGETS } from './chip/builtin.js';
import { loadTarget } from './chip/load-target.js';
import type { Target } from './chip/target.js';
import { type ShapeBucket, shapeBuckets } from './driver/buckets.js';
import { type CompileReport, compileModel, type CompileOptions as DriverOptions } from './driver/compile.js';
import { compileDecode, type DecodeRequest } from './driver/generate/decode-request.js';
import { HOST_OPERATORS } from './driver/host/operators.js';
import { type Loaded, type LoadOptions, loadArtifact } from './runtime/load.js';
import { type RequestOptions, type RequestResult, runRequest } from './runtime/request.js';

export type { Artifact } from './artifact/model.js';
export type { ModelSignature } from './artifact/signature.js';
export { type Diagnostic, EXIT, NeffcError, type Place } from './base/diagnostic.js';
export type { DType } from './base/dtype.js';
export { fromNumbers, type HostTensor, toNumbers } from './base/tensor.js';
export type { Target } from './chip/target.js';
export type { CompileReport } from './driver/compile.js';
export type { DecodeRequest } from './driver/generate/decode-request.js';
export { VERSION } from './driver/version.js';
export type { Loaded, LoadOptions } from './runtime/load.js';
export type { RequestMetrics, RequestOptions, RequestResult } from './runtime/request.js';

/** A model file (ONNX or TorchScript, told apart by content) or folder, or the files of an encoder-decoder pair. */
export type ModelSource =
  | string
  | { readonly encoder: string; readonly decoder: string; readonly decoderPast?: string };

export interface CompileOptions {
  /** Name of a built-in target, or a target (see `target`). Default `inf2`. */
  readonly target?: string | Target;
  /** Which operators compute in 16 bits. Default `none`. */
  readonly autoCast?: DriverOptions['autoCast'];
  /** The 16-bit type. Default `bf16`. */
  readonly autoCastType?: DriverOptions['autoCastType'];
  /** Effort, 0 to 3. Default 2. */
  readonly level?: number;
  /** Shapes by input name or position, for dims that the model leaves open; a list of shapes makes buckets. */
  readonly inputShapes?: Readonly<Record<string, readonly number[] | readonly (readonly number[])[]>>;
  /** Whether operators that no engine runs may go to the host. Default `allow`. */
  readonly hostOps?: DriverOptions['hostOps'];
  /** Builds a decoding loop from a model that generates token by token. An encoder-decoder pair is always built so. */
  readonly decode?: Partial<Omit<DecodeRequest, 'files' | 'flags'>> & {
    readonly flags?: Partial<Omit<DecodeRequest['flags'], 'inputShapes'>>;
  };
  /** Called with the name of each stage as it ends. */
  readonly onStage?: (stage: string) => void;
}

export interface Compiled {
  readonly report: CompileReport;
  /** The artifact: the same bytes for the same model and options, everywhere. */
  bytes(): Uint8Array;
  /** Writes them to a file, which appears whole or not at all. */
  write(path: string): WrittenArtifact;
}

/**
 * Compiles a model. Reads its files, writes none.
 * @throws NeffcError: exit code 3 (the model is broken), 4 (all that is unsupported, at once), 5 (too large for the target)
 */
export function compile(source: ModelSource, options: CompileOptions = {}): Compiled {
  const { decode, onStage } = options;
  const buckets = bucketsOf(options.inputShapes ?? {});
  const inputShapes = buckets.at(-1)?.inputShapes ?? new Map();
  const settings: DriverOptions = {
    target: typeof options.target === 'object' ? options.target : target(options.target ?? 'inf2'),
    autoCast: options.autoCast ?? 'none',
    autoCastType: options.autoCastType ?? 'bf16',
    inputShapes,
    buckets,
    hostOps: options.hostOps ?? 'allow',
    preprocess: new Map(),
    level: options.level ?? 2,
    ...(onStage && { onStage: (stage: string) => onStage(stage) }),
  };
  const { draft, report } =
    typeof source === 'string' && decode === undefined
      ? compileModel(source, settings)
      : compileDecode(
          {
            variant: 'auto',
            objective: 'mean',
            incremental: 'auto',
            residentState: false,
            ...decode,
            files: typeof source === 'string' ? { model: source } : source,
            flags: { bind: [], state: [], ...decode?.flags, inputShapes },
          },
          settings,
        );
  return {
    report,
    bytes: () => artifactBytes(draft),
    write: (path) => writeArtifactFile(path, draft),
  };
}

function bucketsOf(shapes: NonNullable<CompileOptions['inputShapes']>): readonly ShapeBucket[] {
  const isShape = (given: readonly unknown[]): given is readonly number[] => typeof given[0] !== 'object';
  return shapeBuckets(
    Object.entries(shapes).map(([name, given]) => ({ name, shapes: isShape(given) ? [given] : given })),
  );
}

/**
 * A target: a built-in one by name, or the one that parsed JSON describes (docs/targets.md).
 * @throws NeffcError E2002 for a name that is not built in, E3401 to E3403 for JSON that describes no target
 */
export function target(nameOrJson: string | Readonly<Record<string, unknown>>): Target {
  if (typeof nameOrJson !== 'string') return loadTarget(nameOrJson, 'target');
  const found = BUILTIN_TARGETS.find((t) => t.name === nameOrJson);
  if (found !== undefined) return found;
  const names = BUILTIN_TARGETS.map((t) => t.name).join(', ');
  throw usageError(
    'E2002',
    `there is no target ${nameOrJson}`,
    undefined,
    `the built-in targets are ${names}`,
  );
}

/**
 * Reads an artifact from its bytes or its file, and checks its hashes.
 * @throws NeffcError E3501 to E3513, exit code 3
 */
export function readNeff(from: Uint8Array | string): Artifact {
  return typeof from === 'string' ? readArtifactFile(from) : readArtifact(from, { file: 'artifact' });
}

/**
 * Puts an artifact on simulated cores. Weights stay there, so that several requests pay for loading once.
 * @throws NeffcError E5110 where a chip's memory is too small
 */
export function load(artifact: Artifact, options: LoadOptions = {}): Loaded {
  return loadArtifact(artifact, { hostOperators: HOST_OPERATORS, ...options });
}

/**
 * Runs one request on the simulated chip, from the artifact's instruction bytes: values, modelled time, memory.
 * @param on an artifact (loaded on one core for this request alone) or what `load` gave
 * @param inputs tensors by input name
 * @throws NeffcError: exit code 3 for inputs that do not fit the signature, 1 for a trap of the chip
 */
export function simulate(
  on: Artifact | Loaded,
  inputs: Readonly<Record<string, HostTensor>>,
  options: RequestOptions = {},
): RequestResult {
  const loaded = 'artifact' in on ? on : load(on);
  return runRequest(loaded, new Map(Object.entries(inputs)), options);
}

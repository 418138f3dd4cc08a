// One model with recorded data, from file to verdict in this process: compile, artifact bytes, read them back, load, run, compare.
// `npm run conformance` and `npm run corpus` judge through it. Nothing is taken from the compiler but the bytes.
import { readArtifact } from '../artifact/read.js';
import type { ModelSignature } from '../artifact/signature.js';
import { artifactBytes } from '../artifact/write.js';
import { EXIT, NeffcError } from '../base/diagnostic.js';
import { loadArtifact } from '../runtime/load.js';
import { runRequest } from '../runtime/request.js';
import type { CheckMode } from '../sim/simulate.js';
import { compareTensors, type Tolerance } from './compare.js';
import { type CompileOptions, compileModel } from './compile.js';
import { compileSource } from './compile-source.js';
import { HOST_OPERATORS } from './host/operators.js';
import type { ReferenceSet } from './reference-data.js';

export interface ModelCase {
  readonly model: string;
  readonly options: CompileOptions;
  /** Whether decoding loops become loops of executions; else every graph is one executable. */
  readonly loops: boolean;
  readonly checks: CheckMode;
  /** The recorded data, in terms of the signature that the artifact turned out to have. */
  readonly sets: (signature: ModelSignature) => readonly ReferenceSet[];
  readonly tolerance: (dtype: string) => Tolerance;
}

export type Verdict =
  | {
      readonly verdict: 'passed';
      readonly hostOperators: readonly string[];
      readonly fixedInputs?: readonly string[];
    }
  /** Wrong numbers, or an error that is no refusal. */
  | {
      readonly verdict: 'failed';
      readonly reason: string;
      readonly hostOperators: readonly string[];
      readonly fixedInputs?: readonly string[];
    }
  /** Unsupported, by name. */
  | { readonly verdict: 'refused'; readonly reason: string };

/** Judges a case. Never throws. */
export function judgeCase(given: ModelCase): Verdict {
  let hostOperators: readonly string[] = [];
  try {
    const { draft, report } = (given.loops ? compileSource : compileModel)(given.model, given.options);
    hostOperators = [...new Set(report.host_operators.map((o) => o.op))];
    const artifact = readArtifact(artifactBytes(draft), { file: draft.name });
    const [signature] = artifact.manifest.models;
    const loaded = loadArtifact(artifact, { checks: given.checks, hostOperators: HOST_OPERATORS });
    for (const set of signature === undefined ? [] : given.sets(signature)) {
      const { outputs } = runRequest(loaded, set.inputs);
      for (const [name, want] of set.outputs) {
        const got = outputs.get(name);
        const { equal, reason = '' } =
          got === undefined
            ? { equal: false, reason: 'it is missing' }
            : compareTensors(got, want, given.tolerance(want.dtype));
        if (!equal)
          return { verdict: 'failed', reason: `${set.name}, output ${name}: ${reason}`, hostOperators };
      }
    }
    return { verdict: 'passed', hostOperators };
  } catch (error) {
    return judgeError(error, hostOperators);
  }
}

function judgeError(error: unknown, hostOperators: readonly string[]): Verdict {
  if (!(error instanceof NeffcError)) {
    return {
      verdict: 'failed',
      reason: `crash: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      hostOperators,
    };
  }
  const reason = error.diagnostics
    .map((d) => `${d.code}: ${d.message}${d.where?.node === undefined ? '' : ` (${d.where.node})`}`)
    .join('; ');
  return error.exitCode === EXIT.unsupported
    ? { verdict: 'refused', reason }
    : { verdict: 'failed', reason, hostOperators };
}

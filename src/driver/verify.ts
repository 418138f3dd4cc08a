// Verification: runs an artifact on inputs of which reference outputs are known, and compares. Where the references come from
// (recorded files, another runtime) is the caller's.
import { usageError } from '../base/diagnostic.js';
import type { Loaded } from '../runtime/load.js';
import { modelOf } from '../runtime/model-program.js';
import { runRequest } from '../runtime/request.js';
import { type Comparison, compareTensors, toleranceOf } from './compare.js';
import type { ReferenceSet } from './reference-data.js';

export interface VerifiedOutput extends Comparison {
  readonly set: string;
  readonly output: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface Verification {
  readonly equal: boolean;
  readonly precision: string;
  readonly outputs: readonly VerifiedOutput[];
}

/** Compares the outputs of a loaded artifact with each set's. @throws as runRequest, E2521 where outputs have no counterpart */
export function verifyArtifact(loaded: Loaded, sets: readonly ReferenceSet[], model?: string): Verification {
  const { precision } = modelOf(loaded.artifact, model);
  const tolerance = toleranceOf(precision);
  const outputs = sets.flatMap((set): VerifiedOutput[] => {
    const result = runRequest(loaded, set.inputs, { ...(model !== undefined && { model }) });
    return [...set.outputs].map(([name, want]) => {
      const got = result.outputs.get(name);
      if (got === undefined) throw usageError('E2521', `the artifact has no output ${name}`);
      return {
        set: set.name,
        output: name,
        dtype: want.dtype,
        shape: want.shape,
        ...compareTensors(got, want, tolerance),
      };
    });
  });
  return { equal: outputs.every((o) => o.equal), precision, outputs };
}

// What does not fit is lowered again as if SBUF were smaller: fewer values live on chip, and kernels work in smaller pieces.
import { NeffcError } from '../base/diagnostic.js';
import type { Target } from '../chip/target.js';

/** Shares of a partition that lowering may count on, one after the other. */
const SHARES = [1, 0.6, 0.3] as const;

/** What `make` gives for the first share that fits. @throws E5101 of the whole where none does */
export function frugally<T>(target: Target, make: (smaller: Target) => T): T {
  let first: unknown;
  for (const share of SHARES) {
    try {
      return make({ ...target, sbufPartitionBytes: Math.floor(target.sbufPartitionBytes * share) });
    } catch (error) {
      if (!(error instanceof NeffcError) || error.diagnostics[0]?.code !== 'E5101') throw error;
      first ??= error;
    }
  }
  throw first;
}

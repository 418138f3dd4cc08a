// Runs something that must fail with a coded error and returns the code; any other outcome fails the test.

import { NeffcError } from '../../src/base/diagnostic.js';

/** The code of the first diagnostic that `run` throws, or 'none'. Other exceptions pass through. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (e) {
    if (e instanceof NeffcError) return e.diagnostics[0]?.code ?? 'empty';
    throw e;
  }
  return 'none';
}

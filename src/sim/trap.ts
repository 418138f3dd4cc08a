// Traps: what stops a simulated execution. A trap is a NeffcError with a code E14xx; the instruction's effects know only the fact,
// so the engine that was running adds the place with `placed`.
import { bug, NeffcError, type Place } from '../base/diagnostic.js';

export const TRAPS = {
  bounds: 'E1401',
  shape: 'E1402',
  type: 'E1403',
  narrowing: 'E1404',
  index: 'E1405',
  constant: 'E1406',
} as const;
export type TrapKind = keyof typeof TRAPS;

/** A trap as an exception to throw; `detail` states the fact with addresses and values. */
export function trap(kind: TrapKind, detail: string): NeffcError {
  return bug(TRAPS[kind], detail);
}

/** The same error, its message preceded by where it happened (`dve #17 TENSOR_TENSOR`) and pointing at `where` if known. */
export function placed(error: NeffcError, at: string, where?: Place): NeffcError {
  const diagnostics = error.diagnostics.map((d) => ({
    ...d,
    message: `${at}: ${d.message}`,
    ...(where && { where }),
  }));
  return new NeffcError(diagnostics, error.exitCode);
}

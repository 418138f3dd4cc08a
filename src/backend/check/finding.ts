// What the backend's checkers report: data, every violation at its place. Turning findings into an error is for the compile.
import { type Diagnostic, EXIT, NeffcError } from '../../base/diagnostic.js';

export interface Finding {
  /** Id of the invariant that is broken. */
  readonly rule: string;
  /** Where: a step of the program, an instruction of an engine. */
  readonly at: string;
  readonly message: string;
}

/** Findings shown of one check; the rest is counted. */
const SHOWN = 20;

/** @throws the findings as bugs with this code, where there are any */
export function requireNone(code: string, stage: string, findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  const lines = findings.slice(0, SHOWN).map((f) => `${f.rule}: ${f.at}: ${f.message}`);
  if (findings.length > SHOWN) lines.push(`${findings.length - SHOWN} more`);
  const diagnostics = lines.map(
    (line): Diagnostic => ({ code, severity: 'error', message: `check of ${stage}: ${line}` }),
  );
  throw new NeffcError(diagnostics, EXIT.bug);
}

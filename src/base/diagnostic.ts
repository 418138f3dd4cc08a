// Diagnostics as data: a stable code, the fact, the place, the reason, the remedy.
// Printing is somewhere else (cli/); this file knows no terminal and no process.

export type Severity = 'error' | 'warning' | 'note';

/** Where a diagnostic points: any of the parts may be missing. */
export interface Place {
  readonly file?: string;
  /** Node name in the source model, or module path. */
  readonly node?: string;
  /** Line of the source text (TorchScript code, text IR), 1-based. */
  readonly line?: number;
  /** Byte offset in the file. */
  readonly offset?: number;
}

export interface Diagnostic {
  /** `E1203` or `W1203`; the catalogue in diagnostic-catalog.ts knows every code. */
  readonly code: string;
  readonly severity: Severity;
  /** The fact and the reason, one sentence. */
  readonly message: string;
  readonly where?: Place;
  /** What to do about it. */
  readonly hint?: string;
}

/** Exit codes of the command line: see docs/cli.md. */
export const EXIT = {
  good: 0,
  bug: 1,
  usage: 2,
  badInput: 3,
  unsupported: 4,
  doesNotFit: 5,
  verifyFailed: 6,
  overBudget: 7,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The only exception class of the project. Carries one or more diagnostics and the exit code they imply. */
export class NeffcError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  readonly exitCode: ExitCode;
  constructor(diagnostics: readonly Diagnostic[], exitCode: ExitCode) {
    super(diagnostics.map((d) => `${d.code}: ${d.message}`).join('\n'));
    this.name = 'NeffcError';
    this.diagnostics = diagnostics;
    this.exitCode = exitCode;
  }
}

function error(exitCode: ExitCode) {
  return (code: string, message: string, where?: Place, hint?: string): NeffcError =>
    new NeffcError(
      [{ code, severity: 'error', message, ...(where && { where }), ...(hint && { hint }) }],
      exitCode,
    );
}

/** A wrong option or argument: exit 2, codes E20xx. */
export const usageError = error(EXIT.usage);
/** A damaged or contradictory input file: exit 3, codes E3xxx. */
export const badInput = error(EXIT.badInput);
/** A valid input that asks for what is not built: exit 4, codes E4xxx. */
export const unsupported = error(EXIT.unsupported);
/** Too large for the target: exit 5, codes E5xxx. */
export const doesNotFit = error(EXIT.doesNotFit);
/** A broken invariant of ours: exit 1, codes E1xxx. */
export const bug = error(EXIT.bug);

export function warning(code: string, message: string, where?: Place, hint?: string): Diagnostic {
  return { code, severity: 'warning', message, ...(where && { where }), ...(hint && { hint }) };
}

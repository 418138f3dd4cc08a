// What a command is: its options, and a function from them to an outcome. The outcome is data; run.ts prints it.
import type { Command } from 'commander';
import type { Diagnostic, ExitCode } from '../base/diagnostic.js';
import type { JsonDocument } from './json.js';
import type { Session } from './session.js';

export interface Outcome {
  /** Default 0. */
  readonly exitCode?: ExitCode;
  readonly diagnostics?: readonly Diagnostic[];
  /** What `--json` prints, beside schema, exit_code and diagnostics. Called only then. */
  document(): JsonDocument;
  /** What is printed otherwise, in pieces that may be large. */
  text(): Iterable<string>;
}

/** Values of the options, by their long names in camel case, as the command's own parsers made them. */
export type OptionValues = { readonly [name: string]: unknown };

export interface CommandSpec {
  /** Version of its JSON document. */
  readonly schema: number;
  /** Declares arguments and options. */
  configure(command: Command): void;
  run(args: readonly string[], options: OptionValues, session: Session): Outcome | Promise<Outcome>;
}

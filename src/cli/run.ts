// One command line from words to exit code: parse, run, print the outcome or what went wrong. Every exception ends here.
import { type Command, CommanderError } from 'commander';
import { bug, type Diagnostic, EXIT, NeffcError, usageError } from '../base/diagnostic.js';
import type { CommandSpec, OptionValues, Outcome } from './command.js';
import { diagnosticText } from './diagnostics.js';
import { type Environment, ReaderGone } from './environment.js';
import { jsonText } from './json.js';
import { buildProgram } from './program.js';
import { writeReproducer } from './reproducer.js';
import { Session } from './session.js';

/** Schema of the document of a command line that names no command. */
const NO_COMMAND_SCHEMA = 1;

/** Runs a command line in this thread; the exit code. Never throws. */
export async function run(argv: readonly string[], environment: Environment): Promise<number> {
  const session = new Session(environment, argv);
  let schema = NO_COMMAND_SCHEMA;
  try {
    let exitCode: number = EXIT.good;
    const execute = async (
      spec: CommandSpec,
      args: readonly string[],
      options: OptionValues,
    ): Promise<void> => {
      schema = spec.schema;
      const outcome = await spec.run(args, options, session);
      exitCode = outcome.exitCode ?? EXIT.good;
      printOutcome(outcome, spec.schema, session);
    };
    const [name] = argv.filter((word) => !word.startsWith('-'));
    const program = await buildProgram(environment, (entry) => entry.name === name, execute);
    if (argv.length === 0) throw noCommand(program);
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof ReaderGone) return EXIT.good;
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.good;
    try {
      return printFailure(toNeffcError(error), error, schema, session);
    } catch (second) {
      if (second instanceof ReaderGone) return EXIT.good;
      throw second;
    }
  }
}

/** `neffc` alone: the help, as a usage error. */
function noCommand(program: Command): NeffcError {
  return usageError('E2001', `no command is given\n\n${program.helpInformation().trimEnd()}`);
}

function printDiagnostics(diagnostics: readonly Diagnostic[], { environment, err }: Session): void {
  for (const d of diagnostics) environment.err(diagnosticText(d, err));
}

function printOutcome(outcome: Outcome, schema: number, session: Session): void {
  const { exitCode = EXIT.good, diagnostics = [] } = outcome;
  printDiagnostics(diagnostics, session);
  const { environment, json } = session;
  if (json) environment.out(jsonText({ schema, exit_code: exitCode, diagnostics, ...outcome.document() }));
  else for (const piece of outcome.text()) environment.out(piece);
}

/** Errors of the option parser are usage errors; anything that is none of ours is a bug of ours. */
function toNeffcError(error: unknown): NeffcError {
  if (error instanceof NeffcError) return error;
  if (error instanceof CommanderError) {
    const [fact = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
    const hint =
      suggestion?.replace(/^\((.*)\)$/, '$1') ??
      '`neffc --help` lists the commands, `neffc COMMAND --help` their options';
    return usageError('E2001', fact, undefined, hint);
  }
  if (isMemoryExhausted(error)) {
    return new NeffcError(
      [
        {
          code: 'E5001',
          severity: 'error',
          message: `the host's memory does not suffice: ${(error as Error).message}`,
          hint: 'a smaller model or batch, or a machine with more memory',
        },
      ],
      EXIT.doesNotFit,
    );
  }
  return bug('E1000', `an internal error: ${error instanceof Error ? error.message : String(error)}`);
}

/** What Node says when a buffer cannot be had. */
function isMemoryExhausted(error: unknown): boolean {
  return (
    error instanceof RangeError &&
    /allocation failed|Invalid typed array length|could not allocate/i.test(error.message)
  );
}

function printFailure(error: NeffcError, cause: unknown, schema: number, session: Session): number {
  const { exitCode, diagnostics } = error;
  printDiagnostics(diagnostics, session);
  const reproducer = exitCode === EXIT.bug ? writeReproducer(session, cause) : undefined;
  if (reproducer !== undefined) {
    session.environment.err(`  this is a bug of neffc; please report it with the folder ${reproducer}\n`);
  }
  if (session.json) {
    session.environment.out(
      jsonText({ schema, exit_code: exitCode, diagnostics, ...(reproducer !== undefined && { reproducer }) }),
    );
  }
  return exitCode;
}

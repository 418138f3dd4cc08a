// The command line as commander knows it, from the list of commands: one declaration each, from which help, parsing and docs/cli.md
// follow. Options mean the same everywhere; `--json` is every command's.
import { Command } from 'commander';
import { VERSION } from '../driver/version.js';
import type { CommandSpec, OptionValues } from './command.js';
import { COMMANDS, type CommandEntry } from './commands/table.js';
import type { Environment } from './environment.js';

export type Execute = (spec: CommandSpec, args: readonly string[], options: OptionValues) => Promise<void>;

const EPILOGUE = `
Exit codes: 0 good, 1 a bug of neffc, 2 usage, 3 bad input, 4 unsupported, 5 does not fit, 6 verification failed,
7 over budget, 130 interrupted. \`neffc explain E2013\` tells more about a diagnostic.`;

/**
 * The program with the options of the commands that `wanted` picks; the others are known by name only.
 * @param execute told which command to run; commander only parses
 */
export async function buildProgram(
  environment: Pick<Environment, 'out'>,
  wanted: (entry: CommandEntry) => boolean,
  execute: Execute,
): Promise<Command> {
  const program = new Command('neffc')
    .description(
      'Compiles neural networks for an Inferentia-like accelerator, and simulates the chip that runs them.',
    )
    .version(VERSION)
    .helpCommand(false)
    .addHelpText('after', EPILOGUE)
    .showSuggestionAfterError(true);
  for (const entry of COMMANDS) {
    const command = program.command(entry.name).summary(entry.summary).description(entry.summary);
    if (!wanted(entry)) continue;
    const spec = await entry.load();
    spec.configure(command);
    command.option('--json', 'one JSON document on standard output, on failure too');
    command.action(async () => execute(spec, command.args, command.opts()));
  }
  for (const command of [program, ...program.commands]) {
    command.exitOverride();
    // Diagnostics are printed by run.ts, from the exception.
    command.configureOutput({
      writeOut: (text) => environment.out(text),
      writeErr: () => undefined,
      outputError: () => undefined,
    });
  }
  return program;
}

// Every command, in the order of `neffc --help`: the one list from which the program and docs/cli.md follow. A command's module is
// loaded when it is used: `run` needs no compiler, `--help` nothing.
import type { CommandSpec } from '../command.js';

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<CommandSpec>;
}

const entry = (name: string, summary: string, load: CommandEntry['load']): CommandEntry => ({
  name,
  summary,
  load,
});

export const COMMANDS: readonly CommandEntry[] = [
  entry('compile', 'compile a model to an artifact', async () => (await import('./compile.js')).COMPILE),
  entry('dump', 'show what an artifact holds', async () => (await import('./dump.js')).DUMP),
  entry('run', 'run an artifact on the simulated chip', async () => (await import('./run.js')).RUN),
  entry('verify', 'compare an artifact with a reference', async () => (await import('./verify.js')).VERIFY),
  entry(
    'profile',
    'show where the modelled time of a request goes',
    async () => (await import('./profile.js')).PROFILE,
  ),
  entry(
    'explore',
    'compare the variants of a model that generates, over a histogram of lengths',
    async () => (await import('./explore.js')).EXPLORE,
  ),
  entry('opt', 'run passes on a graph', async () => (await import('./opt.js')).OPT),
  entry('ops', 'list the supported operators', async () => (await import('./ops.js')).OPS),
  entry(
    'targets',
    'show the built-in targets, or one described by a file',
    async () => (await import('./targets.js')).TARGETS,
  ),
  entry(
    'explain',
    'tell more about a diagnostic, or list all',
    async () => (await import('./explain.js')).EXPLAIN,
  ),
  entry('doctor', 'check what this machine has', async () => (await import('./doctor.js')).DOCTOR),
];

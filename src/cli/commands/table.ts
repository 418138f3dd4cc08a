// Every command, in the order of `neffc --help`: the one list from which the program and docs/cli.md follow.
import type { CommandSpec } from '../command.js';
import { COMPILE } from './compile.js';
import { RUN } from './run.js';

export const COMMANDS: readonly CommandSpec[] = [COMPILE, RUN];

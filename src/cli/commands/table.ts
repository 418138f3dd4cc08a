// Every command, in the order of `neffc --help`: the one list from which the program and docs/cli.md follow.
import type { CommandSpec } from '../command.js';
import { COMPILE } from './compile.js';
import { DUMP } from './dump.js';
import { EXPLORE } from './explore.js';
import { PROFILE } from './profile.js';
import { RUN } from './run.js';
import { VERIFY } from './verify.js';

export const COMMANDS: readonly CommandSpec[] = [COMPILE, DUMP, RUN, VERIFY, PROFILE, EXPLORE];

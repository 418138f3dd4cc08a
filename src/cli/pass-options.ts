// Options that look into the passes: print, stop, leave out, limit, time, check. `compile` and `opt` have them.
import { type Command, Option } from 'commander';
import type { PassOptions } from '../passes/pipeline.js';
import type { PassRun } from '../passes/run.js';
import { alignTable, countText } from '../report/text.js';
import { integerOption, words } from './option-values.js';
import type { Session } from './session.js';

export interface PassFlags {
  readonly printIrBefore?: readonly string[];
  readonly printIrAfter?: readonly string[];
  readonly stopAfter?: string;
  readonly disablePass?: readonly string[];
  readonly passLimit?: number;
  readonly timePasses?: boolean;
  readonly verifyEach?: boolean;
}

export function addPassOptions(command: Command): void {
  const names = (flags: string, description: string) => new Option(flags, description).argParser(words);
  command
    .addOption(names('--print-ir-before <passes>', 'print the graph before these passes, or all'))
    .addOption(names('--print-ir-after <passes>', 'print the graph after these passes, or all'))
    .option('--stop-after <pass>', 'run no pass after this one')
    .addOption(names('--disable-pass <passes>', 'leave these passes out'))
    .addOption(
      new Option('--pass-limit <n>', 'make at most n rewrites').argParser(integerOption('--pass-limit', 0)),
    )
    .option('--time-passes', 'print what each pass took')
    .option('--verify-each', 'check the graph after every pass, and the program after every stage');
}

/** The options of the pass runner. Printed graphs go to standard error, so that standard output stays what it is. */
export function passOptions(flags: PassFlags, session: Session): Partial<PassOptions> {
  const { environment } = session;
  const { printIrBefore, printIrAfter, stopAfter, disablePass, passLimit, verifyEach } = flags;
  return {
    ...(printIrBefore && { printBefore: printIrBefore }),
    ...(printIrAfter && { printAfter: printIrAfter }),
    ...(stopAfter !== undefined && { stopAfter }),
    ...(disablePass && { disable: disablePass }),
    ...(passLimit !== undefined && { limit: passLimit }),
    ...(verifyEach === true && { verifyEach }),
    clock: () => environment.now(),
    onText: (title, text) => environment.err(`; ${title}\n${text}`),
    onCrash: ({ pass, text, command }) => {
      session.keep('graph.txt', () => text);
      session.keep('pass.txt', () => `${pass}\nneffc ${command.join(' ')}\n`);
    },
  };
}

/** The time of each pass over all its runs, longest first. */
export function timingLines(runs: readonly PassRun[]): string[] {
  const sums = new Map<string, { runs: number; rewrites: number; ms: number }>();
  for (const run of runs) {
    const sum = sums.get(run.name) ?? { runs: 0, rewrites: 0, ms: 0 };
    sums.set(run.name, {
      runs: sum.runs + 1,
      rewrites: sum.rewrites + run.rewrites,
      ms: sum.ms + run.milliseconds,
    });
  }
  const rows = [...sums]
    .sort((a, b) => b[1].ms - a[1].ms)
    .map(([name, s]) => [name, countText(s.runs), countText(s.rewrites), s.ms.toFixed(2)]);
  return alignTable([['pass', 'runs', 'rewrites', 'ms'], ...rows]).map((line) => `${line}\n`);
}

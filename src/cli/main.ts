// Entry of the executable. The command runs in a worker thread, so that this thread stays free to answer an interrupt at once,
// whatever the command computes. Knows no command.
import { isatty } from 'node:tty';
import { Worker } from 'node:worker_threads';
import { supportsColor, supportsColorStderr } from 'chalk';
import { EXIT } from '../base/diagnostic.js';
import type { Terminal } from './environment.js';

/** What a worker says to this thread. */
export type Message =
  /** A file is about to be put in its place, or is there. */
  { readonly writing: boolean } | { readonly exitCode: number };

export interface WorkerInput {
  readonly argv: readonly string[];
  readonly terminal: Terminal;
}

const DEFAULT_COLUMNS = 100;

function findTerminal(): Terminal {
  return {
    progress: isatty(2),
    colour: { out: supportsColor !== false, err: supportsColorStderr !== false },
    columns: process.stdout.columns ?? process.stderr.columns ?? DEFAULT_COLUMNS,
  };
}

/** Runs one command line; the exit code. An interrupt ends the process with 130, except while a finished file is put in its place. */
export function main(argv: readonly string[]): Promise<number> {
  const workerData: WorkerInput = { argv, terminal: findTerminal() };
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
  let writing = false;
  const interrupt = (): void => {
    if (!writing) process.exit(EXIT.interrupted);
  };
  process.on('SIGINT', interrupt);
  return new Promise<number>((resolve, reject) => {
    let exitCode: number | undefined;
    worker.on('message', (message: Message) => {
      if ('writing' in message) writing = message.writing;
      else exitCode = message.exitCode;
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve(exitCode ?? EXIT.bug));
  }).finally(() => process.removeListener('SIGINT', interrupt));
}

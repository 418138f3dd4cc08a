// The thread that runs a command; main.ts started it and waits for the exit code.
import { parentPort, workerData } from 'node:worker_threads';
import { processEnvironment } from './environment.js';
import type { Message, WorkerInput } from './main.js';
import { run } from './run.js';

const say = (message: Message): void => parentPort?.postMessage(message);
const { argv, terminal } = workerData as WorkerInput;
say({
  exitCode: await run(
    argv,
    processEnvironment(terminal, (writing) => say({ writing })),
  ),
});

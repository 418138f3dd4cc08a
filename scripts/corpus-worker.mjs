// Judges models of a corpus: a message is a row of its manifest, the answer is the verdict.

import { parentPort, workerData } from 'node:worker_threads';
import { BUILTIN_TARGETS } from '../dist/chip/builtin.js';
import { judgeCorpusModel } from '../dist/driver/corpus.js';

const { folder, target: name, ...options } = workerData;
const target = BUILTIN_TARGETS.find((t) => t.name === name);
parentPort.on('message', (entry) =>
  parentPort.postMessage(judgeCorpusModel(folder, entry, { ...options, target })),
);

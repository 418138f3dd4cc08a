// Judges conformance cases: a message names a case's folder, the answer is its verdict.

import { parentPort, workerData } from 'node:worker_threads';
import { BUILTIN_TARGETS } from '../dist/chip/builtin.js';
import { judgeConformanceCase } from '../dist/driver/conformance.js';

const target = BUILTIN_TARGETS.find((t) => t.name === workerData.target);
parentPort.on('message', (folder) => parentPort.postMessage(judgeConformanceCase(folder, target)));

// Runs items through worker threads, one item a thread at a time. An item that crashes its thread, exhausts its memory or
// does not end in time gets a verdict of its own, and a new thread goes on with the next: nothing kills the run.

import { Worker } from 'node:worker_threads';

/**
 * @param script URL of the worker: it answers each message (an item) with a message (its result)
 * @param onResult told of each result, in the order of the items
 */
export async function runPool(items, { script, workers, seconds, workerData, failure, onResult }) {
  const results = new Map();
  let next = 0;
  let told = 0;
  const settle = (index, result) => {
    results.set(index, result);
    while (results.has(told)) {
      onResult(items[told], results.get(told));
      results.delete(told);
      told++;
    }
  };
  const lane = async () => {
    let worker;
    while (next < items.length) {
      const index = next++;
      worker ??= new Worker(script, { workerData });
      const result = await ask(worker, items[index], seconds);
      if (result.failure !== undefined) {
        await worker.terminate();
        worker = undefined;
      }
      settle(index, result.failure === undefined ? result.value : failure(result.failure));
    }
    await worker?.terminate();
  };
  await Promise.all(Array.from({ length: Math.min(workers, items.length) }, lane));
}

function ask(worker, item, seconds) {
  return new Promise((resolve) => {
    const finish = (result) => {
      clearTimeout(timer);
      worker.removeAllListeners();
      worker.on('error', () => undefined);
      resolve(result);
    };
    const timer = setTimeout(() => finish({ failure: `no end in ${seconds} s` }), seconds * 1000);
    worker.once('message', (value) => finish({ value }));
    worker.once('error', (error) => finish({ failure: `crash: ${error.message}` }));
    worker.once('exit', (code) => finish({ failure: `the thread ended with code ${code}` }));
    worker.postMessage(item);
  });
}

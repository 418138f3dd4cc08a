// Runs items through worker threads, one item a thread at a time. An item that crashes its thread, exhausts its memory or
// does not end in time gets a verdict of its own, and a new thread goes on with the next: nothing kills the run.

import { Worker } from 'node:worker_threads';

/**
 * @param options.script URL of the worker: it answers each message (an item) with a message (its result)
 * @param options.onResult told of each result, in the order of the items
 */
export async function runPool(items, options) {
  const { script, workers, seconds, failure, onResult } = options;
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
    let thread;
    while (next < items.length) {
      const index = next++;
      thread ??= startThread(script, options);
      const result = await thread.ask(items[index], seconds);
      if (result.failure !== undefined) {
        await thread.worker.terminate();
        thread = undefined;
      }
      settle(index, result.failure === undefined ? result.value : failure(result.failure));
    }
    await thread?.worker.terminate();
  };
  await Promise.all(Array.from({ length: Math.min(workers, items.length) }, lane));
}

function startThread(script, { workerData }) {
  const worker = new Worker(script, { workerData });
  let answer = () => undefined;
  worker.on('message', (value) => answer({ value }));
  worker.on('error', (error) => answer({ failure: `crash: ${error.message}` }));
  worker.on('exit', (code) => answer({ failure: `the thread ended with code ${code}` }));
  const ask = (item, seconds) =>
    new Promise((resolve) => {
      const timer = setTimeout(() => answer({ failure: `no end in ${seconds} s` }), seconds * 1000);
      answer = (result) => {
        clearTimeout(timer);
        resolve(result);
      };
      worker.postMessage(item);
    });
  return { worker, ask };
}

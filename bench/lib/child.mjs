// Runs a script in a process of its own: wall time from start to end, processor time, peak memory, and what it printed.
import { spawn } from 'node:child_process';
import { basename } from 'node:path';

const HOOK = new URL('../children/usage.mjs', import.meta.url).href;

/** Characters of a failed process's messages that are shown. */
const LAST_WORDS = 2000;

/**
 * @param node the binary to run it with
 * @returns {Promise<{wallMs: number, cpuMs: number, peakBytes: number, output: string}>}
 * @throws Error with the process's last words where it fails
 */
export function runChild(script, args = [], node = process.execPath) {
  const start = performance.now();
  const started = spawn(node, ['--import', HOOK, script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const [output, errors, usage] = [1, 2, 3].map((fd) => collect(started.stdio[fd]));
  return new Promise((resolve, reject) => {
    let wallMs = 0;
    started.on('error', reject);
    started.on('exit', () => {
      wallMs = performance.now() - start;
    });
    started.on('close', (code) => {
      if (code === 0) resolve({ wallMs, ...JSON.parse(usage()), output: output() });
      else reject(new Error(`${basename(script)} ${args.join(' ')} failed:\n${errors().slice(-LAST_WORDS)}`));
    });
  });
}

/** Like runChild, for scripts that print one JSON document. */
export async function jsonOf(script, args, node) {
  const { output, ...usage } = await runChild(script, args, node);
  return { ...usage, ...JSON.parse(output) };
}

function collect(stream) {
  const parts = [];
  stream.on('data', (part) => parts.push(part));
  return () => Buffer.concat(parts).toString();
}

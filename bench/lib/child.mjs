// Runs a script in a process of its own: wall time from start to end, processor time, peak memory, and what it printed.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const HOOK = new URL('../children/usage.mjs', import.meta.url).href;

/**
 * @param node the binary to run it with
 * @returns {Promise<{wallMs: number, cpuMs: number, peakBytes: number, output: string}>}
 * @throws Error with the process's last words where it fails
 */
export function runChild(script, args = [], node = process.execPath) {
  const start = performance.now();
  const process_ = spawn(node, ['--import', HOOK, script, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const [output, errors, usage] = [1, 2, 3].map((fd) => collect(process_.stdio[fd]));
  return new Promise((resolve, reject) => {
    process_.on('error', reject);
    process_.on('exit', (code) => {
      process_.ended = performance.now();
      if (code !== 0) process_.failed = true;
    });
    process_.on('close', () => {
      const name = fileURLToPath(new URL(`file://${script}`)).split('/').slice(-2).join('/');
      if (process_.failed) reject(new Error(`${name} ${args.join(' ')} failed:\n${errors().slice(-2000)}`));
      else resolve({ wallMs: process_.ended - start, ...JSON.parse(usage()), output: output() });
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

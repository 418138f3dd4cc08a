// Loaded before a measured script: at its end, writes what the process used to descriptor 3. Linux's maxRSS of a process starts at
// that of the one it was started from, so the high-water mark of its own memory counts where there is one.
import { readFileSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const USAGE_FD = 3;

function peakBytes() {
  try {
    return 1024 * Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  } catch {
    return 1024 * process.resourceUsage().maxRSS;
  }
}

if (isMainThread) {
  process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    writeSync(USAGE_FD, JSON.stringify({ cpuMs: (user + system) / 1000, peakBytes: peakBytes() }));
  });
}

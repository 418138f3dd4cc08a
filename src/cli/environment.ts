// What the command line needs of the world: two streams, a clock, memory, a terminal or none. Commands take it as a value, so
// that tests run them in process; this file alone touches the process for it. Writes are synchronous: nothing is lost at exit.
import { readFileSync, writeSync } from 'node:fs';

export interface Terminal {
  /** Whether standard error is a terminal: progress is shown only there. */
  readonly progress: boolean;
  /** Colours on standard output and standard error. */
  readonly colour: { readonly out: boolean; readonly err: boolean };
  readonly columns: number;
}

export interface Environment {
  out(text: string): void;
  err(text: string): void;
  readonly terminal: Terminal;
  /** Milliseconds from any start. */
  now(): number;
  /** Largest resident size of the process so far, in bytes. */
  peakMemory(): number;
  /** Resident size now, in bytes. */
  memory(): number;
  /** Told before a file is put in its place and after: an interrupt waits so long. */
  readonly writing?: (active: boolean) => void;
}

/** Thrown by writes whose reader is gone (`neffc dump x | head`): not an error, the process ends quietly. */
export class ReaderGone extends Error {}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      const { code } = error as { code?: string };
      // A full pipe that does not block: try again until the reader has taken some.
      if (code === 'EAGAIN') continue;
      if (code === 'EPIPE') throw new ReaderGone();
      throw error;
    }
  }
}

/**
 * The system's own count where it can be read: `maxRSS` starts, in a process that another one forked, with the peak of that one.
 */
function peakMemory(): number {
  try {
    const [, kibibytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // No such file: another system than Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

/** The environment of this process. `terminal` is found out by the main thread, since workers have no terminal. */
export function processEnvironment(terminal: Terminal, writing?: (active: boolean) => void): Environment {
  return {
    out: (text) => writeAll(1, text),
    err: (text) => writeAll(2, text),
    terminal,
    now: () => performance.now(),
    peakMemory,
    memory: () => process.memoryUsage.rss(),
    ...(writing && { writing }),
  };
}

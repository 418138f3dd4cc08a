// Runs command lines of neffc in this process, with an environment that keeps what is written.
import type { Environment } from '../../src/cli/environment.js';
import { run } from '../../src/cli/run.js';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command line without colours and progress. */
export async function neffc(...argv: readonly string[]): Promise<Ran> {
  const written = { out: '', err: '' };
  let clock = 0;
  const environment: Environment = {
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    terminal: { progress: false, colour: { out: false, err: false }, columns: 100 },
    now: () => clock++,
    peakMemory: () => 1,
    memory: () => 1,
  };
  const code = await run(argv, environment);
  return { code, ...written };
}

/** The JSON document of a command line; fails where standard output is not exactly one. */
export async function neffcJson(
  ...argv: readonly string[]
): Promise<{ readonly code: number; readonly json: Record<string, unknown> }> {
  const { code, out } = await neffc(...argv, '--json');
  return { code, json: JSON.parse(out) as Record<string, unknown> };
}

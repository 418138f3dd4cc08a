// `neffc doctor`: whether this machine has what neffc needs, and what it could use.
import { availableParallelism, freemem, totalmem } from 'node:os';
import { EXIT } from '../../base/diagnostic.js';
import { findOnnxRuntime, RUNTIME_PACKAGE } from '../../driver/onnx-runtime.js';
import { VERSION } from '../../driver/version.js';
import { alignTable, sizeText } from '../../report/text.js';
import { loadKernels } from '../../sim/kernels/load.js';
import type { CommandSpec, Outcome } from '../command.js';

interface Check {
  readonly name: string;
  readonly state: 'good' | 'missing' | 'optional';
  readonly detail: string;
}

const NEEDED_NODE = [20, 11] as const;

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const good = major > NEEDED_NODE[0] || (major === NEEDED_NODE[0] && minor >= NEEDED_NODE[1]);
  return {
    name: 'Node',
    state: good ? 'good' : 'missing',
    detail: `${process.version}, needs ${NEEDED_NODE.join('.')} or newer`,
  };
}

function kernelCheck(): Check {
  try {
    loadKernels(1 << 20);
    return { name: 'simulator kernels', state: 'good', detail: 'WASM with SIMD' };
  } catch (error) {
    return {
      name: 'simulator kernels',
      state: 'missing',
      detail: error instanceof Error ? error.message : String(error),
    };
  }
}

async function runtimeCheck(): Promise<Check> {
  try {
    const found = await findOnnxRuntime(process.cwd());
    return found === undefined
      ? {
          name: RUNTIME_PACKAGE,
          state: 'optional',
          detail: `not installed; verify --model can use it (npm install ${RUNTIME_PACKAGE})`,
        }
      : { name: RUNTIME_PACKAGE, state: 'good', detail: 'installed' };
  } catch (error) {
    return {
      name: RUNTIME_PACKAGE,
      state: 'optional',
      detail: error instanceof Error ? error.message : String(error),
    };
  }
}

async function doctor(): Promise<Outcome> {
  const checks: readonly Check[] = [
    { name: 'neffc', state: 'good', detail: VERSION },
    nodeCheck(),
    kernelCheck(),
    { name: 'memory', state: 'good', detail: `${sizeText(freemem())} free of ${sizeText(totalmem())}` },
    { name: 'processors', state: 'good', detail: String(availableParallelism()) },
    await runtimeCheck(),
  ];
  return {
    exitCode: checks.some((c) => c.state === 'missing') ? EXIT.bug : EXIT.good,
    document: () => ({ checks }),
    *text() {
      for (const line of alignTable(checks.map((c) => [c.state, c.name, c.detail]))) yield `${line}\n`;
    },
  };
}

export const DOCTOR: CommandSpec = {
  schema: 1,
  configure: () => undefined,
  run: doctor,
};

// `neffc run`: a request on simulated cores.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { readArtifactFile } from '../../artifact/read.js';
import { usageError } from '../../base/diagnostic.js';
import type { HostTensor } from '../../base/tensor.js';
import { type InputSources, readInputs } from '../../driver/inputs.js';
import { HOST_OPERATORS } from '../../driver/host-operators.js';
import { toJsonTensor } from '../../driver/tensor-files/json-tensor.js';
import { writeNpy } from '../../driver/tensor-files/npy.js';
import { textOf } from '../../driver/vocabulary.js';
import { outputLines, requestLines } from '../../report/run-text.js';
import { loadArtifact, type LoadOptions } from '../../runtime/load.js';
import { modelOf } from '../../runtime/model-program.js';
import { type RequestResult, runRequest } from '../../runtime/request.js';
import type { CheckMode } from '../../sim/simulate.js';
import type { CommandSpec, OptionValues, Outcome } from '../command.js';
import { choiceOption, integerOption, numberOption, readJsonFile, repeated, splitPair } from '../option-values.js';
import type { Session } from '../session.js';

interface RunFlags {
  readonly input?: InputSources['files'];
  readonly inputDir?: string;
  readonly outputDir?: string;
  readonly random?: number;
  readonly model?: string;
  readonly cores: number;
  readonly sharedWeights?: boolean;
  readonly inFlight: number;
  readonly vocab?: string;
  readonly checks: CheckMode;
  readonly shuffleTiming?: number;
  readonly hostOverhead?: number;
}

/** `NAME=FILE`, or a file alone where there is one input. */
function parseInput(text: string): { name: string; file: string } {
  if (!text.includes('=')) return { name: '', file: text };
  const [name, file] = splitPair(text, '--input');
  return { name, file };
}

/** Options that say how an artifact is loaded; `verify` and `profile` have them too. */
export function addLoadOptions(command: Command): void {
  command
    .option('--model <name>', 'which model of a linked artifact')
    .addOption(new Option('--cores <n>', 'cores that run the same request').argParser(integerOption('--cores', 1, 4096)).default(1))
    .option('--shared-weights', 'one copy of the constants for each chip')
    .addOption(
      new Option('--in-flight <n>', 'requests that overlap on a core').argParser(integerOption('--in-flight', 1, 1024)).default(1),
    )
    .addOption(
      new Option('--checks <when>', 'prove the absence of races and unwritten reads: once, always or off')
        .argParser(choiceOption('--checks', ['once', 'always', 'off']))
        .default('once'),
    )
    .addOption(
      new Option('--shuffle-timing <seed>', 'perturb every cost; results must not change').argParser(
        integerOption('--shuffle-timing', 0),
      ),
    )
    .addOption(
      new Option('--host-overhead <us>', 'host time of an execution, in microseconds').argParser(numberOption('--host-overhead', 0)),
    );
}

export function loadOptions(flags: RunFlags): LoadOptions {
  const { cores, sharedWeights, checks, shuffleTiming, hostOverhead } = flags;
  return {
    cores,
    checks,
    hostOperators: HOST_OPERATORS,
    ...(sharedWeights === true && { sharedWeights }),
    ...(shuffleTiming !== undefined && { shuffleSeed: shuffleTiming }),
    ...(hostOverhead !== undefined && { hostOverheadUs: hostOverhead }),
  };
}

function writeOutputs(folder: string, outputs: ReadonlyMap<string, HostTensor>): void {
  try {
    mkdirSync(folder, { recursive: true });
    for (const [i, tensor] of [...outputs.values()].entries()) writeFileSync(join(folder, `output_${i}.npy`), writeNpy(tensor));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw usageError('E2004', `outputs cannot be written to ${folder}: ${error.message}`, { file: folder });
  }
}

function configure(command: Command): void {
  command
    .argument('<artifact>', 'a .neff file')
    .addOption(
      new Option('--input <name=file>', 'PNG, JPEG, .npy, .npz or JSON for an input (name or position); repeatable').argParser(
        repeated(parseInput),
      ),
    )
    .option('--input-dir <folder>', 'reads input_K.npy in signature order')
    .option('--output-dir <folder>', 'writes output_K.npy in signature order')
    .addOption(
      new Option('--random <seed>', 'random values for inputs that no file gives').argParser(integerOption('--random', 0)),
    )
    .option('--vocab <file.json>', 'prints token outputs as text: a list of strings, or an object from string to id');
  addLoadOptions(command);
}

function runArtifact([path = '']: readonly string[], values: OptionValues, session: Session): Outcome {
  const flags = values as unknown as RunFlags;
  const artifact = readArtifactFile(path);
  const signature = modelOf(artifact, flags.model);
  const inputs = readInputs(signature, {
    files: flags.input ?? [],
    ...(flags.inputDir !== undefined && { folder: flags.inputDir }),
    ...(flags.random !== undefined && { randomSeed: flags.random }),
  });
  session.stage('read');
  const loaded = loadArtifact(artifact, loadOptions(flags));
  session.stage('load');
  const result: RequestResult = runRequest(loaded, inputs, { ...(flags.model !== undefined && { model: flags.model }) });
  session.stage('run');
  if (flags.outputDir !== undefined) writeOutputs(flags.outputDir, result.outputs);
  const text = flags.vocab === undefined ? undefined : textOf(result.outputs, readJsonFile(flags.vocab, '--vocab'), flags.vocab, signature);
  const wallMs = session.elapsedMs();
  return {
    diagnostics: result.warnings,
    document: () => ({
      outputs: Object.fromEntries([...result.outputs].map(([name, t]) => [name, toJsonTensor(t)])),
      ...(text !== undefined && { text }),
      metrics: { ...result.metrics, wall_ms: wallMs },
    }),
    *text() {
      if (text !== undefined) yield* [text].flat().map((line) => `${line}\n`);
      else yield* outputLines(result.outputs);
      yield* requestLines(result.metrics, wallMs);
    },
  };
}

export const RUN: CommandSpec = {
  name: 'run',
  summary: 'run an artifact on the simulated chip',
  schema: 1,
  configure,
  run: runArtifact,
};

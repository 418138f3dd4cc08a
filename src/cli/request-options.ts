// Options of the commands that run an artifact: what a request gets, and how the artifact is loaded.
import { type Command, Option } from 'commander';
import { HOST_OPERATORS } from '../driver/host/operators.js';
import type { InputSources } from '../driver/inputs.js';
import type { LoadOptions } from '../runtime/load.js';
import type { CheckMode } from '../sim/simulate.js';
import { choiceOption, integerOption, numberOption, repeated, splitPair } from './option-values.js';

export interface InputFlags {
  readonly input?: InputSources['files'];
  readonly inputDir?: string;
  readonly random?: number;
}

export interface LoadFlags {
  readonly cores: number;
  readonly sharedWeights?: boolean;
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

export function addInputOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--input <name=file>',
        'PNG, JPEG, .npy, .npz or JSON for an input (name or position); repeatable',
      ).argParser(repeated(parseInput)),
    )
    .option('--input-dir <folder>', 'reads input_K.npy in signature order')
    .addOption(
      new Option('--random <seed>', 'random values for inputs that no file gives').argParser(
        integerOption('--random', 0),
      ),
    );
}

export function inputSources({ input = [], inputDir, random }: InputFlags): InputSources {
  return {
    files: input,
    ...(inputDir !== undefined && { folder: inputDir }),
    ...(random !== undefined && { randomSeed: random }),
  };
}

/** `--cores`, `--shared-weights` and the host's time: they decide what a request costs. */
export function addCoreOptions(command: Command): void {
  command
    .addOption(
      new Option('--cores <n>', 'cores that run at the same time')
        .argParser(integerOption('--cores', 1, 4096))
        .default(1),
    )
    .option('--shared-weights', 'one copy of the constants for each chip')
    .addOption(
      new Option('--host-overhead <us>', 'host time of an execution, in microseconds').argParser(
        numberOption('--host-overhead', 0),
      ),
    );
}

/** How the simulator runs: what it proves, and whether it perturbs every cost. */
export function addCheckOptions(command: Command): void {
  command
    .addOption(
      new Option('--checks <when>', 'prove the absence of races and unwritten reads: once, always or off')
        .argParser(choiceOption('--checks', ['once', 'always', 'off']))
        .default('once'),
    )
    .addOption(
      new Option('--shuffle-timing <seed>', 'perturb every cost; results must not change').argParser(
        integerOption('--shuffle-timing', 0),
      ),
    );
}

export function loadOptions({
  cores,
  sharedWeights,
  checks,
  shuffleTiming,
  hostOverhead,
}: LoadFlags): LoadOptions {
  return {
    cores,
    checks,
    hostOperators: HOST_OPERATORS,
    ...(sharedWeights === true && { sharedWeights }),
    ...(shuffleTiming !== undefined && { shuffleSeed: shuffleTiming }),
    ...(hostOverhead !== undefined && { hostOverheadUs: hostOverhead }),
  };
}

// `neffc run`: a request on simulated cores.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { readArtifactFile } from '../../artifact/read.js';
import { usageError } from '../../base/diagnostic.js';
import type { HostTensor } from '../../base/tensor.js';
import { readInputs } from '../../driver/inputs.js';
import { toJsonTensor } from '../../driver/tensor-files/json-tensor.js';
import { writeNpy } from '../../driver/tensor-files/npy.js';
import { textOf } from '../../driver/vocabulary.js';
import { outputLines, requestLines } from '../../report/run-text.js';
import { countText } from '../../report/text.js';
import { loadArtifact } from '../../runtime/load.js';
import { modelOf } from '../../runtime/model-program.js';
import { runRequest } from '../../runtime/request.js';
import { throughput } from '../../runtime/throughput.js';
import type { CommandSpec, OptionValues, Outcome } from '../command.js';
import { integerOption, readJsonFile } from '../option-values.js';
import {
  addCheckOptions,
  addCoreOptions,
  addInputOptions,
  type InputFlags,
  inputSources,
  type LoadFlags,
  loadOptions,
} from '../request-options.js';
import type { Session } from '../session.js';

interface RunFlags extends InputFlags, LoadFlags {
  readonly outputDir?: string;
  readonly model?: string;
  readonly inFlight: number;
  readonly vocab?: string;
}

function configure(command: Command): void {
  command.argument('<artifact>', 'a .neff file');
  addInputOptions(command);
  command
    .option('--output-dir <folder>', 'writes output_K.npy in signature order')
    .option(
      '--vocab <file.json>',
      'prints token outputs as text: a list of strings, or an object from string to id',
    )
    .option('--model <name>', 'which model of a linked artifact');
  addCoreOptions(command);
  command.addOption(
    new Option('--in-flight <n>', 'requests that overlap on a core')
      .argParser(integerOption('--in-flight', 1, 1024))
      .default(1),
  );
  addCheckOptions(command);
}

function writeOutputs(folder: string, outputs: ReadonlyMap<string, HostTensor>): void {
  try {
    mkdirSync(folder, { recursive: true });
    for (const [i, tensor] of [...outputs.values()].entries())
      writeFileSync(join(folder, `output_${i}.npy`), writeNpy(tensor));
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw usageError('E2004', `outputs cannot be written to ${folder}: ${error.message}`, { file: folder });
  }
}

function runArtifact([path = '']: readonly string[], values: OptionValues, session: Session): Outcome {
  const flags = values as unknown as RunFlags;
  const artifact = readArtifactFile(path);
  const signature = modelOf(artifact, flags.model);
  const vocabulary = flags.vocab === undefined ? undefined : readJsonFile(flags.vocab, '--vocab');
  const inputs = readInputs(signature, inputSources(flags));
  session.stage('read');
  const loaded = loadArtifact(artifact, loadOptions(flags));
  session.stage('load');
  const result = runRequest(loaded, inputs, flags.model === undefined ? {} : { model: flags.model });
  session.stage('run');
  if (flags.outputDir !== undefined) writeOutputs(flags.outputDir, result.outputs);
  const text =
    flags.vocab === undefined ? undefined : textOf(result.outputs, vocabulary, flags.vocab, signature);
  const many =
    flags.inFlight > 1
      ? throughput(result.events, {
          requests: 8 * flags.inFlight,
          inFlight: flags.inFlight,
          cores: flags.cores,
        })
      : undefined;
  const overlapped = many && {
    requests_per_s: many.requestsPerSecond,
    max_latency_ns: Math.max(...many.latenciesNs),
  };
  const wallMs = session.elapsedMs();
  return {
    diagnostics: result.warnings,
    document: () => ({
      outputs: Object.fromEntries([...result.outputs].map(([name, t]) => [name, toJsonTensor(t)])),
      ...(text !== undefined && { text }),
      ...(result.bucket !== undefined && { bucket: result.bucket }),
      metrics: { ...result.metrics, ...(overlapped && { in_flight: overlapped }), wall_ms: wallMs },
    }),
    *text() {
      if (text === undefined) yield* outputLines(result.outputs);
      else for (const line of typeof text === 'string' ? [text] : text) yield `${line}\n`;
      yield* requestLines(result.metrics, wallMs, result.bucket);
      if (overlapped)
        yield `  ${countText(overlapped.requests_per_s)} requests/s, modelled, with ${flags.inFlight} in flight\n`;
    },
  };
}

export const RUN: CommandSpec = {
  schema: 1,
  configure,
  run: runArtifact,
};

// `neffc profile`: where the modelled time of a request goes, without any tensor data.
import { closeSync, openSync, writeSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { readArtifactFile } from '../../artifact/read.js';
import { usageError } from '../../base/diagnostic.js';
import { HOST_OPERATORS } from '../../driver/host/operators.js';
import { chromeTrace } from '../../report/profile/chrome-trace.js';
import { profileOf } from '../../report/profile/profile.js';
import { profileLines } from '../../report/profile/profile-text.js';
import { TracedCode } from '../../report/profile/traced-code.js';
import { countText, timeText } from '../../report/text.js';
import { loadArtifact } from '../../runtime/load.js';
import { modelOf } from '../../runtime/model-program.js';
import { type RequestTiming, runRequest } from '../../runtime/request.js';
import { type Throughput, throughput } from '../../runtime/throughput.js';
import type { CommandSpec, OptionValues, Outcome } from '../command.js';
import { integerOption } from '../option-values.js';
import { addCoreOptions } from '../request-options.js';
import type { Session } from '../session.js';

interface ProfileFlags {
  readonly cores: number;
  readonly sharedWeights?: boolean;
  readonly hostOverhead?: number;
  readonly model?: string;
  readonly requests: number;
  readonly inFlight: number;
  readonly length?: number;
  readonly bucket?: string;
  readonly trace?: string;
}

function configure(command: Command): void {
  command
    .argument('<artifact>', 'a .neff file')
    .option('--model <name>', 'which model of a linked artifact')
    .option('--trace <file.json>', 'writes the timeline for Perfetto or chrome://tracing')
    .addOption(
      new Option('--requests <n>', 'requests of each core, for the throughput')
        .argParser(integerOption('--requests', 1, 1_000_000))
        .default(16),
    )
    .addOption(
      new Option('--in-flight <n>', 'requests that overlap on a core')
        .argParser(integerOption('--in-flight', 1, 1024))
        .default(1),
    )
    .addOption(
      new Option('--length <n>', 'steps that a decoding loop makes; default all').argParser(
        integerOption('--length', 1),
      ),
    )
    .option('--bucket <name>', 'which bucket; default the largest');
  addCoreOptions(command);
}

function timingOf({ length, bucket }: ProfileFlags): RequestTiming {
  return { ...(length !== undefined && { length, rounds: length }), ...(bucket !== undefined && { bucket }) };
}

function writePieces(path: string, pieces: Iterable<string>): void {
  let fd: number;
  try {
    fd = openSync(path, 'w');
  } catch (error) {
    throw usageError(
      'E2004',
      `the trace cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      { file: path },
    );
  }
  try {
    for (const piece of pieces) writeSync(fd, piece);
  } finally {
    closeSync(fd);
  }
}

function* throughputLines(
  { requestsPerSecond, latenciesNs, busy }: Throughput,
  flags: ProfileFlags,
): Generator<string> {
  const worst = Math.max(...latenciesNs);
  yield `\n${countText(requestsPerSecond)} requests/s, modelled (${flags.cores} cores, ${flags.inFlight} in flight each), latency at most ${timeText(worst)}; device in use ${(100 * busy.execute).toFixed(1)} %\n`;
}

function profile([path = '']: readonly string[], values: OptionValues, session: Session): Outcome {
  const flags = values as unknown as ProfileFlags;
  const artifact = readArtifactFile(path);
  const { name } = modelOf(artifact, flags.model);
  const loaded = loadArtifact(artifact, {
    cores: flags.cores,
    timingOnly: true,
    checks: 'off',
    hostOperators: HOST_OPERATORS,
    ...(flags.sharedWeights === true && { sharedWeights: true }),
    ...(flags.hostOverhead !== undefined && { hostOverheadUs: flags.hostOverhead }),
  });
  session.stage('load');
  const result = runRequest(loaded, new Map(), {
    model: name,
    trace: true,
    chain: true,
    timing: timingOf(flags),
  });
  session.stage('simulate');
  const many = throughput(result.events, {
    requests: flags.requests,
    inFlight: flags.inFlight,
    cores: flags.cores,
  });
  const made = profileOf(loaded, result, name);
  if (flags.trace !== undefined)
    writePieces(flags.trace, chromeTrace(result, new TracedCode(artifact, name)));
  session.stage('report');
  return {
    document: () => ({
      ...made,
      requests_per_s: many.requestsPerSecond,
      throughput: {
        requests: flags.requests,
        in_flight: flags.inFlight,
        cores: flags.cores,
        total_ns: many.totalNs,
        busy: many.busy,
        max_latency_ns: Math.max(...many.latenciesNs),
      },
    }),
    *text() {
      yield* profileLines(made);
      yield* throughputLines(many, flags);
      if (flags.trace !== undefined) yield `timeline: ${flags.trace}\n`;
    },
  };
}

export const PROFILE: CommandSpec = {
  schema: 1,
  configure,
  run: profile,
};

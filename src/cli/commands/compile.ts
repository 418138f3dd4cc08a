// `neffc compile`: a model to an artifact. Parses and checks the options, calls the driver, writes the file, reports.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import type { ArtifactDraft } from '../../artifact/model.js';
import { readArtifactFile } from '../../artifact/read.js';
import { type WrittenArtifact, writeArtifactFile } from '../../artifact/write.js';
import { usageError } from '../../base/diagnostic.js';
import { type CompileOptions, type CompileReport, compileModel, prepareModel } from '../../driver/compile.js';
import { compileDecode } from '../../driver/generate/decode-request.js';
import type { Graph } from '../../ir/graph.js';
import { printGraph } from '../../ir/print.js';
import { constantBytes } from '../../ops/evaluate.js';
import type { PassRun } from '../../passes/run.js';
import { compileLines } from '../../report/compile-text.js';
import type { View } from '../../report/dump/view.js';
import { VIEWS } from '../../report/dump/views.js';
import { DUMPED_STAGES, type DumpedStage, stageText } from '../../report/stage-text.js';
import type { CommandSpec, OptionValues, Outcome } from '../command.js';
import { asksForLoop, decodeRequest } from '../decode-options.js';
import { addModelOptions, type ModelFlags, modelOptions } from '../model-options.js';
import { choiceOption, words } from '../option-values.js';
import { addPassOptions, type PassFlags, passOptions, timingLines } from '../pass-options.js';
import type { Session } from '../session.js';
import { viewsDocument, viewsText } from '../views.js';

interface CompileFlags extends ModelFlags, PassFlags {
  readonly output?: string;
  readonly dump?: true | readonly View[];
  readonly dumpAfter?: readonly DumpedStage[];
}

function configure(command: Command): void {
  command.option('-o, --output <file.neff>', 'where the artifact goes; it appears whole or not at all');
  addModelOptions(command);
  command
    .addOption(
      new Option(
        '--dump [views]',
        `print views of the artifact: ${VIEWS.map((v) => v.name).join(', ')} or all`,
      ).argParser(parseViews),
    )
    .addOption(
      new Option('--dump-after <stages>', `print what stages made: ${DUMPED_STAGES.join(', ')}`).argParser(
        parseStages,
      ),
    );
  addPassOptions(command);
}

function parseViews(text: string): readonly View[] {
  if (text === 'all') return VIEWS;
  const find = choiceOption(
    '--dump',
    VIEWS.map((v) => v.name),
  );
  return words(text).flatMap((name) => VIEWS.filter((v) => v.name === find(name)));
}

function parseStages(text: string): readonly DumpedStage[] {
  return words(text).map(choiceOption('--dump-after', DUMPED_STAGES));
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Texts that options ask for beside the artifact, in the order in which they came. */
interface Printed {
  readonly stages: { readonly stage: string; readonly text: string }[];
  passes: readonly PassRun[];
}

function compileOptions(flags: CompileFlags, session: Session, printed: Printed): CompileOptions {
  return {
    ...modelOptions(flags, session),
    passes: passOptions(flags, session),
    onPasses: (runs) => {
      printed.passes = runs;
    },
    onStage: (stage, data) => {
      session.stage(stage);
      if (!flags.dumpAfter?.some((wanted) => wanted === stage)) return;
      const text = stageText(stage, data);
      if (text !== undefined) printed.stages.push({ stage, text: [...text].join('') });
    },
  };
}

function compileTo(
  model: string | undefined,
  options: CompileOptions,
  values: OptionValues,
): { report: CompileReport; draft: ArtifactDraft } {
  if (asksForLoop(model, values))
    return compileDecode(decodeRequest(model, values, options.inputShapes), options);
  return compileModel(required(model), options);
}

function required(model: string | undefined): string {
  if (model !== undefined) return model;
  throw usageError('E2001', "missing required argument 'model'");
}

/** `--stop-after`: the graph as it stands then; nothing is compiled, nothing written. */
function stopped(graph: Graph, printed: Printed): Outcome {
  const text = printGraph(graph, constantBytes);
  return {
    document: () => ({ graph: text, passes: printed.passes }),
    text: () => [text],
  };
}

function* printedLines(printed: Printed, flags: CompileFlags): Generator<string> {
  for (const { stage, text } of printed.stages) yield `; after ${stage}\n${text}\n`;
  if (flags.timePasses === true) yield* [...timingLines(printed.passes), '\n'];
}

/** Writes the artifact; an interrupt waits until it is in its place. */
function write(output: string, draft: ArtifactDraft, { environment }: Session): WrittenArtifact {
  environment.writing?.(true);
  try {
    return writeArtifactFile(output, draft);
  } finally {
    environment.writing?.(false);
  }
}

async function compile([model]: readonly string[], values: OptionValues, session: Session): Promise<Outcome> {
  const flags = values as unknown as CompileFlags;
  const { output } = flags;
  const printed: Printed = { stages: [], passes: [] };
  const options = compileOptions(flags, session, printed);
  if (flags.stopAfter !== undefined) return stopped(prepareModel(required(model), options).graph, printed);
  if (output === undefined)
    throw usageError('E2001', "required option '-o, --output <file.neff>' not specified");
  const { report, draft } = compileTo(model, options, values);
  const written = write(output, draft, session);
  session.stage('write');
  const totalMs = session.elapsedMs();
  const peakBytes = session.environment.peakMemory();
  const sha256 = session.json ? await sha256Of(output) : '';
  const views = flags.dump === undefined ? [] : flags.dump === true ? VIEWS.slice(0, 1) : flags.dump;
  const viewed = { cores: 1, sharedWeights: false, target: options.target };
  return {
    diagnostics: report.warnings,
    document: () => ({
      artifact: { path: output, bytes: written.bytes, sha256 },
      ...report,
      timing: { total_ms: totalMs, stages: session.stages },
      peak_rss_bytes: peakBytes,
      ...(views.length > 0 && { dump: viewsDocument(readArtifactFile(output), views, viewed) }),
      ...(printed.stages.length > 0 && { stages: printed.stages }),
      ...(flags.timePasses === true && { passes: printed.passes }),
    }),
    *text() {
      yield* printedLines(printed, flags);
      if (views.length > 0) yield* [...viewsText(readArtifactFile(output), views, viewed), '\n'];
      yield* compileLines(draft, report, { path: output, bytes: written.bytes, totalMs, peakBytes });
    },
  };
}

export const COMPILE: CommandSpec = {
  schema: 1,
  configure,
  run: compile,
};

// `neffc compile`: a model to an artifact. Parses and checks the options, calls the driver, writes the file, reports.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { readArtifactFile } from '../../artifact/read.js';
import { writeArtifactFile } from '../../artifact/write.js';
import { usageError } from '../../base/diagnostic.js';
import { compileModel, type CompileOptions, type CompileReport } from '../../driver/compile.js';
import type { ArtifactDraft } from '../../artifact/model.js';
import { compileDecode } from '../../driver/generate/decode-request.js';
import { parsePreprocess } from '../../driver/tensor-files/preprocess.js';
import { constantBytes } from '../../ops/evaluate.js';
import { printGraph } from '../../ir/print.js';
import { compileLines } from '../../report/compile-text.js';
import type { CommandSpec, OptionValues, Outcome } from '../command.js';
import { addDecodeOptions, asksForLoop, decodeRequest, notBuilt } from '../decode-options.js';
import { addTargetOptions, choiceOption, parseShape, parseTarget, repeated, type ShapeOption, splitPair } from '../option-values.js';
import type { Session } from '../session.js';

export interface ModelFlags {
  readonly target: string;
  readonly autoCast: CompileOptions['autoCast'];
  readonly autoCastType: CompileOptions['autoCastType'];
  readonly optimize: number;
  readonly inputShape?: readonly ShapeOption[];
  readonly hostOps: CompileOptions['hostOps'];
  readonly preprocess?: readonly (readonly [name: string, steps: string])[];
}
interface CompileFlags extends ModelFlags {
  readonly output: string;
}

/** `NAME=STEPS`, the first `=` apart from those of steps (`mean=…`); checked at once. */
function parsePreprocessOption(text: string): readonly [string, string] {
  const at = text.search(/=(?=(?:grey|rgb|bgr|invert|resize|pad|mean=|std=))/);
  const [name, steps] = at > 0 ? [text.slice(0, at), text.slice(at + 1)] : splitPair(text, '--preprocess');
  parsePreprocess(steps);
  return [name, steps];
}

function configure(command: Command): void {
  addModelOptions(command.requiredOption('-o, --output <file.neff>', 'where the artifact goes; it appears whole or not at all'));
}

/** A model and how it is compiled: what `compile` and `explore` share. */
export function addModelOptions(command: Command): void {
  command.argument('[model]', 'an ONNX file, a TorchScript archive or a folder that Optimum wrote');
  addTargetOptions(command);
  command
    .addOption(
      new Option('--input-shape <name=shape>', 'shape of an input (name or position), as 1x3x224x224, 1x128:i64 or scalar; repeatable').argParser(
        repeated(parseShape),
      ),
    )
    .addOption(
      new Option('--host-ops <mode>', 'operators that no engine runs: allow (on the host, a warning each) or forbid')
        .argParser(choiceOption('--host-ops', ['allow', 'forbid']))
        .default('allow'),
    )
    .addOption(
      new Option('--preprocess <name=steps>', 'what `run` does to image files: grey|rgb|bgr, invert, resize, pad, mean=A:B:C, std=A:B:C').argParser(
        repeated(parsePreprocessOption),
      ),
    );
  addDecodeOptions(command);
}

/** One shape an input; more would be buckets. */
function inputShapes(given: readonly ShapeOption[]): CompileOptions['inputShapes'] {
  const shapes = new Map<string, { shape: readonly number[]; dtype?: ShapeOption['dtype'] & string }>();
  for (const { name, shapes: all, dtype } of given) {
    const [shape = [], ...more] = all;
    if (shapes.has(name)) throw usageError('E2002', `--input-shape gives ${name} twice`, undefined, 'separate the shapes of buckets by commas in one option');
    if (more.length > 0) throw notBuilt(`several shapes of an input (${name}: buckets)`, 'compile an artifact for each shape');
    shapes.set(name, { shape, ...(dtype !== undefined && { dtype }) });
  }
  return shapes;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function compileTo(model: string | undefined, flags: CompileFlags, values: OptionValues, session: Session): { report: CompileReport; draft: ArtifactDraft } {
  const options = modelOptions(flags, session);
  if (asksForLoop(model, values)) return compileDecode(decodeRequest(model, values, options.inputShapes), options);
  if (model === undefined) throw usageError('E2001', "missing required argument 'model'");
  return compileModel(model, options);
}

export function modelOptions(flags: ModelFlags, session: Session): CompileOptions {
  return {
    target: parseTarget(flags.target),
    autoCast: flags.autoCast,
    autoCastType: flags.autoCastType,
    inputShapes: inputShapes(flags.inputShape ?? []),
    hostOps: flags.hostOps,
    preprocess: new Map(flags.preprocess),
    level: flags.optimize,
    onGraph: (graph) => session.keep('graph.txt', () => printGraph(graph, constantBytes)),
    onStage: (stage) => session.stage(stage),
  };
}

async function compile([model]: readonly string[], values: OptionValues, session: Session): Promise<Outcome> {
  const flags = values as unknown as CompileFlags;
  const { report, draft } = compileTo(model, flags, values, session);
  const { environment } = session;
  environment.writing?.(true);
  const written = writeArtifactFile(flags.output, draft);
  environment.writing?.(false);
  session.stage('write');
  const total_ms = session.elapsedMs();
  const peak_rss_bytes = environment.peakMemory();
  const sha256 = session.json ? await sha256Of(flags.output) : '';
  return {
    diagnostics: report.warnings,
    document: () => ({
      artifact: { path: flags.output, bytes: written.bytes, sha256 },
      ...report,
      timing: { total_ms, stages: session.stages },
      peak_rss_bytes,
    }),
    text: () => compileLines(readArtifactFile(flags.output), report, { path: flags.output, bytes: written.bytes, totalMs: total_ms, peakBytes: peak_rss_bytes }),
  };
}

export const COMPILE: CommandSpec = {
  name: 'compile',
  summary: 'compile a model to an artifact',
  schema: 1,
  configure,
  run: compile,
};

// A model and how it is compiled: the options that `compile` and `explore` share.
import { type Command, Option } from 'commander';
import { usageError } from '../base/diagnostic.js';
import { type ShapeBucket, shapeBuckets } from '../driver/buckets.js';
import type { CompileOptions } from '../driver/compile.js';
import { parsePreprocess } from '../driver/tensor-files/preprocess.js';
import { readTensor } from '../driver/tensor-files/read.js';
import { printGraph } from '../ir/print.js';
import { constantBytes } from '../ops/evaluate.js';
import { addDecodeOptions } from './decode-options.js';
import {
  addTargetOptions,
  choiceOption,
  parseShape,
  parseTarget,
  readUserFile,
  repeated,
  type ShapeOption,
  splitPair,
} from './option-values.js';
import type { Session } from './session.js';

export interface ModelFlags {
  readonly target: string;
  readonly autoCast: CompileOptions['autoCast'];
  readonly autoCastType: CompileOptions['autoCastType'];
  readonly optimize: number;
  readonly inputShape?: readonly ShapeOption[];
  readonly hostOps: CompileOptions['hostOps'];
  readonly preprocess?: readonly (readonly [name: string, steps: string])[];
  readonly inputValue?: readonly (readonly [name: string, file: string])[];
}

/** `NAME=STEPS`, the first `=` apart from those of steps (`mean=…`); checked at once. */
function parsePreprocessOption(text: string): readonly [string, string] {
  const at = text.search(/=(?=(?:grey|rgb|bgr|invert|resize|pad|mean=|std=))/);
  const [name, steps] = at > 0 ? [text.slice(0, at), text.slice(at + 1)] : splitPair(text, '--preprocess');
  parsePreprocess(steps);
  return [name, steps];
}

export function addModelOptions(command: Command): void {
  command.argument('[model]', 'an ONNX file, a TorchScript archive or a folder that Optimum wrote');
  addTargetOptions(command);
  command
    .addOption(
      new Option(
        '--input-shape <name=shape>',
        'shape of an input (name or position), as 1x3x224x224, 1x128:i64 or scalar; several, separated by commas, make buckets; repeatable',
      ).argParser(repeated(parseShape)),
    )
    .addOption(
      new Option(
        '--host-ops <mode>',
        'operators that no engine runs: allow (on the host, a warning each) or forbid',
      )
        .argParser(choiceOption('--host-ops', ['allow', 'forbid']))
        .default('allow'),
    )
    .addOption(
      new Option(
        '--preprocess <name=steps>',
        'what `run` does to image files: grey|rgb|bgr, invert, resize, pad, mean=A:B:C, std=A:B:C',
      ).argParser(repeated(parsePreprocessOption)),
    );
  command.addOption(
    new Option(
      '--input-value <name=file>',
      'values of an input that are known now, as .npy or JSON: shapes may follow from them, and the artifact is for these values alone; repeatable',
    ).argParser(repeated((text) => splitPair(text, '--input-value'))),
  );
  addDecodeOptions(command);
}

/** The sets of shapes given, ascending; one where no input has several. @throws E2002 */
export function givenBuckets(given: readonly ShapeOption[]): readonly ShapeBucket[] {
  const twice = given.find(({ name }, i) => given.findIndex((g) => g.name === name) < i);
  if (twice !== undefined)
    throw usageError(
      'E2002',
      `--input-shape gives ${twice.name} twice`,
      undefined,
      'separate the shapes of buckets by commas in one option',
    );
  return shapeBuckets(given);
}

/** The shapes of the largest bucket. */
export function largestShapes(buckets: readonly ShapeBucket[]): CompileOptions['inputShapes'] {
  return buckets.at(-1)?.inputShapes ?? new Map();
}

/** The driver's options; stages are timed, and the graph is kept for the reproducer of a bug. */
export function modelOptions(flags: ModelFlags, session: Session): CompileOptions {
  const buckets = givenBuckets(flags.inputShape ?? []);
  return {
    target: parseTarget(flags.target),
    autoCast: flags.autoCast,
    autoCastType: flags.autoCastType,
    inputShapes: largestShapes(buckets),
    buckets,
    hostOps: flags.hostOps,
    preprocess: new Map(flags.preprocess),
    inputValues: new Map(
      flags.inputValue?.map(([name, file]) => [name, readTensor(readUserFile(file, '--input-value'), file)]),
    ),
    level: flags.optimize,
    onGraph: (graph) => session.keep('graph.txt', () => printGraph(graph, constantBytes)),
    onStage: (stage) => session.stage(stage),
  };
}

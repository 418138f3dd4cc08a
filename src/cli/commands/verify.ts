// `neffc verify`: compares an artifact with recorded tensors, or with its source model run elsewhere.
import { type Command, Option } from 'commander';
import type { Artifact } from '../../artifact/model.js';
import { readArtifactFile } from '../../artifact/read.js';
import type { ModelSignature } from '../../artifact/signature.js';
import { type Diagnostic, EXIT, unsupported, usageError } from '../../base/diagnostic.js';
import type { HostTensor } from '../../base/tensor.js';
import type { CompileOptions } from '../../driver/compile.js';
import { readInputs } from '../../driver/inputs.js';
import { compareLayers, type LayerReport } from '../../driver/layers.js';
import { compiledShapes, type ReferenceRuntime, referenceFromModel } from '../../driver/model-reference.js';
import { type ReferenceSet, readReferenceData } from '../../driver/reference-data.js';
import { type Verification, verifyArtifact } from '../../driver/verify.js';
import { layerLines, verifyLines } from '../../report/verify-text.js';
import { loadArtifact } from '../../runtime/load.js';
import { modelOf } from '../../runtime/model-program.js';
import type { CommandSpec, OptionValues, Outcome } from '../command.js';
import { choiceOption } from '../option-values.js';
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

interface VerifyFlags extends InputFlags, LoadFlags {
  readonly data?: string;
  readonly model?: string;
  readonly reference: ReferenceRuntime;
  readonly layers?: boolean;
  readonly linked?: string;
}

/** Seed of the inputs where none are given. */
const DEFAULT_SEED = 0;

function configure(command: Command): void {
  command
    .argument('<artifact>', 'a .neff file')
    .option('--data <folder>', 'recorded input_K and output_K, .npy or .pb')
    .option('--model <file>', 'the source model; it is run on the inputs given, or on random ones')
    .addOption(
      new Option(
        '--reference <runtime>',
        "what runs the source model: onnxruntime (onnxruntime-node, where installed) or interpreter (neffc's evaluators)",
      )
        .argParser(choiceOption('--reference', ['onnxruntime', 'interpreter']))
        .default('onnxruntime'),
    )
    .option('--layers', 'with --model: compare every intermediate value, and name the first that departs')
    .option('--linked <name>', 'which model of a linked artifact');
  addInputOptions(command);
  addCoreOptions(command);
  addCheckOptions(command);
}

/** Inputs from the options, else those recorded, else random ones. */
function givenInputs(
  signature: ModelSignature,
  flags: VerifyFlags,
  recorded: readonly ReferenceSet[],
): ReadonlyMap<string, HostTensor> {
  const sources = inputSources(flags);
  const given = sources.files.length > 0 || sources.folder !== undefined || sources.randomSeed !== undefined;
  const [first] = recorded;
  if (!given && first !== undefined) return first.inputs;
  return readInputs(signature, given ? sources : { ...sources, randomSeed: DEFAULT_SEED });
}

/** The options with which the artifact was compiled, as it records them. */
function compiledWith(
  { manifest }: Artifact,
  signature: ModelSignature,
  inputs: ReadonlyMap<string, HostTensor>,
): CompileOptions {
  const { autoCast = 'none', autoCastType = 'bf16', level = 2 } = manifest.options as Partial<CompileOptions>;
  return {
    target: manifest.target,
    autoCast,
    autoCastType,
    level,
    inputShapes: compiledShapes(signature, inputs),
    hostOps: 'allow',
    preprocess: new Map(),
  };
}

function failures(verification: Verification, layers: LayerReport | undefined): Diagnostic[] {
  const outputs = verification.outputs
    .filter((o) => !o.equal)
    .map(
      (o): Diagnostic => ({
        code: 'E6001',
        severity: 'error',
        message: `output ${o.output} of ${o.set} departs from the reference: ${o.reason}`,
      }),
    );
  const first = layers?.first;
  if (first === undefined) return outputs;
  return [
    ...outputs,
    {
      code: 'E6002',
      severity: 'error',
      message: `${first.op} is the first layer that departs: ${first.reason}`,
      where: { node: first.node },
    },
  ];
}

async function verify(
  [path = '']: readonly string[],
  values: OptionValues,
  session: Session,
): Promise<Outcome> {
  const flags = values as unknown as VerifyFlags;
  if (flags.data === undefined && flags.model === undefined) {
    throw usageError('E2001', 'verify needs a reference', undefined, 'give --data FOLDER or --model MODEL');
  }
  if (flags.layers === true && flags.model === undefined)
    throw usageError('E2001', '--layers needs the source model', undefined, 'give --model MODEL');
  const artifact = readArtifactFile(path);
  const signature = modelOf(artifact, flags.linked);
  if (flags.layers === true && signature.decode !== undefined) {
    throw unsupported(
      'E4020',
      'this version does not compare the layers of a decoding loop',
      undefined,
      'compile the encoder and the decoder by themselves, with --decode none',
    );
  }
  const recorded = flags.data === undefined ? [] : readReferenceData(flags.data, signature);
  const inputs = givenInputs(signature, flags, recorded);
  const layered =
    flags.layers === true && flags.model !== undefined
      ? compareLayers(flags.model, inputs, compiledWith(artifact, signature, inputs))
      : undefined;
  // Inputs that are given stand in for the recorded ones, for example the image that they were made from.
  const sets = recorded.map((set) => (set === recorded[0] ? { ...set, inputs } : set));
  if (flags.model !== undefined && recorded.length === 0) {
    // Layers are compared by neffc's evaluators anyway, so the outputs are too.
    const runtime = layered === undefined ? flags.reference : 'interpreter';
    sets.push(await referenceFromModel(flags.model, signature, inputs, { runtime, folder: process.cwd() }));
  }
  session.stage('reference');
  const verification = verifyArtifact(loadArtifact(artifact, loadOptions(flags)), sets, flags.linked);
  session.stage('run');
  const good = verification.equal && layered?.first === undefined;
  return {
    exitCode: good ? EXIT.good : EXIT.verifyFailed,
    diagnostics: failures(verification, layered),
    document: () => ({ ...verification, ...(layered && { layers: layered }) }),
    *text() {
      yield* verifyLines(verification);
      if (layered !== undefined) yield* layerLines(layered);
    },
  };
}

export const VERIFY: CommandSpec = {
  schema: 1,
  configure,
  run: verify,
};

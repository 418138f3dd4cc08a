// A folder as Hugging Face Optimum exports it. Names of files and inputs and its two configuration files are the format's
// contract, so that here, unlike anywhere else, names decide.
import { fromNumbers, type HostTensor } from '../../base/tensor.js';
import { staticShape } from '../../ir/type.js';
import { generation } from './generation.js';
import { onnxSource } from './onnx-source.js';
import {
  BRANCH,
  cacheSlot,
  flag,
  followTokens,
  ones,
  PAST,
  positionalFeed,
  scoresOf,
  slotShape,
  TOKENS,
} from './optimum-ports.js';
import { encoderInputs, firstAndLater, type Recognised, single } from './pair.js';
import { promptModel } from './prompt-model.js';
import type { ModelFolder } from './read-source.js';
import { folderIncomplete, unknownName } from './refusals.js';
import {
  type DecodeFlags,
  type Port,
  type RecognisedDecode,
  type SourceModel,
  standardOutputs,
} from './request.js';
import { folderGeneration, Settings } from './settings.js';
import { bindPorts, Symbols } from './shapes.js';
import type { EncoderSide } from './wire-pair.js';
import type { Feed, StateSlot } from './wired-decoder.js';
import type { ContextSource, WiredPair } from './wired-pair.js';

const ENCODER = ['encoder_model.onnx', 'onnx/encoder_model.onnx'];

/** A decoder file by what its inputs say of it. */
type DecoderKind = 'with past' | 'merged' | 'without past';

export function isOptimumFolder({ configs, models }: ModelFolder): boolean {
  return configs.has('config.json') && models.length > 0;
}

/** @throws E4203, E4205, E4208, E4209, E4210, E2210 (no such decoder file), and what the files throw */
export function recogniseFolder(
  folder: ModelFolder,
  decoderFile: string | undefined,
  flags: DecodeFlags,
): RecognisedDecode {
  if (!isOptimumFolder(folder)) {
    throw folderIncomplete(
      'the folder has no config.json, or no ONNX files',
      { file: folder.path },
      'Give a folder that Optimum exported, or the model file itself.',
    );
  }
  const encoderFile = ENCODER.find((name) => folder.models.includes(name));
  const decoders = folder.models.filter((name) => name !== encoderFile);
  const settings = new Settings(folder.configs, folder.path);
  const chosen = chooseDecoder(folder, decoders, decoderFile);
  if (encoderFile === undefined)
    return promptModel(chosen.model, chosen.kind === 'without past', settings, flags);
  return encoderDecoder(sourceAt(folder, encoderFile), chosen, settings, flags);
}

interface ChosenDecoder {
  readonly model: SourceModel;
  readonly kind: DecoderKind;
  /** The decoder without past that makes the first step of one that needs it. */
  readonly first: SourceModel | undefined;
}

function sourceAt(folder: ModelFolder, name: string): SourceModel {
  const read = folder.read(name);
  if (read.kind !== 'onnx')
    throw folderIncomplete(`${name} holds a TorchScript archive, not an ONNX model`, { file: folder.path });
  return onnxSource(read.model, read.file);
}

function kindOf({ inputs }: SourceModel): DecoderKind {
  if (inputs.some(({ name }) => name === BRANCH)) return 'merged';
  return inputs.some(({ name }) => PAST.test(name)) ? 'with past' : 'without past';
}

/** File names in the order of preference: with past, merged, without. */
const PREFERENCE = [
  'decoder_with_past_model.onnx',
  'model.onnx',
  'decoder_model_merged.onnx',
  'model_merged.onnx',
  'decoder_model.onnx',
  'model_without_past.onnx',
];

function chooseDecoder(
  folder: ModelFolder,
  files: readonly string[],
  wanted: string | undefined,
): ChosenDecoder {
  const base = (name: string) => name.split('/').at(-1) ?? name;
  const find = (name: string) => files.find((file) => file === name || base(file) === name);
  if (wanted !== undefined && find(wanted) === undefined)
    throw unknownName('--decoder-file', wanted, files, folder.path);
  const name = wanted === undefined ? PREFERENCE.map(find).find((file) => file !== undefined) : find(wanted);
  if (name === undefined) {
    throw folderIncomplete(
      `the folder has no decoder of a known name; its files are ${files.join(', ')}`,
      { file: folder.path },
      'Choose one with --decoder-file NAME.',
    );
  }
  const model = sourceAt(folder, name);
  const kind = kindOf(model);
  const firstFile = kind === 'with past' ? find('decoder_model.onnx') : undefined;
  return { model, kind, first: firstFile === undefined ? undefined : sourceAt(folder, firstFile) };
}

// ---- encoder and decoder ----

function encoderDecoder(
  model: SourceModel,
  { model: decoder, kind, first }: ChosenDecoder,
  settings: Settings,
  flags: DecodeFlags,
): RecognisedDecode {
  const given = new Map(flags.inputShapes);
  const mask = model.inputs.findIndex(({ name }) => name === 'attention_mask');
  followTokens(model, given, mask);
  const { types, diagnostics } = bindPorts(model.inputs, given, model.file, flags.batch);
  const [firstType] = types.values();
  const batch = firstType?.shape[0] ?? 1;
  const encoder: EncoderSide = { model, types, graph: model.graphAt(types, new Map()), batch };
  const known = folderGeneration(settings, 1, flags.maxSteps);
  const gen = generation(flags, known, batch, decoder.file);
  const made = ((): Recognised => {
    if (kind === 'without past') return single(encoder, wired(encoder, decoder, {}), gen);
    if (kind === 'merged') {
      return firstAndLater(
        encoder,
        wired(encoder, decoder, { branch: false }),
        wired(encoder, decoder, { branch: true, past: true }),
        gen,
      );
    }
    if (first === undefined) {
      throw folderIncomplete(
        `${decoder.file} makes the later steps, and decoder_model.onnx, which makes the first, is missing`,
        { file: decoder.file },
        'Export the folder again with both, or choose the merged decoder with --decoder-file.',
      );
    }
    return firstAndLater(encoder, wired(encoder, first, {}), wired(encoder, decoder, { past: true }), gen);
  })();
  return {
    source: made.source,
    inputs: encoderInputs(encoder).map((input) =>
      input.name === 'attention_mask' ? { ...input, fill: 1 } : input,
    ),
    outputs: standardOutputs(gen.pad),
    notes: [`decoder file ${decoder.file}, ${kind}`, ...made.notes],
    diagnostics,
  };
}

interface WireOptions {
  /** Value of `use_cache_branch`. */
  readonly branch?: boolean;
  /** Whether past inputs are carried; else nothing reads them. */
  readonly past?: boolean;
}

/** The decoder's inputs by name: what the contract says each of them is. */
function wired(encoder: EncoderSide, decoder: SourceModel, { branch, past = false }: WireOptions): WiredPair {
  const feeds = new Map<string, Feed>();
  const context: ContextSource[] = [];
  const states: StateSlot[] = [];
  const stateOutputs: string[] = [];
  const firstOutputs: string[] = [];
  const give = (port: Port, source: ContextSource): void => {
    feeds.set(port.name, { kind: 'context', index: context.length });
    context.push(source);
  };
  const hidden = encoderOutput(encoder);
  const symbols = new Symbols();
  for (const port of decoder.inputs) {
    const { name } = port;
    if (TOKENS.includes(name)) feeds.set(name, { kind: 'tokens' });
    else if (name === 'encoder_hidden_states') {
      give(port, hidden);
      symbols.learn(port.dims, hidden.shape);
    } else if (
      name === 'encoder_attention_mask' ||
      (name === 'attention_mask' &&
        encoder.model.inputs.some((p) => p.name === name) &&
        !decoder.inputs.some((p) => p.name === 'encoder_attention_mask'))
    ) {
      giveMask(encoder, port, hidden, give, feeds);
    } else if (name === BRANCH) feeds.set(name, { kind: 'constant', value: flag(port, branch ?? true) });
    else if (PAST.test(name)) continue;
    else positionalFeed(port, feeds, decoder);
  }
  for (const port of decoder.inputs) {
    if (!PAST.test(port.name)) continue;
    const output = port.name.replace(PAST, 'present.');
    if (!past) {
      feeds.set(port.name, { kind: 'constant', value: unread(port, encoder.batch) });
    } else if (isCrossAttention(port.name)) {
      give(port, { name: output, ...crossType(port, encoder, hidden), from: 'first step' });
    } else {
      const slot = cacheSlot(port, encoder.batch);
      feeds.set(port.name, { kind: 'state', index: states.length });
      states.push(slot);
      stateOutputs.push(output);
      firstOutputs.push(output);
    }
  }
  return {
    wired: { model: decoder, feeds, scores: scoresOf(decoder), stateOutputs },
    context,
    states,
    starts: states.map(() => undefined),
    firstOutputs,
    notes: [],
  };
}

const isCrossAttention = (name: string): boolean => name.includes('.encoder.');

function encoderOutput({ model, graph }: EncoderSide): ContextSource {
  const at = Math.max(
    0,
    model.outputs.findIndex(({ name }) => name === 'last_hidden_state'),
  );
  const value = graph.body.results[at];
  const name = model.outputs[at]?.name ?? '';
  return {
    name,
    dtype: value?.type.dtype ?? 'f32',
    shape: (value && staticShape(value.type)) ?? [],
    from: 'encoder output',
  };
}

/** The encoder's own mask; ones over what the encoder gives where it has none. */
function giveMask(
  encoder: EncoderSide,
  port: Port,
  hidden: ContextSource,
  give: (port: Port, source: ContextSource) => void,
  feeds: Map<string, Feed>,
): void {
  const type = encoder.types.get('attention_mask');
  const length = hidden.shape[1] ?? 1;
  if (type !== undefined && type.shape[1] === length)
    give(port, { name: 'attention_mask', ...type, from: 'encoder input' });
  else feeds.set(port.name, { kind: 'constant', value: ones(port, [encoder.batch, length]) });
}

/** What stands for a cache that this branch of a merged decoder does not read: empty. */
function unread(port: Port, batch: number): HostTensor {
  return fromNumbers(port.dtype ?? 'f32', slotShape(port, batch), []);
}

function crossType(port: Port, { batch }: EncoderSide, hidden: ContextSource) {
  const length = hidden.shape[1] ?? 1;
  const shape = (port.dims ?? []).map((d, axis) => (typeof d === 'number' ? d : axis === 0 ? batch : length));
  return { dtype: port.dtype ?? ('f32' as const), shape };
}

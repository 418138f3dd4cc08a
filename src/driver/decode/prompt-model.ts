// A decoder alone, as an Optimum folder holds it: it goes on from the tokens of the request. With past, all of them but the
// last go into its states in the prologue, and the first step takes the last one.
import { Emitter } from '../../frontend/onnx/emit.js';
import { staticShape } from '../../ir/type.js';
import { carriedSource, carriedStep, type Front, prefixDecoder, prefixSource } from './build-source.js';
import { generation } from './generation.js';
import { applyGraph, named } from './graph-parts.js';
import {
  BRANCH,
  cacheSlot,
  flag,
  followTokens,
  PAST,
  positionalFeed,
  scoresOf,
  TOKENS,
} from './optimum-ports.js';
import { folderIncomplete } from './refusals.js';
import { type DecodeFlags, type RecognisedDecode, type SourceModel, standardOutputs } from './request.js';
import { folderGeneration, type Settings } from './settings.js';
import { bindPorts } from './shapes.js';
import {
  assembleDecoder,
  type Feed,
  type StateSlot,
  type Surroundings,
  type WiredDecoder,
} from './wired-decoder.js';

/**
 * `withoutPast`: the decoder computes all tokens again at each step. @throws E4203, E4205, E4208 to E4210
 */
export function promptModel(
  model: SourceModel,
  withoutPast: boolean,
  settings: Settings,
  flags: DecodeFlags,
): RecognisedDecode {
  const tokensPort = model.inputs.find(({ name }) => TOKENS.includes(name));
  if (tokensPort === undefined)
    throw folderIncomplete(`${model.file} has no input 'input_ids'`, { file: model.file });
  const maskPort = model.inputs.find(({ name }) => name === 'attention_mask');
  const shown = [tokensPort, ...(maskPort === undefined ? [] : [{ ...maskPort, dims: tokensPort.dims }])];
  const given = new Map(flags.inputShapes);
  followTokens({ ...model, inputs: shown }, given, maskPort === undefined ? -1 : 1);
  const { types, diagnostics } = bindPorts(shown, given, model.file, flags.batch);
  const [batch = 1, length = 1] = types.get(tokensPort.name)?.shape ?? [];
  const known = folderGeneration(settings, length, flags.maxSteps);
  const gen = generation(flags, { ...known, bos: known.bos ?? 0 }, batch, model.file);
  const params = shown.map(({ name }) => {
    const type = types.get(name);
    return named(name, type?.dtype ?? 'i64', type?.shape ?? []);
  });
  const decoder = wiredAlone(model, batch);
  const common = { file: model.file, contextCount: 0, generation: gen, prompt: { length } };
  const source = withoutPast
    ? prefixSource({
        ...common,
        front: promptFront(params, undefined, length, gen.pad),
        decoder: prefixDecoder(decoder.wired, decoder.around, batch, gen.pad),
      })
    : carriedSource({
        ...common,
        front: promptFront(params, decoder, length, gen.pad),
        step: carriedStep(decoder.wired, decoder.around, batch, gen.pad),
        states: decoder.around.states,
        pastAtStart: length - 1,
      });
  return {
    source,
    inputs: params.map(({ name, type }) => ({
      name,
      dtype: type.dtype,
      shape: staticShape(type) ?? [],
      ...(name === 'attention_mask' && { fill: 1, mustBeFill: true }),
    })),
    outputs: standardOutputs(gen.pad),
    notes: [
      `decoder file ${model.file}, ${withoutPast ? 'without past' : 'with past'}`,
      `rows go on from a prompt of ${length} tokens`,
    ],
    diagnostics,
  };
}

interface AloneDecoder {
  readonly wired: WiredDecoder;
  readonly around: Surroundings;
}

function wiredAlone(model: SourceModel, batch: number): AloneDecoder {
  const feeds = new Map<string, Feed>();
  const states: StateSlot[] = [];
  const stateOutputs: string[] = [];
  for (const port of model.inputs) {
    if (TOKENS.includes(port.name)) feeds.set(port.name, { kind: 'tokens' });
    else if (port.name === BRANCH) feeds.set(port.name, { kind: 'constant', value: flag(port, true) });
    else if (PAST.test(port.name)) {
      feeds.set(port.name, { kind: 'state', index: states.length });
      states.push(cacheSlot(port, batch));
      stateOutputs.push(port.name.replace(PAST, 'present.'));
    } else positionalFeed(port, feeds, model);
  }
  return { wired: { model, feeds, scores: scoresOf(model), stateOutputs }, around: { context: [], states } };
}

/** The prompt as it is; and, for a decoder with past, the states that all of its tokens but the last one leave. */
function promptFront(
  params: Front['params'],
  decoder: AloneDecoder | undefined,
  length: number,
  pad: number,
): Front {
  return {
    params,
    make: (b, [tokens]) => {
      if (tokens === undefined) return { context: [], starts: [] };
      const e = new Emitter(b);
      const prompt = e.cast(tokens, 'i64');
      const states = decoder?.around.states ?? [];
      if (decoder === undefined || length === 1)
        return { context: [], starts: states.map(() => undefined), prompt };
      const [batch = 1] = staticShape(tokens.type) ?? [];
      const at = { batch, tokens: length - 1, past: 0 };
      const graph = assembleDecoder(decoder.wired, at, decoder.around, { keep: () => true, pad });
      const empty = states.map(({ dtype, shape }) => e.filled(dtype, shape, 0));
      const [, ...starts] = applyGraph(b, graph, [e.slice(prompt, 1, 0, length - 1), ...empty]);
      return { context: [], starts, prompt };
    },
  };
}

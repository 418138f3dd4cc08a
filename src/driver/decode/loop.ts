// A model that holds its decoding loop, to a DecodeSource with the outputs of the source. The loop's bookkeeping is run to
// see how it decodes (loop-run.ts); its scores become the decoder (loop-decoder.ts); what is behind it becomes rules.
import type { Diagnostic } from '../../base/diagnostic.js';
import { fromNumbers } from '../../base/tensor.js';
import { constantOf, type Value } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import { constantTensor } from '../../ops/evaluate.js';
import type { Generation } from '../../passes/decode/model.js';
import { carriedSource, type Front, prefixSource } from './build-source.js';
import { applyGraph, constantValue, shapeOf } from './graph-parts.js';
import { croppedParts, requireLastOnly } from './loop-checks.js';
import { type LoopDecoder, loopDecoder } from './loop-decoder.js';
import type { Columns } from './loop-leaves.js';
import { loopOutputs, untouchedOutputs } from './loop-outputs.js';
import { type LoopBehaviour, observeLoop } from './loop-run.js';
import type { LoopSite } from './loop-site.js';
import { generationUnknown, loopNotUnderstood } from './refusals.js';
import type { DecodeFlags, DecodeInput, RecognisedDecode } from './request.js';
import type { StateSlot } from './wired-decoder.js';

/** @throws E4203, E4206, E4207, E4208 */
export function recogniseLoop(
  site: LoopSite,
  flags: DecodeFlags,
  diagnostics: readonly Diagnostic[],
): RecognisedDecode {
  const { file, prologue } = site;
  const inputs = prologue.graph.body.params.map(
    (v, i): DecodeInput => ({
      name: prologue.inputs[i] ?? '',
      dtype: v.type.dtype,
      shape: staticShape(v.type) ?? [],
    }),
  );
  const batch = inputs[0]?.shape[0] ?? 1;
  const behaviour = observeLoop(site, batch, flags.maxSteps);
  const start = startTokens(site, behaviour);
  const first = behaviour.parts(0);
  const decoder: LoopDecoder = {
    file,
    behaviour,
    start,
    contextNames: [...first.context.keys()],
    stateNames: [...first.floats.keys()],
  };
  const generation: Generation = {
    batch,
    bos: start.at(-1)?.[0] ?? 0,
    eos: behaviour.eos,
    pad: behaviour.pad ?? flags.pad ?? behaviour.eos[0] ?? 0,
    maxSteps: behaviour.maxSteps,
    forced: new Map(),
    suppressed: [],
    suppressedFirst: [],
  };
  const notes = describe(behaviour, generation);
  const common = { file, contextCount: decoder.contextNames.length, generation };
  const prompt = isPlainStart(start) ? {} : { prompt: { length: start.length } };
  if (decoder.stateNames.length === 0) {
    const parts = croppedParts(site, decoder, notes);
    const source = prefixSource({
      ...common,
      ...prompt,
      front: loopFront(site, decoder, start),
      decoder: (length, keep) => {
        const t = length - start.length;
        return loopDecoder(decoder, parts(t), t, keep, false);
      },
    });
    return {
      source,
      inputs,
      outputs: loopOutputs(site, decoder, generation, source.prologue),
      notes,
      diagnostics,
    };
  }
  if (start.length > 1)
    throw loopNotUnderstood('the loop carries states and starts with several tokens', { file });
  requireLastOnly(decoder);
  const source = carriedSource({
    ...common,
    front: loopFront(site, decoder, start),
    step: (past, keep) => loopDecoder(decoder, behaviour.parts(past), past, keep, true),
    states: stateSlots(decoder),
    pastAtStart: 0,
  });
  return {
    source,
    inputs,
    outputs: loopOutputs(site, decoder, generation, source.prologue),
    notes,
    diagnostics,
  };
}

function describe(behaviour: LoopBehaviour, { bos, eos, pad, maxSteps }: Generation): string[] {
  const ends = eos.length === 0 ? 'no token ends a row' : `rows end at ${eos.join(' or ')}`;
  const early =
    behaviour.stopsEarly || eos.length === 0 ? '' : '; the source goes on padding, which is left out';
  return [
    `the loop starts from ${bos}, ${ends}, are padded with ${pad} and have at most ${maxSteps} tokens${early}`,
  ];
}

/** [column][row] tokens before the first one chosen: of the record, or where it has none, of the leaf that is the last token. */
function startTokens(
  { file }: LoopSite,
  { record, meanings, batch }: LoopBehaviour,
): readonly (readonly number[])[] {
  const all = [record, ...[...meanings.values()].filter((m): m is Columns => m.kind === 'columns')];
  const longest = all.reduce((best, one) => (one.start.length > best.start.length ? one : best));
  if (longest.start.length > 0) return longest.start;
  const last = [...meanings.values()].find((m) => m.kind === 'last');
  if (last?.kind === 'last') return [last.start];
  if (batch === 0) return [];
  throw generationUnknown('the token that the loop starts from is not known', { file });
}

/** One start token, the same in all rows. */
function isPlainStart(start: readonly (readonly number[])[]): boolean {
  return start.length === 1 && new Set(start[0]).size === 1;
}

function loopFront(site: LoopSite, decoder: LoopDecoder, start: readonly (readonly number[])[]): Front {
  const { prologue } = site;
  const slots = decoder.stateNames.length === 0 ? [] : stateSlots(decoder);
  return {
    params: prologue.graph.body.params.map((v, i) => ({ name: prologue.inputs[i] ?? '', type: v.type })),
    make: (b, params) => {
      const results = applyGraph(b, prologue.graph, params);
      const at = (name: string): Value => results[prologue.outputs.indexOf(name)] as Value;
      const batch = start[0]?.length ?? 1;
      const tokens = Array.from(
        { length: batch * start.length },
        (_, i) => start[i % start.length]?.[Math.floor(i / start.length)] ?? 0,
      );
      return {
        context: decoder.contextNames.map(at),
        starts: slots.map((slot) => (startsFromNothing(slot, at(slot.name)) ? undefined : at(slot.name))),
        further: untouchedOutputs(
          b,
          site,
          new Map(prologue.inputs.map((name, i) => [name, params[i] as Value])),
        ),
        ...(!isPlainStart(start) && {
          prompt: constantValue(b, fromNumbers('i64', [batch, start.length], tokens)),
        }),
      };
    },
  };
}

/** A state that grows starts empty, one that keeps its shape as zeros. */
function startsFromNothing({ tokenAxis, shape }: StateSlot, start: Value): boolean {
  if (tokenAxis !== undefined) return shape[tokenAxis] === 0;
  const constant = constantOf(start);
  return constant !== undefined && constantTensor(constant).data.every((byte) => byte === 0);
}

/** States by how they change from the first iteration to the second. */
function stateSlots({ behaviour, stateNames }: LoopDecoder): readonly StateSlot[] {
  return stateNames.map((name) => {
    const shape = shapeOf(behaviour.parts(0).floats.get(name));
    const after = shapeOf(behaviour.parts(1).floats.get(name));
    const axis = shape.findIndex((dim, i) => dim !== after[i]);
    return {
      name,
      dtype: behaviour.parts(0).floats.get(name)?.type.dtype ?? ('f32' as const),
      shape,
      tokenAxis: axis < 0 ? undefined : axis,
    };
  });
}

// The names of an Optimum decoder's inputs, which are the format's contract, and what each of them is.
import { fromNumbers, type HostTensor } from '../../base/tensor.js';
import { inputUnbound } from './refusals.js';
import type { Port, SourceModel } from './request.js';
import type { Feed, StateSlot } from './wired-decoder.js';

export const PAST = /^past_key_values?\./;
export const BRANCH = 'use_cache_branch';
export const TOKENS = ['input_ids', 'decoder_input_ids'];

/** A mask that no shape is given for is as long as the tokens are. */
export function followTokens(
  model: SourceModel,
  given: Map<string, { readonly shape: readonly number[] }>,
  mask: number,
): void {
  if (mask < 0 || given.has('attention_mask') || given.has(String(mask))) return;
  const at = model.inputs.findIndex(({ name }) => name === 'input_ids');
  const tokens = given.get('input_ids') ?? given.get(String(at));
  if (at >= 0 && tokens !== undefined) given.set('attention_mask', { shape: tokens.shape });
}

export function scoresOf({ outputs, file }: SourceModel): string {
  const scores = outputs.find(({ name }) => name === 'logits') ?? outputs[0];
  if (scores === undefined) throw inputUnbound('the decoder has no outputs', { file });
  return scores.name;
}

export function positionalFeed(port: Port, feeds: Map<string, Feed>, decoder: SourceModel): void {
  const { name } = port;
  if (name === 'attention_mask' || name === 'decoder_attention_mask') feeds.set(name, { kind: 'ones' });
  else if (name === 'position_ids' || name === 'cache_position' || name === 'decoder_position_ids')
    feeds.set(name, { kind: 'count' });
  else
    throw inputUnbound(`the decoder has the input '${name}', which is no part of the format`, {
      file: decoder.file,
    });
}

export function ones(port: Port, shape: readonly number[]): HostTensor {
  return fromNumbers(
    port.dtype ?? 'i64',
    shape,
    new Array<number>(shape.reduce((n, dim) => n * dim, 1)).fill(1),
  );
}

export function flag(port: Port, value: boolean): HostTensor {
  return fromNumbers(port.dtype ?? 'bool', [1], [value ? 1 : 0]);
}

export function slotShape(port: Port, batch: number): readonly number[] {
  return (port.dims ?? []).map((d, axis) => (typeof d === 'number' ? d : axis === 0 ? batch : 0));
}

/** Keys and values are [batch, heads, tokens, features]: the axis that is neither the batch nor fixed counts the tokens. */
export function cacheSlot(port: Port, batch: number): StateSlot {
  const axis = (port.dims ?? []).findIndex((d, i) => i > 0 && typeof d !== 'number');
  return {
    name: port.name,
    dtype: port.dtype ?? 'f32',
    shape: slotShape(port, batch),
    tokenAxis: axis < 0 ? 2 : axis,
  };
}

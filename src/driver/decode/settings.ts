// The generation settings of a Hugging Face folder: generation_config.json over config.json, as greedy decoding reads them.
// Settings that change greedy output and are not built are refused by name; those that matter to sampling or beams alone
// are not looked at.

import type { KnownGeneration } from './generation.js';
import { settingNotBuilt } from './refusals.js';

export type Config = Readonly<Record<string, unknown>>;

/** Settings that change greedy output, and the values under which they do nothing. */
const MUST_BE: readonly (readonly [name: string, isIdle: (value: unknown) => boolean])[] = [
  ['num_beams', (v) => v === 1],
  ['num_beam_groups', (v) => v === 1],
  ['do_sample', (v) => v === false],
  ['penalty_alpha', (v) => v === 0],
  ['repetition_penalty', (v) => v === 1],
  ['encoder_repetition_penalty', (v) => v === 1],
  ['no_repeat_ngram_size', (v) => v === 0],
  ['encoder_no_repeat_ngram_size', (v) => v === 0],
  ['min_length', (v) => v === 0],
  ['min_new_tokens', (v) => v === 0],
  ['exponential_decay_length_penalty', () => false],
  ['sequence_bias', () => false],
  ['guidance_scale', (v) => v === 1],
  ['force_words_ids', () => false],
  ['constraints', () => false],
  ['stop_strings', () => false],
  ['dola_layers', () => false],
  ['watermarking_config', () => false],
];

/** Settings by name: the generation config's own, else the model's, else those of its decoder part. */
export class Settings {
  private readonly layers: readonly Config[];
  private readonly file: string;

  constructor(configs: ReadonlyMap<string, Config>, folder: string) {
    const own = configs.get('generation_config.json');
    const model = configs.get('config.json') ?? {};
    const decoder = isConfig(model.decoder) ? model.decoder : {};
    this.layers = own === undefined ? [model, decoder] : [own, model, decoder];
    this.file = `${folder}/${own === undefined ? 'config.json' : 'generation_config.json'}`;
    // What is said of generation in the model's own configuration counts only where there is no generation config.
    const speaking = own === undefined ? [model] : [own];
    for (const [name, isIdle] of MUST_BE) {
      const value = first(speaking, name);
      if (value === undefined || isIdle(value)) continue;
      throw settingNotBuilt(
        `the folder asks for ${name} ${JSON.stringify(value)}, which greedy decoding does not do`,
        { file: this.file },
        `Take ${name} out of the file to decode greedily without it; the tokens may be others then.`,
      );
    }
    this.speaking = speaking;
  }

  private readonly speaking: readonly Config[];

  id(name: string): number | undefined {
    return this.ids(name)?.[0];
  }

  /** A token or a list of them; undefined where it is not said or null. */
  ids(name: string): readonly number[] | undefined {
    const value = first(this.layers, name);
    if (value === undefined) return undefined;
    const list = Array.isArray(value) ? value : [value];
    if (list.every((id) => Number.isSafeInteger(id) && Number(id) >= 0)) return list as readonly number[];
    throw this.malformed(name, value);
  }

  /** A setting of generation proper. */
  own(name: string): unknown {
    return first(this.speaking, name);
  }

  count(name: string): number | undefined {
    const value = this.own(name);
    if (value === undefined) return undefined;
    if (Number.isSafeInteger(value) && Number(value) > 0) return Number(value);
    throw this.malformed(name, value);
  }

  malformed(name: string, value: unknown) {
    return settingNotBuilt(`${name} is ${JSON.stringify(value)}, which is not understood`, {
      file: this.file,
    });
  }
}

function isConfig(value: unknown): value is Config {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function first(layers: readonly Config[], name: string): unknown {
  return layers.map((layer) => layer[name]).find((value) => value !== undefined && value !== null);
}

/** The library's own limit where nothing is said. */
const DEFAULT_MAX_LENGTH = 20;

/**
 * What the folder says of generation. `startLength` tokens stand before the first new one; `maxSteps` given on the command
 * line shifts what is forced at the end.
 */
export function folderGeneration(
  settings: Settings,
  startLength: number,
  maxSteps: number | undefined,
): KnownGeneration {
  const eos = settings.ids('eos_token_id') ?? [];
  const newTokens = settings.count('max_new_tokens');
  const total = settings.count('max_length') ?? DEFAULT_MAX_LENGTH;
  const steps = maxSteps ?? newTokens ?? total - startLength;
  const forced = forcedTokens(settings, startLength, steps);
  const suppressedFirst = idList(settings, 'begin_suppress_tokens');
  if (suppressedFirst.length > 0 && forced.has(0)) {
    throw settingNotBuilt('begin_suppress_tokens together with a forced first token is not built');
  }
  return {
    bos: settings.id('decoder_start_token_id') ?? settings.id('bos_token_id'),
    eos,
    pad: settings.id('pad_token_id') ?? eos[0],
    maxSteps: steps,
    forced,
    suppressed: [...new Set([...idList(settings, 'suppress_tokens'), ...badWords(settings, eos)])],
    suppressedFirst,
  };
}

function idList(settings: Settings, name: string): readonly number[] {
  const value = settings.own(name);
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((id) => Number.isSafeInteger(id)))
    return (value as number[]).filter((id) => id >= 0);
  throw settings.malformed(name, value);
}

/** Words of one token are never chosen; longer ones depend on what stands before. */
function badWords(settings: Settings, eos: readonly number[]): readonly number[] {
  const value = settings.own('bad_words_ids');
  if (value === undefined) return [];
  if (
    !Array.isArray(value) ||
    !value.every((word) => Array.isArray(word) && word.length === 1 && Number.isSafeInteger(word[0]))
  )
    throw settingNotBuilt(`bad_words_ids ${JSON.stringify(value)} with words of several tokens is not built`);
  return (value as number[][]).map(([id = 0]) => id).filter((id) => !eos.includes(id));
}

function forcedTokens(settings: Settings, startLength: number, steps: number): ReadonlyMap<number, number> {
  const forced = new Map<number, number>();
  const bos = settings.own('forced_bos_token_id');
  if (typeof bos === 'number' && startLength === 1) forced.set(0, bos);
  const pairs = settings.own('forced_decoder_ids');
  if (Array.isArray(pairs)) {
    for (const pair of pairs as unknown[]) {
      const [at, token] = Array.isArray(pair) ? (pair as unknown[]) : [];
      if (typeof at !== 'number' || typeof token !== 'number')
        throw settings.malformed('forced_decoder_ids', pairs);
      if (at >= startLength) forced.set(at - startLength, token);
    }
  }
  const end = settings.own('forced_eos_token_id');
  const ends = Array.isArray(end) ? (end as number[]) : typeof end === 'number' ? [end] : [];
  if (ends.length > 0) forced.set(steps - 1, Math.min(...ends));
  return forced;
}

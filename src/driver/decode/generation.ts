// How generation starts and ends, from the command line alone or over what the source says.
import type { Generation } from '../../passes/decode/model.js';
import { generationUnknown } from './refusals.js';
import type { GenerationFlags } from './request.js';

/** What a source says of itself. */
export interface KnownGeneration {
  readonly bos?: number | undefined;
  readonly eos?: readonly number[] | undefined;
  readonly pad?: number | undefined;
  readonly maxSteps?: number | undefined;
  readonly forced?: ReadonlyMap<number, number>;
  readonly suppressed?: readonly number[];
  readonly suppressedFirst?: readonly number[];
}

/** @throws E4203 naming the option that is missing */
export function generation(
  flags: GenerationFlags,
  known: KnownGeneration,
  batch: number,
  file: string,
): Generation {
  const need = <T>(value: T | undefined, what: string, option: string): T => {
    if (value !== undefined) return value;
    throw generationUnknown(`the ${what} of the decoder is not known`, { file }, `Give it with ${option}.`);
  };
  const eos = flags.eos === undefined ? known.eos : [flags.eos];
  const ends = need(eos, 'end token', '--eos ID');
  return {
    batch,
    bos: need(flags.bos ?? known.bos, 'start token', '--bos ID'),
    eos: ends,
    pad: flags.pad ?? known.pad ?? ends[0] ?? 0,
    maxSteps: need(flags.maxSteps ?? known.maxSteps, 'largest number of new tokens', '--max-steps N'),
    forced: known.forced ?? new Map(),
    suppressed: known.suppressed ?? [],
    suppressedFirst: known.suppressedFirst ?? [],
  };
}

// The options of models that generate step by step: how they parse, and what they make of a source.
import { type Command, Option } from 'commander';
import { usageError } from '../base/diagnostic.js';
import { isDecodeSource } from '../driver/decode/recognise.js';
import type { DecodeFlags } from '../driver/decode/request.js';
import type { DecodeRequest } from '../driver/generate/decode-request.js';
import type { Variant } from '../driver/generate/variants.js';
import type { OptionValues } from './command.js';
import { choiceOption, integerOption, repeated, splitPair } from './option-values.js';

export const DECODE_VARIANTS = ['auto', 'split', 'unrolled', 'partitioned', 'device-loop', 'none'] as const;
export type DecodeVariant = (typeof DECODE_VARIANTS)[number];

/** `25,50,75` (ascending ends), a number of equal parts, or `auto`. */
export type Partitions = 'auto' | { readonly parts: number } | { readonly ends: readonly number[] };

function parsePartitions(text: string): Partitions {
  if (text === 'auto') return 'auto';
  const numbers = text.split(',').map((word) => (/^\d+$/.test(word) ? Number(word) : Number.NaN));
  const ascending = numbers.every((n, i) => Number.isSafeInteger(n) && n > (numbers[i - 1] ?? 0));
  if (!ascending) {
    throw usageError(
      'E2002',
      `--partitions ${text}: it takes ascending ends, a number of parts, or auto`,
      undefined,
      'as in 25,50,75',
    );
  }
  const [parts = 1] = numbers;
  return numbers.length === 1 ? { parts } : { ends: numbers };
}

function parseObjective(text: string): string {
  if (text === 'mean' || text === 'p99' || (text.trim() !== '' && Number(text) >= 0 && Number(text) <= 1))
    return text;
  throw usageError('E2002', `--objective ${text}: it takes mean, p99 or a weight from 0 to 1`);
}

const option = (flags: string, description: string, parse?: (text: string) => unknown) => {
  const made = new Option(flags, description);
  return parse === undefined ? made : made.argParser(parse);
};
const pairs = (flags: string, description: string, name: string) =>
  new Option(flags, description).argParser(repeated((text) => splitPair(text, name)));
const id = (name: string) => integerOption(name, 0, 2 ** 31 - 1);

export function addDecodeOptions(command: Command): void {
  const options = [
    option('--encoder <file>', 'encoder of a pair, in place of MODEL'),
    option('--decoder <file>', 'decoder of a pair'),
    option('--decoder-past <file>', 'decoder that takes the cache of the step before'),
    option('--decoder-file <name>', 'which decoder file of an Optimum folder'),
    option(
      '--decode <variant>',
      `how a decoding loop is built (default: auto for a source that holds one, else none): ${DECODE_VARIANTS.join(', ')}`,
      choiceOption('--decode', DECODE_VARIANTS),
    ),
    option(
      '--partitions <ends>',
      'ends of the partitions (25,50,75), their number, or auto',
      parsePartitions,
    ),
    option('--lengths <file.json>', 'histogram of output lengths: {"length": count}'),
    option('--objective <what>', 'what auto optimises: mean, p99 or a weight', parseObjective),
    option('--max-steps <n>', 'most new tokens, end included', integerOption('--max-steps', 1, 1_000_000)),
    option('--bos <id>', 'token that starts a row', id('--bos')),
    option('--eos <id>', 'token that ends a row', id('--eos')),
    option('--pad <id>', 'token behind the end (default: that of --eos)', id('--pad')),
    option(
      '--incremental <mode>',
      'derive a cache of keys and values: auto or off',
      choiceOption('--incremental', ['auto', 'off']),
    ),
    option('--tokens-input <name>', 'input that takes the tokens so far'),
    pairs(
      '--bind <enc_out=dec_in>',
      'which output of the encoder goes to which input of the decoder; repeatable',
      '--bind',
    ),
    pairs(
      '--state <dec_in=dec_out>',
      'which output of the decoder is which input of its next step; repeatable',
      '--state',
    ),
    option('--batch <n>', 'rows decoded together', integerOption('--batch', 1, 65536)),
    option('--resident-state', 'keep the state on the chip between steps'),
    option('--output-logits', 'add the scores of every step to the outputs, to compare numbers'),
  ];
  for (const one of options) command.addOption(one);
}

/** Options that say something of generation: with them, `--decode auto` makes a loop of a graph that holds none. */
const GENERATION = ['bos', 'eos', 'pad', 'maxSteps', 'tokensInput'];

/** Whether the command line or the source itself asks for a decoding loop (`--decode none` never does). */
export function asksForLoop(model: string | undefined, values: OptionValues): boolean {
  const { decode, encoder, decoder } = values;
  if (decode === 'none') return false;
  if (encoder !== undefined || decoder !== undefined) return true;
  if (decode === 'auto' && GENERATION.some((name) => values[name] !== undefined)) return true;
  if (decode !== undefined && decode !== 'auto') return true;
  return model !== undefined && isDecodeSource({ model });
}

/** What the options say of a source that generates. @throws E2002, E2046 */
export function decodeRequest(
  model: string | undefined,
  values: OptionValues,
  inputShapes: DecodeFlags['inputShapes'],
): DecodeRequest {
  const v = values as Record<string, never> & {
    readonly partitions?: Partitions;
    readonly objective?: string;
  };
  const number = (key: string, as: string) => (v[key] === undefined ? {} : { [as]: v[key] as number });
  const flags: DecodeFlags = {
    inputShapes,
    bind: v.bind ?? [],
    state: v.state ?? [],
    ...(v.tokensInput !== undefined && { tokensInput: v.tokensInput as string }),
    ...number('bos', 'bos'),
    ...number('eos', 'eos'),
    ...number('pad', 'pad'),
    ...number('maxSteps', 'maxSteps'),
    ...number('batch', 'batch'),
  };
  return {
    files: filesOf(model, values),
    flags,
    variant: (values.decode as Variant | 'auto' | undefined) ?? 'auto',
    ...(v.partitions !== undefined && { partitions: v.partitions }),
    ...(v.lengths !== undefined && { lengths: v.lengths as string }),
    objective:
      v.objective === undefined
        ? 'mean'
        : v.objective === 'mean' || v.objective === 'p99'
          ? v.objective
          : Number(v.objective),
    incremental: (v.incremental as 'auto' | 'off' | undefined) ?? 'auto',
    residentState: values.residentState === true,
    outputLogits: values.outputLogits === true,
  };
}

function filesOf(model: string | undefined, values: OptionValues): DecodeRequest['files'] {
  const { encoder, decoder, decoderPast, decoderFile } = values as Record<string, string | undefined>;
  if (encoder !== undefined || decoder !== undefined) {
    if (encoder === undefined || decoder === undefined)
      throw usageError(
        'E2046',
        `--${encoder === undefined ? 'decoder' : 'encoder'} needs --${encoder === undefined ? 'encoder' : 'decoder'} beside it`,
      );
    if (model !== undefined)
      throw usageError('E2046', 'a pair is given by --encoder and --decoder in place of MODEL');
    return { encoder, decoder, ...(decoderPast !== undefined && { decoderPast }) };
  }
  if (model === undefined) throw usageError('E2001', "missing required argument 'model'");
  return { model, ...(decoderFile !== undefined && { decoderFile }) };
}

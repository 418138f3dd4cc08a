// Which input of a decoder takes the tokens and which output holds the scores, by type and shape; names only break ties.
import { isFloat } from '../../base/dtype.js';
import type { Graph } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import { scoresNotFound, tokensNotFound, unknownName } from './refusals.js';
import type { Port, SourceModel } from './request.js';
import { scoreValue } from './wired-decoder.js';

const TOKEN_NAMES =
  /(^|[^a-z])(tokens?|input_?ids|ids|prefix|prev(ious)?|tgt|target|y|trg|decoder_?inputs?)([^a-z]|$)/i;
const SCORE_NAMES = /logit|score|prob/i;

/** Integer of rank 1 or 2: what tokens look like. */
export function looksLikeTokens({ dtype, dims }: Port): boolean {
  return (
    (dtype === 'i64' || dtype === 'i32') && (dims === undefined || dims.length === 2 || dims.length === 1)
  );
}

/**
 * The tokens input among those that nothing else gives.
 * @throws E4201 none or several, E2210 where the name given does not exist
 */
export function findTokens(model: SourceModel, candidates: readonly Port[], given: string | undefined): Port {
  const names = model.inputs.map(({ name }) => name);
  if (given !== undefined) {
    const port = model.inputs.find(({ name }, i) => name === given || String(i) === given);
    if (port === undefined) throw unknownName('--tokens-input', given, names, model.file);
    return port;
  }
  const fitting = candidates.filter(looksLikeTokens);
  const open = fitting.filter(({ dims }) => typeof dims?.at(-1) !== 'number');
  for (const list of [fitting, open, fitting.filter(({ name }) => TOKEN_NAMES.test(name))]) {
    const [only] = list;
    if (list.length === 1 && only !== undefined) return only;
  }
  const which = fitting.map(({ name }) => `'${name}'`).join(', ');
  throw tokensNotFound(
    fitting.length === 0
      ? 'no input of the decoder can be the tokens: integers of shape [batch, length]'
      : `several inputs can be the tokens: ${which}`,
    { file: model.file },
    `Name it with --tokens-input; the inputs are ${names.join(', ')}.`,
  );
}

/**
 * The output with the scores of the next token, of a graph made for `tokens` tokens a row.
 * @throws E4202 none or several
 */
export function findScores(
  model: SourceModel,
  graph: Graph,
  batch: number,
  tokens: number,
  isState: (name: string) => boolean,
): string {
  const shaped = model.outputs.flatMap(({ name }, i) => {
    const value = scoreValue(graph.body.results[i]);
    const shape = value === undefined ? undefined : staticShape(value.type);
    return isState(name) || value === undefined || shape === undefined || !isFloat(value.type.dtype)
      ? []
      : [{ name, shape }];
  });
  const fitting = shaped.filter(({ shape }) => {
    const [first, second = 0, third] = shape;
    if ((shape.at(-1) ?? 0) < 2) return false;
    if (shape.length === 3)
      return first === batch && (second === tokens || second === 1) && third !== undefined;
    if (shape.length === 2) return first === batch || (batch === 1 && first === tokens);
    return shape.length === 1 && batch === 1;
  });
  const perToken = fitting.filter(({ shape }) => shape.length === 3 && shape[1] === tokens);
  for (const list of [fitting, perToken, fitting.filter(({ name }) => SCORE_NAMES.test(name))]) {
    const [only] = list;
    if (list.length === 1 && only !== undefined) return only.name;
  }
  throw scoresNotFound(
    fitting.length === 0
      ? 'no output of the decoder can be the scores of the next token: floats [N, L, V] or [N, V], or their arg-max'
      : `several outputs can be the scores of the next token: ${fitting.map(({ name }) => `'${name}'`).join(', ')}`,
    { file: model.file },
    'Export the decoder with the scores as its only output of that shape.',
  );
}

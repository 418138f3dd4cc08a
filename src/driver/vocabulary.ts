// Token outputs as text, by a vocabulary: a JSON list of strings (the index is the id), or an object from string to id. What
// begin, end and padding tokens are says the artifact's decoding record, where there is one; they print as nothing.
import type { ModelSignature } from '../artifact/signature.js';
import { badInput } from '../base/diagnostic.js';
import { isInteger } from '../base/dtype.js';
import { elementCount, elementReader, type HostTensor } from '../base/tensor.js';

/** The string of each id. @throws E3619 where the JSON is no vocabulary */
export function vocabularyOf(json: unknown, file: string): ReadonlyMap<number, string> {
  if (Array.isArray(json) && json.every((word) => typeof word === 'string'))
    return new Map(json.map((word, id) => [id, word]));
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
    const entries = Object.entries(json);
    if (entries.every(([, id]) => Number.isSafeInteger(id)))
      return new Map(entries.map(([word, id]) => [Number(id), word]));
    if (entries.every(([id, word]) => /^\d+$/.test(id) && typeof word === 'string'))
      return new Map(entries.map(([id, word]) => [Number(id), String(word)]));
  }
  throw badInput(
    'E3619',
    `${file} is no vocabulary`,
    { file },
    'give a list of strings, an object from string to id, or from id to string',
  );
}

/** A decoding record names one token, several, or none. */
function tokensOf(entry: unknown): readonly number[] {
  return (Array.isArray(entry) ? entry : [entry]).filter((id) => typeof id === 'number');
}

/** The text of the first integer output, one line a row. @throws E3619 */
export function textOf(
  outputs: ReadonlyMap<string, HostTensor>,
  json: unknown,
  file: string,
  { decode }: Pick<ModelSignature, 'decode'>,
): string | readonly string[] {
  const vocabulary = vocabularyOf(json, file);
  const tokens = [...outputs.values()].find((t) => isInteger(t.dtype) && t.shape.length > 0);
  if (tokens === undefined)
    throw badInput('E3619', 'the model has no output of tokens to print as text', { file });
  const [bos, ends, pad] = ['bos', 'eos', 'pad'].map((key) => tokensOf(decode?.[key]));
  const silent = new Set([bos, ends, pad].flat());
  const read = elementReader(tokens);
  const columns = tokens.shape.at(-1) ?? 1;
  const rows = columns === 0 ? 0 : elementCount(tokens.shape) / columns;
  const lines = Array.from({ length: rows }, (_, row) => {
    const ids = Array.from({ length: columns }, (_, i) => Number(read(row * columns + i)));
    const end = ids.findIndex((id) => ends?.includes(id));
    return (end < 0 ? ids : ids.slice(0, end))
      .filter((id) => !silent.has(id))
      .map((id) => vocabulary.get(id) ?? `<${id}>`)
      .join('');
  });
  return lines.length === 1 ? (lines[0] ?? '') : lines;
}

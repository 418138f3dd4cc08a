// The external_data entries of a tensor (location, offset, length) to a view of the file they name. Paths are judged
// here by their text, before any file is touched: only plain paths below the model's folder pass. Links are the
// reader's affair (external-files.ts).

import { badInput, type Place } from '../../../base/diagnostic.js';
import type { OnnxTensorSource } from './model.js';

/**
 * @param entries the key/value pairs of the tensor
 * @param expected bytes that the tensor's shape and type demand
 * @throws NeffcError E3013, E3015 (path refused), E3016 (no such file), E3017 (place is outside the file)
 */
export function externalBytes(
  entries: ReadonlyMap<string, string>,
  expected: number,
  readExternal: (relativePath: string) => Uint8Array,
  what: string,
  where: Place,
): { data: Uint8Array; source: OnnxTensorSource } {
  const location = entries.get('location');
  if (!location) {
    throw badInput(
      'E3016',
      `${what} is external and names no file`,
      where,
      'Save the model again with its external data.',
    );
  }
  refuseEscape(location, what, where);
  const offset = parseSize(entries, 'offset', what, where) ?? 0;
  const length = parseSize(entries, 'length', what, where) ?? expected;
  if (length !== expected) {
    throw badInput(
      'E3013',
      `${what} has ${length} bytes in ${location} where its shape needs ${expected}`,
      where,
      'The file is damaged or its exporter is broken; export the model again.',
    );
  }
  const file = readExternal(location);
  if (offset + length > file.length) {
    throw badInput(
      'E3017',
      `${what} is said to be at bytes ${offset} to ${offset + length} of ${location}, which has ${file.length}`,
      where,
      'The data file is cut short or belongs to another model; fetch or export both together.',
    );
  }
  const data = new Uint8Array(file.buffer, file.byteOffset + offset, length);
  return { data, source: { file: location, offset } };
}

function refuseEscape(location: string, what: string, where: Place): void {
  const isAbsolute = /^([/\\]|[a-zA-Z]:)/.test(location);
  const climbs = location.split(/[/\\]/).includes('..');
  if (!isAbsolute && !climbs && !location.includes('\0')) return;
  throw badInput(
    'E3015',
    `${what} names ${JSON.stringify(location)}, which is not inside the model's folder`,
    where,
    'Put the data file beside the model and save the model again with a relative location.',
  );
}

function parseSize(
  entries: ReadonlyMap<string, string>,
  key: string,
  what: string,
  where: Place,
): number | undefined {
  const text = entries.get(key);
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw badInput(
    'E3017',
    `${what} has the ${key} ${JSON.stringify(text)} in its external data`,
    where,
    'Save the model again with its external data.',
  );
}

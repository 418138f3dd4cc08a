// `neffc explain`: what a diagnostic means and what to do about it.
import { usageError } from '../../base/diagnostic.js';
import { CATALOG, type CatalogEntry } from '../../base/diagnostic-catalog.js';
import type { CommandSpec, Outcome } from '../command.js';
import { nearestName } from '../nearest.js';

function* entryLines({ code, title, explanation, exit }: CatalogEntry): Generator<string> {
  yield `${code}: ${title}\n\n${explanation}\n${exit === undefined ? '' : `\nExit code ${exit}.\n`}`;
}

function explain([code]: readonly string[]): Outcome {
  if (code === undefined) {
    const all = [...CATALOG.values()];
    return { document: () => ({ entries: all }), text: () => all.map((e) => `${e.code}  ${e.title}\n`) };
  }
  const entry = CATALOG.get(code.toUpperCase());
  const near = nearestName(code, [...CATALOG.keys()]);
  if (entry === undefined)
    throw usageError(
      'E2001',
      `there is no diagnostic ${code}`,
      undefined,
      near === undefined ? '`neffc explain` lists all' : `did you mean ${near}?`,
    );
  return { document: () => ({ ...entry }), text: () => entryLines(entry) };
}

export const EXPLAIN: CommandSpec = {
  schema: 1,
  configure: (command) => command.argument('[code]', 'as in E2013'),
  run: explain,
};

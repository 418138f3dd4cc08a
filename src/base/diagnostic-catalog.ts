// Every diagnostic code with a title and an explanation: what `neffc explain` and docs/diagnostics.md print. A test compares it with
// the codes that the source uses. The tables stand in catalog/, one for each range of codes.
import { BUGS } from './catalog/bugs.js';
import type { Entry } from './catalog/entry.js';
import { INPUT } from './catalog/input.js';
import { LIMITS, WARNINGS } from './catalog/limits.js';
import { NOT_SUPPORTED } from './catalog/not-supported.js';
import { USAGE } from './catalog/usage.js';

export interface CatalogEntry {
  readonly code: string;
  readonly title: string;
  readonly explanation: string;
  /** What the exit code of a command that ends with it says; undefined for warnings. */
  readonly exit: string | undefined;
}

/** By the first digit of an error's code. */
const EXITS: Readonly<Record<string, string>> = {
  1: '1: a bug of neffc',
  2: '2: usage',
  3: '3: bad input',
  4: '4: unsupported',
  5: '5: does not fit',
  6: '6: verification failed',
  7: '7: over budget',
};

const TABLE: Readonly<Record<string, Entry>> = {
  ...BUGS,
  ...USAGE,
  ...INPUT,
  ...NOT_SUPPORTED,
  ...LIMITS,
  ...WARNINGS,
};

/** All entries, by code. */
export const CATALOG: ReadonlyMap<string, CatalogEntry> = new Map(
  Object.entries(TABLE)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, [title, explanation]]) => [
      code,
      { code, title, explanation, exit: code.startsWith('E') ? EXITS[code[1] ?? ''] : undefined },
    ]),
);

/** The whole of docs/diagnostics.md. */
export function diagnosticsMarkdown(): string {
  const rows = [...CATALOG.values()].map(
    ({ code, title, explanation, exit }) =>
      `## ${code}: ${title}\n\n${explanation}${exit === undefined ? '' : `\n\nExit code ${exit}.`}`,
  );
  return `<!-- Generated from src/base/catalog; refresh with UPDATE_DOCS=1 npx vitest run test/base/diagnostic-catalog.test.ts -->

# Diagnostics

Errors begin with E, warnings with W. \`neffc explain E2013\` prints the same. Codes keep their meaning: a new meaning has a new code.

${rows.join('\n\n')}
`;
}

// docs/artifact.md is written by hand; what it says of numbers and names is what the code has.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CONSTANT_ALIGNMENT } from '../../src/artifact/constants.js';
import { FEATURES } from '../../src/artifact/features.js';
import { HEADER_BYTES, HEADER_FIELDS, HEADER_OFFSETS } from '../../src/artifact/header.js';
import { STEP_NAMES } from '../../src/artifact/host-program.js';
import { encodeMembers } from '../../src/artifact/members.js';
import { FORMAT_VERSION } from '../../src/artifact/model.js';
import { graphDraft } from './sample.js';

const page = readFileSync(fileURLToPath(new URL('../../docs/artifact.md', import.meta.url)), 'utf8');

/** The cells of the table under a heading. */
function table(heading: string): string[][] {
  const section = page.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('docs/artifact.md', () => {
  it('has the header', () => {
    const fields = Object.entries(HEADER_FIELDS) as [keyof typeof HEADER_FIELDS, number][];
    expect(table('Header').map((row) => row.slice(0, 3))).toEqual(
      fields.map(([name, bytes]) => [name, String(HEADER_OFFSETS[name]), String(bytes)]),
    );
    const meaning = Object.fromEntries(table('Header').map((row) => [row[0], row[3]]));
    expect(meaning.packageVersion).toMatch(new RegExp(`^${FORMAT_VERSION.package}:`));
    expect(meaning.headerSize).toBe(String(HEADER_BYTES));
    expect(meaning.majorVersion).toMatch(new RegExp(`^${FORMAT_VERSION.major};`));
    expect(meaning.minorVersion).toMatch(new RegExp(`^${FORMAT_VERSION.minor};`));
  });

  it('has the features', () => {
    expect(table('Features').map((row) => row.slice(0, 2))).toEqual(
      FEATURES.map((name, i) => [String(i), name]),
    );
  });

  it('has the members', () => {
    const named = table('Archive').flatMap(([names = '']) => {
      const [first = '', ...rest] = names.split(', ').map((n) => n.replaceAll('`', ''));
      return [first, ...rest.map((n) => first.replace('/pe.', `/${n}.`))];
    });
    expect(named.sort()).toEqual(
      encodeMembers(graphDraft())
        .map((m) => m.name)
        .sort(),
    );
    expect(page).toContain(`at a multiple of ${CONSTANT_ALIGNMENT} bytes`);
  });

  it('has the steps of host programs', () => {
    expect(table('Host program').map(([name]) => name)).toEqual(STEP_NAMES.map((name) => `\`${name}\``));
  });
});

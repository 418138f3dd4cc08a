// The catalogue knows every code that the source uses, and no other.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { CATALOG } from '../../src/base/diagnostic-catalog.js';

const src = fileURLToPath(new URL('../../src', import.meta.url));

function usedCodes(): Set<string> {
  const files = readdirSync(src, { withFileTypes: true, recursive: true }).filter(
    (f) => f.isFile() && f.name.endsWith('.ts') && !f.parentPath.includes('catalog'),
  );
  return new Set(
    files.flatMap(
      (f) => readFileSync(join(f.parentPath, f.name), 'utf8').match(/(?<=['"])[EW]\d{4}(?=['"])/g) ?? [],
    ),
  );
}

it('has every code that the source uses', () => {
  expect([...usedCodes()].filter((code) => !CATALOG.has(code)).sort()).toEqual([]);
});

it('has no other', () => {
  const used = usedCodes();
  expect([...CATALOG.keys()].filter((code) => !used.has(code))).toEqual([]);
});

it('says what to do in whole sentences', () => {
  const wrong = [...CATALOG.values()].filter(
    ({ title, explanation }) => title.endsWith('.') || !/^[A-Z`].*[.?!]$/s.test(explanation),
  );
  expect(wrong.map((e) => e.code)).toEqual([]);
});

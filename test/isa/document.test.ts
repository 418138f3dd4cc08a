import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { isaMarkdown } from '../../src/isa/document.js';

it('docs/isa.md is what src/isa says', () => {
  const path = new URL('../../docs/isa.md', import.meta.url);
  if (process.env.UPDATE_DOCS === '1') writeFileSync(path, isaMarkdown());
  expect(readFileSync(path, 'utf8'), 'docs/isa.md is stale: UPDATE_DOCS=1 npx vitest run test/isa').toBe(
    isaMarkdown(),
  );
});

import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { targetsMarkdown } from '../../src/chip/document.js';
import { targetSchema } from '../../src/chip/load-target.js';

const pages: readonly (readonly [string, string])[] = [
  ['docs/targets.md', targetsMarkdown()],
  ['docs/schemas/target.schema.json', `${JSON.stringify(targetSchema(), undefined, 2)}\n`],
];

it.each(pages)('%s is what src/chip says', (file, text) => {
  const path = new URL(`../../${file}`, import.meta.url);
  if (process.env.UPDATE_DOCS === '1') writeFileSync(path, text);
  expect(readFileSync(path, 'utf8'), `${file} is stale: UPDATE_DOCS=1 npx vitest run test/chip`).toBe(text);
});

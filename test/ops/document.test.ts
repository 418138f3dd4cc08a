import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { operatorsMarkdown } from '../../src/ops/document.js';

it('docs/operators.md is what src/ops says', () => {
  const path = new URL('../../docs/operators.md', import.meta.url);
  if (process.env.UPDATE_DOCS === '1') writeFileSync(path, operatorsMarkdown());
  const stale = 'docs/operators.md is stale: UPDATE_DOCS=1 npx vitest run test/ops';
  expect(readFileSync(path, 'utf8'), stale).toBe(operatorsMarkdown());
});

// Pages and schemas that are written from declarations are what the declarations say.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { diagnosticsMarkdown } from '../../src/base/diagnostic-catalog.js';
import { cliMarkdown } from '../../src/cli/document.js';
import { documentSchema, SCHEMA_NAMES } from '../../src/cli/schemas.js';

const docs = new URL('../../docs/', import.meta.url);

function expectCurrent(name: string, content: string): void {
  const path = new URL(name, docs);
  if (process.env.UPDATE_DOCS === '1') {
    mkdirSync(new URL('.', path), { recursive: true });
    writeFileSync(path, content);
  }
  expect(readFileSync(path, 'utf8'), `docs/${name} is stale: UPDATE_DOCS=1 npx vitest run test/cli`).toBe(
    content,
  );
}

it('docs/cli.md', async () => expectCurrent('cli.md', await cliMarkdown()));
it('docs/diagnostics.md', () => expectCurrent('diagnostics.md', diagnosticsMarkdown()));
it.each(SCHEMA_NAMES)('docs/schemas/%s.schema.json', (name) =>
  expectCurrent(`schemas/${name}.schema.json`, `${JSON.stringify(documentSchema(name, true), null, 2)}\n`),
);

#!/usr/bin/env node
// Starts the built command line. Knows nothing but where it is and how to build it.

import { existsSync } from 'node:fs';

const entry = new URL('../dist/bundle/main.js', import.meta.url);
if (existsSync(entry)) {
  const { main } = await import(entry.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write(
    'neffc is not built yet: run `node scripts/setup.mjs` in its folder, then try again.\n',
  );
  process.exitCode = 1;
}

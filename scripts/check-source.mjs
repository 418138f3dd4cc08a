// What the linter cannot say about source files, checked by `npm run lint` in the current folder: every file opens with a
// comment, a file over 400 lines says why, nothing names a path of one machine or a file outside the repository, no work is
// left marked as open. Prints every violation as path:line and exits 1 where there is one.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDERS = ['src', 'bin', 'scripts', 'bench'];
const SOURCE = /\.(?:ts|mts|js|mjs|cjs)$/;
const MAX_LINES = 400;

/** Patterns that no line of the folders may match. */
const BANNED = [
  {
    folders: ['src', 'bin'],
    pattern: /["'`(\s](?:\/(?:work|tmp|home|root|Users|var)\/|[A-Z]:\\)/,
    why: 'a path of one machine',
  },
  {
    folders: ['src', 'bin'],
    pattern: /(?<![\w./])shared\/|\.\.\/shared\/(?:models|corpus|conformance|minimalloc|accept)/,
    why: 'a folder outside the repository',
  },
  { folders: FOLDERS, pattern: /\b(?:TO[D]O|FIX[M]E|X{3})\b/, why: 'open work' },
];

function sourceFiles(folder) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  } catch {
    return [];
  }
  return entries
    .filter((entry) => entry.isFile() && SOURCE.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function* violations(folder, path) {
  const lines = readFileSync(path, 'utf8').split('\n');
  const first = lines[0]?.startsWith('#!') ? 1 : 0;
  if (!/^\s*(?:\/\/|\/\*)/.test(lines[first] ?? '')) {
    yield [first + 1, 'the file does not open with a comment that says what it is'];
  }
  if (
    lines.length - 1 > MAX_LINES &&
    !lines.slice(0, 12).some((line) => /\blong(?:er)?\b.* because\b/i.test(line))
  ) {
    yield [
      1,
      `${lines.length - 1} lines: split it, or give the reason in its opening comment ("Long because …")`,
    ];
  }
  for (const { folders, pattern, why } of BANNED) {
    if (!folders.includes(folder)) continue;
    for (const [i, line] of lines.entries()) if (pattern.test(line)) yield [i + 1, `names ${why}`];
  }
}

let count = 0;
for (const folder of FOLDERS) {
  for (const path of sourceFiles(folder)) {
    for (const [line, what] of violations(folder, path)) {
      console.error(`${path}:${line}: ${what}`);
      count++;
    }
  }
}
if (count > 0) {
  console.error(`check-source: ${count} ${count === 1 ? 'violation' : 'violations'}`);
  process.exit(1);
}

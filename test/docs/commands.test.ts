// The pages that people read: every command line on them is one that the program takes, every link and source file is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/table.js';
import { buildProgram } from '../../src/cli/program.js';
import { ROOT } from './overlay.js';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** Words of a shell line up to a redirection, a pipe or a comment. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');
  const end = words.findIndex((word) => /^(?:#|\d?>|\||&&|;)/.test(word));
  return end < 0 ? words : words.slice(0, end);
}

/** Command lines in blocks of code; a line may go on behind a backslash. A synopsis, with `[options]`, is none. */
function commandLines(markdown: string): string[] {
  const code = [
    ...[...markdown.matchAll(/^```(?:sh|console|bash)?\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text),
    ...[...markdown.matchAll(/^ {4}(.*)$/gm)].map(([, text = '']) => text),
  ].join('\n');
  const lines = code.replaceAll(/\\\n\s*/g, ' ').split('\n');
  return lines
    .filter((line) => !line.includes('[options]'))
    .flatMap((line) => /^\s*(?:\$ )?(?:neffc|node bin\/neffc\.js) (.*)$/.exec(line)?.[1] ?? []);
}

/** Parses a command line without running it. */
async function parse(line: string): Promise<void> {
  const argv = wordsOf(line);
  const program = await buildProgram(
    { out: () => undefined },
    (entry) => entry.name === argv[0],
    async () => undefined,
  );
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    // Help and version end the parser too.
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
  }
}

describe.each(PAGES)('%s', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const lines = [...new Set(commandLines(text))];

  test.runIf(lines.length > 0).each(lines)('neffc %s', async (line) => parse(line));

  test('names commands, pages and source files that exist', () => {
    const commands = [...text.matchAll(/`neffc ([a-z]+)/g)].map(([, name = '']) => name);
    const names = new Set(COMMANDS.map((entry) => entry.name));
    expect(commands.filter((name) => !names.has(name))).toEqual([]);
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(page), link)))).toEqual([]);
    const sources = [...text.matchAll(/`((?:src|test|scripts|fixtures)\/[\w./-]+)`/g)].map(
      ([, path = '']) => path,
    );
    // Files that a how-to adds are named in its blocks.
    expect(sources.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

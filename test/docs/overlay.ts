// The source tree with the additions that a how-to describes, as a folder of its own. A how-to names the file of each code
// block behind the block's language; a block of language `diff` changes a file that is there (lines that begin with `+` go in,
// with `-` go out, all others are context that the file must contain once), any other block is a whole new file.
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const HOW_TO = join(ROOT, 'docs', 'how-to');

export interface Block {
  readonly language: string;
  /** Empty where the block is only to be read. */
  readonly file: string;
  readonly text: string;
}

/** The fenced blocks of a markdown text. */
export function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', file = '', text = '']) => ({ language, file, text }),
  );
}

function patched(text: string, diff: string, where: string): string {
  const lines = diff.trimEnd().split('\n');
  const side = (dropped: string): string =>
    lines
      .filter((line) => !line.startsWith(dropped))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  const [before, after] = [side('+'), side('-')];
  const found = text.split(before).length - 1;
  if (found !== 1) throw new Error(`${where}: its context is in the file ${found} times:\n${before}`);
  return text.replace(before, () => after);
}

/** Copies the source tree, with the test helpers, to `folder`. */
export function copySource(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  for (const part of ['src', 'test/helpers', 'test/passes/golden.test.ts', 'tsconfig.json', 'package.json']) {
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  }
  // The simulator's kernels are built; they change with none of the additions.
  symlinkSync(join(ROOT, 'dist'), join(folder, 'dist'), 'junction');
}

/** Makes the additions of a how-to; the files that it names. */
export function applyHowTo(folder: string, name: string): string[] {
  const files: string[] = [];
  for (const { language, file, text } of blocksOf(readFileSync(join(HOW_TO, name), 'utf8'))) {
    if (file === '') continue;
    const path = join(folder, file);
    mkdirSync(dirname(path), { recursive: true });
    const whole = language === 'diff' ? patched(readFileSync(path, 'utf8'), text, `${name}, ${file}`) : text;
    writeFileSync(path, whole);
    files.push(file);
  }
  return files;
}

// What the README shows is what the program prints: its console blocks are run in order, its table of sources is counted.
// UPDATE_DOCS=1 writes both. Lines that depend on the machine are left out.
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EXIT } from '../../src/base/diagnostic.js';
import { run } from '../../src/cli/run.js';
import { SUPPORTED } from '../../src/frontend/onnx/table.js';
import { torchOperators } from '../../src/frontend/torchscript/aten/table.js';
import { ROOT } from './overlay.js';

const PATH = join(ROOT, 'README.md');
const UPDATE = process.env.UPDATE_DOCS === '1';
const STALE = 'README.md is stale: UPDATE_DOCS=1 npx vitest run test/docs';
const MACHINE = /^ *compiled in /;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'neffc-readme-'));
  symlinkSync(join(ROOT, 'fixtures'), join(folder, 'fixtures'), 'junction');
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(ROOT);
  rmSync(folder, { recursive: true, force: true });
});

async function printed(line: string): Promise<string> {
  let text = '';
  const write = (piece: string): void => {
    text += piece;
  };
  const terminal = { progress: false, colour: { out: false, err: false }, columns: 100 };
  const environment = {
    out: write,
    err: write,
    terminal,
    now: () => 0,
    peakMemory: () => 0,
    memory: () => 0,
  };
  // A bug is never what the page shall show.
  const exitCode = await run(line.split(' '), environment);
  if (exitCode === EXIT.bug) throw new Error(text);
  const lines = text.trimEnd().split('\n');
  return lines.filter((l) => !MACHINE.test(l)).join('\n');
}

async function withOutput(block: string): Promise<string> {
  const made: string[] = [];
  for (const line of block.split('\n').filter((l) => l.startsWith('$ '))) {
    made.push(`${line}\n${await printed(line.slice('$ neffc '.length))}\n`);
  }
  return made.join('\n');
}

function sources(): string {
  const onnx = (domain: string) => SUPPORTED.get(domain)?.size ?? 0;
  const aten = new Set(torchOperators().map((row) => row.name)).size;
  return [
    '| source | form | operators read |',
    '| --- | --- | --- |',
    `| ONNX | a file, with external data beside it; opset 7 to current | ${onnx('')} of \`ai.onnx\`, ${onnx('com.microsoft')} of \`com.microsoft\` |`,
    `| TorchScript | an archive of \`torch.jit.trace\`, \`script\` or \`freeze\` | ${aten} of \`aten\` and \`prim\` |`,
    '| encoder and decoder | two or three ONNX files, or a folder that Optimum wrote | as ONNX |',
    '',
  ].join('\n');
}

const BLOCK = /(?<=^```console\n)[\s\S]*?(?=^```$)/gm;
const TABLE = /(?<=^<!-- sources -->\n)[\s\S]*?(?=^<!-- end -->$)/m;

test('the README is what the program prints', async () => {
  const text = readFileSync(PATH, 'utf8');
  const blocks: string[] = [];
  for (const [block] of text.matchAll(BLOCK)) blocks.push(await withOutput(block));
  expect(blocks.length).toBeGreaterThan(0);
  let next = 0;
  const current = text.replace(BLOCK, () => blocks[next++] ?? '').replace(TABLE, () => sources());
  if (UPDATE) writeFileSync(PATH, current);
  else expect(text, STALE).toBe(current);
});

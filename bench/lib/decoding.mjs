// What decoding costs: every variant of the OCR loop over the histogram of the fixtures, in 16 bits, as the table that the README
// shows. All of it is modelled, so the figures are the same on every machine.
import { join } from 'node:path';
import { jsonOf } from './child.mjs';
import { CLI, OCR_FLAGS, ROOT } from './context.mjs';
import { note } from './print.mjs';

export const title = 'Decoding over a length histogram (modelled, --auto-cast all)';

const FIXTURES = join(ROOT, 'fixtures', 'ocr');
const FLAGS = [
  ...OCR_FLAGS,
  ...['--preprocess', 'image=invert'],
  ...['--lengths', join(FIXTURES, 'lengths.json')],
  ...['--auto-cast', 'all', '--json'],
];
const HEAD = [
  'target',
  'variant',
  'cache',
  'mean',
  'p99',
  'of plain split',
  'bytes between steps',
  'executions',
  'artifact',
];

const milliseconds = (ns) => `${(ns / 1e6).toFixed(2)} ms`;
const ratio = (a, b) => `${(a / b).toFixed(2)}x`;

export async function run() {
  const lines = [HEAD, HEAD.map(() => '---')];
  for (const target of ['inf2', 'inf1']) {
    const { rows, recommended, reason } = await jsonOf(CLI, [
      'explore',
      join(FIXTURES, 'ocr_loop.onnx'),
      ...FLAGS,
      '--target',
      target,
    ]);
    const plain = rows.find((r) => r.variant === 'split' && !r.incremental);
    lines.push(...rows.map((r) => cellsOf(target, r, plain)));
    note(`${target}: ${recommended}, since ${reason}`);
  }
  for (const cells of lines) console.log(`| ${cells.join(' | ')} |`);
}

function cellsOf(target, row, plain) {
  return [
    target,
    row.variant,
    row.incremental ? 'yes' : 'no',
    milliseconds(row.mean_ns),
    milliseconds(row.p99_ns),
    `${ratio(row.mean_ns, plain.mean_ns)}, ${ratio(row.p99_ns, plain.p99_ns)}`,
    Math.round(row.between_steps_bytes).toLocaleString('en-US'),
    row.executions.toFixed(1),
    `${(row.artifact_bytes / 2 ** 20).toFixed(2)} MiB`,
  ];
}

// The demo: compiles the OCR encoder of fixtures/, runs it on the image of a text line on the simulated chip, and compares the
// numbers with those recorded from the source model (it ends with 1 where they differ). Then the whole recogniser, a loop: every
// variant reads the line, and a table shows what each costs.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { main } from '../dist/cli/main.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/ocr', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'neffc-demo-'));
const artifact = join(folder, 'ocr_encoder.neff');

async function neffc(...words) {
  console.log(
    `\n$ neffc ${words.map((word) => word.replace(`${FIXTURES}/`, 'fixtures/ocr/').replace(`${folder}/`, '')).join(' ')}\n`,
  );
  const exitCode = await main(words);
  if (exitCode !== 0) throw new Error(`neffc ended with ${exitCode}`);
}

try {
  const [line] = JSON.parse(readFileSync(join(FIXTURES, 'labels.json'), 'utf8'));
  console.log(`An OCR encoder, and the image ${line.file}, which reads: ${line.text}`);
  const model = join(FIXTURES, 'ocr_encoder.onnx');
  const shape = ['--input-shape', 'image=1x1x32x512', '--preprocess', 'image=invert'];
  await neffc('compile', model, '-o', artifact, ...shape);
  await neffc('run', artifact, '--input', `image=${join(FIXTURES, line.file)}`);
  await neffc(
    'verify',
    artifact,
    '--input',
    `image=${join(FIXTURES, line.file)}`,
    '--data',
    join(FIXTURES, 'encoder_data'),
  );
  await neffc('profile', artifact);
  const loop = join(FIXTURES, 'ocr_loop.onnx');
  for (const variant of ['split', 'unrolled', 'partitioned', 'device-loop']) {
    const recogniser = join(folder, `ocr_${variant}.neff`);
    await neffc('compile', loop, '-o', recogniser, '--decode', variant, ...shape);
    const image = `image=${join(FIXTURES, line.file)}`;
    await neffc('run', recogniser, '--input', image, '--vocab', join(FIXTURES, 'vocab.json'));
  }
  await neffc('explore', loop, ...shape, '--lengths', join(FIXTURES, 'lengths.json'));
} catch (error) {
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

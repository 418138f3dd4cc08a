// The demo: compiles the OCR encoder of fixtures/, runs it on the image of a text line on the simulated chip, and compares the
// numbers with those recorded from the source model. Ends with 1 where they differ.

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
} catch (error) {
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

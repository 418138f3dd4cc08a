// What unrolled steps cost beside one step and beside split, on the OCR pair: processor time and peak memory of the whole process,
// bytes of code and of the artifact. Processes take turns, since other work shares the machine.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from './child.mjs';
import { built, CLI, OCR_FLAGS, result } from './context.mjs';
import { mb, ms, note, printTable, times } from './print.mjs';

export const title = 'Unrolled steps of the OCR pair (processor time: least of the rounds; fp32, inf2)';

const STEPS = 75;
const BUILDS = [
  ['1 step, unrolled', 1, 'unrolled'],
  [`${STEPS} steps, unrolled`, STEPS, 'unrolled'],
  [`${STEPS} steps, split`, STEPS, 'split'],
];

/** The options that make a loop of the OCR encoder and decoder; undefined where the files are missing. */
export function ocrPair(context) {
  const folder = context.folder('models');
  const [encoder, decoder] = ['encoder', 'decoder'].map((part) =>
    join(folder ?? '', 'ocr', `ocr_${part}.onnx`),
  );
  if (!existsSync(encoder) || !existsSync(decoder)) return undefined;
  const tokens = ['--bos', '1', '--eos', '2', '--pad', '0'];
  return { encoder, decoder, flags: ['--encoder', encoder, '--decoder', decoder, ...tokens, ...OCR_FLAGS] };
}

export async function run(context) {
  const pair = ocrPair(context);
  if (pair === undefined) {
    note('no OCR pair: give a folder with ocr/ocr_encoder.onnx and ocr/ocr_decoder.onnx by --models DIR');
    return;
  }
  const builds = BUILDS.map(([name, steps, variant]) => ({ name, steps, variant, runs: [] }));
  for (let round = 0; round < context.rounds; round++) {
    for (const build of builds) {
      build.path = result(`ocr-${build.variant}-${build.steps}.neff`);
      const flags = ['--max-steps', `${build.steps}`, '--decode', build.variant];
      build.runs.push(await runChild(CLI, ['compile', ...pair.flags, ...flags, '-o', build.path]));
    }
  }
  const figures = await Promise.all(builds.map(figuresOf));
  printTable([
    ['', 'processor', 'peak memory', 'code and descriptors', 'artifact'],
    ...builds.map(({ name }, i) => {
      const { cpuMs, peakBytes, programBytes, artifactBytes } = figures[i];
      return [name, ms(cpuMs), mb(peakBytes), `${programBytes}`, `${artifactBytes}`];
    }),
  ]);
  const [one, unrolled, split] = figures;
  const ratio = (figure, to) => times(unrolled[figure] / to[figure]);
  note(
    `${STEPS} steps to one: processor ${ratio('cpuMs', one)}, code ${ratio('programBytes', one)}; unrolled to split: ` +
      `peak memory ${ratio('peakBytes', split)}, artifact ${ratio('artifactBytes', split)}`,
  );
}

async function figuresOf({ path, runs }) {
  const { HEADER_BYTES } = await built('artifact/header');
  const { readTar } = await built('artifact/tar');
  const bytes = readFileSync(path);
  const members = [...readTar(bytes.subarray(HEADER_BYTES), HEADER_BYTES)];
  const program = members.filter(([name]) => /^(sg\d+|segments)\/\w+\.bin$/.test(name));
  return {
    cpuMs: Math.min(...runs.map((r) => r.cpuMs)),
    peakBytes: Math.min(...runs.map((r) => r.peakBytes)),
    programBytes: program.reduce((sum, [, member]) => sum + member.length, 0),
    artifactBytes: bytes.length,
  };
}

// The scores of every step, as the artifact's own instructions compute them (--output-logits), against ONNX Runtime on the decoder
// fed the tokens that the artifact chose: five lines of text, every variant.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from './child.mjs';
import { built, CLI, result } from './context.mjs';
import { versionOf } from './machine.mjs';
import { note, printTable } from './print.mjs';
import { ocrPair } from './unrolling.mjs';

export const title = 'Scores of every step against ONNX Runtime on the tokens chosen (OCR pair, five lines)';

const LINES = 5;
const STEPS = 75;
const BOS = 1n;
const TARGETS = [
  { name: 'inf2 fp32', flags: ['--target', 'inf2'], loops: true, cast: false },
  {
    name: 'inf1 --auto-cast all',
    flags: ['--target', 'inf1', '--auto-cast', 'all'],
    loops: false,
    cast: true,
  },
];
const VARIANTS = [
  ['split'],
  ['split', '--resident-state'],
  ['unrolled'],
  ['partitioned', '--partitions', '25,50,75'],
  ['device-loop'],
];
/** What `verify` demands: of fp32 a share of each value and of the largest, of 16 bit the direction of each step's scores. */
const RELATIVE = 1e-3;
const OF_LARGEST = 1e-4;
const LEAST_COSINE = 0.999;

export async function run(context) {
  const pair = ocrPair(context);
  const samples = pair && join(context.folder('models'), 'ocr', 'samples');
  if (pair === undefined || !existsSync(join(samples, 'labels.json'))) {
    note('no OCR pair and samples: give a folder with ocr/ by --models DIR');
    return;
  }
  if (versionOf('onnxruntime-node') === undefined) {
    note('onnxruntime-node is not installed: nothing to compare with');
    return;
  }
  const reference = await openReference(pair);
  const lines = JSON.parse(readFileSync(join(samples, 'labels.json'), 'utf8')).slice(0, LINES);
  const rows = [['', 'steps', 'largest error', 'largest score', 'least cosine', 'arg-max differs', 'within']];
  for (const target of TARGETS) {
    for (const [variant, ...more] of VARIANTS) {
      if (variant === 'device-loop' && !target.loops) continue;
      const name = [variant, ...more].join(' ');
      const path = result('ocr-logits.neff');
      const flags = ['--max-steps', `${STEPS}`, '--preprocess', 'image=invert', '--output-logits'];
      await runChild(CLI, [
        ...['compile', ...pair.flags, ...flags, ...target.flags],
        ...['--decode', variant, ...more, '-o', path],
      ]);
      const found = [];
      for (const { file } of lines) found.push(...(await compared(path, join(samples, file), reference)));
      rows.push([`${target.name}, ${name}`, ...cells(found, target)]);
    }
  }
  printTable(rows);
}

/** Both sessions: scores of all steps of an image, given the tokens chosen. */
async function openReference({ encoder, decoder }) {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const [front, back] = await Promise.all([encoder, decoder].map((file) => InferenceSession.create(file)));
  return async ({ data, shape }, tokens) => {
    const values = new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
    const { memory } = await front.run({ image: new Tensor('float32', values, shape) });
    const seen = BigInt64Array.from([BOS, ...tokens.slice(0, -1).map(BigInt)]);
    const { logits } = await back.run({ memory, tokens: new Tensor('int64', seen, [1, seen.length]) });
    return logits;
  };
}

/** Of each step: scores of the artifact beside those of the reference. */
async function compared(path, file, reference) {
  const { readArtifactFile } = await built('artifact/read');
  const { loadArtifact } = await built('runtime/load');
  const { runRequest } = await built('runtime/request');
  const { toNumbers } = await built('base/tensor');
  const { readImage } = await built('driver/tensor-files/image');
  const { parsePreprocess, preprocess } = await built('driver/tensor-files/preprocess');
  const artifact = readArtifactFile(path);
  const [input] = artifact.manifest.models[0].inputs;
  const image = preprocess(readImage(readFileSync(file), file), parsePreprocess(input.preprocess), input);
  const { outputs } = runRequest(loadArtifact(artifact), new Map([[input.name, image]]));
  const length = Number(toNumbers(outputs.get('length'))[0]);
  const tokens = [...toNumbers(outputs.get('tokens'))].slice(0, length);
  const { dims, data } = await reference(image, tokens);
  const [, , vocabulary] = dims;
  const ours = toNumbers(outputs.get('logits'));
  const row = (values, t) => Array.from(values.slice(t * vocabulary, (t + 1) * vocabulary), Number);
  return tokens.map((_, t) => ({ ours: row(ours, t), wanted: row(data, t) }));
}

function cells(steps, { cast }) {
  const largest = Math.max(...steps.flatMap(({ wanted }) => wanted.map(Math.abs)));
  const errors = steps.flatMap(({ ours, wanted }) => wanted.map((w, i) => Math.abs(ours[i] - w)));
  const allowed = steps.flatMap(({ wanted }) =>
    wanted.map((w) => RELATIVE * Math.abs(w) + OF_LARGEST * largest),
  );
  const cosines = steps.map(({ ours, wanted }) => cosine(ours, wanted));
  const best = (values) => values.indexOf(Math.max(...values));
  const differ = steps.filter(({ ours, wanted }) => best(ours) !== best(wanted)).length;
  const within = cast ? Math.min(...cosines) >= LEAST_COSINE : errors.every((e, i) => e <= allowed[i]);
  return [
    steps.length,
    Math.max(...errors).toExponential(2),
    largest.toFixed(2),
    Math.min(...cosines).toFixed(6),
    differ,
    within ? 'yes' : 'NO',
  ];
}

function cosine(a, b) {
  const dot = (x, y) => x.reduce((sum, v, i) => sum + v * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

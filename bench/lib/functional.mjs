// Functional runs on one thread against onnxruntime-web: inf2 fp32, checks `once`, all requests but the first. Processes take turns;
// the outputs of both are compared, so that equal work is timed.
import { jsonOf } from './child.mjs';
import { child, OCR_FLAGS, OCR_SHAPE } from './context.mjs';
import { versionOf } from './machine.mjs';
import { median, ms, note, printTable, times } from './print.mjs';

export const title = 'Functional run, one thread (inf2, fp32, checks once, from the second request on)';

/** Requests of a process; the first makes the proofs and warms up. */
const REQUESTS = 5;

export async function run(context) {
  const resnet = await context.resnet(1);
  const models = [
    ['ResNet-50', resnet, [1, 3, 224, 224], await context.artifact('resnet50-inf2', resnet)],
    [
      'OCR encoder',
      context.ocrEncoder,
      OCR_SHAPE,
      await context.artifact('ocr-inf2', context.ocrEncoder, ...OCR_FLAGS),
    ],
  ];
  const nodes = [[`Node ${process.versions.node}`, process.execPath]];
  if (context.node24 !== undefined) nodes.push([context.node24, context.node24]);
  else note('no second Node: give one with --node24 PATH');
  const version = versionOf('onnxruntime-web');
  if (version === undefined) note('onnxruntime-web is not installed: no ratio');
  const rows = [['', 'neffc', 'first', `onnxruntime-web ${version ?? ''}`, 'ratio', 'largest difference']];
  for (const [name, model, shape, artifact] of models) {
    const peer = version === undefined ? undefined : [model, JSON.stringify([shape])];
    for (const [node, binary] of nodes) {
      rows.push([`${name}, ${node}`, ...(await pairs(context.rounds, binary, artifact, peer))]);
    }
  }
  printTable(rows);
}

/** Cells of a row, from runs in turns. @param peer what the peer's script takes, undefined where it is missing */
async function pairs(rounds, node, artifact, peer) {
  const [ours, web] = [[], []];
  const settled = ({ times: all }) => median(all.slice(1));
  for (let i = 0; i < rounds; i++) {
    ours.push(await jsonOf(child('run-neffc'), [artifact, String(REQUESTS)], node));
    if (peer !== undefined) web.push(await jsonOf(child('run-web'), [String(REQUESTS), ...peer], node));
  }
  const cells = [ms(median(ours.map(settled))), ms(median(ours.map((r) => r.times[0])))];
  if (peer === undefined) return cells;
  const ratio = median(ours.map((r, i) => settled(r) / settled(web[i])));
  return [...cells, ms(median(web.map(settled))), times(ratio), difference(ours[0].outputs, web[0].outputs)];
}

/** Of the first outputs as float32, relative to their largest magnitude. */
function difference([ours], [theirs]) {
  const [a, b] = [ours, theirs].map(
    (text) => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer),
  );
  if (a.length !== b.length) return `${a.length} and ${b.length} elements`;
  const scale = b.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return a.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b[i]) / scale), 0).toExponential(1);
}

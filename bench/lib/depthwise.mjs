// Depthwise layers of two small models, on DVE and on PE: what the engines and the queues spend on each. A layer is DMA-bound where
// its transfers, spread over the queues, take longer than its busiest engine: the hazard of rows of a few bytes.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';
import { built, OCR_SHAPE } from './context.mjs';
import { modelledRun } from './modelled.mjs';
import { note, printTable, us } from './print.mjs';

export const title =
  'Depthwise layers: forced to PE, forced to DVE, and as chosen (modelled, batch 1; * DMA-bound)';

const ENGINES = ['pe', 'act', 'dve', 'pool'];
const TARGETS = [
  { target: 'inf2', autoCast: 'none' },
  { target: 'inf1', autoCast: 'all' },
];

export async function run(context) {
  const models = [['OCR encoder', context.ocrEncoder, new Map([['image', { shape: OCR_SHAPE }]])]];
  const folder = context.folder('models');
  const face = folder && join(folder, 'facedet', 'facedet.onnx');
  if (face !== undefined && existsSync(face)) models.push(['face detector', face, new Map()]);
  else note('no face detector: give a folder with facedet/facedet.onnx by --models DIR');
  for (const [name, model, inputShapes] of models) {
    const layers = depthwiseNodes(model);
    for (const { target, autoCast } of TARGETS) {
      const [pe, dve, chosen] = await Promise.all(
        ['pe', 'dve', undefined].map((engine) => profiled(model, inputShapes, target, autoCast, engine)),
      );
      const rows = layers.map((layer) => [layer, ...[pe, dve, chosen].flatMap((p) => cells(p, layer))]);
      note(
        `${name}, ${target} --auto-cast ${autoCast}: device ${[pe, dve, chosen].map((p) => us(p.device_ns)).join(', ')}`,
      );
      const head = ['on PE: engine', 'DMA', 'on DVE: engine', 'DMA', 'chosen: engine', 'DMA'];
      printTable([['layer', ...head], ...rows]);
    }
  }
}

/** Names of convolutions that multiply each channel alone. */
function depthwiseNodes(path) {
  const { node } = onnxProto.onnx.ModelProto.decode(readFileSync(path)).graph;
  const group = (n) => Number(n.attribute.find((a) => a.name === 'group')?.i ?? 1);
  return node.filter((n) => n.opType === 'Conv' && group(n) > 1).map((n) => n.name);
}

async function profiled(model, inputShapes, targetName, autoCast, depthwise) {
  const { compileModel } = await built('driver/compile');
  const { artifactBytes } = await built('artifact/write');
  const { readArtifact } = await built('artifact/read');
  const { BUILTIN_TARGETS } = await built('chip/builtin');
  const target = BUILTIN_TARGETS.find(({ name }) => name === targetName);
  const { draft } = compileModel(model, {
    target,
    autoCast,
    autoCastType: 'bf16',
    inputShapes,
    hostOps: 'allow',
    preprocess: new Map(),
    level: 2,
    backend: depthwise === undefined ? {} : { depthwise },
  });
  const { profile } = await modelledRun(readArtifact(artifactBytes(draft), { file: model }));
  return { ...profile, queues: target.dma.queues };
}

/** The busiest engine of a layer and its share of the queues. */
function cells({ layers, queues }, name) {
  const layer = layers.find(({ node }) => node.split(' + ').includes(name));
  if (layer === undefined) return ['?', ''];
  const engine = ENGINES.reduce((a, b) => (layer.busy_ns[b] > layer.busy_ns[a] ? b : a));
  const dma = layer.busy_ns.dma / queues;
  return [`${engine} ${us(layer.busy_ns[engine])}`, `${us(dma)}${dma > layer.busy_ns[engine] ? ' *' : '  '}`];
}

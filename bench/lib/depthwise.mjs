// Depthwise layers: what each engine and the queues spend on them. A layer is DMA-bound where the transfers, spread over the queues,
// take longer than the busiest engine: the hazard of rows of a few bytes.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { modelledRun } from './modelled.mjs';
import { note, printTable, us } from './print.mjs';

export const title = 'Depthwise layers (modelled, batch 1)';

export async function run(context) {
  const models = [['OCR encoder', 'ocr', context.ocrEncoder]];
  const folder = context.folder('models');
  const face = folder && join(folder, 'facedet', 'model.onnx');
  if (face !== undefined && existsSync(face)) models.push(['face detector', 'facedet', face]);
  else note('no face detector: give a folder with facedet/model.onnx by --models DIR');
  const targets = [
    ['inf2', []],
    ['inf1', ['--target', 'inf1', '--auto-cast', 'all']],
  ];
  for (const [name, short, model] of models) {
    for (const [target, flags] of targets) {
      const artifact = await context.artifact(`${short}-${target}`, model, ...flags);
      const layers = await depthwiseLayers(artifact);
      const bound = layers.filter((l) => l.isDmaBound);
      note(`${name}, ${[target, ...flags.slice(2)].join(' ')}: ${bound.length} of ${layers.length} layers DMA-bound`);
      printTable([['layer', 'pe', 'act', 'dve', 'pool', 'dma / queues', 'bytes'], ...layers.map(rowOf)]);
    }
  }
}

const rowOf = ({ node, busy_ns, dma, dma_bytes, isDmaBound }) => [
  `${node}${isDmaBound ? ' *' : ''}`,
  ...['pe', 'act', 'dve', 'pool'].map((engine) => us(busy_ns[engine])),
  us(dma),
  dma_bytes,
];

// The signature: what a request gives and gets, with shapes, types, buckets and how images are read.
import type { InputPort, OutputPort } from '../../artifact/signature.js';
import { alignTable } from '../text.js';
import type { View } from './view.js';

function portRow(kind: string, position: number, port: InputPort & OutputPort): string[] {
  const notes = [
    ...(port.storage === undefined ? [] : [`stored as ${port.storage}`]),
    ...(port.preprocess === undefined ? [] : [`images: ${port.preprocess}`]),
    ...(port.fill === undefined ? [] : [`${port.fill} where it is left out`]),
    ...(port.crop ?? []).map((c) => `axis ${c.axis} ends at ${c.by}`),
  ];
  return [`${kind} ${position}`, port.name, port.dtype, port.shape.join('x') || 'scalar', notes.join('; ')];
}

export const SIGNATURE: View = {
  name: 'signature',
  doc: 'inputs and outputs of each model',
  json: ({ manifest }) => ({ models: manifest.models }),
  *text({ manifest }) {
    for (const model of manifest.models) {
      yield `model ${model.name} (${model.precision}), host program ${model.program}\n`;
      const rows = [
        ['', 'name', 'type', 'shape', ''],
        ...model.inputs.map((p, i) => portRow('input', i, p)),
        ...model.outputs.map((p, i) => portRow('output', i, p)),
        ...model.buckets.flatMap((b) => [
          [`bucket ${b.name}`, '', '', '', ''],
          ...b.inputs.map((p, i) => portRow('  input', i, p)),
          ...b.outputs.map((p, i) => portRow('  output', i, p)),
        ]),
      ];
      for (const line of alignTable(rows, '  ')) yield `${line}\n`;
      if (model.decode !== undefined) yield `  decoding: ${JSON.stringify(model.decode)}\n`;
    }
  },
};

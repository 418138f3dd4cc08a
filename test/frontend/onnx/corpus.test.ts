// Models that others made, imported and run by the operators' evaluators, against the recorded outputs of ONNX Runtime.
// The largest convolution networks take too long that way and are only imported.
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { interpretGraph } from '../../../src/ops/interpret.js';
import { importModel, mismatch, readModel, recorded } from '../../helpers/onnx-import.js';

const SHARED = resolve(import.meta.dirname, '../../../../shared');
const CORPUS = join(SHARED, 'corpus/onnx');
const MODELS = join(SHARED, 'models');
const SLOW = /light_(?!squeezenet|shufflenet)/;

interface Recorded {
  readonly file: string;
  readonly data: string;
}

function recordedModels(): Recorded[] {
  const models = [
    ...(existsSync(CORPUS) ? readdirSync(CORPUS) : []).map((name) => ({
      file: join(CORPUS, name, 'model.onnx'),
      data: join(CORPUS, name),
    })),
    ...['image', 'text', 'fusion', 'combined'].map((part) => ({
      file: join(MODELS, `moderation/moderation_${part}.onnx`),
      data: join(MODELS, `moderation/moderation_${part}`),
    })),
    { file: join(MODELS, 'facedet/facedet.onnx'), data: join(MODELS, 'facedet/facedet') },
    ...['encoder', 'decoder', 'teacher'].map((part) => ({
      file: join(MODELS, `ocr/ocr_${part}.onnx`),
      data: join(MODELS, `ocr/data/ocr_${part}`),
    })),
    { file: join(MODELS, 'ocr/ocr_teacher_dynamo.onnx'), data: join(MODELS, 'ocr/data/ocr_teacher') },
  ];
  return models.filter(({ file, data }) => existsSync(file) && existsSync(data));
}

const found = recordedModels();

describe.skipIf(found.length === 0)('models of others (skipped where they are not there)', () => {
  it.each(found.map((m) => [m.file.slice(SHARED.length + 1), m] as const))(
    '%s',
    { timeout: 60_000 },
    (_name, { file, data }) => {
      const inputs = recorded(data, 'input');
      const inputShapes = new Map(inputs.map(({ shape }, i) => [String(i), { shape }]));
      const { graph } = importModel(readModel(file), { file, inputShapes });
      if (SLOW.test(file)) return;
      const wanted = recorded(data, 'output');
      const results = interpretGraph(graph, inputs);
      expect(results.length).toBe(wanted.length);
      const differences = wanted.map((t, i) => mismatch(results[i]!, t, 1e-3, 1e-4));
      expect(differences.filter((text) => text !== undefined)).toEqual([]);
    },
  );
});

import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { it } from 'vitest';
import { externalDataReader } from '../src/frontend/onnx/proto/external-files.js';
import { importOnnx, modelInputs } from '../src/frontend/onnx/import.js';
import { readOnnxModel } from '../src/frontend/onnx/proto/read.js';
import { fromNumbers, type HostTensor } from '../src/base/tensor.js';
import { printGraph } from '../src/ir/print.js';
import { constantBytes } from '../src/ops/evaluate.js';
const M = '../shared/models/';
function dump(path: string, shapes: Record<string, number[]>, out: string) {
  it(out, () => {
    const file = basename(path);
    const model = readOnnxModel(readFileSync(M + path), { file, readExternal: externalDataReader(dirname(M + path)) });
    const lines = modelInputs(model).map((i) => JSON.stringify(i));
    const t = Date.now();
    try {
    const g = importOnnx(model, { file, inputShapes: new Map(Object.entries(shapes).filter(([k]) => modelInputs(model).some((i) => i.name === k)).map(([k, shape]) => [k, { shape }])), inputValues: new Map(known(shapes)) }).graph;
    const ms = Date.now() - t;
    writeFileSync('/tmp/dec/' + out + '.txt', `${lines.join('\n')}\n${ms} ms ${g.body.nodes.length} nodes\n` + printGraph(g, constantBytes));
    } catch (e) { writeFileSync('/tmp/dec/' + out + '.txt', lines.join('\n') + '\n' + String((e as Error).stack)); }
  }, 60000);
}
const L = 12;
function* known(shapes: Record<string, number[]>): Generator<[string, HostTensor]> {
  const ones = shapes.attention_mask; if (ones) yield ['attention_mask', fromNumbers('i64', ones, new Array(ones[0]! * ones[1]!).fill(1))];
  const pos = shapes.position_ids; if (pos) yield ['position_ids', fromNumbers('i64', pos, Array.from({ length: pos[1]! }, (_, i) => i + (shapes.attention_mask![1]! - pos[1]!)))];
}
dump('ocr/ocr_decoder.onnx', { memory: [1, 128, 96], tokens: [1, L] }, 'ocr_decoder');
dump('ocr/ocr_decoder_past.onnx', { input_ids: [1, 1], ...Object.fromEntries([0, 1].flatMap((i) => ['key', 'value'].flatMap((k) => [[`past_key_values.${i}.decoder.${k}`, [1, 4, L, 24]], [`past_key_values.${i}.encoder.${k}`, [1, 4, 128, 24]]]))) }, 'ocr_past');
dump('ocr/ocr_teacher_dynamo.onnx', { image: [1, 1, 32, 512], tokens: [1, L] }, 'ocr_teacher_dynamo');
for (const m of ['bart', 'marian', 't5', 'trocr', 'whisper']) dump(`hf/${m}/decoder_model.onnx`, { input_ids: [1, L], encoder_hidden_states: [1, 20, 48], encoder_attention_mask: [1, 20] }, m);
for (const m of ['gpt2', 'llama']) dump(`hf/${m}/model_without_past.onnx`, { input_ids: [1, L], attention_mask: [1, L], position_ids: [1, L] }, m);

for (const m of ['gpt2', 'llama']) dump(`hf/${m}/model.onnx`, { input_ids: [1, 1], attention_mask: [1, L + 1], position_ids: [1, 1], ...Object.fromEntries([0, 1].flatMap((i) => ['key', 'value'].map((k) => [`past_key_values.${i}.${k}`, [1, m === 'gpt2' ? 4 : 2, L, 12]]))) }, m + '_past');
for (const m of ['bart', 't5', 'whisper']) dump(`hf/${m}/decoder_with_past_model.onnx`, { input_ids: [1, 1], encoder_attention_mask: [1, 20], cache_position: [1], ...Object.fromEntries([0, 1].flatMap((i) => ['key', 'value'].flatMap((k) => [[`past_key_values.${i}.decoder.${k}`, [1, 4, L, 12]], [`past_key_values.${i}.encoder.${k}`, [1, 4, 20, 12]]]))) }, m + '_past');

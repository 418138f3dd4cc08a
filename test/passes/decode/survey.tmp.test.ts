import { it } from 'vitest';
import { onnxSource } from '../../../src/driver/decode/onnx-source.js';
import { recogniseFolder } from '../../../src/driver/decode/optimum.js';
import { recognisePair } from '../../../src/driver/decode/pair.js';
import { readFolder, readModel } from '../../../src/driver/decode/read-source.js';
import { recogniseTeacher } from '../../../src/driver/decode/teacher.js';
const src = (p: string) => { const r = readModel(p); return onnxSource(r.model, r.file); };
function recognise(f: any, flags: any) {
  if (f.encoder) return recognisePair({ encoder: src(f.encoder), decoder: src(f.decoder), ...(f.decoderPast && { later: src(f.decoderPast) }) }, flags);
  return f.model.endsWith('.onnx') ? recogniseTeacher(src(f.model), flags) : recogniseFolder(readFolder(f.model), f.decoderFile, flags);
}
import { deriveStep, paddedStep } from '../../../src/passes/decode/derive.js';
import { appendFileSync } from 'node:fs';
import { graphFlops, mismatch } from './compare.js';
const M = '../shared/models/';
const flags = (o: object) => ({ inputShapes: new Map(), bind: [], state: [], ...o }) as never;
const S = (o: Record<string, number[]>) => new Map(Object.entries(o).map(([k, shape]) => [k, { shape }]));
const img = { inputShapes: S({ image: [1, 1, 32, 512] }), bos: 1, eos: 2, pad: 0, maxSteps: 75 };
const cases: [string, object, object][] = [
  ['teacher', { model: M + 'ocr/ocr_teacher.onnx' }, img],
  ['dynamo', { model: M + 'ocr/ocr_teacher_dynamo.onnx' }, img],
  ['pair', { encoder: M + 'ocr/ocr_encoder.onnx', decoder: M + 'ocr/ocr_decoder.onnx' }, img],
  ['cached', { encoder: M + 'ocr/ocr_encoder.onnx', decoder: M + 'ocr/ocr_decoder_first.onnx', decoderPast: M + 'ocr/ocr_decoder_past.onnx' }, img],
  ['real', { encoder: M + 'real/romanizer/encoder.onnx', decoder: M + 'real/romanizer/decoder.onnx' }, { inputShapes: S({ src: [1, 12], src_mask: [1, 12] }), bos: 1, eos: 2, maxSteps: 32, tokensInput: 'prefix' }],
  ...['bart', 'marian', 't5'].flatMap((m) => ['', 'decoder_model.onnx', 'decoder_model_merged.onnx'].map((f): [string, object, object] => [m + ' ' + f, { model: M + 'hf/' + m, ...(f && { decoderFile: f }) }, { inputShapes: S({ input_ids: [1, 12], attention_mask: [1, 12] }) }])),
  ...['trocr', 'whisper'].flatMap((m) => ['', 'decoder_model.onnx'].map((f): [string, object, object] => [m + ' ' + f, { model: M + 'hf/' + m, ...(f && { decoderFile: f }) }, { inputShapes: S(m === 'whisper' ? { input_features: [1, 16, 60] } : { pixel_values: [1, 3, 32, 32] }) }])),
  ...['gpt2', 'llama'].flatMap((m) => ['', 'model_without_past.onnx'].map((f): [string, object, object] => [m + ' ' + f, { model: M + 'hf/' + m, ...(f && { decoderFile: f }) }, { inputShapes: S({ input_ids: [2, 5] }), batch: 2 }])),
];
for (const [name, req, o] of cases) it(name, () => {
  const out = (s: string) => appendFileSync('/tmp/dec/survey.txt', s + '\n');
  let s = name + ': ';
  try {
    const r = recognise(req as never, flags(o));
    s += `${r.source.kind} T=${r.source.generation.maxSteps} prompt=${r.source.prompt?.length} `;
    const t = Date.now();
    const d = deriveStep(r.source);
    s += `${Date.now() - t} ms `;
    if ('program' in d) {
      s += `nodes ${d.program.step.body.nodes.length} flops ${graphFlops(d.program.step)} states ${d.program.states.map((x) => x.name + x.shape.join('x')).join(',').slice(0, 200)} ctx ${d.program.context.length} first ${d.program.firstToken} notes ${d.program.notes.join('; ')}`;
      if (!name.startsWith('loop') && !name.startsWith('teach')) s += ' MISMATCH ' + mismatch(r.source, d.program, [0, 1, 2, 7, r.source.generation.maxSteps - 1]);
    } else s += 'REFUSED ' + JSON.stringify(d.refusal) + ' padded ' + ('padded' in d && d.padded !== undefined);
  } catch (e) { s += String((e as Error).message).slice(0, 400) + ((e as Error).stack ?? '').slice(0, 800); }
  out(s);
}, 120000);

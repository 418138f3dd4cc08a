// Hugging Face exports: decoders without a cache are derived, decoders with one keep it.
import { describe, expect, it } from 'vitest';
import { deriveStep } from '../../../src/passes/decode/derive.js';
import { mismatch } from './compare.js';
import { carriedModel, prefixModel, present } from './real-models.js';

const STEPS = 14;
const memory = ['encoder_hidden_states', [1, 20, 48]] as const;
const mask = ['encoder_attention_mask', [1, 20]] as const;

const PREFIX: Readonly<Record<string, readonly (readonly [string, readonly number[]])[]>> = {
  'hf/bart/decoder_model.onnx': [memory, mask],
  'hf/marian/decoder_model.onnx': [memory, mask],
  'hf/t5/decoder_model.onnx': [memory, mask],
  'hf/trocr/decoder_model.onnx': [memory],
  'hf/whisper/decoder_model.onnx': [memory],
  'hf/gpt2/model_without_past.onnx': [],
  'hf/llama/model_without_past.onnx': [],
};

describe.each(Object.keys(PREFIX))('%s', (path) => {
  it.skipIf(!present(path)).each([1, 2])('is derived for %i rows', (batch) => {
    const context = (PREFIX[path] ?? []).map(([name, shape]) => [name, shape.with(0, batch)] as const);
    const source = prefixModel(path, 'input_ids', new Map(context), STEPS, batch);
    const derived = deriveStep(source);
    expect('refusal' in derived ? derived.refusal : 'derived').toBe('derived');
    if ('program' in derived) expect(mismatch(source, derived.program, [0, 1, 2, STEPS - 1])).toBeUndefined();
  });
});

const heads = (path: string): number => (path.includes('llama') ? 2 : 4);
const CARRIED = [
  'hf/bart/decoder_with_past_model.onnx',
  'hf/marian/decoder_with_past_model.onnx',
  'hf/t5/decoder_with_past_model.onnx',
  'hf/trocr/decoder_with_past_model.onnx',
  'hf/whisper/decoder_with_past_model.onnx',
  'hf/gpt2/model.onnx',
  'hf/llama/model.onnx',
  'ocr/ocr_decoder_past.onnx',
];

describe.each(CARRIED)('%s', (path) => {
  it.skipIf(!present(path))('keeps its cache', () => {
    const width = path.startsWith('ocr') ? 24 : 12;
    const source = carriedModel(
      path,
      (name, past) => {
        if (name.includes('encoder_attention_mask')) return [1, 20];
        if (name.includes('encoder')) return [1, heads(path), 20, width];
        return name.startsWith('past') ? [1, heads(path), past, width] : undefined;
      },
      STEPS,
    );
    const derived = deriveStep(source);
    expect('refusal' in derived ? derived.refusal : 'derived').toBe('derived');
    if ('program' in derived) expect(mismatch(source, derived.program, [0, 1, 2, STEPS - 1])).toBeUndefined();
  });
});

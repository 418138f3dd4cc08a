// Steps derived from real decoders say what the decoders say, token after token.
import { describe, expect, it } from 'vitest';
import { deriveStep, paddedStep } from '../../../src/passes/decode/derive.js';
import { decoderFlops, mismatch, stepFlops } from './compare.js';
import { generation, prefixModel, present } from './real-models.js';

const source = () => prefixModel('ocr/ocr_decoder.onnx', 'tokens', new Map([['memory', [1, 128, 96]]]), 75);

describe.skipIf(!present('ocr/ocr_decoder.onnx'))('the OCR decoder', () => {
  it('is derived', () => {
    const decoder = source();
    const derived = deriveStep(decoder);
    expect('refusal' in derived ? derived.refusal : 'derived').toBe('derived');
    if (!('program' in derived)) return;
    expect(mismatch(decoder, derived.program, [0, 1, 2, 40, 74])).toBeUndefined();
    expect(decoderFlops(decoder) / stepFlops(derived.program, generation(75))).toBeGreaterThan(10);
  });
  it('is padded', () => {
    const decoder = source();
    const padded = paddedStep(decoder);
    expect('refusal' in padded ? padded.refusal : 'padded').toBe('padded');
    if (!('program' in padded)) return;
    expect(mismatch(decoder, padded.program, [0, 1, 5])).toBeUndefined();
  });
});

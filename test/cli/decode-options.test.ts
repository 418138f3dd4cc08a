// When the command line makes a decoding loop of a source.
import { expect, it } from 'vitest';
import { asksForLoop } from '../../src/cli/decode-options.js';

const ENCODER = 'fixtures/ocr/ocr_encoder.onnx';

it('makes a loop of a graph that holds none only where it is asked to', () => {
  expect(asksForLoop(ENCODER, {})).toBe(false);
  expect(asksForLoop(ENCODER, { decode: 'auto' })).toBe(false);
  expect(asksForLoop(ENCODER, { decode: 'auto', eos: 2 })).toBe(true);
  expect(asksForLoop(ENCODER, { decode: 'split' })).toBe(true);
  expect(asksForLoop(ENCODER, { decode: 'none', eos: 2 })).toBe(false);
});

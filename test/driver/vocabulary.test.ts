// Tokens as text: rows end at the first of the tokens that end generation, and special tokens print as nothing.
import { expect, test } from 'vitest';
import { fromNumbers } from '../../src/base/tensor.js';
import { textOf } from '../../src/driver/vocabulary.js';

const WORDS = ['<pad>', '<bos>', '<eos>', 'a', 'b', '<end>'];
const ROWS = [3, 4, 2, 4, 1, 3, 5, 3];

test.each([
  [2, ['ab', 'a<end>a']],
  [
    [2, 5],
    ['ab', 'a'],
  ],
  [undefined, ['ab<eos>b', 'a<end>a']],
])('eos %j', (eos, lines) => {
  const outputs = new Map([['tokens', fromNumbers('i64', [2, 4], ROWS)]]);
  const decode = { bos: 1, pad: 0, ...(eos !== undefined && { eos }) };
  expect(textOf(outputs, WORDS, 'vocab.json', { decode } as Parameters<typeof textOf>[3])).toEqual(lines);
});

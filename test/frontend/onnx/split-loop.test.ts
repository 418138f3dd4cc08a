import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { elementReader, type HostTensor, toNumbers } from '../../../src/base/tensor.js';
import { splitLoop } from '../../../src/frontend/onnx/split-loop.js';
import { interpretGraph } from '../../../src/ops/interpret.js';
import { checkGraph } from '../../../src/ops/verify.js';
import { readModel, recorded } from '../../helpers/onnx-import.js';

const FOLDER = new URL('../../../fixtures/ocr/', import.meta.url).pathname;
const typeOf = ({ dtype, shape }: HostTensor) => ({ dtype, shape });

describe('splitLoop', () => {
  it('gives the parts of a decoding loop, whose body grows from iteration to iteration', () => {
    const [image] = recorded(`${FOLDER}encoder_data`, 'input') as [HostTensor];
    const inputShapes = new Map([['0', { shape: image.shape }]]);
    const split = splitLoop(readModel(`${FOLDER}ocr_loop.onnx`), { file: 'ocr_loop.onnx', inputShapes });
    if (split === undefined) return expect.unreachable();
    expect(split.maxTrips).toBe(75);
    expect(split.scans).toBe(0);
    let [condition, ...rest] = interpretGraph(split.prologue, [image]) as [HostTensor, ...HostTensor[]];
    const context = rest.slice(split.carried.length);
    let carried = rest.slice(0, split.carried.length);
    // The first tokens say enough: the whole line takes long by interpretation.
    for (let i = 0; i < 6; i++) {
      const body = split.bodyAt(i, carried.map(typeOf));
      checkGraph(body, 'import');
      [condition, ...rest] = interpretGraph(body, [...carried, ...context]) as [HostTensor, ...HostTensor[]];
      expect(Number(elementReader(condition)(0))).toBe(1);
      carried = rest;
    }
    const epilogue = split.epilogueOf(carried.map(typeOf), []);
    const [tokens] = interpretGraph(epilogue, [...carried, ...context]) as [HostTensor];
    const [label] = JSON.parse(readFileSync(`${FOLDER}labels.json`, 'utf8')) as { tokens: number[] }[];
    expect([...toNumbers(tokens)]).toEqual(label?.tokens.slice(0, 6));
  });

  it('finds no loop where there is none', () => {
    const encoder = readModel(`${FOLDER}ocr_encoder.onnx`);
    const inputShapes = new Map([['0', { shape: [1, 1, 32, 64] }]]);
    expect(splitLoop(encoder, { file: 'ocr_encoder.onnx', inputShapes })).toBeUndefined();
  });
});

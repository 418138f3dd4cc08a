import { describe, expect, it } from 'vitest';
import { readOnnxModel } from '../../../../src/frontend/onnx/proto/read.js';
import { model, tensor } from '../../../helpers/onnx-builder.js';

describe('a model of 100 MB', () => {
  it('is read in a moment and not copied', () => {
    const block = new Uint8Array(10 * 2 ** 20);
    const initializers = Object.fromEntries(
      Array.from({ length: 10 }, (_, i) => [`w${i}`, tensor('f32', [block.length / 4], block)]),
    );
    const bytes = model({ initializers });
    const start = performance.now();
    const { graph } = readOnnxModel(bytes, { file: 'm.onnx', readExternal: () => bytes });
    // A few milliseconds where nothing else runs; copying alone would take about 30.
    expect(performance.now() - start).toBeLessThan(150);
    for (const { data } of graph.initializers.values()) expect(data.buffer).toBe(bytes.buffer);
  });
});

// The models that the fuzzer starts from: small fixtures, with the shapes of their inputs.
import { readFileSync } from 'node:fs';

const fixture = (path, shapes = {}) => ({
  bytes: readFileSync(new URL(`../fixtures/${path}`, import.meta.url)),
  shapes: new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape }])),
});

export const SEEDS = {
  torchscript: [
    fixture('torchscript/shapes-strings.pt', { x: [2, 6] }),
    fixture('torchscript/quantized-mlp.pt', { 0: [4, 12] }),
    fixture('torchscript/lstm-loop.pt', { x: [5, 2, 6] }),
    fixture('torchscript/policy-dict.pt', { 'obs.image': [1, 16, 16, 3], 'obs.state': [1, 6] }),
    fixture('torchscript/in-place.pt', { x: [3, 4] }),
  ],
  onnx: [fixture('tiny/conv/model.onnx'), fixture('tiny/matmul/model.onnx'), fixture('tiny/mlp/model.onnx')],
};

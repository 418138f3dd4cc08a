// What is mutated, and how a seed becomes a file: small models of the repository only, so that a seed means the same everywhere.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRandom } from '../../dist/base/random.js';
import { readNpy } from '../../dist/driver/tensor-files/npy.js';
import { mutateModel } from './onnx.mjs';
import { mutateArchive } from './torchscript.mjs';

const ROOT = new URL('../../', import.meta.url);

/** Models of a folder of fixtures, one folder each, with the shape and type of the recorded input. */
function recordedModels(folder) {
  return readdirSync(new URL(folder, ROOT))
    .sort()
    .map((name) => {
      const at = (file) => new URL(`${folder}${name}/${file}`, ROOT);
      const file = ['model.onnx', 'model.pt', 'model.ptl'].find((f) => existsSync(at(f)));
      const { dtype, shape } = readNpy(readFileSync(at('input_0.npy')), name);
      const typed = file === 'model.onnx';
      return { name, bytes: readFileSync(at(file)), inputs: { 0: typed ? { shape } : { shape, dtype } } };
    });
}

/** Archives without a recorded run, and the shapes of their inputs. */
const ARCHIVES = {
  'in-place': { x: [3, 4] },
  'lstm-loop': { x: [5, 2, 6] },
  'policy-dict': { 'obs.image': [1, 16, 16, 3], 'obs.state': [1, 6] },
  'quantized-mlp': { 0: [4, 12] },
  'shapes-strings': { x: [2, 6] },
};

const archives = () =>
  Object.entries(ARCHIVES).map(([name, shapes]) => ({
    name,
    bytes: readFileSync(new URL(`fixtures/torchscript/${name}.pt`, ROOT)),
    inputs: Object.fromEntries(Object.entries(shapes).map(([input, shape]) => [input, { shape }])),
  }));

/** Models with all shapes in the file. */
function operatorModels(file) {
  return JSON.parse(readFileSync(new URL(file, ROOT), 'utf8')).map(({ name, model }) => ({
    name,
    bytes: Buffer.from(model, 'base64'),
    inputs: {},
  }));
}

export const FRONTENDS = {
  torchscript: { models: () => [...recordedModels('fixtures/torch/'), ...archives()], mutate: mutateArchive },
  onnx: {
    models: () => [
      ...recordedModels('fixtures/tiny/'),
      ...operatorModels('test/frontend/onnx/runtime-cases.json'),
    ],
    mutate: mutateModel,
  },
};

const SHAPES = [[], [0], [1], [2, 3], [1, 1, 4, 4], [2, 0, 3], [1, 2, 3, 4, 5], [1000, 1000]];

/** The case of a seed: `{ name, bytes, inputShapes }`. */
export function fuzzCase(frontend, models, seed) {
  const random = createRandom(seed);
  const { name, bytes, inputs } = random.pick(models);
  const inputShapes = new Map(
    Object.entries(inputs).map(([input, given]) => [
      input,
      random.chance(0.05) ? { ...given, shape: random.pick(SHAPES) } : given,
    ]),
  );
  return { name, bytes: FRONTENDS[frontend].mutate(random, bytes), inputShapes };
}

// Valid models with something changed: imported, or refused with a diagnostic; never another exception. The models are those
// of runtime-cases.json.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXIT, NeffcError } from '../../../src/base/diagnostic.js';
import { createRandom, type Random } from '../../../src/base/random.js';
import { importOnnx, modelInputs } from '../../../src/frontend/onnx/import.js';
import type { OnnxAttribute, OnnxModel, OnnxNode } from '../../../src/frontend/onnx/proto/model.js';
import { readOnnxModel } from '../../../src/frontend/onnx/proto/read.js';
import { verifyGraph } from '../../../src/ops/verify.js';

const cases = JSON.parse(readFileSync(new URL('runtime-cases.json', import.meta.url), 'utf8')) as {
  model: string;
}[];
const models = cases.map(({ model }) =>
  readOnnxModel(Uint8Array.from(Buffer.from(model, 'base64')), {
    file: 'm',
    readExternal: () => new Uint8Array(0),
  }),
);

const INTS = [-(2 ** 63), -2, -1, 0, 1, 2, 3, 7, 1e6, 2 ** 53, 1e12];
const FLOATS = [0, -1, 0.5, 1e30, Number.NaN, Number.POSITIVE_INFINITY];
const SHAPES = [[], [0], [3], [1, 1], [2, 3], [0, 3], [2, 3, 4, 5], [1, 2, 3, 4, 5]];
const OPERATORS = [
  'Conv',
  'Concat',
  'Slice',
  'LSTM',
  'Einsum',
  'Softmax',
  'Resize',
  'GridSample',
  'SequenceAt',
  'Loop',
];

function mutatedAttribute(random: Random, attribute: OnnxAttribute): OnnxAttribute {
  switch (attribute.kind) {
    case 'int':
      return { ...attribute, value: random.pick(INTS) };
    case 'float':
      return { ...attribute, value: random.pick(FLOATS) };
    case 'ints': {
      const value = [...attribute.value, random.pick(INTS)].slice(random.integer(0, 2));
      return { ...attribute, value };
    }
    default:
      return { kind: 'string', value: random.pick(['', 'reverse', 'SAME_UPPER', 'linear', 'max']) };
  }
}

function mutatedNode(random: Random, node: OnnxNode): OnnxNode {
  const attributes = new Map(node.attributes);
  switch (random.integer(0, 5)) {
    case 0:
      return { ...node, inputs: node.inputs.slice(0, -1) };
    case 1:
      return {
        ...node,
        inputs: node.inputs.map((name) => (random.chance(0.3) ? random.pick(node.inputs) : name)),
      };
    case 2:
      return { ...node, opType: random.pick(OPERATORS), domain: '' };
    default:
      for (const [name, attribute] of attributes)
        if (random.chance(0.5)) attributes.set(name, mutatedAttribute(random, attribute));
      return { ...node, attributes };
  }
}

function mutated(random: Random, model: OnnxModel): OnnxModel {
  const nodes = model.graph.nodes.map((node) => mutatedNode(random, node));
  const inputs = model.graph.inputs.map((input) => ({ name: input.name, type: undefined }));
  return { ...model, graph: { ...model.graph, nodes, inputs } };
}

describe('a model with something changed', () => {
  it('is imported or refused with a diagnostic', () => {
    const random = createRandom(5);
    const crashes: string[] = [];
    for (let i = 0; i < 1500; i++) {
      const original = random.pick(models);
      const model = mutated(random, original);
      const declared = new Map(original.graph.inputs.map(({ name, type }) => [name, type]));
      const inputShapes = new Map(
        modelInputs(model).map(({ name }) => {
          const type = declared.get(name);
          const own = type?.kind === 'tensor' ? (type.dims as number[]) : [];
          return [name, { shape: random.chance(0.8) ? own : random.pick(SHAPES) }];
        }),
      );
      try {
        const [problem] = verifyGraph(importOnnx(model, { file: 'm', inputShapes }).graph);
        if (problem !== undefined) crashes.push(`${i}: ${problem.message}`);
      } catch (error) {
        const isRefusal = error instanceof NeffcError && error.exitCode !== EXIT.bug;
        if (!isRefusal) crashes.push(`${i}: ${error instanceof Error ? error.stack : error}`);
      }
    }
    expect(crashes).toEqual([]);
  });
});

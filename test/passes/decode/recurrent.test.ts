// Decoders of recurrent layers as ONNX files hold them: whatever the cell, and whatever stands behind the last one, a step is
// derived that says what the decoder says; a layer that reads backwards is refused.
import { describe, expect, it } from 'vitest';
import { recogniseTeacher } from '../../../src/driver/decode/teacher.js';
import { deriveStep } from '../../../src/passes/decode/derive.js';
import type { DecodeSource } from '../../../src/passes/decode/model.js';
import { flags, ints, source, weights } from '../../driver/decode/small-models.js';
import { type ModelSpec, type NodeSpec, node } from '../../helpers/onnx-builder.js';
import { mismatch } from './compare.js';
import { MEMORY, VOCABULARY, WIDTH } from './made-decoders.js';

type Attributes = Parameters<typeof node>[3];
const GATES = { GRU: 3, LSTM: 4, RNN: 1 } as const;

interface Layer {
  readonly kind: keyof typeof GATES;
  readonly attributes?: Attributes;
  readonly directions?: number;
  /** Sums behind the product. */
  readonly sums?: number;
}

/** (tokens [1, L], memory) -> scores [1, L, V]: embedding and mean of the memory, one layer, a product. */
function decoder({ kind, attributes = {}, directions = 1, sums = 0 }: Layer): ModelSpec {
  const gates = GATES[kind] * WIDTH;
  const behind: NodeSpec[] = [
    node('Reshape', ['y', 'rows'], ['flat']),
    node('MatMul', ['flat', 'wo'], ['s0']),
    ...Array.from({ length: sums }, (_, i) => node('Add', [`s${i}`, 'bo'], [`s${i + 1}`])),
    node('Identity', [`s${sums}`], ['scores']),
  ];
  return {
    inputs: { tokens: 'i64[1,l]', memory: `f32[1,${MEMORY},${WIDTH}]` },
    outputs: { scores: `f32[1,l,${VOCABULARY}]` },
    nodes: [
      node('Gather', ['table', 'tokens'], ['e']),
      node('ReduceMean', ['memory'], ['m'], { axes: [1], keepdims: 1 }),
      node('Add', ['e', 'm'], ['x']),
      node('Transpose', ['x'], ['sequence'], { perm: [1, 0, 2] }),
      node(kind, ['sequence', 'w', 'r', 'b'], ['y'], { hidden_size: WIDTH, ...attributes }),
      ...behind,
    ],
    initializers: {
      table: weights(1, [VOCABULARY, WIDTH], 2),
      w: weights(2, [directions, gates, WIDTH]),
      r: weights(3, [directions, gates, WIDTH]),
      b: weights(4, [directions, 2 * gates]),
      rows: ints([1, -1, directions * WIDTH]),
      bo: weights(6, [VOCABULARY]),
      wo: weights(5, [directions * WIDTH, VOCABULARY], 2),
    },
  };
}

function sourceOf(layer: Layer): DecodeSource {
  const model = source(decoder(layer), 'decoder.onnx');
  return recogniseTeacher(model, flags({ tokensInput: 'tokens' })).source;
}

function expectDerived(decoder: DecodeSource): void {
  const derived = deriveStep(decoder);
  expect('refusal' in derived ? derived.refusal : 'derived').toBe('derived');
  if ('program' in derived) expect(mismatch(decoder, derived.program, [1, 2, 3, 4, 5, 6])).toBeUndefined();
}

const LAYERS: readonly Layer[] = [
  { kind: 'RNN' },
  { kind: 'LSTM' },
  { kind: 'GRU' },
  { kind: 'GRU', attributes: { linear_before_reset: 1 } },
];

describe.each(LAYERS)('a layer of $kind $attributes', (layer) => {
  // Cells are found by where their nodes stand, and what stands behind the last one must not be taken for a part of it.
  it('is derived, whatever stands behind it', () => {
    for (let sums = 0; sums < 6; sums++) expectDerived(sourceOf({ ...layer, sums }));
  });

  it('is refused where it reads both ways', () => {
    const attributes = { ...layer.attributes, direction: 'bidirectional' };
    expect(deriveStep(sourceOf({ ...layer, attributes, directions: 2 }))).toHaveProperty('refusal');
  });
});

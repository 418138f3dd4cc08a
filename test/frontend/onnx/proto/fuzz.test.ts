// Whatever is done to the bytes of a model, it is read or refused: no other exception, no long wait, no large memory.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NeffcError } from '../../../../src/base/diagnostic.js';
import { readOnnxModel } from '../../../../src/frontend/onnx/proto/read.js';
import { readValueProto } from '../../../../src/frontend/onnx/proto/values.js';
import { sniffModel } from '../../../../src/frontend/sniff.js';
import * as build from '../../../helpers/onnx-builder.js';
import { node, tensor } from '../../../helpers/onnx-builder.js';

const options = { file: 'fuzz.onnx', readExternal: () => new Uint8Array(64) };
const body = { nodes: [node('Identity', ['w'], ['y'])], outputs: { y: 'f32[]' } };

/** Small, and with one of everything that the reader knows. */
const SEED_MODEL = build.model({
  opset: { '': 17, 'com.example': 1 },
  metadata: { key: 'value' },
  inputs: { x: 'f32[batch,3]', c: 'bool[]', s: 'seq(optional(map(i64,f32[?])))' },
  outputs: { y: 'f32' },
  initializers: {
    w: tensor('f32', [3], [1, 2, 3]),
    i: tensor('i64', [2], [1, -1], 'typed'),
    q: tensor('u4', [3], [1, 2, 3], 'typed'),
    t: tensor('string', [2], ['a', 'b']),
    e: tensor('f32', [4], [], { location: 'w.bin', offset: 8, length: 16 }),
  },
  sparseInitializers: { z: build.sparse([9], tensor('f32', [1], [1]), tensor('i64', [1], [3])) },
  nodes: [
    node('If', ['c'], ['y'], { then_branch: build.graph(body), else_branch: build.graph(body) }),
    node('F', ['x'], ['f'], { axes: [1, 2], alpha: 0.5, mode: 'a', names: ['b'] }, { domain: 'com.example' }),
  ],
  functions: [
    { name: 'F', domain: 'com.example', inputs: ['a'], outputs: ['b'], nodes: [node('Neg', ['a'], ['b'])] },
  ],
});
const SEED_VALUE = build.sequenceProto(
  [tensor('f32', [2], [1, 2]), tensor('i8', [3], [1, 2, 3], 'typed')],
  's',
);

function survives(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof NeffcError)) throw error;
    expect(error.diagnostics[0]?.code).toMatch(/^E(30\d\d|4010)$/);
  }
}

const mutation = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('set', 'flip', 'cut', 'remove', 'insert', 'copy'),
  value: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)),
  length: fc.integer({ min: 1, max: 24 }),
});
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutate(seed: Uint8Array, mutations: readonly Mutation[]): Uint8Array {
  let bytes = [...seed];
  for (const { at: anywhere, kind, value, length } of mutations) {
    const at = bytes.length === 0 ? 0 : anywhere % bytes.length;
    if (kind === 'set') bytes[at] = value;
    else if (kind === 'flip') bytes[at] = (bytes[at] ?? 0) ^ (1 << (value & 7));
    else if (kind === 'cut') bytes = bytes.slice(0, at);
    else if (kind === 'remove') bytes.splice(at, length);
    else if (kind === 'insert') bytes.splice(at, 0, ...new Array(length).fill(value));
    else bytes.splice(value, 0, ...bytes.slice(at, at + length));
  }
  return Uint8Array.from(bytes);
}

describe('fuzz', () => {
  it('reads the models it starts from', () => {
    expect(readOnnxModel(SEED_MODEL, options).graph.initializers.size).toBe(5);
    expect(readValueProto(SEED_VALUE, 'sequence', options)).toMatchObject({ elements: [{}, {}] });
  });

  it('survives a model cut short anywhere', () => {
    for (let length = 0; length < SEED_MODEL.length; length++) {
      survives(() => readOnnxModel(SEED_MODEL.subarray(0, length), options));
    }
  });

  it('survives each byte set to each of the telling values', () => {
    const bytes = SEED_MODEL.slice();
    for (let at = 0; at < bytes.length; at++) {
      const kept = bytes[at] ?? 0;
      for (const value of [0, 1, kept + 1, kept - 1, kept ^ 0x80, 0x7f, 0xff]) {
        bytes[at] = value;
        survives(() => readOnnxModel(bytes, options));
      }
      bytes[at] = kept;
    }
  });

  it('survives mutations', () => {
    const mutations = fc.array(mutation, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(mutations, (list) => {
        const bytes = mutate(SEED_MODEL, list);
        survives(() => readOnnxModel(bytes, options));
        survives(() => readValueProto(mutate(SEED_VALUE, list), 'sequence', options));
        expect(sniffModel(bytes).looksLike).not.toBe('');
      }),
      { numRuns: 4000, seed: 7 },
    );
  });

  it('survives random bytes behind the start of a model', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (rest) => {
        const bytes = Uint8Array.from([0x08, 0x08, 0x3a, rest.length & 0x7f, ...rest]);
        survives(() => readOnnxModel(bytes, options));
        expect(['onnx', 'torchscript', 'unknown']).toContain(sniffModel(rest).kind);
      }),
      { numRuns: 2000, seed: 7 },
    );
  });
});

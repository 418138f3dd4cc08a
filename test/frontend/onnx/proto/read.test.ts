import { describe, expect, it } from 'vitest';
import { byteLength, DTYPES, type DType } from '../../../../src/base/dtype.js';
import { ELEMENT_TYPES } from '../../../../src/frontend/onnx/proto/element-type.js';
import type { OnnxAttribute } from '../../../../src/frontend/onnx/proto/model.js';
import { readOnnxModel } from '../../../../src/frontend/onnx/proto/read.js';
import {
  readOptionalProto,
  readSequenceProto,
  readTensorProto,
  readValueProto,
} from '../../../../src/frontend/onnx/proto/values.js';
import * as build from '../../../helpers/onnx-builder.js';
import { node, tensor } from '../../../helpers/onnx-builder.js';
import {
  bytesField,
  concat,
  doubleField,
  floatField,
  packedFloats,
  packedVarints,
  varintField,
} from '../../../helpers/protobuf-writer.js';

const noExternal = () => {
  throw new Error('no external data expected');
};
const options = { file: 'm.onnx', readExternal: noExternal };
const read = (spec: build.ModelSpec) => readOnnxModel(build.model(spec), options);

describe('a model', () => {
  it('keeps names, types, domains, functions and metadata', () => {
    const model = read({
      opset: { 'ai.onnx': 21, 'com.example': 2 },
      irVersion: 10,
      producer: 'tester',
      metadata: { author: 'nobody' },
      inputs: { x: 'f32[1,batch,?]', s: 'seq(i64[2])', o: 'optional(f16)', m: 'map(string,u8[])' },
      outputs: { y: 'bool[]', z: '' },
      valueInfo: { p: 'sparse(f64[3,-1])' },
      nodes: [node('Scale', ['x', '', 'w'], ['y'], {}, { name: 'n', domain: 'com.example', overload: 'a' })],
      functions: [
        {
          name: 'Scale',
          domain: 'com.example',
          overload: 'a',
          inputs: ['a'],
          outputs: ['b'],
          attributes: ['gain'],
          attributeDefaults: { bias: 0.5 },
          nodes: [node('Mul', ['a', 'a'], ['b'], { k: build.ref('gain', 'float') })],
        },
      ],
    });
    expect(model.irVersion).toBe(10);
    expect([...model.opsets]).toEqual([
      ['', 21],
      ['com.example', 2],
    ]);
    expect(model.producer).toEqual({ name: 'tester', version: '' });
    expect(model.metadata.get('author')).toBe('nobody');
    expect(model.graph.inputs).toEqual([
      { name: 'x', type: { kind: 'tensor', dtype: 'f32', dims: [1, 'batch', undefined] } },
      { name: 's', type: { kind: 'sequence', element: { kind: 'tensor', dtype: 'i64', dims: [2] } } },
      { name: 'o', type: { kind: 'optional', element: { kind: 'tensor', dtype: 'f16', dims: undefined } } },
      { name: 'm', type: { kind: 'map', key: 'string', value: { kind: 'tensor', dtype: 'u8', dims: [] } } },
    ]);
    expect(model.graph.outputs).toEqual([
      { name: 'y', type: { kind: 'tensor', dtype: 'bool', dims: [] } },
      { name: 'z', type: undefined },
    ]);
    expect(model.graph.valueInfo[0]?.type).toEqual({
      kind: 'sparse_tensor',
      dtype: 'f64',
      dims: [3, undefined],
    });
    expect(model.graph.nodes[0]).toMatchObject({
      name: 'n',
      opType: 'Scale',
      domain: 'com.example',
      overload: 'a',
      inputs: ['x', '', 'w'],
    });
    const [scale] = model.functions;
    expect(scale).toMatchObject({ name: 'Scale', overload: 'a', attributes: ['gain'] });
    expect(scale?.attributeDefaults.get('bias')).toEqual({ kind: 'float', value: 0.5 });
    expect(scale?.nodes[0]?.attributes.get('k')).toEqual({ kind: 'ref', value: 'gain', of: 'float' });
    expect(scale?.opsets.get('')).toBe(17);
  });

  it('means version 1 of ai.onnx where it is older than operator sets', () => {
    expect([...read({ irVersion: 2, opset: {} }).opsets]).toEqual([['', 1]]);
  });

  it('merges a graph that is written in two parts', () => {
    const part = (op: string) => bytesField(7, build.graphBytes({ nodes: [node(op, [], ['y'])] }));
    const opset = bytesField(8, varintField(2, 17));
    const { graph } = readOnnxModel(concat([varintField(1, 8), part('A'), opset, part('B')]), options);
    expect(graph.nodes.map((item) => item.opType)).toEqual(['A', 'B']);
  });
});

describe('attributes', () => {
  const one = tensor('f32', [2], [1, 2]);
  const body = { name: 'body', nodes: [node('Neg', ['a'], ['b'])], outputs: { b: 'f32[]' } };
  const attribute = (value: build.AttributeValue): OnnxAttribute | undefined =>
    read({ nodes: [node('Any', [], ['y'], { a: value })] }).graph.nodes[0]?.attributes.get('a');

  it.each<[string, build.AttributeValue, Partial<OnnxAttribute>]>([
    ['int', -3, { kind: 'int', value: -3, exact: undefined }],
    ['float', build.float(1), { kind: 'float', value: 1 }],
    ['string', 'SAME_UPPER', { kind: 'string', value: 'SAME_UPPER' }],
    ['ints', [1, -1, 2 ** 40], { kind: 'ints', value: [1, -1, 2 ** 40], exact: undefined }],
    ['floats', [0.5, 1], { kind: 'floats', value: [0.5, 1] }],
    ['strings', ['a', 'ä'], { kind: 'strings', value: ['a', 'ä'] }],
    ['no ints', build.ints([]), { kind: 'ints', value: [], exact: undefined }],
    [
      'type',
      build.type('f32[n]'),
      { kind: 'type_proto', value: { kind: 'tensor', dtype: 'f32', dims: ['n'] } },
    ],
    [
      'types',
      build.types(['i8']),
      { kind: 'type_protos', value: [{ kind: 'tensor', dtype: 'i8', dims: undefined }] },
    ],
  ])('%s', (_name, value, expected) => {
    expect(attribute(value)).toEqual(expected);
  });

  it('keeps integers beyond 2^53 exact', () => {
    const max = 2n ** 63n - 1n;
    expect(attribute(max)).toEqual({ kind: 'int', value: 2 ** 63, exact: max });
    expect(attribute([1, -(2n ** 63n)])).toEqual({
      kind: 'ints',
      value: [1, -(2 ** 63)],
      exact: [1n, -(2n ** 63n)],
    });
  });

  it('holds tensors and graphs', () => {
    expect(attribute(one)).toMatchObject({ kind: 'tensor', value: { dtype: 'f32', shape: [2] } });
    expect(attribute(build.tensors([one, one]))).toMatchObject({ kind: 'tensors', value: [{}, {}] });
    expect(attribute(build.graph(body))).toMatchObject({
      kind: 'graph',
      value: { nodes: [{ opType: 'Neg' }] },
    });
    expect(attribute(build.graphs([body]))).toMatchObject({ kind: 'graphs', value: [{ name: 'body' }] });
    const sparse = build.sparse([9], one, tensor('i64', [2], [3, 5]));
    expect(attribute(sparse)).toMatchObject({ kind: 'sparse_tensor', value: { shape: [9] } });
  });

  it('takes what is not written for 0, and an undeclared kind from the value', () => {
    const raw = (...fields: Uint8Array[]) => attribute({ as: 'attribute', bytes: concat(fields) });
    expect(raw(varintField(20, 2))).toEqual({ kind: 'int', value: 0, exact: undefined });
    expect(raw(varintField(20, 3))).toEqual({ kind: 'string', value: '' });
    expect(raw(varintField(8, 4), varintField(8, 5))).toMatchObject({ kind: 'ints', value: [4, 5] });
    expect(raw(floatField(7, 0.5), floatField(7, 2))).toMatchObject({ kind: 'floats', value: [0.5, 2] });
  });

  it('may be packed', () => {
    const raw = (...fields: Uint8Array[]) => attribute({ as: 'attribute', bytes: concat(fields) });
    expect(raw(varintField(20, 7), packedVarints(8, [4, -5]), varintField(8, 6))).toMatchObject({
      value: [4, -5, 6],
    });
    expect(raw(varintField(20, 6), packedFloats(7, [0.5, 2]))).toMatchObject({ value: [0.5, 2] });
  });
});

describe('tensors', () => {
  const samples = (dtype: DType) => {
    const { kind } = DTYPES[dtype];
    if (kind === 'float' || kind === 'complex')
      return dtype.startsWith('f8') || dtype === 'f4e2m1' ? [1, 2, 3, 4, 5, 6] : [0, -1.5, 0.25, 3, -0, 7];
    if (kind === 'bool') return [1, 0, 1, 1, 0, 0];
    return kind === 'uint' ? [0, 1, 3, 2, 1, 3] : [0, 1, -1, -2, 1, 0];
  };
  const dtypes = ELEMENT_TYPES.flatMap((row) => (row && row.dtype !== 'string' ? [row.dtype] : []));

  it('knows every element type of the project', () => {
    expect(new Set(ELEMENT_TYPES.flatMap((row) => row?.dtype ?? []))).toEqual(new Set(Object.keys(DTYPES)));
  });

  it.each(dtypes)('%s: raw bytes and lists of numbers give the same data', (dtype) => {
    const shape = DTYPES[dtype].kind === 'complex' ? [3] : [2, 3];
    const raw = readTensorProto(build.tensorProto(tensor(dtype, shape, samples(dtype)), 't'), options);
    const typed = readTensorProto(
      build.tensorProto(tensor(dtype, shape, samples(dtype), 'typed'), 't'),
      options,
    );
    expect(raw).toMatchObject({ name: 't', dtype, shape, strings: undefined });
    expect(raw.data.length).toBe(byteLength(dtype, shape.length === 1 ? 3 : 6));
    expect(Buffer.from(raw.data).equals(build.rawBytes(dtype, samples(dtype)))).toBe(true);
    expect(Buffer.from(typed.data).equals(raw.data)).toBe(true);
  });

  it('keeps 64-bit integers whole', () => {
    const values = [2n ** 63n - 1n, -(2n ** 63n), -1n, 2n ** 32n, 2n ** 53n + 1n];
    const { data } = readTensorProto(build.tensorProto(tensor('i64', [5], values, 'typed')), options);
    expect([...new BigInt64Array(data.slice().buffer)]).toEqual(values);
    const unsigned = build.tensorProto(tensor('u64', [1], [2n ** 64n - 1n], 'typed'));
    expect(new BigUint64Array(readTensorProto(unsigned, options).data.slice().buffer)[0]).toBe(
      2n ** 64n - 1n,
    );
  });

  it('reads strings, scalars and tensors without elements', () => {
    const text = readTensorProto(build.tensorProto(tensor('string', [2], ['', 'ö'])), options);
    expect(text).toMatchObject({ dtype: 'string', strings: ['', 'ö'] });
    expect(readTensorProto(build.tensorProto(tensor('f32', [], [2])), options)).toMatchObject({ shape: [] });
    expect(readTensorProto(build.tensorProto(tensor('f32', [0, 3], [], 'typed')), options).data.length).toBe(
      0,
    );
    expect(readTensorProto(build.tensorProto(tensor('string', [0], [])), options).strings).toEqual([]);
  });

  it('joins lists that are not packed', () => {
    const head = [varintField(1, 2), varintField(2, 1)];
    const floats = readTensorProto(concat([...head, floatField(4, 0.5), floatField(4, 2)]), options);
    expect([...new Float32Array(floats.data.slice().buffer)]).toEqual([0.5, 2]);
    expect(floats.source).toBeUndefined();
    const doubles = concat([varintField(1, 2), varintField(2, 11), doubleField(10, 0.5), doubleField(10, 2)]);
    expect([...new Float64Array(readTensorProto(doubles, options).data.slice().buffer)]).toEqual([0.5, 2]);
    const ints = concat([varintField(1, 2), varintField(2, 6), varintField(5, 7), varintField(5, -7)]);
    expect([...new Int32Array(readTensorProto(ints, options).data.slice().buffer)]).toEqual([7, -7]);
  });

  it('are views of the file, wherever it lies in memory', () => {
    const file = build.model({
      initializers: { r: tensor('u8', [4], [9, 8, 7, 6]), f: tensor('f32', [2], [1, 2], 'typed') },
      nodes: [node('Constant', [], ['c'], { value: tensor('i16', [1], [5]) })],
    });
    const memory = new Uint8Array(file.length + 13);
    memory.set(file, 13);
    const bytes = memory.subarray(13);
    const { graph } = readOnnxModel(bytes, options);
    const constant = graph.nodes[0]?.attributes.get('value');
    const found = [...graph.initializers.values(), ...(constant?.kind === 'tensor' ? [constant.value] : [])];
    expect(found).toHaveLength(3);
    for (const { data, source } of found) {
      expect(data.buffer).toBe(memory.buffer);
      expect(data.constructor).toBe(Uint8Array);
      expect(source?.file).toBe('m.onnx');
      expect(bytes.subarray(source?.offset, (source?.offset ?? 0) + data.length)).toEqual(data);
    }
  });

  it('in external files are views of those', () => {
    const content = Uint8Array.from([0, 0, 0, 0, 1, 2, 3, 4, 5, 6]);
    const spec = (place: build.ExternalPlace) => ({
      initializers: { w: tensor('u8', [4], [], place) },
    });
    const readExternal = (path: string) => (path === 'd/w.bin' ? content : noExternal());
    for (const place of [
      { location: 'd/w.bin', offset: 4, length: 4 },
      { location: 'd/w.bin', offset: 4 },
    ]) {
      const { graph } = readOnnxModel(build.model(spec(place)), { file: 'm.onnx', readExternal });
      const w = graph.initializers.get('w');
      expect(w?.data).toEqual(Uint8Array.from([1, 2, 3, 4]));
      expect(w?.data.buffer).toBe(content.buffer);
      expect(w?.source).toEqual({ file: 'd/w.bin', offset: 4 });
    }
  });
});

describe('data files', () => {
  const one = tensor('i64', [2], [1, 2]);
  it('hold sequences, optionals and sparse tensors', () => {
    expect(readSequenceProto(build.sequenceProto([one, one], 'q'), options)).toMatchObject({
      kind: 'sequence',
      name: 'q',
      elements: [{ kind: 'tensor', tensor: { shape: [2] } }, { kind: 'tensor' }],
    });
    expect(readOptionalProto(build.optionalProto(undefined, 'o'), options).element).toBeUndefined();
    expect(readOptionalProto(build.optionalProto(one), options).element).toMatchObject({ kind: 'tensor' });
    const sparse = build.sparseProto(
      build.sparse([3, 3], tensor('f32', [1], [4]), tensor('i64', [1, 2], [0, 2])),
    );
    expect(readValueProto(sparse, 'sparse_tensor', options)).toMatchObject({ tensor: { shape: [3, 3] } });
    const map = concat([varintField(2, 7), varintField(3, 5), bytesField(5, build.sequenceProto([one]))]);
    expect(readValueProto(map, 'map', options)).toMatchObject({ keys: [5], values: [{ kind: 'tensor' }] });
  });
});

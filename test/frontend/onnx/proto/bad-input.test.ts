import { describe, expect, it } from 'vitest';
import { type Diagnostic, NeffcError } from '../../../../src/base/diagnostic.js';
import { LIMITS, NEWEST_IR_VERSION } from '../../../../src/frontend/onnx/proto/limits.js';
import { readOnnxModel } from '../../../../src/frontend/onnx/proto/read.js';
import { readTensorProto, readValueProto } from '../../../../src/frontend/onnx/proto/values.js';
import * as build from '../../../helpers/onnx-builder.js';
import { model, node, tensor } from '../../../helpers/onnx-builder.js';
import { bytesField, concat, varint, varintField } from '../../../helpers/protobuf-writer.js';

const content = new Uint8Array(8);
const options = { file: 'm.onnx', readExternal: () => content };

function refusal(action: () => unknown): Diagnostic {
  try {
    action();
  } catch (error) {
    if (error instanceof NeffcError && error.diagnostics[0]) return error.diagnostics[0];
    throw error;
  }
  throw new Error('nothing was refused');
}
const refused = (bytes: Uint8Array) => refusal(() => readOnnxModel(bytes, options));

const text = (value: string) => new TextEncoder().encode(value);
const weights = (spec: build.TensorSpec) => model({ initializers: { w: spec } });
const external = (place: build.ExternalPlace) => weights(tensor('f32', [2], [], place));
const opset = bytesField(8, varintField(2, 17));
const modelOf = (graph: Uint8Array) => concat([varintField(1, 8), bytesField(7, graph), opset]);
const tensorOf = (...fields: Uint8Array[]) => modelOf(bytesField(5, concat([bytesField(8, 'w'), ...fields])));
const attributeOf = (...fields: Uint8Array[]) =>
  model({ nodes: [node('Op', [], ['y'], { a: { as: 'attribute', bytes: concat(fields) } }, { name: 'n' })] });
const nested = (depth: number) => {
  let spec: build.GraphSpec = {};
  for (let i = 0; i < depth; i++)
    spec = { nodes: [node('If', ['c'], ['y'], { then_branch: build.graph(spec) })] };
  return model(spec);
};
const repeated = (unit: Uint8Array, count: number) => {
  const bytes = new Uint8Array(unit.length * count);
  for (let i = 0; i < count; i++) bytes.set(unit, i * unit.length);
  return bytes;
};
const one = tensor('f32', [1], [1]);

const CASES: readonly [name: string, code: string, message: RegExp, bytes: () => Uint8Array][] = [
  ['an empty file', 'E3001', /empty/, () => new Uint8Array(0)],
  [
    'a PNG',
    'E3002',
    /not an ONNX model/,
    () => Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0]),
  ],
  ['a zip archive', 'E3002', /not an ONNX/, () => concat([text('PK\x03\x04'), new Uint8Array(40)])],
  ['a text', 'E3002', /not an ONNX/, () => text('ir_version: 8 graph { }')],
  ['a tensor', 'E3002', /not an ONNX/, () => build.tensorProto(one)],
  ['an impossible version', 'E3002', /not an ONNX/, () => varintField(1, 2n ** 40n)],
  [
    'a length beyond the file',
    'E3003',
    /claims 1000 bytes where 2 are left/,
    () => concat([varintField(1, 8), Uint8Array.from([0x3a]), varint(1000), text('ab')]),
  ],
  ['a length of 64 bits', 'E3003', /claims/, () => modelOf(concat([Uint8Array.from([0x0a]), varint(-1)]))],
  ['a number cut short', 'E3003', /middle of a number/, () => modelOf(Uint8Array.from([0x80]))],
  [
    'a number without end',
    'E3004',
    /more than 10 bytes/,
    () => modelOf(repeated(Uint8Array.from([0xff]), 20)),
  ],
  ['a group', 'E3004', /wire type 3/, () => modelOf(Uint8Array.of(0x43))],
  [
    'a node that is a number',
    'E3004',
    /GraphProto\.node should be a length/,
    () => modelOf(varintField(1, 5)),
  ],
  ['field 0', 'E3004', /impossible number/, () => modelOf(Uint8Array.from([0, 0]))],
  ['deep nesting', 'E3005', /nested deeper than 100/, () => nested(40)],
  [
    'too many nodes',
    'E3006',
    /200000 nodes/,
    () => modelOf(repeated(bytesField(1, text('')), LIMITS.nodes + 1)),
  ],
  [
    'too many records',
    'E3006',
    /records/,
    () => modelOf(repeated(bytesField(11, text('')), LIMITS.records + 1)),
  ],
  ['too many dims', 'E3006', /dims/, () => weights(tensor('f32', new Array(65).fill(1), [1]))],
  ['no graph', 'E3007', /no graph/, () => concat([varintField(1, 8), opset])],
  ['a newer version', 'E3008', /version 99; known are 1 to/, () => model({ irVersion: 99 })],
  ['the version after the newest', 'E3008', /known are/, () => model({ irVersion: NEWEST_IR_VERSION + 1 })],
  ['no version', 'E3008', /names no IR version/, () => concat([bytesField(7, text('')), opset])],
  ['no operator set', 'E3009', /imports no operator set/, () => model({ opset: {} })],
  [
    'an unknown domain',
    'E3009',
    /domain "com\.x"/,
    () => model({ nodes: [node('A', [], ['y'], {}, { domain: 'com.x' })] }),
  ],
  ['version 0', 'E3009', /version 0/, () => model({ opset: 0 })],
  ['two versions', 'E3009', /version 7 and 8/, () => model({ opset: { '': 7, 'ai.onnx': 8 } })],
  ['an unknown element type', 'E3010', /type 99/, () => tensorOf(varintField(2, 99))],
  ['no element type', 'E3010', /no element type/, () => tensorOf()],
  ['a 6-bit float', 'E4010', /FLOAT6E2M3/, () => tensorOf(varintField(2, 27))],
  ['a negative dim', 'E3011', /negative dim -2/, () => weights(tensor('f32', [2, -2], []))],
  ['a negative dim of an input', 'E3011', /value "x"/, () => model({ inputs: { x: 'f32[-7]' } })],
  ['a huge dim', 'E3012', /2\^40/, () => tensorOf(varintField(2, 1), varintField(1, 2n ** 62n))],
  ['a huge shape', 'E3012', /2\^40/, () => weights(tensor('f32', [2 ** 30, 2 ** 30], []))],
  [
    'too few bytes',
    'E3013',
    /7 bytes of data where its shape \[2\] needs 8/,
    () => weights(tensor('f32', [2], new Uint8Array(7))),
  ],
  ['too many bytes', 'E3013', /initializer "w"/, () => weights(tensor('i4', [3], new Uint8Array(3)))],
  ['too few numbers', 'E3013', /1 values/, () => weights(tensor('i64', [2], [2n ** 40n], 'typed'))],
  ['far too few numbers', 'E3013', /at most 3/, () => weights(tensor('i64', [2 ** 39], [1, 2, 3], 'typed'))],
  ['too many numbers', 'E3013', /more than 2/, () => weights(tensor('i32', [2], [1, 2, 3], 'typed'))],
  ['too few strings', 'E3013', /1 strings/, () => weights(tensor('string', [2], ['a']))],
  ['no values', 'E3014', /no values/, () => tensorOf(varintField(2, 1), varintField(1, 4))],
  [
    'two sets of values',
    'E3014',
    /rawData and floatData|floatData/,
    () =>
      tensorOf(
        varintField(2, 1),
        varintField(1, 1),
        bytesField(9, new Uint8Array(4)),
        bytesField(4, new Uint8Array(4)),
      ),
  ],
  [
    'values in the wrong list',
    'E3014',
    /FLOAT and its values in int64Data/,
    () => tensorOf(varintField(2, 1), varintField(1, 1), varintField(7, 1)),
  ],
  [
    'strings as bytes',
    'E3014',
    /STRING/,
    () => tensorOf(varintField(2, 8), varintField(1, 1), bytesField(9, 'a')),
  ],
  [
    'sparse indices that do not fit',
    'E3014',
    /sparse/,
    () => model({ sparseInitializers: { w: build.sparse([9], one, tensor('i64', [2], [1, 2])) } }),
  ],
  ['external data above the folder', 'E3015', /\.\.\/etc/, () => external({ location: '../etc/passwd' })],
  ['external data hidden above', 'E3015', /not inside/, () => external({ location: 'a/../../b' })],
  ['external data at a root', 'E3015', /not inside/, () => external({ location: '/etc/passwd' })],
  ['external data on a drive', 'E3015', /not inside/, () => external({ location: 'C:\\w.bin' })],
  ['external data without a place', 'E3016', /names no file/, () => external({ location: '' })],
  ['external data past the end', 'E3017', /which has 8/, () => external({ location: 'w', offset: 4 })],
  [
    'an external offset in words',
    'E3017',
    /offset "four"/,
    () => external({ location: 'w', offset: 'four' }),
  ],
  ['an external offset below 0', 'E3017', /offset "-4"/, () => external({ location: 'w', offset: -4 })],
  [
    'an external length that does not fit',
    'E3013',
    /4 bytes in w/,
    () => external({ location: 'w', length: 4 }),
  ],
  [
    'an attribute of two kinds',
    'E3018',
    /attribute "a" of node "n" is of kind int and holds .* float/,
    () => attributeOf(varintField(20, 2), varintField(3, 1), Uint8Array.from([0x15, 0, 0, 0, 0])),
  ],
  ['an attribute of no kind', 'E3018', /declares no kind/, () => attributeOf()],
  ['an attribute of kind 77', 'E3018', /kind 77/, () => attributeOf(varintField(20, 77))],
  ['a graph attribute without a graph', 'E3018', /no value/, () => attributeOf(varintField(20, 5))],
  [
    'an attribute twice',
    'E3019',
    /"a" of node "n" is there twice/,
    () =>
      modelOf(
        bytesField(
          1,
          concat([
            bytesField(3, 'n'),
            bytesField(4, 'Op'),
            repeated(bytesField(5, concat([bytesField(1, 'a'), varintField(20, 2)])), 2),
          ]),
        ),
      ),
  ],
  [
    'an initializer twice',
    'E3019',
    /initializer "w" is there twice/,
    () => modelOf(repeated(bytesField(5, build.tensorProto(one, 'w')), 2)),
  ],
  ['an initializer without a name', 'E3020', /no name/, () => model({ initializers: { '': one } })],
  [
    'a node without an operator',
    'E3020',
    /of y" names no operator/,
    () => model({ nodes: [node('', [], ['y'])] }),
  ],
];

describe('refused with a code, a place and a hint', () => {
  it.each(CASES)('%s: %s', (_name, code, message, bytes) => {
    const diagnostic = refused(bytes());
    expect(diagnostic.code).toBe(code);
    expect(diagnostic.message).toMatch(message);
    expect(diagnostic.where?.file).toBe('m.onnx');
    expect(diagnostic.hint).toBeTruthy();
  });

  it('at the node', () => {
    const bytes = model({ nodes: [node('Constant', [], ['y'], { value: tensor('f32', [2], [1]) })] });
    expect(refused(bytes).where).toEqual({ file: 'm.onnx', node: 'Constant of y' });
  });

  it('in data files', () => {
    const mixed = concat([bytesField(3, build.tensorProto(one)), bytesField(5, build.sequenceProto([]))]);
    expect(refusal(() => readValueProto(mixed, 'sequence', options)).code).toBe('E3021');
    const uneven = concat([varintField(2, 7), varintField(3, 1), varintField(3, 2)]);
    expect(refusal(() => readValueProto(uneven, 'map', options)).code).toBe('E3021');
    expect(refusal(() => readTensorProto(text('hello world'), options)).code).toMatch(/^E30/);
  });
});

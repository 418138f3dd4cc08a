import { describe, expect, test } from 'vitest';
import type { PickleSource } from '../../../src/frontend/torchscript/archive/machine.js';
import { readPickle } from '../../../src/frontend/torchscript/archive/pickle.js';
import type { PickleValue } from '../../../src/frontend/torchscript/archive/value.js';
import { codeOf } from '../../helpers/codes.js';
import { pk } from '../../helpers/pickle-writer.js';

const SOURCE: PickleSource = {
  file: 'f',
  member: 'm.pkl',
  storage: (scalar, key, device, count) => ({
    key,
    scalar,
    device,
    count,
    dtype: scalar === 'QInt8' ? 'i8' : 'f32',
    bytes: new Uint8Array(count * 4),
  }),
};
const read = (root: Buffer, protocol = 2): PickleValue => readPickle(pk.file(root, protocol), SOURCE);
const code = (root: Buffer) => codeOf(() => read(root));
const latin = (text: string) => pk.raw(...Buffer.from(text, 'latin1'));

describe('pickle values', () => {
  test('scalars', () => {
    const value = read(
      pk.tuple(
        pk.none,
        pk.bool(true),
        pk.int(300),
        pk.long(-(2n ** 63n)),
        pk.float(-0.1),
        pk.str('é'),
        pk.int(-1),
      ),
    );
    expect(value).toEqual({
      kind: 'tuple',
      items: [
        { kind: 'none' },
        { kind: 'bool', value: true },
        { kind: 'int', value: 300n },
        { kind: 'int', value: -(2n ** 63n) },
        { kind: 'float', value: -0.1 },
        { kind: 'string', value: 'é' },
        { kind: 'int', value: -1n },
      ],
    });
  });

  test('containers of PyTorch and of collections', () => {
    const ints = pk.call('torch.jit._pickle', 'build_intlist', pk.list(pk.int(1), pk.int(2)));
    const tagged = pk.call(
      'torch.jit._pickle',
      'restore_type_tag',
      pk.dict({ a: ints }),
      pk.str('Dict[str, List[int]]'),
    );
    const dict = read(tagged);
    expect(dict).toMatchObject({ kind: 'dict', typeTag: 'Dict[str, List[int]]' });
    if (dict.kind !== 'dict') return;
    expect(dict.entries.get('a')).toMatchObject({
      kind: 'list',
      element: 'int',
      items: [{ value: 1n }, { value: 2n }],
    });
    const factory = pk.global('builtins', 'list');
    expect(read(pk.call('collections', 'defaultdict', factory))).toEqual({
      kind: 'dict',
      entries: new Map(),
    });
    const pairs = pk.list(pk.tuple(pk.str('x'), pk.int(1)));
    expect(read(pk.call('collections', 'OrderedDict', pairs))).toEqual({
      kind: 'dict',
      entries: new Map([['x', { kind: 'int', value: 1n }]]),
    });
  });

  test('modules, enums, devices, symbols, complex numbers', () => {
    const state = pk.dict({
      training: pk.bool(false),
      child: pk.object('__torch__.a.B', pk.tuple(pk.int(1))),
    });
    const root = read(pk.object('__torch__.M', state));
    expect(root).toMatchObject({ kind: 'object', class: '__torch__.M' });
    if (root.kind !== 'object') return;
    expect(root.attributes.get('child')).toMatchObject({ class: '__torch__.a.B', state: { kind: 'tuple' } });
    const colour = pk.join(pk.global('__torch__', 'Colour'), pk.int(2), pk.raw(0x52));
    expect(read(colour)).toEqual({
      kind: 'enum',
      class: '__torch__.Colour',
      value: { kind: 'int', value: 2n },
    });
    expect(read(pk.call('torch', 'device', pk.str('cuda'), pk.int(1)))).toEqual({
      kind: 'device',
      name: 'cuda:1',
    });
    expect(read(pk.global('torch', 'channels_last'))).toEqual({
      kind: 'symbol',
      name: 'torch.channels_last',
    });
    const z = pk.call('builtins', 'complex', pk.float(1), pk.float(2));
    expect(read(z)).toEqual({ kind: 'complex', re: 1, im: 2 });
  });

  test('shared references are one object', () => {
    const shared = pk.put(7, pk.list(pk.int(1)));
    const value = read(pk.tuple(shared, pk.get(7)));
    if (value.kind !== 'tuple') throw new Error('not a tuple');
    expect(value.items[0]).toBe(value.items[1]);
  });

  test('protocol 4 as Python writes it', () => {
    // pickle.dumps({'k': [1, 2.5, b'x', {3}], 'n': 70000}, 4)
    const dumped =
      '8004952b000000000000007d94288c016b945d94284b01474004000000000000430178948f94284b0390658c016e944a70110100752e';
    const bytes = Uint8Array.from(Buffer.from(dumped, 'hex'));
    const value = readPickle(bytes, SOURCE);
    if (value.kind !== 'dict') throw new Error('not a dict');
    expect(value.entries.get('n')).toEqual({ kind: 'int', value: 70000n });
    expect(value.entries.get('k')).toMatchObject({
      items: [
        { value: 1n },
        { value: 2.5 },
        { value: Uint8Array.of(120) },
        { kind: 'set', items: [{ value: 3n }] },
      ],
    });
    expect(read(pk.join(latin('\x8c\x05torch\x8c\x07strided\x93')), 4)).toEqual({
      kind: 'symbol',
      name: 'torch.strided',
    });
  });
});

describe('pickled tensors', () => {
  test('strided, expanded and parameter', () => {
    const t = read(pk.tensor('0', 10, [2, 3], [1, 2], 4));
    expect(t).toMatchObject({ kind: 'tensor', dtype: 'f32', shape: [2, 3], strides: [1, 2], offset: 4 });
    expect(read(pk.tensor('0', 1, [1000, 2], [0, 0]))).toMatchObject({ strides: [0, 0] });
    const parameter = pk.call(
      'torch._utils',
      '_rebuild_parameter',
      pk.tensor('0', 1, [], []),
      pk.bool(true),
      pk.none,
    );
    expect(read(parameter)).toMatchObject({ isParameter: true, requiresGrad: true });
  });

  const quantized = (scalar: string, ...params: Buffer[]) =>
    pk.call(
      'torch._utils',
      '_rebuild_qtensor',
      pk.storage(scalar, '0', 4),
      pk.int(0),
      pk.tuple(pk.int(4)),
      pk.tuple(pk.int(1)),
      pk.tuple(...params),
      pk.bool(false),
      pk.none,
    );

  test('quantised per tensor and per channel', () => {
    const perTensor = quantized('QInt8', pk.global('torch', 'per_tensor_affine'), pk.float(0.5), pk.int(3));
    expect(read(perTensor)).toMatchObject({
      dtype: 'i8',
      quantization: { scheme: 'per_tensor_affine', scale: 0.5, zeroPoint: 3 },
    });
    const channel = pk.tensor('1', 4, [4], [1]);
    const perChannel = quantized(
      'QInt8',
      pk.global('torch', 'per_channel_affine'),
      channel,
      channel,
      pk.int(0),
    );
    expect(read(perChannel)).toMatchObject({ quantization: { scheme: 'per_channel_affine', axis: 0 } });
    expect(code(quantized('Float', pk.global('torch', 'per_tensor_affine'), pk.float(1), pk.int(0)))).toBe(
      'E3325',
    );
    expect(code(quantized('QInt8', pk.global('torch', 'per_tensor_symmetric'), pk.float(1)))).toBe('E3325');
  });

  test.each<[string, string, Buffer]>([
    ['outside its storage', 'E3326', pk.tensor('0', 5, [2, 3], [3, 1])],
    ['offset outside', 'E3326', pk.tensor('0', 6, [2, 3], [3, 1], 1)],
    ['ranks differ', 'E3325', pk.tensor('0', 6, [6], [1, 1])],
    ['negative stride', 'E3325', pk.tensor('0', 6, [6], [-1])],
    ['expansion without bound', 'E3323', pk.tensor('0', 1, [2 ** 30, 2 ** 30], [0, 0])],
    ['rank', 'E3323', pk.tensor('0', 1, Array(65).fill(1), Array(65).fill(1))],
    ['sparse', 'E4302', pk.global('torch._utils', '_rebuild_sparse_tensor')],
  ])('%s is refused with %s', (_, expected, root) => {
    expect(code(root)).toBe(expected);
  });
});

describe('hostile pickles', () => {
  const doubling = Array.from({ length: 60 }, (_, i) => pk.put(i + 1, pk.tuple(pk.get(i), pk.get(i))));
  const popped = doubling.flatMap((part) => [part, pk.raw(0x30)]);
  test.each<[string, string, Buffer]>([
    ['foreign class', 'E3322', pk.call('os', 'system', pk.str('true'))],
    ['foreign torch class', 'E3322', pk.global('torch.nn.modules.linear', 'Linear')],
    ['prototype names', 'E3322', pk.global('constructor', 'prototype')],
    ['a bare class', 'E3321', pk.global('torch', 'FloatStorage')],
    ['calling a name', 'E3321', pk.call('builtins', 'list')],
    ['calling a value', 'E3321', pk.join(pk.int(1), pk.tuple(), pk.raw(0x52))],
    ['unknown operation', 'E3321', pk.raw(0x69)],
    ['nothing on the stack', 'E3321', pk.raw(0x30)],
    ['pop below a mark', 'E3321', pk.join(pk.int(1), pk.raw(0x28, 0x30))],
    ['two values', 'E3321', pk.join(pk.int(1), pk.int(2))],
    ['no mark', 'E3321', pk.join(pk.list(), pk.raw(0x65))],
    ['unset memo', 'E3321', pk.get(5)],
    ['odd dict', 'E3321', pk.join(pk.raw(0x7d, 0x28), pk.int(1), pk.raw(0x75))],
    ['list as key', 'E3321', pk.join(pk.raw(0x7d), pk.list(), pk.int(1), pk.raw(0x73))],
    ['not UTF-8', 'E3321', pk.raw(0x58, 1, 0, 0, 0, 0xff)],
    ['string length', 'E3323', pk.raw(0x58, 0xff, 0xff, 0xff, 0xff)],
    ['string runs out', 'E3320', pk.raw(0x58, 0xff, 0, 0, 0)],
    ['big integer', 'E3323', pk.raw(0x8b, 0, 1, 0, 0)],
    ['a list in itself', 'E3324', pk.join(pk.put(0, pk.raw(0x5d)), pk.get(0), pk.raw(0x61))],
    ['a typed list of others', 'E3325', pk.call('torch.jit._pickle', 'build_intlist', pk.list(pk.str('x')))],
    ['exponential sharing', 'E3323', pk.join(pk.put(0, pk.int(1)), pk.raw(0x30), ...popped, pk.get(60))],
    ['depth', 'E3323', pk.join(pk.none, pk.raw(...Array(100_000).fill(0x85)))],
    ['two states', 'E3321', pk.join(pk.object('__torch__.A', pk.dict({})), pk.dict({}), pk.raw(0x62))],
  ])('%s is refused with %s', (_, expected, root) => {
    expect(code(root)).toBe(expected);
  });

  test('protocols 0, 1, 5 and an empty file', () => {
    for (const protocol of [0, 1, 5]) expect(codeOf(() => read(pk.none, protocol))).toBe('E3321');
    expect(codeOf(() => readPickle(new Uint8Array(), SOURCE))).toBe('E3320');
  });
});

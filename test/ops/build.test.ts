// The builder: folding, identities, errors that name the node.
import { describe, expect, it } from 'vitest';
import { NeffcError } from '../../src/base/diagnostic.js';
import { fromNumbers } from '../../src/base/tensor.js';
import { bytesConstant, type Constant, splatConstant } from '../../src/ir/constant.js';
import { symbol } from '../../src/ir/dim.js';
import { constantOf, producer, type Value } from '../../src/ir/graph.js';
import { formatType, tensorType } from '../../src/ir/type.js';
import { GraphBuilder } from '../../src/ops/build.js';
import { constantBytes, constantNumbers } from '../../src/ops/evaluate.js';

const numbers = (dtype: Constant['dtype'], shape: number[], values: number[], name?: string): Constant =>
  bytesConstant(dtype, shape, fromNumbers(dtype, shape, values).data, name);
const valuesOf = (v: Value): number[] => {
  const c = constantOf(v);
  if (c === undefined) throw new Error('not a constant');
  return Array.from(constantNumbers(c));
};

function caught(f: () => unknown): NeffcError {
  try {
    f();
  } catch (e) {
    if (e instanceof NeffcError) return e;
    throw e;
  }
  throw new Error('nothing thrown');
}

describe('folding', () => {
  it('computes over constants at once', () => {
    const b = new GraphBuilder('g');
    const x = b.constant(numbers('f32', [2], [1, 2]));
    const sum = b.one('add', [x, b.constant(numbers('f32', [2, 1], [10, 20]))]);
    expect(valuesOf(sum)).toEqual([11, 12, 21, 22]);
    expect(constantOf(sum)?.recipe.kind).toBe('bytes');
    expect(b.finish([sum], ['y']).body.nodes).toEqual([]);
  });

  it('keeps the recipe of what a tensor of the model went into', () => {
    const b = new GraphBuilder('g');
    const w = b.constant(numbers('f32', [2, 2], [1, 2, 3, 4], 'weight'));
    const folded = b.one('mul', [b.one('transpose', [w], { perm: [1, 0] }), b.scalar('f32', 2)]);
    expect(valuesOf(folded)).toEqual([2, 6, 4, 8]);
    expect(constantOf(folded)?.recipe).toMatchObject({
      kind: 'apply',
      op: 'mul',
      inputs: [{ recipe: { op: 'transpose', inputs: [{ recipe: { name: 'weight' } }] } }, {}],
    });
  });

  it('leaves large results until their bytes are asked for', () => {
    const b = new GraphBuilder('g');
    const w = b.constant(
      numbers(
        'f32',
        [300, 400],
        Array.from({ length: 120000 }, (_, i) => i),
        'weight',
      ),
    );
    const c = constantOf(b.one('transpose', [w], { perm: [1, 0] })) as Constant;
    expect(c.cache).toBeUndefined();
    const t = constantNumbers(c);
    expect([t[0], t[1], t[300], t[119999]]).toEqual([0, 400, 1, 119999]);
    expect(constantBytes(c)).toBe(constantBytes(c));
  });

  it('keeps splats splats', () => {
    const b = new GraphBuilder('g');
    const ones = b.constant(splatConstant('f32', [1000, 1000], fromNumbers('f32', [1], [1]).data));
    const moved = b.one('reshape', [b.one('add', [ones, b.scalar('f32', 2)])], { shape: [10, -1] });
    expect(constantOf(moved)?.recipe).toEqual({ kind: 'splat', bytes: fromNumbers('f32', [1], [3]).data });
    expect(moved.type.shape).toEqual([10, 100000]);
    const wide = b.one('broadcast', [b.scalar('i64', 7)], { shape: [4, 4] });
    expect(constantOf(wide)?.recipe.kind).toBe('splat');
    expect(valuesOf(wide)).toEqual(new Array(16).fill(7));
  });
});

describe('identities', () => {
  const N = symbol('N');
  it('makes no node that says nothing', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', tensorType('f32', [N, 2, 3]));
    expect(b.one('transpose', [x], { perm: [0, 1, 2] })).toBe(x);
    expect(b.one('reshape', [x], { shape: [-2, 2, 3] })).toBe(x);
    expect(b.one('reshape', [x], { shape: [-1, 2, 3] })).toBe(x);
    expect(b.one('cast', [x], { to: 'f32' })).toBe(x);
    expect(b.one('broadcast', [x], { shape: [-1, 2, 3] })).toBe(x);
    expect(b.one('concat', [x], { axis: 1 })).toBe(x);
    expect(b.one('slice', [x], { starts: [0, 0, 0], sizes: [-1, 2, 3], steps: [1, 1, 1] })).toBe(x);
    expect(b.one('pad', [x], { low: [0, 0, 0], high: [0, 0, 0] })).toBe(x);
    const turned = b.one('slice', [x], { starts: [0, 1, 0], sizes: [-1, 2, 3], steps: [1, -1, 1] });
    expect(turned).not.toBe(x);
  });

  it('resolves dims that are known', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', tensorType('f32', [6, 4]));
    const of = (v: Value) => producer(v)?.attrs;
    expect(of(b.one('reshape', [x], { shape: [-3, -1, 2] }))).toEqual({ shape: [4, 3, 2] });
    expect(of(b.one('broadcast', [x], { shape: [5, -1, -1] }))).toEqual({ shape: [5, 6, 4] });
    const sliced = b.one('slice', [x], { starts: [1, 0], sizes: [-1, -1], steps: [2, 1] });
    expect(of(sliced)).toMatchObject({ sizes: [3, 4] });
  });

  it('merges moves of moves, with both origins', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', tensorType('f32', [2, 3, 4]));
    b.origin = [{ node: 'one' }];
    const t = b.one('transpose', [x], { perm: [1, 2, 0] });
    b.origin = [{ node: 'two' }];
    const twice = b.one('transpose', [t], { perm: [1, 2, 0] });
    expect(producer(twice)).toMatchObject({ inputs: [x], attrs: { perm: [2, 0, 1] } });
    expect(producer(twice)?.origins.map((o) => o.node)).toEqual(['two', 'one']);
    expect(b.one('transpose', [twice], { perm: [1, 2, 0] })).toBe(x);
    const flat = b.one('reshape', [b.one('reshape', [x], { shape: [6, 4] })], { shape: [24] });
    expect(producer(flat)?.inputs).toEqual([x]);
    expect(b.one('reshape', [flat], { shape: [2, 3, 4] })).toBe(x);
  });

  it('keeps symbolic dims through reshapes', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', tensorType('f32', [N, symbol('T'), 64]));
    const heads = b.one('reshape', [x], { shape: [-2, -3, 4, 16] });
    expect(formatType(heads.type)).toBe('f32[N,T,4,16]');
    expect(formatType(b.one('reshape', [heads], { shape: [-2, -1, 64] }).type)).toBe('f32[N,T,64]');
    expect(formatType(b.one('reshape', [x], { shape: [-1, 32] }).type)).toBe('f32[2*N·T,32]');
  });
});

describe('errors', () => {
  it('name the node, the operator and the reason', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', tensorType('f32', [2, 3]));
    b.origin = [{ node: 'fire/add', op: 'Add', file: 'm.onnx', line: 3 }];
    const bad = caught(() => b.one('add', [x, b.input('y', tensorType('f32', [4]))]));
    expect(bad.exitCode).toBe(3);
    expect(bad.diagnostics).toMatchObject([
      {
        code: 'E3230',
        message: "node 'fire/add': add of Add: shapes [2,3] and [4] do not broadcast",
        where: { node: 'fire/add', file: 'm.onnx', line: 3 },
      },
    ]);
  });

  const uses: [string, string, object, RegExp][] = [
    ['E3231', 'concat', {}, /attribute 'axis' is missing/],
    ['E3231', 'concat', { axis: 0.5 }, /not of kind int/],
    ['E3231', 'concat', { axis: 0, keep: true }, /no attribute 'keep'/],
    ['E3231', 'add', {}, /takes 2 operands, not 1/],
    ['E3230', 'concat', { axis: 2 }, /axis 2 is not one of the 2 axes/],
    ['E3230', 'reshape', { shape: [4, -1] }, /no multiple of 4/],
    ['E3230', 'reshape', { shape: [5] }, /cannot have the shape \[5\]/],
    ['E3230', 'transpose', { perm: [0, 0] }, /no permutation/],
    ['E3230', 'broadcast', { shape: [3, 3] }, /does not broadcast to/],
    ['E3230', 'slice', { starts: [0, 2], sizes: [2, 2], steps: [1, 1] }, /indices 2 to 3 of axis 1/],
    ['E3230', 'slice', { starts: [0, 2], sizes: [2, 1], steps: [1, 0] }, /step of axis 1 is 0/],
    ['E3230', 'reduce_sum', { axes: [0, 0] }, /name one axis twice/],
    ['E3230', 'bitnot', {}, /does not take f32/],
    ['E3230', 'not', {}, /does not take f32/],
    ['E3230', 'bitcast', { to: 'i64' }, /not of one width/],
    ['E3230', 'broadcast', { shape: [4294967296, 4294967296, 2, 3] }, /too many elements/],
    ['E3231', 'cast', { to: 'float' }, /not of kind dtype/],
    ['E3230', 'pad', { low: [0], high: [0, 0] }, /entries for \[2,3\]/],
    ['E1250', 'nothing', {}, /no operator 'nothing'/],
  ];
  it.each(uses)('%s %s %j', (code, op, attrs, message) => {
    const b = new GraphBuilder('g');
    const x = b.input('x', tensorType('f32', [2, 3]));
    const error = caught(() => b.one(op, [x], attrs as Record<string, number>));
    expect(error.diagnostics[0]?.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});

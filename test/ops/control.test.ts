// Types of operators with regions: what loops carry, how it grows, and the reasons where regions do not fit.
import { describe, expect, it } from 'vitest';
import { symbol } from '../../src/ir/dim.js';
import type { Value } from '../../src/ir/graph.js';
import { formatType, type TensorType, tensorType } from '../../src/ir/type.js';
import { GraphBuilder } from '../../src/ops/build.js';

const f32 = (...shape: TensorType['shape']) => tensorType('f32', shape);
const i64 = tensorType('i64', []);
const bool = tensorType('bool', []);
const types = (values: readonly Value[]) => values.map((v) => formatType(v.type));

describe('if', () => {
  function branches(no: (b: GraphBuilder, x: Value) => Value) {
    const b = new GraphBuilder('g');
    const [c, x] = [b.input('c', bool), b.input('x', f32(symbol('N'), 4))];
    const yes = b.region([x.type], ([p]) => [b.one('neg', [p as Value])]);
    return b.node('if', [c, x], {}, { regions: [yes, b.region([x.type], ([p]) => [no(b, p as Value)])] });
  }
  it('has the type of its branches', () => {
    expect(types(branches((b, x) => b.one('abs', [x])))).toEqual(['f32[N,4]']);
  });
  it('says where they differ', () => {
    expect(() => branches((b, x) => b.one('cast', [x], { to: 'f16' }))).toThrow(
      'result 0 is f32[N,4] in one branch and f16[N,4] in the other',
    );
  });
});

describe('loop', () => {
  /** tokens grow by one row an iteration, a state stays, a score is scanned. */
  function decode(trip: number | undefined, growing: TensorType, stop: boolean) {
    const b = new GraphBuilder('g');
    const count = trip === undefined ? b.input('n', i64) : b.scalar('i64', trip);
    const [tokens, state] = [b.input('tokens', f32(1, 8)), b.input('state', f32(8, 8))];
    const body = b.region([i64, bool, growing, state.type], ([, go, t, s]) => {
      const row = b.one('slice', [s as Value], { starts: [0, 0], sizes: [1, 8], steps: [1, 1] });
      const more = b.one('concat', [t as Value, row], { axis: 0 });
      const halted = stop ? b.one('not', [go as Value]) : (go as Value);
      return [halted, more, b.one('neg', [s as Value]), b.one('abs', [row])];
    });
    return b.node(
      'loop',
      [count, b.scalar('bool', 1), tokens, state],
      { carried: 2, scans: 1 },
      { regions: [body] },
    );
  }
  const growing = f32(symbol('T'), 8);
  it('of a known number of trips', () => {
    expect(types(decode(5, growing, false))).toEqual(['f32[6,8]', 'f32[8,8]', 'f32[5,1,8]']);
  });
  it('of trips that the condition may cut, or that are an operand', () => {
    const want = ['f32[trips+1,8]', 'f32[8,8]', 'f32[trips,1,8]'];
    expect(types(decode(5, growing, true))).toEqual(want);
    expect(types(decode(undefined, growing, false))).toEqual(want);
  });
  it('says that a parameter which grows must be symbolic', () => {
    expect(() => decode(5, f32(1, 8), false)).toThrow(
      "axis 0 of carried value 0 has 1 elements in the body's parameter and changes to another size",
    );
  });
});

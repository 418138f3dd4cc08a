import { describe, expect, it } from 'vitest';
import { fromNumbers, toNumbers } from '../../src/base/tensor.js';
import { symbol } from '../../src/ir/dim.js';
import type { Value } from '../../src/ir/graph.js';
import { tensorType } from '../../src/ir/type.js';
import { GraphBuilder } from '../../src/ops/build.js';
import { interpretGraph } from '../../src/ops/interpret.js';
import { codeOf } from '../helpers/codes.js';

const f32 = (shape: number[], values: number[]) => fromNumbers('f32', shape, values);

describe('interpretGraph', () => {
  it('runs graphs whose dims are symbolic, at the shapes of the inputs', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', tensorType('f32', [symbol('N'), 2]));
    const flat = b.one('reshape', [x], { shape: [-1] });
    const graph = b.finish([b.one('concat', [flat, flat], { axis: 0 })], ['y']);
    const [y] = interpretGraph(graph, [f32([1, 2], [3, 4])]);
    expect(y?.shape).toEqual([4]);
    expect([...toNumbers(y!)]).toEqual([3, 4, 3, 4]);
  });

  it('demands inputs of the declared types', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', tensorType('f32', [symbol('N'), 2]));
    const graph = b.finish([b.one('neg', [x])], ['y']);
    expect(codeOf(() => interpretGraph(graph, []))).toBe('E3240');
    expect(codeOf(() => interpretGraph(graph, [f32([1, 3], [1, 2, 3])]))).toBe('E3240');
    expect(codeOf(() => interpretGraph(graph, [fromNumbers('i32', [1, 2], [1, 2])]))).toBe('E3240');
  });

  it('shows every result in the order of execution, regions once an iteration', () => {
    const b = new GraphBuilder('g');
    const start = b.input('x', tensorType('f32', []));
    const [i64, bool] = [tensorType('i64', []), tensorType('bool', [])];
    const body = b.region([i64, bool, start.type], ([, go, v]) => [
      go as Value,
      b.one('add', [v as Value, v as Value]),
    ]);
    const inputs = [b.scalar('i64', 3), b.scalar('bool', 1), start];
    const [last] = b.node('loop', inputs, { carried: 1 }, { regions: [body] });
    const seen: string[] = [];
    const [y] = interpretGraph(b.finish([last!], ['y']), [f32([], [1])], (_value, t, node) =>
      seen.push(`${node.op} ${toNumbers(t)[0]}`),
    );
    expect(toNumbers(y!)[0]).toBe(8);
    expect(seen).toEqual(['add 2', 'add 4', 'add 8', 'loop 8']);
  });
});

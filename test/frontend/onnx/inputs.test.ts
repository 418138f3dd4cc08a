import { describe, expect, it } from 'vitest';
import { NeffcError } from '../../../src/base/diagnostic.js';
import {
  evaluateExpression,
  solveExpression,
  symbolsOf,
} from '../../../src/frontend/onnx/dim-expressions.js';
import { formatType } from '../../../src/ir/type.js';
import { codeOf } from '../../helpers/codes.js';
import { type ModelSpec, node } from '../../helpers/onnx-builder.js';
import { importSpec } from '../../helpers/onnx-import.js';

const pair = (x: string, y = 'f32[N,4]'): ModelSpec => ({
  inputs: { x, y },
  outputs: { z: 'f32', w: 'f32' },
  nodes: [node('Relu', ['x'], ['z']), node('Relu', ['y'], ['w'])],
});
const given = (shapes: Record<string, number[]>) => ({
  inputShapes: new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape }])),
});
const typesOf = (spec: ModelSpec, shapes: Record<string, number[]> = {}) =>
  importSpec(spec, given(shapes)).graph.body.params.map((p) => formatType(p.type));

describe('input shapes', () => {
  it('make an open batch dim 1, with a warning that names the inputs', () => {
    const { graph, diagnostics } = importSpec(pair('f32[N,3]'));
    expect(graph.body.params.map((p) => formatType(p.type))).toEqual(['f32[1,3]', 'f32[1,4]']);
    expect(diagnostics.map((d) => d.code)).toEqual(['W2001']);
    expect(diagnostics[0]?.message).toContain("'x', 'y'");
  });

  it('bind a symbol wherever it stands, through expressions too', () => {
    expect(typesOf(pair('f32[N,3]', 'f32[2,N]'), { x: [5, 3] })).toEqual(['f32[5,3]', 'f32[2,5]']);
    expect(typesOf(pair('f32[1,8*W]', 'f32[1,W + 1]'), { 0: [1, 64] })).toEqual(['f32[1,64]', 'f32[1,9]']);
  });

  it('are demanded for any other open dim: the message names dim, input and option', () => {
    try {
      importSpec(pair('f32[N,L]'));
      expect.unreachable();
    } catch (error) {
      const [d] = error instanceof NeffcError ? error.diagnostics : [];
      expect(d?.code).toBe('E2013');
      expect(d?.message).toContain("input 'x': dim 1 ('L')");
      expect(d?.hint).toContain('--input-shape x=');
    }
    expect(codeOf(() => importSpec(pair('f32[N,2]', 'f32[2,N]')))).toBe('E2013');
  });

  it('must be those of inputs that there are, and agree with what is declared', () => {
    expect(codeOf(() => typesOf(pair('f32[N,3]'), { q: [1, 3] }))).toBe('E2010');
    expect(codeOf(() => typesOf(pair('f32[N,3]'), { 7: [1, 3] }))).toBe('E2010');
    expect(codeOf(() => typesOf(pair('f32[N,3]'), { x: [1, 4] }))).toBe('E2011');
    expect(codeOf(() => typesOf(pair('f32[N,3]'), { x: [1, 3, 1] }))).toBe('E2011');
    const wrongType = { inputShapes: new Map([['x', { shape: [1, 3], dtype: 'i64' as const }]]) };
    expect(codeOf(() => importSpec(pair('f32[N,3]'), wrongType))).toBe('E2012');
  });

  it('may stay symbolic, as far as nothing asks for a number', () => {
    const symbolic = (spec: ModelSpec) => importSpec(spec, { keepSymbolic: true });
    const reshaped: ModelSpec = {
      inputs: { x: 'f32[N,3,4]' },
      outputs: { z: 'f32' },
      nodes: [
        node('Shape', ['x'], ['s']),
        node('Gather', ['s', 'zero'], ['n']),
        node('Unsqueeze', ['n', 'axes'], ['n1']),
        node('Concat', ['n1', 'rest'], ['t'], { axis: 0 }),
        node('Reshape', ['x', 't'], ['z']),
      ],
      initializers: {
        zero: { as: 'tensor', dtype: 'i64', shape: [], values: [0], storage: 'raw' },
        axes: { as: 'tensor', dtype: 'i64', shape: [1], values: [0], storage: 'raw' },
        rest: { as: 'tensor', dtype: 'i64', shape: [1], values: [-1], storage: 'raw' },
      },
    };
    expect(formatType(symbolic(reshaped).graph.body.results[0]!.type)).toBe('f32[N,12]');
    const counted: ModelSpec = {
      inputs: { x: 'f32[N]' },
      outputs: { z: 'i64' },
      nodes: [node('Shape', ['x'], ['s']), node('ConstantOfShape', ['s'], ['z'], {}, { name: 'fill' })],
    };
    expect(codeOf(() => symbolic(counted))).toBe('E4003');
  });
});

describe('dim expressions', () => {
  it('evaluate and solve', () => {
    expect(symbolsOf('past_length + 1')).toEqual(['past_length']);
    expect(symbolsOf('p2o.Dynamic Dimension')).toEqual(['p2o.Dynamic Dimension']);
    expect(
      evaluateExpression(
        '(a + b) / 2',
        new Map([
          ['a', 4],
          ['b', 3],
        ]),
      ),
    ).toBe(3);
    expect(evaluateExpression('a + c', new Map([['a', 4]]))).toBeUndefined();
    expect(solveExpression('8*W - 2', 30, new Map())).toEqual(['W', 4]);
    expect(solveExpression('8*W', 30, new Map())).toBeUndefined();
    expect(solveExpression('a * a', 4, new Map())).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { NeffcError } from '../../../src/base/diagnostic.js';
import { fromNumbers } from '../../../src/base/tensor.js';
import { formatType } from '../../../src/ir/type.js';
import { codeOf } from '../../helpers/codes.js';
import { float, graph, type ModelSpec, node, ref, tensor } from '../../helpers/onnx-builder.js';
import { importSpec, opsOf, valuesOf } from '../../helpers/onnx-import.js';

const f32 = (shape: number[], values: number[]) => fromNumbers('f32', shape, values);
const i64 = (values: number[], shape = [values.length]) => tensor('i64', shape, values);

describe('import', () => {
  it('takes a perceptron from bytes to numbers, with origins', () => {
    const spec: ModelSpec = {
      inputs: { x: 'f32[batch,2]' },
      outputs: { y: 'f32[batch,2]' },
      nodes: [
        node('Gemm', ['x', 'w', 'b'], ['h'], { transB: 1, beta: float(2) }, { name: 'fc' }),
        node('Relu', ['h'], ['y']),
      ],
      initializers: { w: tensor('f32', [2, 2], [1, 2, 3, 4]), b: tensor('f32', [2], [0.5, -9]) },
    };
    const { graph: g } = importSpec(spec);
    expect(valuesOf(g, [f32([1, 2], [1, 1])])).toEqual([[4, 0]]);
    expect(g.body.nodes.map((n) => n.origins[0]?.node)).toEqual(['fc', 'fc', 'Relu of y']);
    expect(g.outputNames).toEqual(['y']);
  });

  it('folds the arithmetic of shapes', () => {
    const spec: ModelSpec = {
      inputs: { x: 'f32[2,3,4]' },
      outputs: { y: 'f32' },
      nodes: [
        node('Shape', ['x'], ['s']),
        node('Slice', ['s', 'one', 'three'], ['tail']),
        node('ReduceProd', ['tail'], ['n'], { keepdims: 1 }),
        node('Concat', ['minus', 'n'], ['t'], { axis: 0 }),
        node('Reshape', ['x', 't'], ['y']),
      ],
      initializers: { one: i64([1]), three: i64([3]), minus: i64([-1]) },
    };
    const { graph: g } = importSpec(spec);
    expect(opsOf(g)).toEqual(['reshape']);
    expect(formatType(g.body.results[0]!.type)).toBe('f32[2,12]');
  });

  it('takes nodes in any order and only those that outputs need', () => {
    const { graph: g } = importSpec({
      inputs: { x: 'f32[2]' },
      outputs: { y: 'f32' },
      nodes: [node('Exp', ['h'], ['y']), node('NoSuchOp', ['x'], ['dead']), node('Neg', ['x'], ['h'])],
    });
    expect(opsOf(g)).toEqual(['neg', 'exp']);
  });

  it('refuses broken graphs', () => {
    const broken = (nodes: ModelSpec['nodes']) =>
      codeOf(() => importSpec({ inputs: { x: 'f32[2]' }, outputs: { y: 'f32' }, nodes: nodes ?? [] }));
    expect(broken([node('Neg', ['a'], ['y']), node('Neg', ['y'], ['a'])])).toBe('E3104');
    expect(broken([node('Neg', ['x'], ['y']), node('Exp', ['x'], ['y'])])).toBe('E3103');
    expect(broken([node('Neg', ['q'], ['y'])])).toBe('E3105');
    expect(broken([node('Neg', ['x'], ['z'])])).toBe('E3105');
    expect(broken([node('Neg', [], ['y'])])).toBe('E3101');
    expect(broken([node('Transpose', ['x'], ['y'], { perm: 0.5 })])).toBe('E3102');
    expect(broken([node('MatMul', ['x', 'm'], ['y']), node('ConstantOfShape', ['s'], ['m'])])).toBe('E3105');
  });

  it('lists everything unsupported at once, each operator with its nodes', () => {
    try {
      importSpec({
        inputs: { x: 'f32[2]', s: 'i64[1]' },
        outputs: { y: 'f32', z: 'f32' },
        nodes: [
          node('Bernoulli', ['x'], ['a'], {}, { name: 'first' }),
          node('Bernoulli', ['a'], ['b'], {}, { name: 'second' }),
          node('Reshape', ['x', 's'], ['c'], {}, { name: 'third' }),
          node('Add', ['b', 'c'], ['y']),
          node('Fancy', ['y'], ['z'], {}, { domain: 'my.domain' }),
        ],
        opset: { '': 17, 'my.domain': 1 },
      });
      expect.unreachable();
    } catch (error) {
      const found = error instanceof NeffcError ? error.diagnostics : [];
      expect(found.map((d) => d.code)).toEqual(['E4001', 'E4001', 'E4003']);
      expect(found[0]?.message).toContain("2 nodes 'first', 'second'");
      expect(found[1]?.message).toContain('my.domain.Fancy');
      expect(found[2]?.where?.node).toBe('third');
    }
  });

  it('inlines functions, with their attributes, operands left out and names apart', () => {
    const spec: ModelSpec = {
      inputs: { x: 'f32[2]' },
      outputs: { y: 'f32', z: 'f32' },
      opset: { '': 17, local: 1 },
      nodes: [
        node('Scale', ['x', ''], ['y'], { alpha: 0.25 }, { domain: 'local', name: 'a' }),
        node('Scale', ['y', 'x'], ['z'], {}, { domain: 'local', name: 'b' }),
      ],
      functions: [
        {
          name: 'Scale',
          domain: 'local',
          inputs: ['v', 'upper'],
          outputs: ['r'],
          attributeDefaults: { alpha: 0.5 },
          nodes: [
            node('LeakyRelu', ['v'], ['t'], { alpha: ref('alpha', 'float') }, { name: 'leaky' }),
            node('Clip', ['t', '', 'limit'], ['r']),
            node('Constant', [], ['limit'], { value_float: 1.5 }),
          ],
        },
      ],
    };
    const { graph: g } = importSpec(spec);
    expect(valuesOf(g, [f32([2], [-4, 3])])).toEqual([
      [-1, 1.5],
      [-0.5, 1.5],
    ]);
    expect(g.body.nodes[0]?.origins[0]?.node).toBe('a/leaky');
  });

  it('refuses functions that call themselves', () => {
    const spec: ModelSpec = {
      inputs: { x: 'f32[2]' },
      outputs: { y: 'f32' },
      opset: { '': 17, local: 1 },
      nodes: [node('F', ['x'], ['y'], {}, { domain: 'local' })],
      functions: [
        {
          name: 'F',
          domain: 'local',
          inputs: ['v'],
          outputs: ['r'],
          opset: { '': 17, local: 1 },
          nodes: [node('F', ['v'], ['r'], {}, { domain: 'local' })],
        },
      ],
    };
    expect(codeOf(() => importSpec(spec))).toBe('E3106');
  });

  it('keeps an input whose value is known, and does not read it', () => {
    const spec: ModelSpec = {
      inputs: { x: 'f32[2,3]', axes: 'i64[1]' },
      outputs: { y: 'f32' },
      nodes: [node('ReduceSum', ['x', 'axes'], ['y'], { keepdims: 0 })],
    };
    expect(codeOf(() => importSpec(spec))).toBe('E4003');
    const axes = fromNumbers('i64', [1], [-1]);
    const { graph: g } = importSpec(spec, { inputValues: new Map([['axes', axes]]) });
    expect(g.body.params.map((p) => p.name)).toEqual(['x', 'axes']);
    expect(valuesOf(g, [f32([2, 3], [1, 2, 3, 4, 5, 6]), axes])).toEqual([[6, 15]]);
  });

  it('flattens sequences and optionals of inputs and outputs', () => {
    const spec: ModelSpec = {
      inputs: { s: 'seq(f32[2])', o: 'optional(f32[2])' },
      outputs: { t: 'seq(f32)', has: 'bool' },
      nodes: [
        node('SequenceAt', ['s', 'last'], ['e']),
        node('SequenceInsert', ['s', 'e', 'first'], ['t']),
        node('OptionalHasElement', ['o'], ['has']),
      ],
      initializers: { last: i64([-1], []), first: i64([0], []) },
      opset: 18,
    };
    const inputShapes = new Map([
      ['s', { elements: [{ shape: [2] }, { shape: [2] }] }],
      ['o', 'absent' as const],
    ]);
    const { graph: g } = importSpec(spec, { inputShapes });
    expect(g.body.params.map((p) => p.name)).toEqual(['s.0', 's.1']);
    expect(g.outputNames).toEqual(['t.0', 't.1', 't.2', 'has']);
    expect(valuesOf(g, [f32([2], [1, 2]), f32([2], [3, 4])])).toEqual([[3, 4], [1, 2], [3, 4], [0]]);
    expect(codeOf(() => importSpec(spec))).toBe('E4006');
  });

  it('knows the versions it is written for', () => {
    const spec = (opset: number): ModelSpec => ({
      inputs: { x: 'f32[2,3]', y: 'f32[2]' },
      outputs: { z: 'f32' },
      nodes: [node('Add', ['x', 'y'], ['z'], { broadcast: 1, axis: 0 })],
      opset,
    });
    expect(codeOf(() => importSpec(spec(99)))).toBe('E4007');
    const { graph: g, diagnostics } = importSpec(spec(6));
    expect(diagnostics.map((d) => d.code)).toEqual(['W2002']);
    expect(valuesOf(g, [f32([2, 3], [0, 0, 0, 0, 0, 0]), f32([2], [1, 2])])).toEqual([[1, 1, 1, 2, 2, 2]]);
  });

  it('does not take constants that are too large to make', () => {
    const spec: ModelSpec = {
      outputs: { y: 'i64' },
      nodes: [node('Range', ['zero', 'much', 'one'], ['y'])],
      initializers: { zero: i64([0], []), one: i64([1], []), much: i64([1e12], []) },
    };
    expect(codeOf(() => importSpec(spec))).toBe('E4009');
  });
});

describe('control flow', () => {
  const branch = (op: string) => graph({ outputs: { r: 'f32' }, nodes: [node(op, ['x'], ['r'])] });
  const conditional = (inputs: Record<string, string>, c: ModelSpec['initializers'] = {}): ModelSpec => ({
    inputs: { x: 'f32[2]', ...inputs },
    outputs: { y: 'f32' },
    nodes: [node('If', ['c'], ['y'], { then_branch: branch('Neg'), else_branch: branch('Abs') })],
    initializers: c,
  });

  it('inlines a branch that is decided and keeps the others', () => {
    expect(opsOf(importSpec(conditional({}, { c: tensor('bool', [], [true]) })).graph)).toEqual(['neg']);
    const { graph: g } = importSpec(conditional({ c: 'bool[]' }));
    expect(opsOf(g)).toEqual(['if']);
    const x = f32([2], [-1, 2]);
    expect(valuesOf(g, [x, fromNumbers('bool', [], [1])])).toEqual([[1, -2]]);
    expect(valuesOf(g, [x, fromNumbers('bool', [], [0])])).toEqual([[1, 2]]);
  });

  /** Doubles `v` while it is below 100. */
  const doubling = (limit: ModelSpec['initializers'], condition: string): ModelSpec => ({
    inputs: { v: 'f32[]', ...(limit && 'm' in limit ? {} : { m: 'i64[]' }) },
    outputs: { last: 'f32', rows: 'f32' },
    nodes: [
      node('Loop', ['m', '', 'v'], ['last', 'rows'], {
        body: graph({
          inputs: { i: 'i64[]', go: 'bool[]', a: 'f32[]' },
          outputs: { [condition]: 'bool', b: 'f32', row: 'f32' },
          nodes: [
            node('Add', ['a', 'a'], ['b']),
            node('Less', ['b', 'hundred'], ['below']),
            node('Identity', ['b'], ['row']),
          ],
        }),
      }),
    ],
    initializers: { hundred: tensor('f32', [], [100]), ...limit },
  });

  it('unrolls loops that always run as often, and keeps those that do not', () => {
    const fixed = importSpec(doubling({ m: i64([3], []) }, 'go')).graph;
    expect(opsOf(fixed)).not.toContain('loop');
    expect(valuesOf(fixed, [f32([], [1])])).toEqual([[8], [2, 4, 8]]);
    const early = importSpec(doubling({ m: i64([30], []) }, 'below')).graph;
    expect(opsOf(early)).toEqual(['loop']);
    expect(valuesOf(early, [f32([], [20])])).toEqual([[160], [40, 80, 160]]);
    const counted = importSpec(doubling({}, 'go')).graph;
    expect(valuesOf(counted, [f32([], [1]), fromNumbers('i64', [], [2])])).toEqual([[4], [2, 4]]);
  });

  it('refuses carried values that grow, and says where to go', () => {
    const growing: ModelSpec = {
      inputs: { x: 'f32[1]', m: 'i64[]' },
      outputs: { y: 'f32' },
      nodes: [
        node('Loop', ['m', '', 'x'], ['y'], {
          body: graph({
            inputs: { i: 'i64[]', go: 'bool[]', a: 'f32' },
            outputs: { go: 'bool', b: 'f32' },
            nodes: [node('Concat', ['a', 'x'], ['b'], { axis: 0 })],
          }),
        }),
      ],
    };
    expect(codeOf(() => importSpec(growing))).toBe('E4008');
  });

  it('unrolls scans along any axis in both directions', () => {
    const { graph: g } = importSpec({
      inputs: { x: 'f32[2,3]' },
      outputs: { total: 'f32', sums: 'f32' },
      nodes: [
        node('Scan', ['start', 'x'], ['total', 'sums'], {
          num_scan_inputs: 1,
          scan_input_axes: [1],
          scan_input_directions: [1],
          scan_output_axes: [1],
          body: graph({
            inputs: { s: 'f32[2]', e: 'f32[2]' },
            outputs: { t: 'f32', r: 'f32' },
            nodes: [node('Add', ['s', 'e'], ['t']), node('Identity', ['t'], ['r'])],
          }),
        }),
      ],
      initializers: { start: tensor('f32', [2], [0, 0]) },
    });
    expect(valuesOf(g, [f32([2, 3], [1, 2, 3, 10, 20, 30])])).toEqual([
      [6, 60],
      [3, 5, 6, 30, 50, 60],
    ]);
  });
});

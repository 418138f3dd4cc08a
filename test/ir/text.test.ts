// The text form: what is printed reads back to a graph that prints the same; what is wrong is named with its line.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NeffcError } from '../../src/base/diagnostic.js';
import { createRandom, type Random } from '../../src/base/random.js';
import { equalTensors, fromNumbers } from '../../src/base/tensor.js';
import { bytesConstant, type Constant, splatConstant } from '../../src/ir/constant.js';
import { contentHash } from '../../src/ir/constant-text.js';
import { addDims, type Dim, dimText, floorDivideDim, multiplyDims, symbol } from '../../src/ir/dim.js';
import { parseDim } from '../../src/ir/dim-text.js';
import { constantOf, type Graph, type Value } from '../../src/ir/graph.js';
import { parseGraph } from '../../src/ir/parse.js';
import { printGraph } from '../../src/ir/print.js';
import { tensorType } from '../../src/ir/type.js';
import { GraphBuilder } from '../../src/ops/build.js';
import { constantBytes, constantTensor } from '../../src/ops/evaluate.js';
import { OPERATORS } from '../../src/ops/table.js';
import { verifyGraph } from '../../src/ops/verify.js';

const print = (g: Graph): string => printGraph(g, constantBytes);
const SAMPLED = [...OPERATORS.values()].filter((d) => d.sample !== undefined);

/** A graph of random uses of operators, whose operands are inputs or constants (small, large, named), and of an `if`. */
function randomGraph(random: Random): Graph {
  const b = new GraphBuilder(random.pick(['g', 'a "quoted" name']));
  const outputs: Value[] = [];
  for (let i = random.integer(1, 8); i > 0; i--) {
    const decl = random.pick(SAMPLED);
    const sample = decl.sample?.(random);
    if (sample === undefined) continue;
    b.origin = random.chance(0.5)
      ? [{ node: `n/${i}`, op: 'X', file: 'm.onnx', line: i }]
      : [{ node: 'p' }, { node: 'q' }];
    const constantFrom = random.chance(0.5) ? 1 : sample.inputs.length;
    const inputs = sample.inputs.map((t, k) => {
      if (k < constantFrom) return b.input(`x${k}`, tensorType(t.dtype, t.shape));
      const named = random.chance(0.5) ? `w.${k}` : undefined;
      return b.constant(bytesConstant(t.dtype, t.shape, t.data, named), random.chance(0.3) ? 'weight' : '');
    });
    outputs.push(...b.node(decl.name, inputs, sample.attrs, random.chance(0.3) ? { name: `y${i}` } : {}));
  }
  const x = b.input('x', tensorType('f32', [symbol('N'), 4]));
  const scale = b.constant(splatConstant('f32', [4], fromNumbers('f32', [1], [0.1]).data));
  const then = b.region([x.type], ([p]) => [b.one('mul', [p as Value, scale])]);
  const other = b.region([x.type], ([p]) => [p as Value]);
  const cond = b.input('cond', tensorType('bool', []));
  outputs.push(...b.node('if', [cond, x], {}, { regions: [then, other] }));
  return b.finish(
    outputs,
    outputs.map((_, i) => `out${i}`),
  );
}

function constantsOf(g: Graph): Map<string, Constant> {
  const map = new Map<string, Constant>();
  const see = (v: Value) => {
    const c = constantOf(v);
    if (c !== undefined) map.set(contentHash(constantBytes(c)), c);
  };
  for (const node of g.body.nodes) node.inputs.forEach(see);
  g.body.results.forEach(see);
  return map;
}

describe('print and parse', () => {
  it('are inverse on random graphs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), (seed) => {
        const graph = randomGraph(createRandom(seed));
        expect(verifyGraph(graph)).toEqual([]);
        const text = print(graph);
        const read = parseGraph(text, constantsOf(graph));
        expect(print(read)).toBe(text);
        expect(verifyGraph(read)).toEqual([]);
        // Without the constants the text is the same; they stand in it by their hash.
        expect(print(parseGraph(text))).toBe(text);
      }),
      { numRuns: 150 },
    );
  });

  it('look like this', () => {
    const b = new GraphBuilder('net');
    const x = b.input('image', tensorType('f32', [symbol('N'), 2]));
    const cond = b.input('c', tensorType('bool', []));
    b.origin = [{ node: 'fc', op: 'Gemm', line: 3 }];
    const wide = fromNumbers(
      'f32',
      [2, 8],
      Array.from({ length: 16 }, (_, i) => i / 4),
    );
    const w = b.constant(bytesConstant('f32', [2, 8], wide.data, 'fc.weight'), 'w');
    const y = b.one('matmul', [x, w], {}, { name: 'h' });
    const z = b.one('max', [y, b.scalar('f32', -0)]);
    b.origin = [{ node: 'If_1' }];
    const then = b.region([z.type], ([p]) => [b.one('mul', [p as Value, p as Value])]);
    const other = b.region([z.type], (p) => p);
    const [r] = b.node('if', [cond, z], {}, { regions: [then, other] }) as [Value];
    expect(`\n${print(b.finish([r, w], ['y', 'weights']))}`).toMatchInlineSnapshot(`
      "
      graph "net" (%0 "image": f32[N,2], %1 "c": bool[]) {
        $0 "w" = constant f32[2,8] #42db79f1c9d537cd from "fc.weight"
        %2 "h" = matmul(%0, $0) {bias=false, act="", alpha=0, out=""} : f32[N,8] @"fc"(op="Gemm", line=3)
        %3 = max(%2, f32[] {-0}) : f32[N,8] @"fc"(op="Gemm", line=3)
        %4 = if(%1, %3) : f32[N,8] @"If_1"
          region (%5: f32[N,8]) {
            %6 = mul(%5, %5) : f32[N,8] @"If_1"
            yield %6
          }
          region (%7: f32[N,8]) {
            yield %7
          }
        return "y" %4, "weights" $0
      }
      "
    `);
  });

  it('keep small constants bit by bit', () => {
    for (const [dtype, values] of [
      ['f32', [0.1, -0, Infinity, -Infinity, NaN, 1e-45]],
      ['f16', [0.1, 65504]],
      ['bf16', [Math.PI]],
      ['f8e4m3fn', [448, 0.001]],
      ['i64', [9223372036854775807n, -1n]],
      ['u64', [18446744073709551615n]],
      ['bool', [1, 0]],
      ['i4', [-8, 7]],
    ] as const) {
      const t = fromNumbers(dtype, [values.length], values);
      const b = new GraphBuilder('g');
      const text = print(b.finish([b.constant(bytesConstant(dtype, t.shape, t.data))], ['c']));
      const c = constantOf(parseGraph(text).body.results[0] as Value) as Constant;
      expect(equalTensors(constantTensor(c), t), text).toBe(true);
    }
  });

  it.each([
    ['graph "g" () { return "y" %0 }', /line 1 .*%0 is used before/],
    ['graph "g" (%0: f33[]) { return }', /'f33' is no element type/],
    ['graph "g" (%0: f32[N+]) { return }', /'N\+' is no dim/],
    ['graph "g" (%0: f32[2]) {\n  %1 = relu(%0)\n  return }', /line 3 .*expected ':'/],
    ['graph "g" (%0: f32[2], %0: f32[2]) { return }', /%0 is defined twice/],
    ['graph "g" () { return "y" i32[2] {1} }', /1 values for a constant of 2/],
    ['graph "g" () { return } more', /goes on behind/],
    ['', /line 1 .*expected a name/],
  ])('refuse %j', (text, message) => {
    expect(() => parseGraph(text)).toThrow(NeffcError);
    expect(() => parseGraph(text)).toThrow(message);
  });
});

describe('dims', () => {
  const dims: fc.Arbitrary<Dim> = fc.letrec<{ dim: Dim }>((tie) => ({
    dim: fc.oneof(
      { depthSize: 'small' },
      fc.integer({ min: 0, max: 9 }),
      fc.constantFrom(symbol('N'), symbol('seq_len'), symbol('H.1')),
      fc.tuple(tie('dim'), tie('dim')).map(([a, b]) => addDims(a, b)),
      fc.tuple(tie('dim'), tie('dim')).map(([a, b]) => multiplyDims(a, b)),
      fc.tuple(tie('dim'), fc.integer({ min: 2, max: 8 })).map(([a, n]) => floorDivideDim(a, n)),
    ),
  })).dim;
  it('read back to the same object', () => {
    fc.assert(
      fc.property(dims, (dim) => parseDim(dimText(dim)) === dim),
      { numRuns: 300 },
    );
  });
  it('read as people write them', () => {
    const W = symbol('W');
    expect(parseDim('W/8')).toBe(floorDivideDim(W, 8));
    expect(parseDim('ceil(W/4) + 1')).toBe(addDims(floorDivideDim(addDims(W, 3), 4), 1));
    expect(parseDim('2*(W-1)')).toBe(addDims(multiplyDims(W, 2), -2));
    for (const bad of ['', '+', 'W W', 'W/', 'W/0', 'floor(W)', 'W)', 'W?'])
      expect(parseDim(bad)).toBeUndefined();
  });
});

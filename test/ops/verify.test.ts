// The verifier finds each kind of violation, and all of them at once.
import { expect, it } from 'vitest';
import { bytesConstant } from '../../src/ir/constant.js';
import type { Graph, Node, Value } from '../../src/ir/graph.js';
import { parseGraph } from '../../src/ir/parse.js';
import { tensorType } from '../../src/ir/type.js';
import { GraphBuilder } from '../../src/ops/build.js';
import { checkGraph, verifyGraph } from '../../src/ops/verify.js';

const codes = (g: Graph): string[] => verifyGraph(g).map((d) => d.code);
const body = (lines: string): Graph => parseGraph(`graph "g" (%0 "x": f32[2], %1 "c": bool[]) { ${lines} }`);

it.each([
  ['a good graph', '%2 = exp(%0) : f32[2] return "y" %2', []],
  ['an unknown operator', '%2 = frobnicate(%0) : f32[2] return "y" %2', ['E1271']],
  ['a missing attribute', '%2 = concat(%0, %0) : f32[4] return "y" %2', ['E1272']],
  [
    'two wrong attributes',
    '%2 = leaky_relu(%0) {alpha="a", beta=1} : f32[2] return "y" %2',
    ['E1272', 'E1272'],
  ],
  ['a wrong type', '%2 = exp(%0) : f32[3] return "y" %2', ['E1273']],
  ['operands that do not fit', '%2 = add(%0, f32[3] splat 1) : f32[3] return "y" %2', ['E1273']],
  [
    'an uncaptured value',
    '%2 = if(%1) : f32[2] region () { yield %0 } region () { %3 = exp(%0) : f32[2] yield %3 } return "y" %2',
    ['E1274', 'E1274'],
  ],
  [
    'a value of an inner region',
    '%2 = if(%1, %0) : f32[2] region (%3: f32[2]) { yield %3 } region (%4: f32[2]) { yield %4 } return "y" %3',
    ['E1274'],
  ],
  [
    'a capture of another type',
    '%2 = if(%1, %0) : f32[3] region (%3: f32[3]) { yield %3 } region (%4: f32[3]) { yield %4 } return "y" %2',
    ['E1273'],
  ],
  ['several at once', '%2 = exp(%0) : f32[3] @"n" %3 = what(%2) : f32[3] return "y" %3', ['E1273', 'E1271']],
])('reports %s', (_what, lines, expected) => {
  expect(codes(body(lines))).toEqual(expected);
});

it('reports values that do not know their definition, and use before it', () => {
  const { body: region, ...rest } = body('%2 = exp(%0) : f32[2] %3 = neg(%2) : f32[2] return "y" %3');
  const [exp, neg] = region.nodes as [Node, Node];
  expect(codes({ ...rest, body: { ...region, nodes: [neg, exp] } })).toEqual(['E1274']);
  expect(codes({ ...rest, body: { ...region, nodes: [exp, exp, neg] } })).toContain('E1275');
  const stranger: Node = { ...exp, id: 99 };
  expect(codes({ ...rest, body: { ...region, nodes: [stranger, neg] } })).toEqual(['E1275']);
});

it('reports constants, dims and outputs that cannot be', () => {
  const b = new GraphBuilder('g');
  const c = b.constant(bytesConstant('f32', [3], new Uint8Array(8)));
  const negative = b.input('n', tensorType('f32', [-1]));
  expect(codes(b.finish([c, negative], ['a']))).toEqual(['E1276', 'E1276', 'E1276']);
});

it('says after which step, with the source node', () => {
  const graph = body('%2 = exp(%0) : f32[3] @"layer/exp" return "y" %2');
  expect(() => checkGraph(graph, 'fuse')).toThrow(
    /after fuse: exp \(node \d+ from 'layer\/exp'\): inference gives f32\[2\], but the results are f32\[3\]/,
  );
  expect(verifyGraph(graph)[0]?.where).toEqual({ node: 'layer/exp' });
  const fine: Value[] = [];
  expect(() => checkGraph(new GraphBuilder('g').finish(fine, []), 'import')).not.toThrow();
});

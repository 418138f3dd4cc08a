// The rewriter: what passes do with it, told in text.
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.js';
import { constantOf, countUses, type Graph, producer, type Value } from '../../src/ir/graph.js';
import { parseGraph } from '../../src/ir/parse.js';
import { printGraph } from '../../src/ir/print.js';
import { tensorType } from '../../src/ir/type.js';
import { GraphBuilder } from '../../src/ops/build.js';
import { constantBytes } from '../../src/ops/evaluate.js';
import { type Rewriter, rewriteGraph, type Visit } from '../../src/ops/rewrite.js';
import { verifyGraph } from '../../src/ops/verify.js';

const text = (g: Graph): string => printGraph(g, constantBytes);

function rewritten(source: string, visit: Visit): Graph {
  const graph = rewriteGraph(parseGraph(source), visit);
  expect(verifyGraph(graph)).toEqual([]);
  return graph;
}

/** relu(add(x, y)) where nothing else needs the sum. */
const fuse: Visit = (node, rw) => {
  const [x] = node.inputs;
  const add = node.op === 'relu' && x !== undefined ? rw.soleProducer(x, 'add') : undefined;
  return add && [rw.builder.one('max', add.inputs)];
};

describe('rewriteGraph', () => {
  it('gives back the graph where nothing changes', () => {
    const graph = parseGraph('graph "g" (%0 "x": f32[2]) { %1 = exp(%0) : f32[2] return "y" %1 }');
    expect(rewriteGraph(graph, () => undefined)).toBe(graph);
  });

  it('fuses a producer with its only user, and keeps names and origins', () => {
    const graph = rewritten(
      `graph "g" (%0 "x": f32[2], %1 "y": f32[2]) {
        %2 = add(%0, %1) : f32[2] @"sum"
        %3 "r" = relu(%2) : f32[2] @"act"
        %4 = neg(%3) : f32[2] @"end"
        return "out" %4
      }`,
      fuse,
    );
    expect(`\n${text(graph)}`).toMatchInlineSnapshot(`
      "
      graph "g" (%0 "x": f32[2], %1 "y": f32[2]) {
        %2 "r" = max(%0, %1) : f32[2] @"sum" @"act"
        %3 = neg(%2) : f32[2] @"end"
        return "out" %3
      }
      "
    `);
  });

  it('does not fuse what is needed otherwise', () => {
    const source = `graph "g" (%0 "x": f32[2]) {
      %1 = add(%0, %0) : f32[2]
      %2 = relu(%1) : f32[2]
      %3 = neg(%1) : f32[2]
      return "a" %2, "b" %3
    }`;
    const graph = parseGraph(source);
    expect(rewriteGraph(graph, fuse)).toBe(graph);
    // An unused user does not count.
    const unused = rewritten(source.replace('"a" %2, "b" %3', '"a" %2'), (node, rw) => fuse(node, rw));
    expect(unused.body.nodes.map((n) => n.op)).toEqual(['add', 'relu']);
    expect(rewriteGraph(unused, fuse).body.nodes.map((n) => n.op)).toEqual(['max']);
  });

  it('folds behind a replaced value', () => {
    const graph = rewritten(
      `graph "g" (%0 "x": f32[2]) {
        %1 = sub(%0, %0) : f32[2]
        %2 = add(%1, f32[2] {1, 2}) : f32[2]
        return "y" %2
      }`,
      (node, rw) =>
        node.op === 'sub'
          ? [rw.builder.one('broadcast', [rw.builder.scalar('f32', 0)], { shape: [2] })]
          : undefined,
    );
    expect(graph.body.nodes).toEqual([]);
    expect(constantOf(graph.body.results[0] as Value)).toBeDefined();
  });

  it('rewrites regions and what they capture', () => {
    const graph = rewritten(
      `graph "g" (%0 "x": f32[2], %1 "c": bool[]) {
        %2 = neg(%0) : f32[2]
        %3 = neg(%2) : f32[2]
        %4 = if(%1, %3) : f32[2]
          region (%5: f32[2]) {
            %6 = neg(%5) : f32[2]
            %7 = neg(%6) : f32[2]
            %8 = exp(%7) : f32[2]
            yield %8
          }
          region (%9: f32[2]) { yield %9 }
        return "y" %4
      }`,
      (node, rw) => {
        const inner = node.op === 'neg' ? rw.producer(node.inputs[0] as Value) : undefined;
        return inner?.op === 'neg' ? [inner.inputs[0] as Value] : undefined;
      },
    );
    expect(`\n${text(graph)}`).toMatchInlineSnapshot(`
      "
      graph "g" (%0 "x": f32[2], %1 "c": bool[]) {
        %2 = if(%1, %0) : f32[2]
          region (%3: f32[2]) {
            %4 = exp(%3) : f32[2]
            yield %4
          }
          region (%5: f32[2]) {
            yield %5
          }
        return "y" %2
      }
      "
    `);
  });

  it('binds symbolic dims', () => {
    const source = `graph "g" (%0 "x": f32[N,4], %1 "c": bool[]) {
      %2 = reshape(%0) {shape=[-1]} : f32[4*N]
      %3 = if(%1, %2) : f32[4*N]
        region (%4: f32[4*N]) { %5 = exp(%4) : f32[4*N] yield %5 }
        region (%6: f32[4*N]) { yield %6 }
      return "y" %3
    }`;
    const graph = rewriteGraph(parseGraph(source), () => undefined, {
      inputType: (v) => (v.name === 'x' ? tensorType('f32', [3, 4]) : v.type),
    });
    expect(verifyGraph(graph)).toEqual([]);
    expect(graph.body.results[0]?.type).toEqual(tensorType('f32', [12]));
  });

  it('refuses another type', () => {
    const graph = parseGraph('graph "g" (%0 "x": f32[2]) { %1 = exp(%0) : f32[2] return "y" %1 }');
    const wrong: Visit = (node, rw) => [rw.builder.one('reshape', node.inputs, { shape: [1, 2] })];
    expect(() => rewriteGraph(graph, wrong)).toThrow(/E1253.*f32\[2\], was replaced by f32\[1,2\]/);
  });

  it('counts uses as they are in the end', () => {
    for (let seed = 0; seed < 100; seed++) {
      const random = createRandom(seed);
      const b = new GraphBuilder('random');
      const values = [b.input('x', tensorType('f32', [2])), b.input('y', tensorType('f32', [2]))];
      for (let i = 0; i < 30; i++) values.push(b.one('add', [random.pick(values), random.pick(values)]));
      const graph = b.finish([random.pick(values), random.pick(values)], ['a', 'b']);
      const seen: Rewriter[] = [];
      const result = rewriteGraph(graph, (node, rw) => {
        seen.push(rw);
        const [x, y] = node.inputs as [Value, Value];
        const inner = producer(x);
        if (random.chance(0.2)) return [y];
        if (random.chance(0.2) && inner !== undefined)
          return [rw.builder.one('mul', [inner.inputs[0] as Value, y])];
        if (random.chance(0.2)) rw.builder.one('neg', [x]);
        return random.chance(0.2) ? [rw.builder.one('sub', [x, rw.builder.one('neg', [y])])] : undefined;
      });
      expect(verifyGraph(result)).toEqual([]);
      const counts = countUses(result.body);
      for (const node of result.body.nodes)
        for (const v of node.outputs) if (seen[0]) expect(seen[0].uses(v)).toBe(counts.get(v));
    }
  });

  it('is linear', () => {
    const b = new GraphBuilder('long');
    let v = b.input('x', tensorType('f32', [2]));
    const c = b.input('y', tensorType('f32', [2]));
    for (let i = 0; i < 20000; i++) v = b.one('relu', [b.one('add', [v, c])]);
    const graph = rewriteGraph(b.finish([v], ['y']), fuse);
    expect(graph.body.nodes).toHaveLength(20000);
    // Dead from the end to the start: nothing may recurse.
    const none = rewriteGraph(graph, (node, rw) =>
      node === graph.body.nodes.at(-1) ? [rw.builder.one('neg', [c])] : undefined,
    );
    expect(none.body.nodes).toHaveLength(1);
  });
});

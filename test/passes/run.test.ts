// The runner: levels, groups, facts, and what it offers for finding a wrong pass.
import { describe, expect, it } from 'vitest';
import { INF2 } from '../../src/chip/builtin.js';
import type { Graph } from '../../src/ir/graph.js';
import { parseGraph } from '../../src/ir/parse.js';
import { rewriteGraph } from '../../src/ops/rewrite.js';
import type { Pass } from '../../src/passes/pass.js';
import { entriesNamed, PIPELINE, runPasses } from '../../src/passes/pipeline.js';
import { passesOf, type Reproducer, type RunOptions, runPipeline } from '../../src/passes/run.js';
import { codeOf } from '../helpers/codes.js';

const OPTIONS: RunOptions = { target: INF2, autoCast: 'none', narrow: 'bf16', level: 2 };

/** Three rewrites to make: x * 1 * 1 * 1. */
const graph = (): Graph =>
  parseGraph(`graph "g" (%0 "x": f32[2]) {
  %1 = mul(%0, f32[] {1}) : f32[2]
  %2 = mul(%1, f32[] {1}) : f32[2]
  %3 = mul(%2, f32[] {1}) : f32[2]
  return "y" %3
}`);
const algebra = entriesNamed(['algebra']);
const nodes = (g: Graph): number => g.body.nodes.length;

const crashing: Pass = {
  name: 'crashing',
  theme: 'clean',
  level: 1,
  doc: 'Fails.',
  run: () => {
    throw new TypeError('no such thing');
  },
};
/** A pass that says less than it needs: the second result type is wrong. */
const lying: Pass = {
  name: 'lying',
  theme: 'clean',
  level: 1,
  doc: 'Makes a node of a wrong type.',
  run: (g) => ({
    ...g,
    body: { ...g.body, nodes: g.body.nodes.map((n) => ({ ...n, attrs: { nonsense: 1 } })) },
  }),
};

describe('runner', () => {
  it('runs what the level turns on', () => {
    expect(nodes(runPipeline(graph(), PIPELINE, OPTIONS).graph)).toBe(0);
    expect(nodes(runPipeline(graph(), PIPELINE, { ...OPTIONS, level: 0 }).graph)).toBe(3);
    expect(
      nodes(runPasses(graph(), { target: INF2, autoCast: 'none', autoCastType: 'bf16', level: 1 })),
    ).toBe(0);
  });

  it('stops after as many rewrites as the limit says, one by one', () => {
    const left = [0, 1, 2, 3, 4].map((limit) =>
      nodes(runPipeline(graph(), algebra, { ...OPTIONS, limit }).graph),
    );
    expect(left).toEqual([3, 2, 1, 0, 0]);
  });

  it('leaves passes out, and stops after one', () => {
    expect(
      nodes(runPipeline(graph(), PIPELINE, { ...OPTIONS, disable: ['algebra', 'constant-chains'] }).graph),
    ).toBe(3);
    const { runs } = runPipeline(graph(), PIPELINE, { ...OPTIONS, stopAfter: 'algebra' });
    expect(runs.at(-1)?.name).toBe('algebra');
  });

  it('refuses names of no pass', () => {
    expect(codeOf(() => runPipeline(graph(), PIPELINE, { ...OPTIONS, disable: ['nothing'] }))).toBe('E2601');
    expect(codeOf(() => entriesNamed(['nothing']))).toBe('E2601');
  });

  it('prints graphs and counts rewrites, nodes and time of what ran', () => {
    const texts: string[] = [];
    let now = 0;
    const { runs, rewrites } = runPipeline(graph(), algebra, {
      ...OPTIONS,
      printBefore: ['algebra'],
      printAfter: ['all'],
      onText: (title, text) => texts.push(`${title}: ${text.split('\n').length}`),
      clock: () => (now += 5),
    });
    expect(texts).toEqual(['before algebra: 7', 'after algebra: 4']);
    expect(runs).toEqual([{ name: 'algebra', rewrites: 3, nodes: 0, milliseconds: 5 }]);
    expect(rewrites).toBe(3);
  });

  it('hands over what reproduces a crash', () => {
    const found: Reproducer[] = [];
    const run = () => runPipeline(graph(), [crashing], { ...OPTIONS, onCrash: (r) => found.push(r) });
    expect(codeOf(run)).toBe('E1280');
    expect(found[0]?.command).toContain('crashing');
    expect(parseGraph(found[0]?.text ?? '', found[0]?.constants).body.nodes).toHaveLength(3);
  });

  it('verifies after each pass', () => {
    expect(nodes(runPipeline(graph(), [lying], OPTIONS).graph)).toBe(3);
    expect(codeOf(() => runPipeline(graph(), [lying], { ...OPTIONS, verifyEach: true }))).toMatch(/^E12/);
  });

  it('runs no pass without the facts it needs', () => {
    const attention = parseGraph(`graph "g" (%0 "q": f32[1,1,2,2]) {
  %1 = attention(%0, %0, %0) {scale=1, causal=false, mask=false} : f32[1,1,2,2]
  return "y" %1
}`);
    const cast = { ...OPTIONS, autoCast: 'matmult' } as const;
    expect(codeOf(() => runPipeline(attention, entriesNamed(['cast-products']), cast))).toBe('E2602');
    expect(
      nodes(runPipeline(attention, entriesNamed(['expand', 'cast-products']), cast).graph),
    ).toBeGreaterThan(3);
  });

  it('checks that facts stay as passes say', () => {
    const undoing: Pass = {
      name: 'undoing',
      theme: 'clean',
      level: 1,
      doc: 'Brings attention back.',
      run: (g) =>
        rewriteGraph(g, (node, rw) =>
          node.op === 'neg'
            ? rw.builder.node('attention', [node.inputs[0], node.inputs[0], node.inputs[0]] as never, {
                scale: 1,
              })
            : undefined,
        ),
    };
    const text = `graph "g" (%0 "q": f32[1,1,2,2]) {
  %1 = neg(%0) : f32[1,1,2,2]
  return "y" %1
}`;
    const run = () =>
      runPipeline(parseGraph(text), [...entriesNamed(['expand']), undoing], { ...OPTIONS, verifyEach: true });
    expect(codeOf(run)).toBe('E1281');
  });
});

describe('pipeline', () => {
  it('has one name and one sentence for each pass', () => {
    const passes = passesOf(PIPELINE);
    expect(new Set(passes.map((p) => p.name)).size).toBe(passes.length);
    for (const pass of passes) expect(pass.doc).toMatch(/\.$/);
  });
});

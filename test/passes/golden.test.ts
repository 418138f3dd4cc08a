// Golden tests: test/golden/passes/*.txt hold a graph, the passes to run, and the graph they make. UPDATE_GOLDEN=1 writes what
// they make now; the difference is to be read. The verifier runs after each pass, and both graphs must compute the same.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isFloat } from '../../src/base/dtype.js';
import { createRandom } from '../../src/base/random.js';
import { fromNumbers, type HostTensor } from '../../src/base/tensor.js';
import { INF2 } from '../../src/chip/builtin.js';
import type { Graph } from '../../src/ir/graph.js';
import { parseGraph } from '../../src/ir/parse.js';
import { printGraph } from '../../src/ir/print.js';
import { constantBytes } from '../../src/ops/evaluate.js';
import { interpretGraph } from '../../src/ops/interpret.js';
import { checkGraph } from '../../src/ops/verify.js';
import type { AutoCast } from '../../src/passes/pass.js';
import { entriesNamed } from '../../src/passes/pipeline.js';
import { runPipeline } from '../../src/passes/run.js';
import { difference } from '../helpers/compare.js';

const FOLDER = fileURLToPath(new URL('../golden/passes', import.meta.url));
const UPDATE = process.env.UPDATE_GOLDEN === '1';

interface Case {
  readonly name: string;
  readonly passes: readonly string[];
  readonly options: ReadonlyMap<string, string>;
  readonly head: string;
  readonly input: string;
  readonly expected: string;
}

function readCase(text: string): Case {
  const [name = '', ...lines] = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith('graph'));
  const value = (key: string): string[] =>
    (lines.find((l) => l.startsWith(`${key}:`)) ?? '')
      .slice(key.length + 1)
      .split(',')
      .map((s) => s.trim());
  const [input = '', expected = ''] = lines.slice(start).join('\n').split('\n----\n');
  const options = value('options').flatMap((o) => (o === '' ? [] : [o.split('=') as [string, string]]));
  return {
    name,
    passes: value('passes'),
    options: new Map(options),
    head: [name, ...lines.slice(0, start)].join('\n'),
    input: input.trim(),
    expected: expected.trim(),
  };
}

function transformed(c: Case, graph: Graph): Graph {
  const autoCast = (c.options.get('auto-cast') ?? 'none') as AutoCast;
  const narrow = c.options.get('auto-cast-type') === 'fp16' ? 'f16' : 'bf16';
  return runPipeline(graph, entriesNamed(c.passes), {
    target: INF2,
    autoCast,
    narrow,
    level: 3,
    verifyEach: true,
  }).graph;
}

/** Small inputs: integers that are good indices, floats between -2 and 2. */
function inputsOf(graph: Graph): HostTensor[] {
  const random = createRandom(3);
  return graph.body.params.map(({ type }) => {
    const shape = type.shape as readonly number[];
    const count = shape.reduce((n, d) => n * d, 1);
    const next = (): number =>
      isFloat(type.dtype) ? random.between(0.1, 2) : random.integer(0, type.dtype === 'u8' ? 255 : 1);
    return fromNumbers(type.dtype, shape, Array.from({ length: count }, next));
  });
}

describe.each(
  readdirSync(FOLDER)
    .filter((f) => f.endsWith('.txt'))
    .sort(),
)('%s', (file) => {
  const path = `${FOLDER}/${file}`;
  const [intro = '', ...texts] = readFileSync(path, 'utf8').split('\n== ');
  const cases = texts.map(readCase);
  const made: string[] = [];

  it.each(cases.map((c) => [c.name, c] as const))('%s', (_name, c) => {
    const graph = parseGraph(c.input);
    checkGraph(graph, 'reading');
    const result = transformed(c, graph);
    const text = printGraph(result, constantBytes).trim();
    made.push(`\n== ${c.head}\n${c.input}\n----\n${text}\n`);
    const inputs = inputsOf(graph);
    const tolerance = c.options.size > 0 ? 2e-2 : 1e-5;
    expect(difference(interpretGraph(graph, inputs), interpretGraph(result, inputs))).toBeLessThan(tolerance);
    if (!UPDATE) expect(text).toBe(c.expected);
    else if (made.length === cases.length) writeFileSync(path, `${intro.trimEnd()}\n${made.join('')}`);
  });
});

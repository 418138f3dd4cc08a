// Every operator's own random samples, compiled through the passes to bytes with all checks on and executed on the simulated chip: each result equals
// the reference evaluator's within the operator's tolerance, or the sample is refused by name. Operands are inputs in one half of
// the samples; in the other all but the first are constants.
import { describe, expect, it } from 'vitest';
import { KERNELS } from '../../src/backend/lower/kernels.js';
import { NeffcError } from '../../src/base/diagnostic.js';
import type { DType } from '../../src/base/dtype.js';
import { createRandom } from '../../src/base/random.js';
import { INF1, INF2 } from '../../src/chip/builtin.js';
import type { Target } from '../../src/chip/target.js';
import { bytesConstant } from '../../src/ir/constant.js';
import type { Graph } from '../../src/ir/graph.js';
import { tensorType } from '../../src/ir/type.js';
import { GraphBuilder } from '../../src/ops/build.js';
import type { OpDecl, OpSample } from '../../src/ops/declare.js';
import { OPERATORS } from '../../src/ops/table.js';
import { runPasses } from '../../src/passes/pipeline.js';
import { build, difference, run } from './harness.js';

/** Element types that the chip computes with. 64-bit ones are carried in 32 bits; the samples' small values of i64 fit. */
const ON_CHIP: readonly DType[] = [
  'f32',
  'f16',
  'bf16',
  'i64',
  'i32',
  'u32',
  'i16',
  'u16',
  'i8',
  'u8',
  'bool',
];
/** Half a unit in the last place, of a value and of the terms it is made of. */
const NARROW: Partial<Record<DType, number>> = { f16: 2 ** -10, bf16: 2 ** -7 };
const SAMPLES: Readonly<Record<string, number>> = { inf2: 12, inf1: 6 };

function graphOf(name: string, sample: OpSample, constants: boolean): Graph {
  const b = new GraphBuilder(name);
  const operands = sample.inputs.map((x, i) =>
    constants && i > 0
      ? b.constant(bytesConstant(x.dtype, x.shape, x.data))
      : b.input(`x${i}`, tensorType(x.dtype, x.shape)),
  );
  const results = b.node(name, operands, sample.attrs);
  return b.finish(
    [...results],
    results.map((_, i) => `y${i}`),
  );
}

/** What is wrong with one sample: nothing, a wrong element, or (in front `refused`) a diagnostic that says it is not built. */
function verdict(decl: OpDecl, sample: OpSample, constants: boolean, target: Target): string {
  const graph = graphOf(decl.name, sample, constants);
  const types = graph.body.results.map((r) => r.type);
  if (![...sample.inputs, ...types].every((t) => ON_CHIP.includes(t.dtype))) return 'refused: element type';
  const attrs = graph.body.nodes[0]?.attrs ?? sample.attrs;
  try {
    const want = decl.evaluate?.(sample.inputs, attrs, types) ?? [];
    const given = constants ? sample.inputs.slice(0, 1) : sample.inputs;
    const passed = runPasses(graph, { target, autoCast: 'none', autoCastType: 'bf16', level: 2 });
    const got = run(build(passed, target), target, given);
    for (const [i, w] of want.entries()) {
      // What passes take apart rounds between its parts too.
      const narrow = (NARROW[w.dtype] ?? 0) * (passed.body.nodes.length > 3 ? 3 : 1);
      const { relative, absolute } = decl.tolerance;
      const tolerance = {
        relative: relative + narrow,
        absolute: Math.max(absolute, 1e-6, passed.body.nodes.length > 3 ? narrow / 4 : 0),
      };
      const wrong = difference(w, got[i] as Uint8Array, tolerance);
      if (wrong !== undefined) return `result ${i}${wrong}`;
    }
    return '';
  } catch (error) {
    if (!(error instanceof NeffcError)) throw error;
    const [first] = error.diagnostics;
    return first?.code.startsWith('E4') === true ? `refused: ${first.message}` : error.message;
  }
}

const operators = [...OPERATORS].filter(([name, d]) => KERNELS[name] !== undefined && d.sample && d.evaluate);

describe.each([INF2, INF1])('$name', (target) => {
  it.each(operators)('%s', (_, decl) => {
    const wrong: string[] = [];
    let right = 0;
    for (let k = 0; k < (SAMPLES[target.name] ?? 1); k++) {
      const sample = decl.sample?.(createRandom(1000 + k)) as OpSample;
      const found = verdict(decl, sample, k % 2 === 1, target);
      if (found === '') right++;
      else if (!found.startsWith('refused')) wrong.push(`sample ${k}: ${found}`);
    }
    expect(wrong).toEqual([]);
    expect(right).toBeGreaterThan(0);
  });
});

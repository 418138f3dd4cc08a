// Every declaration can show itself: its sample infers, evaluates to tensors of the types inferred, and folds in a graph.
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.js';
import { makeTensor } from '../../src/base/tensor.js';
import { bytesConstant } from '../../src/ir/constant.js';
import { constantOf } from '../../src/ir/graph.js';
import { sameType } from '../../src/ir/type.js';
import { GraphBuilder } from '../../src/ops/build.js';
import { constantBytes } from '../../src/ops/evaluate.js';
import { completeAttrs, inferTypes, schemaProblems } from '../../src/ops/infer.js';
import { OPERATORS } from '../../src/ops/table.js';

describe.each([...OPERATORS.values()].filter((d) => d.sample))('$name', (decl) => {
  it('infers and evaluates its samples, and folds them alike', () => {
    const random = createRandom(7);
    for (let round = 0; round < 40; round++) {
      const sample = decl.sample?.(random);
      if (sample === undefined || decl.evaluate === undefined) return;
      const attrs = completeAttrs(decl, sample.attrs);
      expect(schemaProblems(decl, attrs, sample.inputs.length, 0)).toEqual([]);
      const constants = sample.inputs.map((t) => bytesConstant(t.dtype, t.shape, t.data));
      const types = inferTypes(decl, attrs, sample.inputs, (i) => constants[i]);
      const results = decl.evaluate(sample.inputs, attrs, types);
      expect(results).toHaveLength(types.length);
      for (const [i, result] of results.entries()) {
        expect(sameType(result, types[i] ?? result)).toBe(true);
        makeTensor(result.dtype, result.shape, result.data);
      }
      decl.cost?.(sample.inputs, types, attrs);
      const b = new GraphBuilder('sample');
      const values = b.node(
        decl.name,
        constants.map((c) => b.constant(c)),
        sample.attrs,
      );
      for (const [i, v] of values.entries()) {
        const c = constantOf(v);
        expect(c && constantBytes(c)).toEqual(results[i]?.data);
      }
    }
  });
});

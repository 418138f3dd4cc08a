// Evaluators against ONNX Runtime and numpy: references.json, written by make_references.py. Exact for integers and where
// the declaration says so; else within its tolerance, of the value plus of the largest magnitude, which fp32 sums in another order need.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type DType, isFloat } from '../../src/base/dtype.js';
import { fromNumbers, type HostTensor, toNumbers } from '../../src/base/tensor.js';
import type { Attrs } from '../../src/ir/constant.js';
import { completeAttrs, inferTypes, schemaProblems } from '../../src/ops/infer.js';
import { declarationOf } from '../../src/ops/table.js';

interface TensorText {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}
interface Case {
  readonly op: string;
  readonly note: string;
  readonly attrs: Attrs;
  readonly inputs: readonly TensorText[];
  readonly outputs: readonly TensorText[];
}

const cases = JSON.parse(readFileSync(new URL('references.json', import.meta.url), 'utf8')) as Case[];

function read({ dtype, shape, data }: TensorText): HostTensor {
  return fromNumbers(
    dtype,
    shape,
    dtype.endsWith('64') && dtype !== 'f64' ? data.map(BigInt) : data.map(Number),
  );
}

/** Largest excess of a difference over what is allowed; 0 where all agree. */
function excess(got: Float64Array, want: Float64Array, relative: number, absolute: number): number {
  const finite = want.filter(Number.isFinite);
  const top = finite.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  return want.reduce((worst, w, i) => {
    const g = got[i] ?? Number.NaN;
    if (Object.is(g, w) || g === w) return worst;
    const over = Math.abs(g - w) - relative * Math.abs(w) - absolute * top;
    return over <= 0 ? worst : Math.max(worst, Number.isNaN(over) ? Infinity : over);
  }, 0);
}

describe.each([...new Set(cases.map((c) => c.op))])('%s', (op) => {
  const decl = declarationOf(op);
  it.each(cases.filter((c) => c.op === op).map((c) => [`${JSON.stringify(c.attrs)} ${c.note}`, c] as const))(
    '%s',
    (_, { attrs, inputs, outputs }) => {
      const full = completeAttrs(decl, attrs);
      const operands = inputs.map(read);
      expect(schemaProblems(decl, full, operands.length, 0)).toEqual([]);
      const types = inferTypes(decl, full, operands, () => undefined);
      const results = decl.evaluate?.(operands, full, types) ?? [];
      expect(results.map(({ dtype, shape }) => ({ dtype, shape }))).toEqual(
        outputs.map(({ dtype, shape }) => ({ dtype, shape })),
      );
      for (const [i, result] of results.entries()) {
        const { relative, absolute } = isFloat(result.dtype) ? decl.tolerance : { relative: 0, absolute: 0 };
        const want = toNumbers(read(outputs[i] as TensorText));
        expect(excess(toNumbers(result), want, relative, absolute)).toBe(0);
      }
    },
  );
});

// The operators that a host can run for an artifact: the reference evaluators of all operators of the graph, as the table of
// functions that the runtime is given. The runtime knows none of this.
import { isDType } from '../../base/dtype.js';
import type { HostTensor } from '../../base/tensor.js';
import { bytesConstant } from '../../ir/constant.js';
import { tensorType } from '../../ir/type.js';
import { inferTypes } from '../../ops/infer.js';
import { OPERATORS } from '../../ops/table.js';
import type { HostFunction, HostOperatorTable } from '../../runtime/host-operators.js';
import { attributesFromJson } from './operator-record.js';

const typeOf = (t: HostTensor) => tensorType(t.dtype, t.shape);

/** Types of results are inferred from the values at hand: a host operator may have results of a shape that data decide. */
function hostFunction(name: string): HostFunction {
  return (inputs, { attributes }) => {
    const declaration = OPERATORS.get(name);
    if (declaration?.evaluate === undefined) return [];
    const attrs = attributesFromJson(name, attributes);
    const constant = (i: number) => {
      const t = inputs[i];
      return t && isDType(t.dtype)
        ? { ...bytesConstant(t.dtype, t.shape, t.data), ...(t.strings && { strings: t.strings }) }
        : undefined;
    };
    return declaration.evaluate(inputs, attrs, inferTypes(declaration, attrs, inputs.map(typeOf), constant));
  };
}

export const HOST_OPERATORS: HostOperatorTable = new Map(
  [...OPERATORS.values()].filter((d) => d.evaluate !== undefined).map((d) => [d.name, hostFunction(d.name)]),
);

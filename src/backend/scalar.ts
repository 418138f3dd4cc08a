// Constants that are one number: they become immediates.
import { constantOf, type Value } from '../ir/graph.js';
import { elementCount } from '../ir/type.js';
import { constantNumbers } from '../ops/evaluate.js';

/** The number that every element of a constant is; undefined where the value is no constant or has several. 1-element or splat. */
export function scalarConstant(v: Value): number | undefined {
  const constant = constantOf(v);
  if (constant === undefined) return undefined;
  if (constant.recipe.kind !== 'splat' && elementCount(constant.shape) !== 1) return undefined;
  const one = constant.recipe.kind === 'splat' ? { ...constant, shape: [] } : constant;
  return constantNumbers(one)[0];
}

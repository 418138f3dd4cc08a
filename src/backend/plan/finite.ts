// Which values may hold infinities, NaNs or magnitudes beyond what PE passes exactly. Model inputs count as finite
// (MACHINE 2); results of operators that can leave the range, and everything computed from them, do not.
import { constantOf, type Graph, type Value } from '../../ir/graph.js';
import { constantNumbers } from '../../ops/evaluate.js';

/** Operators whose results may be non-finite for finite operands. */
const UNSAFE = new Set([
  'exp',
  'exp2',
  'expm1',
  'log',
  'log2',
  'log1p',
  'div',
  'reciprocal',
  'rsqrt',
  'sqrt',
  'pow',
  'tan',
  'asin',
  'acos',
  'sinh',
  'cosh',
  'acosh',
  'atanh',
  'reduce_prod',
  'cumprod',
  'fmod',
  'mod',
  'log_softmax',
  'bitcast',
]);
/** Operators whose results are finite whatever they get, NaN apart (masks end here). */
const SAFE = new Set([
  'softmax',
  'sigmoid',
  'tanh',
  'erf',
  'sign',
  'isnan',
  'isinf',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  'argmax',
  'argmin',
  'not',
  'atan',
  'attention',
]);

/** Largest magnitude that PE passes exactly (MACHINE 2). */
const LARGEST = 3.38e38;

function isWithinRange(numbers: ArrayLike<number>): boolean {
  for (let i = 0; i < numbers.length; i++) if (!(Math.abs(numbers[i]!) <= LARGEST)) return false;
  return true;
}

export function nonFiniteValues(graph: Graph): Set<Value> {
  const unsafe = new Set<Value>();
  const known = new Map<Value, boolean>();
  const constantUnsafe = (v: Value): boolean => {
    const seen = known.get(v);
    if (seen !== undefined) return seen;
    const constant = constantOf(v);
    // Weights are not searched (they are large): only what a mask or a scalar could be.
    const small = constant !== undefined && constant.shape.reduce((a, b) => a * b, 1) <= 65536;
    const answer = small && v.type.dtype.startsWith('f') && !isWithinRange(constantNumbers(constant));
    known.set(v, answer);
    return answer;
  };
  for (const node of graph.body.nodes) {
    const tainted =
      UNSAFE.has(node.op) ||
      (!SAFE.has(node.op) &&
        node.inputs.some((v) => unsafe.has(v) || (v.def.kind === 'constant' && constantUnsafe(v))));
    if (tainted) for (const v of node.outputs) unsafe.add(v);
  }
  return unsafe;
}

// Products and sums without regard to how they are nested: exporters write x * 0.5 * (1 + f) in every order. What is inside a
// chain must have no other user, or fusing would compute it twice.
import type { Value } from '../../ir/graph.js';
import type { Rewriter } from '../../ops/rewrite.js';
import { bothWays, madeBy, scalarOf } from '../match.js';

export interface Product {
  /** All constant factors together. */
  readonly scale: number;
  /** The other factors; a square counts twice. */
  readonly factors: readonly Value[];
}

/** Deepest nesting that is followed. */
const DEPTH = 6;

/** The factors of a value: through mul, neg, division by scalars, and square. `root` itself may have more users. */
export function productOf(root: Value, rw: Rewriter): Product {
  const factors: Value[] = [];
  let scale = 1;
  const visit = (v: Value, depth: number): void => {
    const constant = scalarOf(v);
    if (constant !== undefined) {
      scale *= constant;
      return;
    }
    const node = depth > DEPTH || (v !== root && rw.uses(v) !== 1) ? undefined : rw.producer(v);
    const [a, b] = node?.inputs ?? [];
    const divisor = scalarOf(b);
    if (node?.op === 'mul' && a !== undefined && b !== undefined) {
      visit(a, depth + 1);
      visit(b, depth + 1);
    } else if (node?.op === 'neg' && a !== undefined) {
      scale = -scale;
      visit(a, depth + 1);
    } else if (node?.op === 'div' && a !== undefined && divisor !== undefined) {
      scale /= divisor;
      visit(a, depth + 1);
    } else factors.push(v);
  };
  visit(root, 0);
  return { scale, factors: factors.flatMap((v) => squared(v)) };
}

/** A square as its factor twice, a third power three times. */
function squared(v: Value): readonly Value[] {
  const inner = madeBy(v, 'square')?.inputs[0];
  if (inner !== undefined) return [inner, inner];
  const power = madeBy(v, 'pow');
  const [base, exponent] = power?.inputs ?? [];
  if (base !== undefined && scalarOf(exponent) === 3) return [base, base, base];
  if (base !== undefined && scalarOf(exponent) === 2) return [base, base];
  const product = madeBy(v, 'mul');
  if (product !== undefined && product.inputs[0] === product.inputs[1]) return product.inputs;
  return [v];
}

/** The summand beside a constant: v = result + constant. */
export function plusConstant(v: Value, constant: number): Value | undefined {
  const sum = madeBy(v, 'add');
  for (const [x, c] of sum ? bothWays(sum) : []) if (isNear(scalarOf(c), constant)) return x;
  const difference = madeBy(v, 'sub');
  const [x, c] = difference?.inputs ?? [];
  const subtracted = scalarOf(c);
  return x !== undefined && subtracted !== undefined && isNear(-subtracted, constant) ? x : undefined;
}

/** Whether a constant of a formula is the one meant, as far as exporters print and round it. */
export function isNear(x: number | undefined, wanted: number): boolean {
  return x !== undefined && Math.abs(x - wanted) <= 2e-4 * Math.abs(wanted);
}

/** Whether the factors are these, each as often. */
export function areFactors(factors: readonly Value[], wanted: readonly Value[]): boolean {
  const left = [...factors];
  for (const v of wanted) {
    const at = left.indexOf(v);
    if (at < 0) return false;
    left.splice(at, 1);
  }
  return left.length === 0;
}

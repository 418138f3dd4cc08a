// Values of constants. A recipe is evaluated when its bytes are first asked for, through the evaluators of the operators;
// small results are kept, of large ones those used last. A constant that no tensor of the model went into is
// literal and keeps no recipe; one that such a tensor went into keeps it, for `reweight` to replay.
import { bug } from '../base/diagnostic.js';
import { elementBytes } from '../base/dtype.js';
import { elementCount, type HostTensor, zeros } from '../base/tensor.js';
import { type Attrs, bytesConstant, type Constant, type Recipe, splatConstant } from '../ir/constant.js';
import type { TensorType } from '../ir/type.js';
import { loadNumbers } from './elements.js';
import { inferTypes } from './infer.js';
import { declarationOf } from './table.js';

/** Results of at most this many elements are evaluated when they are made. */
const EAGER_ELEMENTS = 65536;
/** Results of at most this many bytes are kept for good. */
const KEPT_BYTES = 1 << 18;
/** Of larger results the last used is kept, and more up to this many bytes: several constants are often made of one. */
const RECENT_BYTES = 1 << 25;
/** Operators that only move elements: of a splat they make a splat. */
const MOVES = new Set(['reshape', 'transpose', 'broadcast', 'slice']);

/** Large results in the order in which they were last used. Weak references would not do: they hold until the caller's turn ends. */
const recent = new Map<Constant, Uint8Array>();
let recentBytes = 0;

/** The constant's elements, little-endian and unpacked. Not to be written to. */
export function constantBytes(c: Constant): Uint8Array {
  const kept = c.cache ?? recent.get(c);
  const bytes = kept ?? evaluateRecipe(c);
  // A view of other bytes is made again as quickly, and would hold on to them.
  if (c.cache !== undefined || bytes.length < bytes.buffer.byteLength) return bytes;
  if (bytes.length <= KEPT_BYTES) c.cache = bytes;
  else keepRecent(c, bytes);
  return bytes;
}

/** The same for bytes that are wanted only once: they are not kept. */
export function passingBytes(c: Constant): Uint8Array {
  return c.cache ?? recent.get(c) ?? evaluateRecipe(c);
}

function keepRecent(c: Constant, bytes: Uint8Array): void {
  if (!recent.delete(c)) recentBytes += bytes.length;
  recent.set(c, bytes);
  for (const [oldest, { length }] of recent) {
    if (recentBytes <= RECENT_BYTES || recent.size === 1) break;
    recent.delete(oldest);
    recentBytes -= length;
  }
}

export function constantTensor(c: Constant): HostTensor {
  const { dtype, shape, strings } = c;
  return { dtype, shape, data: constantBytes(c), ...(strings !== undefined && { strings }) };
}

/** The elements as numbers: bool as 0 and 1, 64-bit integers as doubles. Not to be written to. */
export function constantNumbers(c: Constant): ArrayLike<number> {
  return loadNumbers(constantTensor(c));
}

function evaluateRecipe(c: Constant): Uint8Array {
  const { recipe } = c;
  switch (recipe.kind) {
    case 'bytes':
      return recipe.bytes;
    case 'splat':
      return expand(recipe.bytes, elementCount(c.shape));
    case 'apply': {
      const types = resultTypes(recipe);
      const result = evaluate(recipe.op, recipe.attrs, recipe.inputs, types)[recipe.result];
      if (result === undefined) throw bug('E1251', `operator ${recipe.op} has no result ${recipe.result}`);
      return result.data;
    }
    case 'opaque':
      throw bug(
        'E1252',
        `the bytes of constant #${recipe.hash} are not at hand: the text names them by hash`,
      );
  }
}

function expand(element: Uint8Array, count: number): Uint8Array {
  const bytes = zeros('u8', [element.length * count]).data;
  if (count === 0) return bytes;
  bytes.set(element);
  for (let done = element.length; done < bytes.length; done *= 2)
    bytes.copyWithin(done, 0, Math.min(done, bytes.length - done));
  return bytes;
}

function resultTypes(recipe: Extract<Recipe, { kind: 'apply' }>): readonly TensorType[] {
  const { op, attrs, inputs } = recipe;
  return inferTypes(declarationOf(op), attrs, inputs, (i) => inputs[i]);
}

function evaluate(
  op: string,
  attrs: Attrs,
  inputs: readonly Constant[],
  types: readonly TensorType[],
): readonly HostTensor[] {
  const decl = declarationOf(op);
  if (decl.evaluate === undefined) throw bug('E1251', `operator ${op} has no evaluator`);
  // Splat operands broadcast beside others: an elementwise evaluator takes one element of them.
  const broadcasts = decl.family === 'elementwise' && inputs.some((c) => c.recipe.kind !== 'splat');
  const operand = (c: Constant): HostTensor =>
    broadcasts && c.recipe.kind === 'splat'
      ? { dtype: c.dtype, shape: c.shape.map(() => 1), data: c.recipe.bytes }
      : constantTensor(c);
  return decl.evaluate(inputs.map(operand), attrs, types);
}

/** The bytes of the one element that all elements are, where that is known without looking at them. */
function splatElement(c: Constant): Uint8Array | undefined {
  if (c.recipe.kind === 'splat') return c.recipe.bytes;
  const literal = c.recipe.kind === 'bytes' && c.recipe.name === undefined;
  return literal && c.recipe.bytes.length === elementBytes(c.dtype) && elementCount(c.shape) === 1
    ? c.recipe.bytes
    : undefined;
}

/** The result where it is a splat again. */
function applyToSplats(
  op: string,
  attrs: Attrs,
  inputs: readonly Constant[],
  type: TensorType,
): Constant | undefined {
  const elements = inputs.map(splatElement);
  const [first] = elements;
  if (first === undefined || elements.includes(undefined)) return undefined;
  const shape = type.shape as readonly number[];
  if (MOVES.has(op)) return splatConstant(type.dtype, shape, first);
  const decl = declarationOf(op);
  if (decl.family !== 'elementwise' || decl.evaluate === undefined) return undefined;
  const scalars = inputs.map((c, i) => ({ dtype: c.dtype, shape: [], data: elements[i] ?? first }));
  const [result] = decl.evaluate(scalars, attrs, [{ dtype: type.dtype, shape: [] }]);
  return result && splatConstant(type.dtype, shape, result.data);
}

const sources = new WeakMap<Constant, boolean>();

/** Whether a tensor of the model went into the constant. */
export function dependsOnSource(c: Constant): boolean {
  let known = sources.get(c);
  if (known === undefined) {
    const { recipe } = c;
    known =
      recipe.kind === 'apply'
        ? recipe.inputs.some(dependsOnSource)
        : recipe.kind === 'bytes' && recipe.name !== undefined;
    sources.set(c, known);
  }
  return known;
}

/**
 * The results (of the static types given) of an operator over constants: evaluated now where small, else when their bytes
 * are asked for. An elementwise operator or a move of splats gives a splat.
 */
export function applyConstant(
  op: string,
  attrs: Attrs,
  inputs: readonly Constant[],
  types: readonly TensorType[],
): readonly Constant[] {
  const counts = types.map((t) => elementCount(t.shape as readonly number[]));
  const [type] = types;
  if (types.length === 1 && type !== undefined && counts[0] !== 1) {
    const splat = applyToSplats(op, attrs, inputs, type);
    if (splat !== undefined) return [splat];
  }
  // Strings have no bytes to evaluate later.
  const small =
    types.some((t) => t.dtype === 'string') ||
    (counts.every((n) => n <= EAGER_ELEMENTS) &&
      inputs.every((c) => elementCount(c.shape) <= 16 * EAGER_ELEMENTS));
  const results = small ? evaluate(op, attrs, inputs, types) : undefined;
  const literal = !inputs.some(dependsOnSource);
  return types.map((t, result) => {
    const shape = t.shape as readonly number[];
    const value = results?.[result];
    const strings = value?.strings !== undefined && { strings: value.strings };
    if (value !== undefined && literal) return { ...bytesConstant(t.dtype, shape, value.data), ...strings };
    return {
      dtype: t.dtype,
      shape,
      recipe: { kind: 'apply', op, attrs, inputs, result },
      ...strings,
      ...(value !== undefined && { cache: value.data }),
    };
  });
}

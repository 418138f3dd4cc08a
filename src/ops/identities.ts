// Uses of operators that need no node, or one instead of two: a move that moves nothing, a move of a move. Local facts
// only, true for every element type and for symbolic dims; what needs a look around is a pass.
import type { Attrs } from '../ir/constant.js';
import { producer, type Value } from '../ir/graph.js';
import { sameType, staticShape, type TensorType } from '../ir/type.js';

/** Another way to say a use: the value it equals, or one use that replaces it and the producers it is merged with. */
export type Simpler =
  | { readonly value: Value }
  | { readonly op: string; readonly inputs: readonly Value[]; readonly attrs: Attrs; readonly merged: Value };

type Rule = (inputs: readonly Value[], attrs: Attrs, type: TensorType) => Simpler | undefined;

const unchanged: Rule = ([x], _attrs, type) =>
  x !== undefined && sameType(x.type, type) ? { value: x } : undefined;

const sameIndex = (perm: readonly number[]): boolean => perm.every((axis, i) => axis === i);

const reshape: Rule = (inputs, attrs, type) => {
  const [x] = inputs;
  const inner = x && producer(x);
  const source = inner?.op === 'reshape' ? inner.inputs[0] : undefined;
  if (x === undefined || source === undefined) return unchanged(inputs, attrs, type);
  if (sameType(source.type, type)) return { value: source };
  // A symbolic dim of the result may be named by its place in the inner reshape's result.
  if (staticShape(type) === undefined) return unchanged(inputs, attrs, type);
  return { op: 'reshape', inputs: [source], attrs: { shape: type.shape as readonly number[] }, merged: x };
};

const transpose: Rule = ([x], attrs) => {
  if (x === undefined) return undefined;
  const perm = attrs.perm as readonly number[];
  if (sameIndex(perm)) return { value: x };
  const inner = producer(x);
  const source = inner?.op === 'transpose' ? inner.inputs[0] : undefined;
  if (inner === undefined || source === undefined) return undefined;
  const first = inner.attrs.perm as readonly number[];
  const both = perm.map((axis) => first[axis] ?? 0);
  if (sameIndex(both)) return { value: source };
  return { op: 'transpose', inputs: [source], attrs: { perm: both }, merged: x };
};

const broadcast: Rule = (inputs, attrs, type) => {
  const [x] = inputs;
  const inner = x && producer(x);
  const source = inner?.op === 'broadcast' ? inner.inputs[0] : undefined;
  if (x === undefined || source === undefined || staticShape(type) === undefined)
    return unchanged(inputs, attrs, type);
  return { op: 'broadcast', inputs: [source], attrs, merged: x };
};

const slice: Rule = (inputs, attrs, type) =>
  (attrs.steps as readonly number[]).every((step) => step === 1) ? unchanged(inputs, attrs, type) : undefined;

const pad: Rule = (inputs, attrs, type) =>
  [...(attrs.low as readonly number[]), ...(attrs.high as readonly number[])].every((n) => n === 0)
    ? unchanged(inputs, attrs, type)
    : undefined;

const concat: Rule = (inputs, attrs, type) =>
  inputs.length === 1 ? unchanged(inputs, attrs, type) : undefined;

const RULES: Readonly<Record<string, Rule>> = {
  reshape,
  transpose,
  broadcast,
  slice,
  pad,
  concat,
  cast: unchanged,
  bitcast: unchanged,
};

/** The simpler way to say the use; undefined where there is none. */
export function simplerUse(
  op: string,
  inputs: readonly Value[],
  attrs: Attrs,
  type: TensorType,
): Simpler | undefined {
  return RULES[op]?.(inputs, attrs, type);
}

/** Attribute that holds dims of the result, for operators where its entries may stand for dims of the operand. */
const DIM_ATTRS: Readonly<Record<string, string>> = { reshape: 'shape', broadcast: 'shape', slice: 'sizes' };

/** The attributes with such entries resolved where the result's type is static, as lowering reads them. */
export function resolvedAttrs(op: string, attrs: Attrs, type: TensorType): Attrs {
  const name = DIM_ATTRS[op];
  const shape = staticShape(type);
  const open = name !== undefined && (attrs[name] as readonly number[]).some((entry) => entry < 0);
  return open && shape !== undefined ? { ...attrs, [name]: shape } : attrs;
}

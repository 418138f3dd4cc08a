// Whether a graph at another length is the reference with its token axes cut: shapes and attributes of paired nodes. Their
// constants have been compared before.
import type { Attr } from '../../ir/constant.js';
import { constantOf, type Node, producer, type Value } from '../../ir/graph.js';
import { elementCount, staticShape } from '../../ir/type.js';
import { shapeAt } from './axes.js';
import { sameShape } from './constants.js';
import type { Facts } from './facts.js';
import type { ValuePair } from './pairing.js';

export interface LengthProblem {
  readonly node: Node | undefined;
  readonly reason: string;
}

/** Attributes that follow from the shape of the result, which is compared itself. */
const SHAPE_ATTRS: Readonly<Record<string, string>> = {
  reshape: 'shape',
  broadcast: 'shape',
  slice: 'sizes',
};

export function lengthProblem(
  pairs: readonly ValuePair[],
  facts: ReadonlyMap<Value, Facts>,
  max: number,
  length: number,
  producerOf: (v: Value) => Node | undefined,
): LengthProblem | undefined {
  for (const { reference, other, vanished } of pairs) {
    const node = producerOf(reference);
    const shape = expectedShape(reference, facts, length);
    const found = staticShape(other.type) ?? [];
    if (constantOf(reference) !== undefined) continue;
    if (vanished) {
      const moved = node?.inputs[0];
      const before = moved === undefined ? shape : expectedShape(moved, facts, length);
      if (node === undefined || !movesNothing(node, before, shape))
        return { node, reason: `${node?.op ?? 'a move'} is missing, and would change something` };
      continue;
    }
    // A reshape may take up a move before it that vanished; what it makes of it is compared.
    if (!sameShape(shape, found))
      return { node, reason: `a value has the shape [${found.join(',')}], not [${shape.join(',')}]` };
    const name = node && attrProblem(node, producer(other), max - length);
    if (name !== undefined) return { node, reason: `attribute '${name}' is another one` };
  }
  return undefined;
}

/** Whether a move leaves all elements in their row-major order. */
function movesNothing(node: Node, from: readonly number[], to: readonly number[]): boolean {
  if (elementCount(from) !== elementCount(to)) return false;
  const { perm, steps } = node.attrs as {
    readonly perm?: readonly number[];
    readonly steps?: readonly number[];
  };
  const moved = perm?.filter((axis) => from[axis] !== 1) ?? [];
  const ordered = moved.every((axis, i) => i === 0 || axis > (moved[i - 1] ?? 0));
  return ordered && (steps ?? []).every((step, axis) => step === 1 || to[axis] === 1);
}

function expectedShape(v: Value, facts: ReadonlyMap<Value, Facts>, length: number): number[] {
  return shapeAt(staticShape(v.type) ?? [], facts.get(v)?.axes ?? [], length);
}

/** The first attribute that differs; the start of a slice of the last token moves with the length. */
function attrProblem(node: Node, other: Node | undefined, cut: number): string | undefined {
  for (const [name, value] of Object.entries(node.attrs)) {
    const theirs = other?.attrs[name];
    if (name === SHAPE_ATTRS[node.op] || sameAttr(value, theirs)) continue;
    if (node.op === 'slice' && name === 'starts' && startsMove(node, theirs, cut)) continue;
    return name;
  }
  return undefined;
}

function sameAttr(a: Attr, b: Attr | undefined): boolean {
  return Object.is(a, b) || (Array.isArray(a) && JSON.stringify(a) === JSON.stringify(b));
}

function startsMove(node: Node, theirs: Attr | undefined, cut: number): boolean {
  const [starts, sizes] = [node.attrs.starts, node.attrs.sizes] as [readonly number[], readonly number[]];
  const shape = staticShape(node.inputs[0]?.type ?? { dtype: 'f32', shape: [] }) ?? [];
  if (!Array.isArray(theirs)) return false;
  return starts.every((start, i) => {
    const last = sizes[i] === 1 && start === (shape[i] ?? 0) - 1;
    return theirs[i] === start || (last && theirs[i] === start - cut);
  });
}

// A node of the graph as an artifact lists it for the host, and back: attributes as JSON, operands as host values or constants.
import type { JsonRecord, JsonValue } from '../../artifact/json.js';
import type { HostOperand, HostOperator } from '../../artifact/model.js';
import type { Attr, Attrs, Constant } from '../../ir/constant.js';
import { constantOf, type Node, type Value } from '../../ir/graph.js';
import { declarationOf } from '../../ops/table.js';

/** What the host is taken to do in a nanosecond (ours): it only has to be of the right order. */
const FLOPS_PER_NS = 4;
const BYTES_PER_NS = 8;
const CALL_NS = 2000;

const NOT_IN_JSON = new Map([
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['NaN', Number.NaN],
]);

export function attributesToJson(attrs: Attrs): JsonRecord {
  const plain = (value: Attr): JsonValue =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : (value as JsonValue);
  return Object.fromEntries(Object.entries(attrs).map(([name, value]) => [name, plain(value)]));
}

/** Strings that stand for numbers which JSON lacks become numbers again where the operator takes a number. */
export function attributesFromJson(op: string, json: JsonRecord): Attrs {
  const { attrs } = declarationOf(op);
  return Object.fromEntries(
    Object.entries(json).map(([name, value]): [string, Attr] => {
      const number = attrs[name]?.kind === 'float' ? NOT_IN_JSON.get(value as string) : undefined;
      return [name, number ?? (value as Attr)];
    }),
  );
}

/** Estimated time of the node on the host, in modelled ns. */
export function hostNs(node: Node): number {
  const { cost } = declarationOf(node.op);
  const types = (values: readonly Value[]) => values.map((v) => v.type);
  const work = cost?.(types(node.inputs), types(node.outputs), node.attrs);
  return (
    CALL_NS +
    Math.ceil(work === undefined ? 0 : Math.max(work.flops / FLOPS_PER_NS, work.bytes / BYTES_PER_NS))
  );
}

/** @param nameOf host value of an operand that is no constant @param constant place of a constant in the artifact's index */
export function hostOperator(
  node: Node,
  outputs: readonly string[],
  nameOf: (v: Value) => string,
  constant: (c: Constant) => number,
): HostOperator {
  const operand = (v: Value): HostOperand => {
    const known = constantOf(v);
    return known === undefined ? { value: nameOf(v) } : { constant: constant(known) };
  };
  return {
    op: node.op,
    node: node.origins[0]?.node ?? node.op,
    attributes: attributesToJson(node.attrs),
    inputs: node.inputs.map(operand),
    outputs,
    modelledNs: hostNs(node),
  };
}

// Schema check and type inference of one use of an operator, from its declaration. The builder, the verifier and constant
// evaluation ask here. Reasons are sentences without a place; the caller adds the node.
import { isDType } from '../base/dtype.js';
import type { Attr, Attrs, Constant } from '../ir/constant.js';
import type { Region } from '../ir/graph.js';
import type { TensorType } from '../ir/type.js';
import type { AttrKind, AttrSpec, OpDecl } from './declare.js';

/** Thrown by the `fail` of inference and caught where the node is known. */
export class InferenceFailure extends Error {}

const KINDS: Readonly<Record<AttrKind, (a: Attr) => boolean>> = {
  int: (a) => Number.isSafeInteger(a),
  float: (a) => typeof a === 'number',
  bool: (a) => typeof a === 'boolean',
  string: (a) => typeof a === 'string',
  ints: (a) => Array.isArray(a) && a.every((x) => Number.isSafeInteger(x)),
  dtype: (a) => typeof a === 'string' && isDType(a),
};

/** The attributes in the declaration's order, with defaults for those absent. Undeclared ones stay, at the end. */
export function completeAttrs(decl: OpDecl, attrs: Attrs): Attrs {
  const out: Record<string, Attr> = {};
  for (const [name, spec] of Object.entries(decl.attrs)) {
    const value = attrs[name] ?? spec.default;
    if (value !== undefined) out[name] = value;
  }
  for (const [name, value] of Object.entries(attrs)) if (!(name in out)) out[name] = value;
  return out;
}

function attrProblem(name: string, spec: AttrSpec, value: Attr | undefined): string | undefined {
  if (value === undefined) return `attribute '${name}' is missing`;
  if (!KINDS[spec.kind](value))
    return `attribute '${name}' is not of kind ${spec.kind}: ${JSON.stringify(value)}`;
  if (spec.oneOf !== undefined && !spec.oneOf.includes(String(value)))
    return `attribute '${name}' is '${value}', not one of ${spec.oneOf.join(', ')}`;
  return undefined;
}

/** What is wrong with the attributes (complete), the number of operands and of regions. */
export function schemaProblems(
  decl: OpDecl,
  attrs: Attrs,
  operands: number,
  regions: number,
): readonly string[] {
  const problems: string[] = [];
  for (const [name, spec] of Object.entries(decl.attrs)) {
    const problem = attrProblem(name, spec, attrs[name]);
    if (problem !== undefined) problems.push(problem);
  }
  for (const name of Object.keys(attrs))
    if (!(name in decl.attrs)) problems.push(`there is no attribute '${name}'`);
  const present = decl.operands.filter((o) => o.when === undefined || attrs[o.when] === true);
  const variadic = present.at(-1)?.variadic === true;
  const least = variadic ? present.length - 1 : present.length;
  if (operands < least || (operands > least && !variadic))
    problems.push(`it takes ${variadic ? 'at least ' : ''}${least} operands, not ${operands}`);
  if (regions !== (decl.regions ?? 0)) problems.push(`it has ${decl.regions ?? 0} regions, not ${regions}`);
  return problems;
}

/** Result types; throws InferenceFailure. The schema has been checked. */
export function inferTypes(
  decl: OpDecl,
  attrs: Attrs,
  inputs: readonly TensorType[],
  constant: (index: number) => Constant | undefined,
  regions: readonly Region[] = [],
): readonly TensorType[] {
  return decl.infer({ inputs, attrs, regions, constant }, (reason) => {
    throw new InferenceFailure(reason);
  });
}

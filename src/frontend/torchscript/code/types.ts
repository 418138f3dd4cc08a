// Types as they appear in expressions: `annotate(List[int], [])`, `isinstance(x, Tensor)`.

import { badInput } from '../../../base/diagnostic.js';
import type { Expr, Slice, TypeExpr } from './ast.js';

/**
 * Reads an expression as a type.
 * @throws E3364 if it is not a dotted name with optional bracketed types.
 */
export function typeFromExpr(expr: Expr): TypeExpr {
  const { at } = expr;
  if (expr.kind === 'none') return { name: 'None', at };
  if (expr.kind !== 'subscript') return { name: dottedName(expr) ?? refuse(expr), at };
  const name = dottedName(expr.object) ?? refuse(expr);
  const [only] = expr.indices;
  const empty = expr.indices.length === 1 && only?.kind === 'tuple' && only.items.length === 0;
  return {
    name,
    args: empty ? [] : expr.indices.map((i) => (i.kind === 'slice' ? refuse(i) : typeFromExpr(i))),
    at,
  };
}

/** `a.b.c` of names and attributes, or undefined. */
export function dottedName(expr: Expr): string | undefined {
  const parts: string[] = [];
  let node = expr;
  for (; node.kind === 'attribute'; node = node.object) parts.push(node.name);
  return node.kind === 'name' ? [node.name, ...parts.reverse()].join('.') : undefined;
}

/** A type as the serializer writes it. */
export function printType(type: TypeExpr): string {
  if (type.args === undefined) return type.name;
  return `${type.name}[${type.args.length === 0 ? '()' : type.args.map(printType).join(', ')}]`;
}

function refuse(node: Expr | Slice): never {
  const { file, line, offset } = node.at;
  throw badInput('E3364', `a ${node.kind} stands where a type is expected`, { file, line, offset });
}

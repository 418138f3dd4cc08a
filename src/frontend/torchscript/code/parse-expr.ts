// Expressions by precedence climbing. Binding powers follow the Python grammar; comparisons do not chain, since
// no writer emits a chain and its meaning would differ from its shape.

import type { BinaryOp, CompareOp, Expr, KeywordArg, Slice, SourcePoint, TypeExpr, UnaryOp } from './ast.js';
import {
  accept,
  at,
  expect,
  expectName,
  grown,
  nested,
  type Parser,
  peek,
  syntaxError,
  take,
} from './token-stream.js';
import { typeFromExpr } from './types.js';

/** Binding powers, loosest first. */
export const POWER = {
  conditional: 1,
  or: 2,
  and: 3,
  not: 4,
  compare: 5,
  unary: 12,
  power: 13,
  postfix: 14,
} as const;

/** Left-associative binary operators (`**` is right-associative and stands apart). */
export const BINARY_POWER: Readonly<Record<Exclude<BinaryOp, '**'>, number>> = {
  '|': 6,
  '^': 7,
  '&': 8,
  '<<': 9,
  '>>': 9,
  '+': 10,
  '-': 10,
  '*': 11,
  '/': 11,
  '//': 11,
  '%': 11,
  '@': 11,
};

const COMPARE: ReadonlySet<string> = new Set(['<', '>', '<=', '>=', '==', '!=', 'in', 'is', 'not']);

/** One expression; commas end it. */
export function parseExpr(p: Parser): Expr {
  return nested(p, () => expression(p, POWER.conditional));
}

/**
 * An expression, or a tuple of several without brackets. With `'target'` it stops before `in` (the head of `for`).
 */
export function parseExprList(p: Parser, mode: 'value' | 'target' = 'value'): Expr {
  const item = () => nested(p, () => (mode === 'target' ? binary(p, BINARY_POWER['|']) : starredOr(p)));
  const start = peek(p).at;
  const first = item();
  if (!at(p, ',')) return first;
  const items = [first];
  while (accept(p, ',') && startsExpr(p)) items.push(item());
  return grown(p, { kind: 'tuple', items, at: start }, items);
}

/** A type annotation. @throws E3364 if the expression is no type. */
export function parseType(p: Parser): TypeExpr {
  return typeFromExpr(parseExpr(p));
}

const ENDS: ReadonlySet<string> = new Set(['=', ')', ']', '}', ':', ';', 'in']);

/** Whether another item follows a comma. */
function startsExpr(p: Parser): boolean {
  const { kind, text } = peek(p);
  if (kind === 'newline' || kind === 'end') return false;
  return !(ENDS.has(text) && kind !== 'string') && !(kind === 'operator' && text.endsWith('='));
}

function starredOr(p: Parser): Expr {
  const start = peek(p).at;
  if (!accept(p, '*')) return expression(p, POWER.conditional);
  const value = expression(p, BINARY_POWER['|']);
  return grown(p, { kind: 'starred', value, at: start }, [value]);
}

/** Everything that binds at least as tightly as `power`. */
function expression(p: Parser, power: number): Expr {
  if (power > POWER.compare) return binary(p, power);
  if (power > POWER.not) return comparison(p);
  const left = prefixNot(p);
  return power > POWER.and ? left : logical(p, left, power);
}

function prefixNot(p: Parser): Expr {
  const start = peek(p).at;
  if (!accept(p, 'not')) return comparison(p);
  const operand = nested(p, () => prefixNot(p));
  return grown(p, { kind: 'unary', op: 'not', operand, at: start }, [operand]);
}

function logical(p: Parser, first: Expr, power: number): Expr {
  let left = first;
  for (;;) {
    const op = at(p, 'and') ? 'and' : at(p, 'or') ? 'or' : undefined;
    if (op === undefined || POWER[op] < power) break;
    take(p);
    const right = nested(p, () => expression(p, POWER[op] + 1));
    left = grown(p, { kind: 'logical', op, left, right, at: left.at }, [left, right]);
  }
  if (power > POWER.conditional || !accept(p, 'if')) return left;
  const test = expression(p, POWER.or);
  expect(p, 'else');
  const whenFalse = parseExpr(p);
  const children = [left, test, whenFalse];
  return grown(p, { kind: 'conditional', test, whenTrue: left, whenFalse, at: left.at }, children);
}

function comparison(p: Parser): Expr {
  const left = binary(p, BINARY_POWER['|']);
  const op = compareOp(p);
  if (op === undefined) return left;
  const right = binary(p, BINARY_POWER['|']);
  const { kind, text } = peek(p);
  if (kind !== 'string' && text !== 'not' && COMPARE.has(text))
    throw syntaxError(p, 'comparisons do not chain');
  return grown(p, { kind: 'compare', op, left, right, at: left.at }, [left, right]);
}

function compareOp(p: Parser): CompareOp | undefined {
  const { kind, text } = peek(p);
  if ((kind !== 'operator' && kind !== 'keyword') || !COMPARE.has(text)) return undefined;
  take(p);
  if (text === 'not') {
    expect(p, 'in');
    return 'not in';
  }
  return text === 'is' && accept(p, 'not') ? 'is not' : (text as CompareOp);
}

function binary(p: Parser, power: number): Expr {
  let left = unary(p);
  for (;;) {
    const { kind, text } = peek(p);
    if (kind !== 'operator' || !Object.hasOwn(BINARY_POWER, text)) return left;
    const op = text as keyof typeof BINARY_POWER;
    if (BINARY_POWER[op] < power) return left;
    take(p);
    const right = nested(p, () => binary(p, BINARY_POWER[op] + 1));
    left = grown(p, { kind: 'binary', op, left, right, at: left.at }, [left, right]);
  }
}

function unary(p: Parser): Expr {
  const { kind, text, at: start } = peek(p);
  if (kind === 'operator' && (text === '-' || text === '+' || text === '~')) {
    take(p);
    const operand = nested(p, () => unary(p));
    return grown(p, { kind: 'unary', op: text as UnaryOp, operand, at: start }, [operand]);
  }
  const base = postfix(p);
  if (!accept(p, '**')) return base;
  const exponent = nested(p, () => unary(p));
  return grown(p, { kind: 'binary', op: '**', left: base, right: exponent, at: base.at }, [base, exponent]);
}

function postfix(p: Parser): Expr {
  let node = atom(p);
  for (;;) {
    const start = node.at;
    if (accept(p, '.')) {
      node = grown(p, { kind: 'attribute', object: node, name: expectName(p, true), at: start }, [node]);
    } else if (accept(p, '(')) node = call(p, node);
    else if (accept(p, '[')) node = subscript(p, node);
    else return node;
  }
}

function call(p: Parser, callee: Expr): Expr {
  const args: Expr[] = [];
  const keywords: KeywordArg[] = [];
  while (!accept(p, ')')) {
    const start = peek(p);
    const value =
      start.kind === 'keyword' && !STARTS.has(start.text) ? undefined : nested(p, () => starredOr(p));
    if (at(p, '=') || value === undefined) keywords.push(keywordArg(p, value, start.at));
    else if (keywords.length > 0 && value.kind !== 'starred') {
      throw syntaxError(p, 'a positional argument follows a keyword', value.at);
    } else args.push(value);
    if (!at(p, ')')) expect(p, ',');
  }
  const children = [callee, ...args, ...keywords.map((k) => k.value)];
  return grown(p, { kind: 'call', callee, args, keywords, at: callee.at }, children);
}

/** Keywords that begin an expression; any other one before `=` is the name of an argument (`from=0`). */
const STARTS: ReadonlySet<string> = new Set(['not', 'None', 'True', 'False', 'lambda', 'await', 'yield']);

function keywordArg(p: Parser, name: Expr | undefined, start: SourcePoint): KeywordArg {
  if (name !== undefined && name.kind !== 'name')
    throw syntaxError(p, 'an argument name is not a name', name.at);
  const text = name === undefined ? expectName(p, true) : name.name;
  expect(p, '=');
  return { name: text, value: parseExpr(p), at: start };
}

function subscript(p: Parser, object: Expr): Expr {
  const indices: (Expr | Slice)[] = [];
  let trailing = false;
  while (!accept(p, ']')) {
    indices.push(nested(p, () => index(p)));
    trailing = accept(p, ',');
    if (!trailing && !at(p, ']')) throw syntaxError(p, 'expected "]"');
  }
  const [only] = indices;
  if (only === undefined) throw syntaxError(p, 'a subscript is empty', object.at);
  if (indices.length === 1 && trailing && only.kind !== 'slice') {
    indices[0] = grown(p, { kind: 'tuple', items: [only], at: only.at }, [only]);
  }
  const parts = indices.flatMap((i) => (i.kind === 'slice' ? [i.start, i.stop, i.step] : [i]));
  const children = [object, ...parts.filter((e) => e !== undefined)];
  return grown(p, { kind: 'subscript', object, indices, at: object.at }, children);
}

function index(p: Parser): Expr | Slice {
  const start = peek(p).at;
  const first = at(p, ':') ? undefined : starredOr(p);
  if (first !== undefined && !at(p, ':')) return first;
  expect(p, ':');
  const bound = () => (at(p, ':') || at(p, ',') || at(p, ']') ? undefined : expression(p, POWER.conditional));
  const stop = bound();
  const step = accept(p, ':') ? bound() : undefined;
  return {
    kind: 'slice',
    ...(first && { start: first }),
    ...(stop && { stop }),
    ...(step && { step }),
    at: start,
  };
}

const CONSTANT_NAMES: Readonly<Record<string, (at: SourcePoint) => Expr>> = {
  None: (start) => ({ kind: 'none', at: start }),
  True: (start) => ({ kind: 'bool', value: true, at: start }),
  False: (start) => ({ kind: 'bool', value: false, at: start }),
};

function atom(p: Parser): Expr {
  const { kind, text, at: start } = peek(p);
  switch (kind) {
    case 'name':
      take(p);
      return { kind: 'name', name: text, at: start };
    case 'int':
      take(p);
      return { kind: 'int', value: BigInt(text), at: start };
    case 'float':
      take(p);
      return { kind: 'float', value: Number(text), at: start };
    case 'imaginary':
      take(p);
      return { kind: 'imaginary', value: Number(text.slice(0, -1)), at: start };
    case 'string':
      return stringLiteral(p, start);
    case 'keyword':
      if (!Object.hasOwn(CONSTANT_NAMES, text)) break;
      take(p);
      return CONSTANT_NAMES[text]!(start);
    case 'operator':
      if (accept(p, '(')) return nested(p, () => parenthesised(p, start));
      if (accept(p, '[')) {
        const items = nested(p, () => itemsUntil(p, ']'));
        return grown(p, { kind: 'list', items, at: start }, items);
      }
      if (accept(p, '{')) return nested(p, () => dict(p, start));
      if (accept(p, '...')) return { kind: 'ellipsis', at: start };
  }
  throw syntaxError(p, 'expected an expression');
}

/** Adjacent literals are one string. */
function stringLiteral(p: Parser, start: SourcePoint): Expr {
  const parts = [take(p).text];
  while (peek(p).kind === 'string') parts.push(take(p).text);
  return { kind: 'string', value: parts.join(''), at: start };
}

function parenthesised(p: Parser, start: SourcePoint): Expr {
  if (accept(p, ')')) return { kind: 'tuple', items: [], at: start };
  const first = starredOr(p);
  if (accept(p, ')')) return first;
  expect(p, ',');
  const items = [first, ...itemsUntil(p, ')')];
  return grown(p, { kind: 'tuple', items, at: start }, items);
}

function itemsUntil(p: Parser, close: string): Expr[] {
  const items: Expr[] = [];
  while (!accept(p, close)) {
    items.push(nested(p, () => starredOr(p)));
    if (!at(p, close)) expect(p, ',');
  }
  return items;
}

function dict(p: Parser, start: SourcePoint): Expr {
  const entries: [Expr, Expr][] = [];
  while (!accept(p, '}')) {
    const key = parseExpr(p);
    expect(p, ':');
    entries.push([key, parseExpr(p)]);
    if (!at(p, '}')) expect(p, ',');
  }
  return grown(p, { kind: 'dict', entries, at: start }, entries.flat());
}

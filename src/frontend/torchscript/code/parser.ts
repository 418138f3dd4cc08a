// Statements of serialized TorchScript, by recursive descent over the tokens of lexer.ts.
// Expressions are in parse-expr.ts. The tree is never deeper than SOURCE_LIMITS.depth, so walks may recurse.

import type {
  Assign,
  BinaryOp,
  ClassDef,
  Expr,
  FunctionDef,
  Param,
  SourceModule,
  SourcePoint,
  Stmt,
} from './ast.js';
import { newLexer } from './lexer.js';
import { parseExpr, parseExprList, parseType } from './parse-expr.js';
import {
  accept,
  at,
  expect,
  expectName,
  nested,
  newParser,
  type Parser,
  peek,
  syntaxError,
  take,
} from './token-stream.js';
import { dottedName } from './types.js';

/**
 * Parses one file of an archive's `code/`.
 * @param file names the file in places, for instance `model.pt:code/__torch__.py`.
 * @throws E3360 lexical, E3361 syntax, E3362 too deep, E3363 too large, E3364 not a type.
 */
export function parseSource(text: string, file: string): SourceModule {
  const p = newParser(newLexer(text, file));
  const body: Stmt[] = [];
  while (peek(p).kind !== 'end') body.push(...statement(p));
  return { file, body };
}

type StatementParser = (p: Parser, start: SourcePoint) => Stmt;

/** Statements with a block, by their keyword (already taken). */
const COMPOUND: Readonly<Record<string, StatementParser>> = {
  if: ifStatement,
  while: (p, start) => ({ kind: 'while', test: parseExpr(p), body: block(p), at: start }),
  for: (p, start) => {
    const target = parseExprList(p, 'target');
    expect(p, 'in');
    return { kind: 'for', target, iterable: parseExprList(p), body: block(p), at: start };
  },
  with: (p, start) => {
    const context = parseExpr(p);
    const target = accept(p, 'as') ? parseExpr(p) : undefined;
    return { kind: 'with', context, ...(target && { target }), body: block(p), at: start };
  },
  def: functionDef,
  class: classDef,
};

/** Statements of one line, by their keyword (already taken). */
const SIMPLE: Readonly<Record<string, StatementParser>> = {
  return: (p, start) => ({ kind: 'return', ...optionalValue(p), at: start }),
  raise: (p, start) => ({ kind: 'raise', ...optionalValue(p), at: start }),
  assert: (p, start) => {
    const test = parseExpr(p);
    return { kind: 'assert', test, ...(accept(p, ',') && { message: parseExpr(p) }), at: start };
  },
  del: (p, start) => ({ kind: 'delete', target: parseExprList(p), at: start }),
  import: (p, start) => {
    const name = parseExpr(p);
    const module = dottedName(name);
    if (module === undefined) throw syntaxError(p, 'import names no module', name.at);
    return { kind: 'import', module, at: start };
  },
  pass: (_, start) => ({ kind: 'pass', at: start }),
  break: (_, start) => ({ kind: 'break', at: start }),
  continue: (_, start) => ({ kind: 'continue', at: start }),
};

/** One logical line (several statements if joined by `;`) or one compound statement. */
function statement(p: Parser): Stmt[] {
  const first = peek(p);
  if (first.kind === 'keyword' && Object.hasOwn(COMPOUND, first.text)) {
    take(p);
    return [nested(p, () => COMPOUND[first.text]!(p, first.at))];
  }
  const line = [simpleStatement(p)];
  while (accept(p, ';') && peek(p).kind !== 'newline') line.push(simpleStatement(p));
  expect(p, 'newline');
  return line;
}

function simpleStatement(p: Parser): Stmt {
  const first = peek(p);
  if (first.kind === 'keyword' && Object.hasOwn(SIMPLE, first.text)) {
    take(p);
    return SIMPLE[first.text]!(p, first.at);
  }
  return assignment(p, first.at);
}

function assignment(p: Parser, start: SourcePoint): Stmt {
  const target = parseExprList(p);
  if (accept(p, ':')) {
    const type = parseType(p);
    const value = accept(p, '=') ? parseExprList(p) : undefined;
    return { kind: 'assign', target: assignable(p, target), type, ...(value && { value }), at: start };
  }
  if (accept(p, '=')) {
    const value = parseExprList(p);
    if (at(p, '=')) throw syntaxError(p, 'an assignment has two "="');
    return { kind: 'assign', target: assignable(p, target), value, at: start } satisfies Assign;
  }
  const { kind, text } = peek(p);
  const op = kind === 'operator' && text.length > 1 && text.endsWith('=') ? text.slice(0, -1) : '';
  if (!AUGMENTED.has(op)) return { kind: 'expression', value: target, at: start };
  take(p);
  const value = parseExprList(p);
  return { kind: 'augmented', target: assignable(p, target), op: op as BinaryOp, value, at: start };
}

const AUGMENTED: ReadonlySet<string> = new Set([
  '+',
  '-',
  '*',
  '/',
  '//',
  '%',
  '@',
  '**',
  '|',
  '^',
  '&',
  '<<',
  '>>',
]);
const ASSIGNABLE: ReadonlySet<Expr['kind']> = new Set(['name', 'attribute', 'subscript', 'starred']);

function assignable(p: Parser, target: Expr): Expr {
  const parts = target.kind === 'tuple' || target.kind === 'list' ? target.items : [target];
  for (const part of parts) {
    if (part.kind === 'tuple' || part.kind === 'list') assignable(p, part);
    else if (!ASSIGNABLE.has(part.kind))
      throw syntaxError(p, `a ${part.kind} cannot be assigned to`, part.at);
  }
  return target;
}

function optionalValue(p: Parser): { value?: Expr } {
  return peek(p).kind === 'newline' || at(p, ';') ? {} : { value: parseExprList(p) };
}

function ifStatement(p: Parser, start: SourcePoint): Stmt {
  const test = parseExpr(p);
  const body = block(p);
  const next = peek(p);
  if (accept(p, 'elif')) {
    return { kind: 'if', test, body, orElse: [nested(p, () => ifStatement(p, next.at))], at: start };
  }
  return { kind: 'if', test, body, orElse: accept(p, 'else') ? block(p) : [], at: start };
}

/** `: NEWLINE INDENT statements DEDENT`, or statements on the same line. */
function block(p: Parser): Stmt[] {
  expect(p, ':');
  if (!accept(p, 'newline')) {
    const { kind, text } = peek(p);
    if (kind === 'keyword' && Object.hasOwn(COMPOUND, text))
      throw syntaxError(p, `"${text}" must begin a line`);
    return statement(p);
  }
  expect(p, 'indent');
  const body: Stmt[] = [];
  while (!accept(p, 'dedent')) body.push(...statement(p));
  return body;
}

function functionDef(p: Parser, start: SourcePoint): FunctionDef {
  const name = expectName(p);
  expect(p, '(');
  const params: Param[] = [];
  while (!accept(p, ')')) {
    params.push(param(p));
    if (!at(p, ')')) expect(p, ',');
  }
  const returns = accept(p, '->') ? parseType(p) : undefined;
  return { kind: 'function', name, params, ...(returns && { returns }), body: block(p), at: start };
}

function param(p: Parser): Param {
  const start = peek(p).at;
  const name = expectName(p);
  const type = accept(p, ':') ? parseType(p) : undefined;
  const value = accept(p, '=') ? parseExpr(p) : undefined;
  return { name, ...(type && { type }), ...(value && { default: value }), at: start };
}

function classDef(p: Parser, start: SourcePoint): ClassDef {
  const name = expectName(p);
  let base: string | undefined;
  if (accept(p, '(') && !accept(p, ')')) {
    const expr = parseExpr(p);
    base = dottedName(expr);
    if (base === undefined) throw syntaxError(p, 'a base class is not a name', expr.at);
    expect(p, ')');
  }
  return { kind: 'class', name, ...(base && { base }), body: block(p), at: start };
}

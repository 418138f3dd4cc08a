// One token of lookahead over the lexer, the depth counters, and the syntax error: what both halves of the parser
// share. Tree depth is counted here because chains (`a.b.c…`, `1 + 1 + …`) grow the tree without recursion.

import { badInput, type NeffcError } from '../../../base/diagnostic.js';
import type { Expr, SourcePoint } from './ast.js';
import { type Lexer, nextToken, SOURCE_LIMITS, type Token, type TokenKind, tooDeep } from './lexer.js';

export interface Parser {
  readonly lexer: Lexer;
  current: Token;
  /** Open calls of `nested`. */
  depth: number;
  /** Height of each expression made; leaves are absent. */
  readonly heights: WeakMap<Expr, number>;
}

export function newParser(lexer: Lexer): Parser {
  return { lexer, current: nextToken(lexer), depth: 0, heights: new WeakMap() };
}

export function peek(p: Parser): Token {
  return p.current;
}

export function take(p: Parser): Token {
  const token = p.current;
  p.current = nextToken(p.lexer);
  return token;
}

/** Layout tokens are asked for by kind, operators and keywords by text. */
const LAYOUT: ReadonlySet<string> = new Set<TokenKind>(['newline', 'indent', 'dedent', 'end']);

/** Whether the current token is the operator, keyword or layout token `what`. */
export function at(p: Parser, what: string): boolean {
  const { kind, text } = p.current;
  if (LAYOUT.has(what)) return kind === what;
  return (kind === 'operator' || kind === 'keyword') && text === what;
}

export function accept(p: Parser, what: string): boolean {
  const found = at(p, what);
  if (found) take(p);
  return found;
}

export function expect(p: Parser, what: string): Token {
  if (!at(p, what)) throw syntaxError(p, `expected ${LAYOUT.has(what) ? what : `"${what}"`}`);
  return take(p);
}

/** A name; `keywords` too where the grammar leaves no doubt (after a dot, before `=` in a call). */
export function expectName(p: Parser, keywords = false): string {
  const { kind } = p.current;
  if (kind !== 'name' && !(keywords && kind === 'keyword')) throw syntaxError(p, 'expected a name');
  return take(p).text;
}

/** Runs one level of recursion. @throws E3362 beyond the limit. */
export function nested<T>(p: Parser, run: () => T): T {
  if (++p.depth > SOURCE_LIMITS.depth) throw tooDeep(p.current.at);
  const result = run();
  p.depth--;
  return result;
}

/** Registers a node above `children` and returns it. @throws E3362 if its tree is higher than the limit. */
export function grown<T extends Expr>(p: Parser, node: T, children: readonly Expr[]): T {
  let height = 0;
  for (const child of children) height = Math.max(height, p.heights.get(child) ?? 0);
  if (height >= SOURCE_LIMITS.depth) throw tooDeep(node.at);
  p.heights.set(node, height + 1);
  return node;
}

/** A syntax error at `where`, by default at the current token. */
export function syntaxError(p: Parser, what: string, where?: SourcePoint): NeffcError {
  const { kind, text, at: current } = p.current;
  const found = kind === 'string' ? 'a string' : LAYOUT.has(kind) ? kind : `"${text.slice(0, 40)}"`;
  const { file, line, offset } = where ?? current;
  return badInput('E3361', `syntax error: ${what}${where ? '' : `, found ${found}`}`, { file, line, offset });
}

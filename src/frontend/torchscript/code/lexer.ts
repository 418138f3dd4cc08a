// Tokens of serialized TorchScript, one at a time: names, numbers, strings, operators, and Python's layout tokens
// (a newline ends a statement unless brackets are open; indentation opens and closes blocks).
// Pull-based, so that a hostile file costs no more than the part that was read. Long runs of one kind of
// character are scanned by loops, not by patterns, whose backtracking stack has a limit of its own.

import { badInput, type NeffcError } from '../../../base/diagnostic.js';
import type { SourcePoint } from './ast.js';
import { unescapeString } from './strings.js';

export const SOURCE_LIMITS = {
  /** UTF-16 units of one file. */
  size: 16 * 2 ** 20,
  tokens: 4_000_000,
  /** Characters of one name or number. */
  word: 4096,
  /** Nesting of blocks, brackets and operators, in the text and in the tree. */
  depth: 200,
} as const;

export type TokenKind =
  | 'name'
  | 'keyword'
  | 'int'
  | 'float'
  | 'imaginary'
  | 'string'
  | 'operator'
  | 'newline'
  | 'indent'
  | 'dedent'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** The characters; for a string its value. */
  readonly text: string;
  readonly at: SourcePoint;
}

const KEYWORDS: ReadonlySet<string> = new Set(
  (
    'False None True and as assert async await break class continue def del elif else except finally for from ' +
    'global if import in is lambda nonlocal not or pass raise return try while with yield'
  ).split(' '),
);

const WORD = /[A-Za-z0-9_]+/y;
const BASED = /0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+/y;
const DECIMAL = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?j?/y;
const OPERATOR =
  /\*\*=|\/\/=|<<=|>>=|->|\*\*|\/\/|<<|>>|<=|>=|==|!=|\.\.\.|[-+*/%@&|^]=|[-+*/%@&|^~<>=.,:;()[\]{}]/y;

const TAB = 9;
const LF = 10;
const FF = 12;
const CR = 13;
const SPACE = 32;
const HASH = 35;
const BACKSLASH = 92;

/** Where the lexer stands. */
export interface Lexer {
  readonly text: string;
  readonly file: string;
  pos: number;
  line: number;
  lineStart: number;
  tokens: number;
  /** Open brackets: newlines inside mean nothing. */
  brackets: number;
  /** Columns of the open blocks. */
  readonly indents: number[];
  pendingDedents: number;
  atLineStart: boolean;
  /** A statement has begun on this line. */
  lineOpen: boolean;
}

/** A lexer over one file, which every place it reports is in. @throws E3363. */
export function newLexer(text: string, file: string): Lexer {
  if (text.length > SOURCE_LIMITS.size) {
    throw badInput('E3363', `the source has ${text.length} characters; the limit is ${SOURCE_LIMITS.size}`, {
      file,
    });
  }
  return {
    text,
    file,
    pos: 0,
    line: 1,
    lineStart: 0,
    tokens: 0,
    brackets: 0,
    indents: [0],
    pendingDedents: 0,
    atLineStart: true,
    lineOpen: false,
  };
}

/** The next token; `end` for ever after the last. @throws E3360, E3362, E3363. */
export function nextToken(lx: Lexer): Token {
  if (++lx.tokens > SOURCE_LIMITS.tokens) {
    throw badInput('E3363', `the source has more than ${SOURCE_LIMITS.tokens} tokens`, {
      file: lx.file,
      line: lx.line,
    });
  }
  if (lx.atLineStart) {
    const opened = layout(lx);
    if (opened) return opened;
  }
  if (lx.pendingDedents > 0) {
    lx.pendingDedents--;
    return token(lx, 'dedent', 0);
  }
  skipSpace(lx);
  for (let nl = newlineAt(lx); nl > 0; nl = newlineAt(lx)) {
    if (lx.brackets === 0) return endLine(lx, nl);
    advance(lx, nl);
    skipSpace(lx);
  }
  if (lx.pos < lx.text.length) return lexeme(lx);
  if (lx.brackets > 0) throw fail(lx, 'the file ends inside brackets');
  return lx.lineOpen ? endLine(lx, 0) : token(lx, 'end', 0);
}

/** The diagnostic for nesting beyond the limit. */
export function tooDeep(at: SourcePoint): NeffcError {
  return badInput(
    'E3362',
    `the source is nested deeper than ${SOURCE_LIMITS.depth} levels`,
    { file: at.file, line: at.line, offset: at.offset },
    'no TorchScript writer nests this deep; the file may be damaged or hostile',
  );
}

function fail(lx: Lexer, what: string): NeffcError {
  return badInput('E3360', what, { file: lx.file, line: lx.line, offset: lx.pos });
}

function here(lx: Lexer): SourcePoint {
  return { file: lx.file, line: lx.line, column: lx.pos - lx.lineStart + 1, offset: lx.pos };
}

/** Moves over `length` characters, counting lines. */
function advance(lx: Lexer, length: number): void {
  const stop = lx.pos + length;
  for (; lx.pos < stop; lx.pos++) {
    if (lx.text.charCodeAt(lx.pos) !== LF) continue;
    lx.line++;
    lx.lineStart = lx.pos + 1;
  }
}

function token(lx: Lexer, kind: TokenKind, length: number, value?: string): Token {
  const made = { kind, text: value ?? lx.text.slice(lx.pos, lx.pos + length), at: here(lx) };
  advance(lx, length);
  return made;
}

function endLine(lx: Lexer, length: number): Token {
  lx.atLineStart = true;
  lx.lineOpen = false;
  return token(lx, 'newline', length, '\n');
}

/** Length of the line end `ahead` of the cursor, 0 if there is none. */
function newlineAt(lx: Lexer, ahead = 0): number {
  const c = lx.text.charCodeAt(lx.pos + ahead);
  if (c === LF) return 1;
  return c === CR && lx.text.charCodeAt(lx.pos + ahead + 1) === LF ? 2 : 0;
}

/** Skips blanks, comments and backslash-newline. */
function skipSpace(lx: Lexer): void {
  const { text } = lx;
  for (;;) {
    const c = text.charCodeAt(lx.pos);
    if (c === SPACE || c === TAB || c === FF) lx.pos++;
    else if (c === HASH) {
      const end = text.indexOf('\n', lx.pos);
      lx.pos = end < 0 ? text.length : end;
    } else if (c === BACKSLASH && newlineAt(lx, 1) > 0) advance(lx, 1 + newlineAt(lx, 1));
    else return;
  }
}

/** Blank lines vanish; then the indentation of the line decides on blocks. */
function layout(lx: Lexer): Token | undefined {
  skipSpace(lx);
  for (let nl = newlineAt(lx); nl > 0; nl = newlineAt(lx)) {
    advance(lx, nl);
    skipSpace(lx);
  }
  lx.atLineStart = false;
  const atEnd = lx.pos >= lx.text.length;
  const column = atEnd ? 0 : lx.pos - lx.lineStart;
  if (!atEnd && lx.text.slice(lx.lineStart, lx.pos).includes('\t'))
    throw fail(lx, 'the indentation contains a tab');
  if (column > lx.indents.at(-1)!) {
    if (lx.indents.length > SOURCE_LIMITS.depth) throw tooDeep(here(lx));
    lx.indents.push(column);
    return token(lx, 'indent', 0);
  }
  while (column < lx.indents.at(-1)!) {
    lx.indents.pop();
    lx.pendingDedents++;
  }
  if (column !== lx.indents.at(-1)) throw fail(lx, 'the indentation fits no open block');
  return undefined;
}

function match(lx: Lexer, pattern: RegExp): string | undefined {
  pattern.lastIndex = lx.pos;
  return pattern.exec(lx.text)?.[0];
}

function lexeme(lx: Lexer): Token {
  lx.lineOpen = true;
  const c = lx.text[lx.pos]!;
  if (c === '"' || c === "'") return stringLiteral(lx, c);
  if (/[0-9]/.test(c) || (c === '.' && /[0-9]/.test(lx.text[lx.pos + 1] ?? ''))) return number(lx);
  if (/[A-Za-z_]/.test(c)) {
    const word = match(lx, WORD)!;
    if (word.length > SOURCE_LIMITS.word) throw fail(lx, `a name has ${word.length} characters`);
    return token(lx, KEYWORDS.has(word) ? 'keyword' : 'name', word.length);
  }
  const operator = match(lx, OPERATOR);
  if (operator === undefined) throw fail(lx, `unexpected character ${JSON.stringify(c)}`);
  if ('([{'.includes(operator)) lx.brackets++;
  else if (')]}'.includes(operator)) lx.brackets = Math.max(0, lx.brackets - 1);
  return token(lx, 'operator', operator.length);
}

function number(lx: Lexer): Token {
  const based = match(lx, BASED);
  const digits = based ?? match(lx, DECIMAL)!;
  if (digits.length > SOURCE_LIMITS.word) throw fail(lx, `a number has ${digits.length} characters`);
  const kind = based ? 'int' : digits.endsWith('j') ? 'imaginary' : /[.eE]/.test(digits) ? 'float' : 'int';
  const made = token(lx, kind, digits.length);
  if (match(lx, WORD) !== undefined) throw fail(lx, `${digits} runs into the next word`);
  return made;
}

function stringLiteral(lx: Lexer, quote: string): Token {
  const { text } = lx;
  const triple = text.startsWith(quote.repeat(3), lx.pos);
  const close = triple ? quote.repeat(3) : quote;
  const start = lx.pos + close.length;
  let end = start;
  while (!text.startsWith(close, end)) {
    const c = text.charCodeAt(end);
    if (end >= text.length || (c === LF && !triple)) throw fail(lx, 'a string is not closed');
    end += c === BACKSLASH ? 2 : 1;
  }
  const value = unescapeString(text.slice(start, end));
  if (value === undefined) throw fail(lx, 'a string is not UTF-8');
  return token(lx, 'string', end + close.length - lx.pos, value);
}

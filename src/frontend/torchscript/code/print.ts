// Source text from a tree, such that `parseSource(printSource(t))` equals `t` but for places.
// The layout is the serializer's (two spaces a level); redundant parentheses and commas are not restored.

import type { ClassDef, Expr, FunctionDef, Slice, SourceModule, Stmt } from './ast.js';
import { BINARY_POWER, POWER } from './parse-expr.js';
import { quoteString } from './strings.js';
import { printType } from './types.js';

/** The text of a file. */
export function printSource(module: SourceModule): string {
  return module.body.map((stmt) => printStmt(stmt, 0)).join('');
}

/** One expression without surrounding parentheses. */
export function printExpr(expr: Expr): string {
  return print(expr, 0);
}

function printStmt(stmt: Stmt, level: number): string {
  const pad = '  '.repeat(level);
  const block = (head: string, body: readonly Stmt[]) =>
    `${pad}${head}:\n${body.map((s) => printStmt(s, level + 1)).join('')}`;
  switch (stmt.kind) {
    case 'function':
      return block(functionHead(stmt), stmt.body);
    case 'class':
      return block(classHead(stmt), stmt.body);
    case 'if': {
      const orElse = stmt.orElse.length === 0 ? '' : block('else', stmt.orElse);
      return block(`if ${printExpr(stmt.test)}`, stmt.body) + orElse;
    }
    case 'while':
      return block(`while ${printExpr(stmt.test)}`, stmt.body);
    case 'for':
      return block(`for ${printList(stmt.target)} in ${printList(stmt.iterable)}`, stmt.body);
    case 'with': {
      const name = stmt.target ? ` as ${printExpr(stmt.target)}` : '';
      return block(`with ${printExpr(stmt.context)}${name}`, stmt.body);
    }
    default:
      return `${pad}${printSimple(stmt)}\n`;
  }
}

type Simple = Exclude<Stmt, { kind: 'function' | 'class' | 'if' | 'while' | 'for' | 'with' }>;

function printSimple(stmt: Simple): string {
  switch (stmt.kind) {
    case 'assign': {
      const type = stmt.type ? ` : ${printType(stmt.type)}` : '';
      const value = stmt.value ? ` = ${printList(stmt.value)}` : '';
      return `${printList(stmt.target)}${type}${value}`;
    }
    case 'augmented':
      return `${printExpr(stmt.target)} ${stmt.op}= ${printList(stmt.value)}`;
    case 'expression':
      return printList(stmt.value);
    case 'return':
    case 'raise':
      return stmt.value ? `${stmt.kind} ${printExpr(stmt.value)}` : stmt.kind;
    case 'assert':
      return `assert ${printExpr(stmt.test)}${stmt.message ? `, ${printExpr(stmt.message)}` : ''}`;
    case 'delete':
      return `del ${printList(stmt.target)}`;
    case 'import':
      return `import ${stmt.module}`;
    case 'pass':
    case 'break':
    case 'continue':
      return stmt.kind;
  }
}

function functionHead(def: FunctionDef): string {
  const params = def.params.map((p) => {
    const type = p.type ? `: ${printType(p.type)}` : '';
    return `${p.name}${type}${p.default ? `=${printExpr(p.default)}` : ''}`;
  });
  return `def ${def.name}(${params.join(',\n    ')})${def.returns ? ` -> ${printType(def.returns)}` : ''}`;
}

function classHead(def: ClassDef): string {
  return `class ${def.name}${def.base === undefined ? '' : `(${def.base})`}`;
}

/** A tuple without parentheses; one element keeps its comma. */
function printList(expr: Expr): string {
  if (expr.kind !== 'tuple' || expr.items.length === 0) return printExpr(expr);
  const items = expr.items.map(printExpr).join(', ');
  return expr.items.length === 1 ? `${items},` : items;
}

/** The expression, in parentheses if it binds less tightly than `power`. */
function print(expr: Expr, power: number): string {
  const own = powerOf(expr);
  const text = bare(expr);
  return own < power ? `(${text})` : text;
}

function powerOf(expr: Expr): number {
  switch (expr.kind) {
    case 'conditional':
      return POWER.conditional;
    case 'logical':
      return POWER[expr.op];
    case 'compare':
      return POWER.compare;
    case 'unary':
      return expr.op === 'not' ? POWER.not : POWER.unary;
    case 'binary':
      return expr.op === '**' ? POWER.power : BINARY_POWER[expr.op];
    default:
      return POWER.postfix;
  }
}

function bare(expr: Expr): string {
  switch (expr.kind) {
    case 'name':
      return expr.name;
    case 'none':
      return 'None';
    case 'bool':
      return expr.value ? 'True' : 'False';
    case 'int':
      return expr.value.toString();
    case 'float':
      return printFloat(expr.value);
    case 'imaginary':
      return `${printFloat(expr.value)}j`;
    case 'string':
      return quoteString(expr.value);
    case 'ellipsis':
      return '...';
    case 'attribute':
      return `${printObject(expr.object)}.${expr.name}`;
    case 'subscript':
      return `${printObject(expr.object)}[${printIndices(expr.indices)}]`;
    case 'call': {
      const args = [
        ...expr.args.map(printExpr),
        ...expr.keywords.map((k) => `${k.name}=${printExpr(k.value)}`),
      ];
      return `${printObject(expr.callee)}(${args.join(', ')})`;
    }
    case 'starred':
      return `*${print(expr.value, BINARY_POWER['|'])}`;
    case 'list':
      return `[${expr.items.map(printExpr).join(', ')}]`;
    case 'tuple':
      return `(${printItems(expr.items)})`;
    case 'dict':
      return `{${expr.entries.map(([k, v]) => `${printExpr(k)}: ${printExpr(v)}`).join(', ')}}`;
    case 'unary':
      return expr.op === 'not'
        ? `not ${print(expr.operand, POWER.not)}`
        : `${expr.op}${print(expr.operand, POWER.unary)}`;
    case 'binary':
      if (expr.op === '**') return `${print(expr.left, POWER.postfix)} ** ${print(expr.right, POWER.unary)}`;
      return infix(expr.left, expr.op, expr.right, BINARY_POWER[expr.op]);
    case 'compare':
      return `${print(expr.left, POWER.compare + 1)} ${expr.op} ${print(expr.right, POWER.compare + 1)}`;
    case 'logical':
      return infix(expr.left, expr.op, expr.right, POWER[expr.op]);
    case 'conditional': {
      const [yes, test] = [print(expr.whenTrue, POWER.or), print(expr.test, POWER.or)];
      return `${yes} if ${test} else ${print(expr.whenFalse, POWER.conditional)}`;
    }
  }
}

/** Left-associative: the right side needs parentheses at equal power. */
function infix(left: Expr, op: string, right: Expr, power: number): string {
  return `${print(left, power)} ${op} ${print(right, power + 1)}`;
}

/** What stands before `.`, `[` or `(`; a number would swallow the dot. */
function printObject(expr: Expr): string {
  const number = expr.kind === 'int' || expr.kind === 'float' || expr.kind === 'imaginary';
  return number ? `(${bare(expr)})` : print(expr, POWER.postfix);
}

function printItems(items: readonly Expr[]): string {
  const text = items.map(printExpr).join(', ');
  return items.length === 1 ? `${text},` : text;
}

function printIndices(indices: readonly (Expr | Slice)[]): string {
  return indices.map((i) => (i.kind === 'slice' ? printSlice(i) : printExpr(i))).join(', ');
}

function printSlice(slice: Slice): string {
  const part = (e: Expr | undefined) => (e ? printExpr(e) : '');
  const step = slice.step ? `:${printExpr(slice.step)}` : '';
  return `${part(slice.start)}:${part(slice.stop)}${step}`;
}

/** The shortest text that reads back as the same double and as a float. Literals are never negative or NaN. */
function printFloat(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '1e999';
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.`;
}

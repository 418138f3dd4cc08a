import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTorchArchive } from '../../../src/frontend/torchscript/archive/read.js';
import type { Expr, SourceModule } from '../../../src/frontend/torchscript/code/ast.js';
import { BINARY_OPS } from '../../../src/frontend/torchscript/code/ast.js';
import { classLayout } from '../../../src/frontend/torchscript/code/class-layout.js';
import { SOURCE_LIMITS } from '../../../src/frontend/torchscript/code/lexer.js';
import { openLibrary } from '../../../src/frontend/torchscript/code/library.js';
import { parseSource } from '../../../src/frontend/torchscript/code/parser.js';
import { printExpr, printSource } from '../../../src/frontend/torchscript/code/print.js';
import { printType } from '../../../src/frontend/torchscript/code/types.js';
import { codeOf } from '../../helpers/codes.js';
import { TINY_CODE } from '../../helpers/torch-archive.js';
import { GOOD_ARCHIVES } from '../../helpers/torch-corpus.js';

/** The tree without places, as text that compares exactly. */
function shape(tree: unknown): string {
  return JSON.stringify(tree, (key, value) => {
    if (key === 'at' || key === 'file') return undefined;
    if (typeof value === 'bigint') return `${value}n`;
    return value === Number.POSITIVE_INFINITY ? 'Infinity' : value;
  });
}
const parse = (text: string): SourceModule => parseSource(text, 'f.py');
const code = (text: string) => codeOf(() => parse(text));
function expression(text: string): Expr {
  const [stmt] = parse(text).body;
  if (stmt?.kind !== 'expression') throw new Error(`${text} is no expression`);
  return stmt.value;
}
/** The expression with the parentheses that its tree implies. */
const grouped = (text: string): string => printExpr(expression(text));

describe('expressions', () => {
  test.each([
    ['(a).b(c, )', 'a.b(c)'],
    ['(a)[0]', 'a[0]'],
    ['a or b and not c == d', 'a or b and not c == d'],
    ['(a or b) and c', '(a or b) and c'],
    ['a - (b - c) - d', 'a - (b - c) - d'],
    ['-a ** -b ** c', '-a ** -b ** c'],
    ['(-a) ** b', '(-a) ** b'],
    ['(a if b else c) if d else e', '(a if b else c) if d else e'],
    ['a if b else c if d else e', 'a if b else c if d else e'],
    ['a not in b', 'a not in b'],
    ['(a < b) == c', '(a < b) == c'],
    ['x[1:, ::2, None, ...]', 'x[1:, ::2, None, ...]'],
    ['x[a,]', 'x[(a,)]'],
    ['f(*a, k=1, from=2)', 'f(*a, k=1, from=2)'],
    ["'it''s' \"\\101\\x42\\n\"", '"itsAB\\n"'],
    ['"\\303\\251"', '"\\303\\251"'],
    ['[1, (2,), ()]', '[1, (2,), ()]'],
    ['{"a": 1, 2: [3]}', '{"a": 1, 2: [3]}'],
    ['1.0000000000000001e-05 + .5 + 2. + 1e10 + 0x1F + 3j', '0.00001 + 0.5 + 2. + 10000000000. + 31 + 3.j'],
    ['9223372036854775807', '9223372036854775807'],
    ['(1).x + 2. .y', '(1).x + (2.).y'],
    ['getattr(self, "0").x.__torch__.is_', 'getattr(self, "0").x.__torch__.is_'],
  ])('%s', (text, printed) => {
    expect(grouped(text)).toBe(printed);
    expect(shape(expression(printed))).toBe(shape(expression(text)));
  });

  test('random trees survive printing and parsing', () => {
    const at = { file: '', line: 0, column: 0, offset: 0 };
    const { expr } = fc.letrec<{ expr: Expr }>((tie) => {
      const sub = tie('expr') as fc.Arbitrary<Expr>;
      const make = <T extends object>(record: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
        fc.record(record).map((r) => ({ ...r, at }) as unknown as Expr);
      const kind = <K extends Expr['kind']>(k: K) => fc.constant(k);
      const few = fc.array(sub, { maxLength: 3 });
      const name = fc.constantFrom('a', 'self', '_0', '__torch__');
      return {
        expr: fc.oneof(
          { maxDepth: 5 },
          make({ kind: kind('name'), name }),
          make({ kind: kind('int'), value: fc.bigInt(0n, 2n ** 63n) }),
          make({
            kind: kind('float'),
            value: fc.double({ min: 0, noNaN: true, noDefaultInfinity: false }).map(Math.abs),
          }),
          make({ kind: kind('imaginary'), value: fc.double({ min: 0, noNaN: true }).map(Math.abs) }),
          make({ kind: kind('string'), value: fc.string({ unit: 'binary' }) }),
          make({ kind: kind('attribute'), object: sub, name }),
          make({
            kind: kind('subscript'),
            object: sub,
            indices: fc.array(sub, { minLength: 1, maxLength: 2 }),
          }),
          make({
            kind: kind('call'),
            callee: sub,
            args: few,
            keywords: fc.array(make({ name, value: sub }), { maxLength: 2 }),
          }),
          make({ kind: kind('list'), items: few }),
          make({ kind: kind('tuple'), items: few }),
          make({ kind: kind('dict'), entries: fc.array(fc.tuple(sub, sub), { maxLength: 2 }) }),
          make({ kind: kind('unary'), op: fc.constantFrom('-', '+', '~', 'not'), operand: sub }),
          make({ kind: kind('binary'), op: fc.constantFrom(...BINARY_OPS), left: sub, right: sub }),
          make({
            kind: kind('compare'),
            op: fc.constantFrom('<', 'not in', 'is not', '=='),
            left: sub,
            right: sub,
          }),
          make({ kind: kind('logical'), op: fc.constantFrom('and', 'or'), left: sub, right: sub }),
          make({ kind: kind('conditional'), test: sub, whenTrue: sub, whenFalse: sub }),
        ) as fc.Arbitrary<Expr>,
      };
    });
    fc.assert(
      fc.property(expr, (tree) => {
        const statement = { kind: 'assert', test: tree, at } as const;
        const text = printSource({ file: '', body: [statement] });
        expect(sorted(parse(text))).toBe(sorted({ file: '', body: [statement] }));
      }),
      { numRuns: 1000, seed: 11 },
    );
  });
});

/** Like `shape`, independent of the order of fields. */
function sorted(tree: unknown): string {
  const order = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(order);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value)
        .sort()
        .map(([k, v]) => [k, order(v)]),
    );
  };
  return shape(order(tree));
}

describe('statements', () => {
  const ALL = `op_version_set = 1
import __torch__.a.___torch_mangle_1
class M(Module):
  __parameters__ = ["w", ]
  __buffers__ = []
  __annotations__ = []
  __annotations__["0"] = __torch__.a.B
  w : Optional[Tensor]
  n : Final[Tuple[int, int]] = (1, 2)
  def forward(self: __torch__.M,
    x: Tensor,
    d: Dict[str, List[Tensor]]={}, # with a comment

    k: float=1.0000000000000001e-05) -> Tuple[()]:
    def __forked_function():
      return x
    a, = fork(__forked_function)
    b : List[int] = annotate(List[int], [])
    self.w = x
    x[0], (c, *e) = b, d
    n += 1
    n //= 2
    with torch.no_grad() as g:
      pass
    for i in range(k):
      if i == 1:
        continue
      elif i == 2:
        break
      else:
        raise "x"
    while True: n = 1; m = 2
    assert n == 1, "no"
    del d["k"]
    ops.prim.RaiseException("a" \\
      "b")
    return None
class C(Enum):
  RED = 1
class N(NamedTuple):
  x : Tensor
class I(ModuleInterface):
  def forward(self, x: Tensor) -> Tensor:
    pass
def f() -> NoneType:
  return
`;
  test('every kind survives printing and parsing', () => {
    const tree = parse(ALL);
    expect(shape(parse(printSource(tree)))).toBe(shape(tree));
    expect(shape(parse(ALL.replaceAll('\n', '\r\n')))).toBe(shape(tree));
    expect(shape(parse(ALL.trimEnd()))).toBe(shape(tree));
  });

  test('nodes know their places', () => {
    const [cls] = parse(TINY_CODE).body;
    if (cls?.kind !== 'class') throw new Error('not a class');
    const forward = classLayout(cls).methods.get('forward')!;
    const branch = forward.body[1]!;
    expect(branch.at).toMatchObject({ file: 'f.py', line: 9, column: 5 });
    expect(TINY_CODE.slice(branch.at.offset)).toMatch(/^if torch/);
  });

  test('class layout', () => {
    const [, , m, c, n, i] = parse(ALL).body.map((s) => (s.kind === 'class' ? classLayout(s) : undefined));
    expect([...m!.attributes].map(([k, t]) => `${k}: ${printType(t)}`)).toEqual([
      '0: __torch__.a.B',
      'w: Optional[Tensor]',
    ]);
    expect([...m!.parameters]).toEqual(['w']);
    expect(m!.constants.get('n')).toMatchObject({ type: { name: 'Tuple' }, value: { kind: 'tuple' } });
    expect([c!.kind, n!.kind, i!.kind]).toEqual(['enum', 'named tuple', 'module interface']);
    expect(c!.constants.get('RED')).toMatchObject({ value: { value: 1n } });
    expect([...n!.attributes.keys()]).toEqual(['x']);
    const bad = parse('class X(Module):\n  return 1\n').body[0];
    expect(codeOf(() => bad?.kind === 'class' && classLayout(bad))).toBe('E3365');
  });

  test('a library finds classes and functions by qualified name', () => {
    const library = openLibrary(
      new Map([['code/__torch__/a/b.py', 'class C:\n  x : int\ndef f(): pass\n']]),
      'm.pt',
    );
    expect(library.find('__torch__.a.b.C')).toMatchObject({
      kind: 'class',
      at: { file: 'm.pt:code/__torch__/a/b.py' },
    });
    expect(library.find('__torch__.a.b.f')).toMatchObject({ kind: 'function' });
    expect(library.find('__torch__.a.b.toString')).toBeUndefined();
    expect(library.find('__torch__.z.C')).toBeUndefined();
  });
});

describe('refusals', () => {
  const deep = SOURCE_LIMITS.depth * 3;
  test.each<[string, string]>([
    ['E3360', 'x = "open\n'],
    ['E3360', 'x = $\n'],
    ['E3360', 'x = 12ab\n'],
    ['E3360', 'x = (1\n'],
    ['E3360', 'x = "\\377"\n'],
    ['E3360', 'if a:\n    b\n  c\n'],
    ['E3360', 'if a:\n\tb\n'],
    ['E3361', '  x = 1\n'],
    ['E3361', 'x = \n'],
    ['E3361', 'x = = 1\n'],
    ['E3361', 'a = b = 1\n'],
    ['E3361', 'f() = 1\n'],
    ['E3361', 'a < b < c\n'],
    ['E3361', 'f(a=1, b)\n'],
    ['E3361', 'x = [i for i in y]\n'],
    ['E3361', 'x = lambda: 1\n'],
    ['E3361', 'if a:\n'],
    ['E3361', 'x[]\n'],
    ['E3361', 'def f(*a): pass\n'],
    ['E3364', 'x : 1\n'],
    ['E3362', `x = ${'('.repeat(deep)}${')'.repeat(deep)}\n`],
    ['E3362', `x = ${'-'.repeat(deep)}1\n`],
    ['E3362', `x = ${'not '.repeat(deep)}1\n`],
    ['E3362', `x = a${'.b'.repeat(deep)}\n`],
    ['E3362', `x = 1${' + 1'.repeat(deep)}\n`],
    ['E3362', `x = 1${' ** 1'.repeat(deep)}\n`],
    ['E3362', `x = 1${' if a else 1'.repeat(deep)}\n`],
    ['E3362', `x = ${'a|b^c&d<<e+f*('.repeat(deep)}1${')'.repeat(deep)}\n`],
    ['E3362', Array.from({ length: deep }, (_, i) => `${' '.repeat(i)}if a:\n`).join('')],
    ['E3362', `if a: pass\n${'elif a: pass\n'.repeat(deep)}`],
  ])('%s for %j', (expected, text) => {
    expect(code(text)).toBe(expected);
  });

  test('trees up to the limit parse and print on the ordinary stack', () => {
    const half = Math.floor(SOURCE_LIMITS.depth / 9);
    const text = `x = ${'a or b and not c == d|e^f&g<<h+i*[('.repeat(half)}1${')]'.repeat(half)}\n`;
    expect(['none', 'E3362']).toContain(code(text));
    const calls = SOURCE_LIMITS.depth - 10;
    const nested = parse(`x = ${'f(1, k='.repeat(calls)}1${')'.repeat(calls)}\n`);
    expect(shape(parse(printSource(nested)))).toBe(shape(nested));
  });

  test('very long tokens cost no stack', () => {
    const n = 2 ** 20;
    expect(code(`x = "${'\\n'.repeat(n)}"\n`)).toBe('none');
    expect(code(`${'a'.repeat(n)} = 1\n`)).toBe('E3360');
    expect(code(`x = ${'1'.repeat(n)}\n`)).toBe('E3360');
    expect(code(`x = 1 #${'#'.repeat(n)}\n${'\n'.repeat(n)}`)).toBe('none');
  });

  test('mutated text yields a tree or a coded error', () => {
    const pieces = [
      '(',
      ')',
      '\n',
      '  ',
      '"',
      ':',
      '=',
      ',',
      '.',
      '*',
      'if',
      'not',
      '\\',
      '1e',
      '\u00e9',
      '[',
      'in ',
    ];
    const edit = fc.record({ at: fc.nat(), cut: fc.nat(12), put: fc.constantFrom('', ...pieces) });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let text = TINY_CODE;
        for (const { at, cut, put } of edits) {
          const i = at % text.length;
          text = text.slice(0, i) + put + text.slice(i + cut);
        }
        expect(code(text)).toMatch(/^none$|^E33/);
      }),
      { numRuns: 2000, seed: 5 },
    );
  });
});

const FIXTURES = resolve(import.meta.dirname, '../../../fixtures/torchscript');
const FIXTURE_ARCHIVES = readdirSync(FIXTURES).map((f) => join(FIXTURES, f));
const named = (files: readonly string[]) => files.map((f) => [relative('..', f), f] as const);

/** Every file of the archive's code survives printing and parsing, and its classes are well formed. */
function checkCode(file: string): void {
  const archive = readTorchArchive(readFileSync(file), { file });
  for (const [path, text] of archive.code) {
    const tree = parseSource(text, path);
    expect(shape(parseSource(printSource(tree), path))).toBe(shape(tree));
    for (const stmt of tree.body) if (stmt.kind === 'class') classLayout(stmt);
  }
  expect(openLibrary(archive.code, file).find(archive.data.class)).toMatchObject({ kind: 'class' });
}

describe('code of fixtures', () => {
  test.each(named(FIXTURE_ARCHIVES))('%s', (_, file) => checkCode(file));
});

describe.skipIf(GOOD_ARCHIVES.length === 0)('code of real archives', () => {
  test.each(named(GOOD_ARCHIVES))('%s', (_, file) => checkCode(file));
});

// Dims that a file names: a symbol (`batch_size`) or, as some exporters write, an expression over symbols
// (`8*W8`, `past_sequence_length + 1`, `length / 2`). Evaluates them, and finds the one symbol for which an expression has
// a given value. Text that is no expression is a symbol by itself.

const TOKEN = /\s*([A-Za-z_][\w.:]*|\d+|[()+\-*/])\s*/gy;

type Numbers = ReadonlyMap<string, number>;

/** Tokens of an expression; undefined where the text is none. */
function tokens(text: string): readonly string[] | undefined {
  const matches = [...text.matchAll(TOKEN)];
  const length = matches.reduce((sum, [whole]) => sum + whole.length, 0);
  return length === text.length ? matches.map((match) => match[1] ?? '') : undefined;
}

const isSymbol = (token: string): boolean => /^[A-Za-z_]/.test(token);

/** Recursive descent over the four operations; undefined where a symbol has no value or the text is no expression. */
class Parser {
  private at = 0;
  private readonly list: readonly string[];
  private readonly values: Numbers;

  constructor(list: readonly string[], values: Numbers) {
    this.list = list;
    this.values = values;
  }

  whole(): number | undefined {
    const value = this.sum();
    return this.at === this.list.length ? value : undefined;
  }

  private take(...options: readonly string[]): string | undefined {
    const token = this.list[this.at];
    if (token === undefined || !options.includes(token)) return undefined;
    this.at++;
    return token;
  }

  private sum(): number | undefined {
    let left = this.product();
    for (let sign = this.take('+', '-'); sign !== undefined; sign = this.take('+', '-')) {
      const right = this.product();
      if (left === undefined || right === undefined) return undefined;
      left = sign === '+' ? left + right : left - right;
    }
    return left;
  }

  private product(): number | undefined {
    let left = this.factor();
    for (let sign = this.take('*', '/'); sign !== undefined; sign = this.take('*', '/')) {
      const right = this.factor();
      if (left === undefined || right === undefined) return undefined;
      left = sign === '*' ? left * right : left / right;
    }
    return left;
  }

  private factor(): number | undefined {
    if (this.take('(') !== undefined) {
      const value = this.sum();
      return this.take(')') === undefined ? undefined : value;
    }
    const token = this.list[this.at++];
    if (token === undefined) return undefined;
    return isSymbol(token) ? this.values.get(token) : /^\d+$/.test(token) ? Number(token) : undefined;
  }
}

/** The symbols of a dim; the text itself where it is no expression. */
export function symbolsOf(text: string): readonly string[] {
  const list = tokens(text);
  if (list === undefined) return [text];
  const names = [...new Set(list.filter(isSymbol))];
  const ones = new Map(names.map((name) => [name, 1]));
  return names.length > 0 && new Parser(list, ones).whole() !== undefined ? names : [text];
}

/** The value of a dim, rounded down; undefined where one of its symbols has none. */
export function evaluateExpression(text: string, values: Numbers): number | undefined {
  const own = values.get(text);
  if (own !== undefined) return own;
  const list = tokens(text);
  const value = list && new Parser(list, values).whole();
  return value === undefined ? undefined : Math.floor(value);
}

/** Name and value of the only symbol without a value, for which the expression is `wanted`; undefined where there is none. */
export function solveExpression(
  text: string,
  wanted: number,
  values: Numbers,
): readonly [string, number] | undefined {
  const open = symbolsOf(text).filter((name) => !values.has(name));
  const [name] = open;
  if (name === undefined || open.length > 1) return undefined;
  if (name === text) return [name, wanted];
  const list = tokens(text);
  if (list === undefined) return undefined;
  const at = (value: number) => new Parser(list, new Map([...values, [name, value]])).whole();
  // Two points give the line; a third tells whether it is one.
  const [zero, one, two] = [at(0), at(1), at(2)];
  if (zero === undefined || one === undefined || two === undefined) return undefined;
  const slope = one - zero;
  if (slope === 0 || two - one !== slope) return undefined;
  const value = (wanted - zero) / slope;
  return Number.isInteger(value) && value >= 0 ? [name, value] : undefined;
}

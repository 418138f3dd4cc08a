// Reads dims from text: what dimText prints, and the spellings people write (`W/8`, `ceil(W/4)+1`, `2*N`). Division rounds
// down, ceil(a/n) rounds up. Knows nothing of types.
import { addDims, type Dim, floorDivideDim, multiplyDims, subtractDims, symbol } from './dim.js';

const TOKEN = /\s*([A-Za-z_][\w.]*|\d+|[-+*/()·])/y;

/** The dim; undefined where the text is none. */
export function parseDim(text: string): Dim | undefined {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let m = TOKEN.exec(text); m !== null; m = TOKEN.exec(text)) {
    tokens.push(m[1] ?? '');
    if (/^\s*$/.test(text.slice(TOKEN.lastIndex))) {
      const parser = new DimParser(tokens);
      const dim = parser.sum();
      return parser.done ? dim : undefined;
    }
  }
  return undefined;
}

/** Sums of products; undefined from where the text is wrong. */
class DimParser {
  private readonly tokens: readonly string[];
  private at = 0;

  constructor(tokens: readonly string[]) {
    this.tokens = tokens;
  }

  get done(): boolean {
    return this.at === this.tokens.length;
  }

  private take(...wanted: readonly string[]): string | undefined {
    const token = this.tokens[this.at];
    if (token === undefined || !wanted.includes(token)) return undefined;
    this.at++;
    return token;
  }

  sum(): Dim | undefined {
    const negative = this.take('-') !== undefined;
    let total = this.product();
    if (negative && total !== undefined) total = multiplyDims(total, -1);
    for (let sign = this.take('+', '-'); sign !== undefined; sign = this.take('+', '-')) {
      const next = this.product();
      if (total === undefined || next === undefined) return undefined;
      total = sign === '+' ? addDims(total, next) : subtractDims(total, next);
    }
    return total;
  }

  private product(): Dim | undefined {
    let total = this.factor();
    for (let sign = this.take('*', '·', '/'); sign !== undefined; sign = this.take('*', '·', '/')) {
      const next = this.factor();
      if (total === undefined || next === undefined) return undefined;
      if (sign !== '/') total = multiplyDims(total, next);
      else if (typeof next === 'number' && next > 0) total = floorDivideDim(total, next);
      else return undefined;
    }
    return total;
  }

  private factor(): Dim | undefined {
    const token = this.tokens[this.at++];
    if (token === undefined) return undefined;
    if (/^\d/.test(token)) return Number(token);
    if (token === '(') {
      const inner = this.sum();
      return this.take(')') === undefined ? undefined : inner;
    }
    if (!/^[A-Za-z_]/.test(token)) return undefined;
    if (this.take('(') === undefined) return symbol(token);
    return this.call(token);
  }

  /** floor(a/n) and ceil(a/n), from behind the bracket. */
  private call(name: string): Dim | undefined {
    if (name !== 'floor' && name !== 'ceil') return undefined;
    const numerator = this.factor();
    const slash = this.take('/');
    const divisor = this.factor();
    const closed = this.take(')');
    if (numerator === undefined || !slash || !closed || typeof divisor !== 'number' || divisor <= 0)
      return undefined;
    return floorDivideDim(name === 'ceil' ? addDims(numerator, divisor - 1) : numerator, divisor);
  }
}

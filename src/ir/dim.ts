// Symbolic dims: interned polynomials over named symbols and floor divisions, so that equal expressions are the same object
// and `===` decides equality. `W/8`, `ceil(W/4)+1` and `N` print and parse; an expression that folds to an integer is a number.

/** A symbolic dim: never constructed outside this file. */
export interface SymDim {
  /** Canonical text; equal text is the same object. */
  readonly text: string;
  /** Sum of coefficient x product of atoms; atoms are symbols or floor divisions, sorted. */
  readonly terms: ReadonlyMap<string, number>;
}
export type Dim = number | SymDim;

/** Between the factors of a product: a character that no symbol or division contains. */
const SEPARATOR = '·';
const factors = (key: string): string[] => (key === '' ? [] : key.split(SEPARATOR));

const interned = new Map<string, SymDim>();
/** Atoms that are floor divisions: text -> numerator and divisor. */
const divisions = new Map<string, { numerator: SymDim; divisor: number }>();

/** The symbol of this name (letters, digits, `_`, `.`). */
export function symbol(name: string): Dim {
  return make(new Map([[name, 1]]));
}

function make(terms: Map<string, number>): Dim {
  for (const [k, v] of terms) if (v === 0) terms.delete(k);
  const keys = [...terms.keys()].sort();
  if (keys.length === 0) return 0;
  if (keys.length === 1 && keys[0] === '') return terms.get('') ?? 0;
  const parts: string[] = [];
  for (const k of keys.filter((key) => key !== '')) {
    const c = terms.get(k) ?? 0;
    const body = Math.abs(c) === 1 ? k : `${Math.abs(c)}*${k}`;
    parts.push(`${c < 0 ? '-' : parts.length > 0 ? '+' : ''}${body}`);
  }
  const constant = terms.get('') ?? 0;
  if (constant !== 0) parts.push(constant > 0 ? `+${constant}` : `${constant}`);
  const text = parts.join('');
  const known = interned.get(text);
  if (known !== undefined) return known;
  const dim: SymDim = { text, terms: new Map(keys.map((k) => [k, terms.get(k) ?? 0])) };
  interned.set(text, dim);
  return dim;
}

const termsOf = (d: Dim): ReadonlyMap<string, number> =>
  typeof d === 'number' ? new Map([['', d]]) : d.terms;

export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  const sum = new Map(termsOf(a));
  for (const [k, v] of termsOf(b)) sum.set(k, (sum.get(k) ?? 0) + v);
  return make(sum);
}

export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  const product = new Map<string, number>();
  for (const [ka, va] of termsOf(a)) {
    for (const [kb, vb] of termsOf(b)) {
      const key = [...factors(ka), ...factors(kb)].sort().join(SEPARATOR);
      product.set(key, (product.get(key) ?? 0) + va * vb);
    }
  }
  return make(product);
}

export function subtractDims(a: Dim, b: Dim): Dim {
  return addDims(a, multiplyDims(b, -1));
}

/** floor(a / divisor); exact where every coefficient is a multiple. */
export function floorDivideDim(a: Dim, divisor: number): Dim {
  if (typeof a === 'number') return Math.floor(a / divisor);
  if (divisor === 1) return a;
  const whole = new Map<string, number>();
  const rest = new Map<string, number>();
  for (const [k, v] of a.terms)
    (v % divisor === 0 ? whole : rest).set(k, v % divisor === 0 ? v / divisor : v);
  const remainder = make(rest);
  if (typeof remainder === 'number') {
    return addDims(make(whole), Math.floor(remainder / divisor));
  }
  const atom = `floor((${remainder.text})/${divisor})`;
  divisions.set(atom, { numerator: remainder, divisor });
  return addDims(make(whole), make(new Map([[atom, 1]])));
}

/** The value under a binding of symbols to integers; undefined where a symbol is not bound. */
export function evaluateDim(d: Dim, symbols: ReadonlyMap<string, number>): number | undefined {
  if (typeof d === 'number') return d;
  let total = 0;
  for (const [key, coefficient] of d.terms) {
    let product = coefficient;
    for (const atom of factors(key)) {
      const division = divisions.get(atom);
      const value = division === undefined ? symbols.get(atom) : evaluateDim(division.numerator, symbols);
      if (value === undefined) return undefined;
      product *= division === undefined ? value : Math.floor(value / division.divisor);
    }
    total += product;
  }
  return total;
}

export function dimText(d: Dim): string {
  return typeof d === 'number' ? String(d) : d.text;
}

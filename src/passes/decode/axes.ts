// Token axes: which axes of a value grow with the number of tokens, and what moves and broadcasting do to them. An axis may
// be merged with others (`[N*L, C]`): its extent is outer * (length + extra) * inner. Nothing here looks at operators.

export interface TokenAxis {
  readonly axis: number;
  /** Elements merged before and behind the tokens within the axis. */
  readonly outer: number;
  readonly inner: number;
  /** Entries more (or fewer) than there are tokens; only where nothing is merged. */
  readonly extra: number;
  /** Entry i depends on tokens up to i + ahead. */
  readonly ahead: number;
  /** The last entries, so many, are others at each length (padding at the end). */
  readonly tail: number;
}

export function plainAxis(axis: number, extra = 0): TokenAxis {
  return { axis, outer: 1, inner: 1, extra, ahead: 0, tail: 0 };
}

export function isMerged(a: TokenAxis): boolean {
  return a.outer !== 1 || a.inner !== 1;
}

/** One entry a token, entry i of token i: what can be cached and masked. */
export function isPlain(a: TokenAxis): boolean {
  return !isMerged(a) && a.extra === 0 && a.ahead <= 0 && a.tail === 0;
}

export function extentAt(a: TokenAxis, length: number): number {
  return a.outer * (length + a.extra) * a.inner;
}

/** The shape at another length. */
export function shapeAt(shape: readonly number[], axes: readonly TokenAxis[], length: number): number[] {
  const out = [...shape];
  for (const a of axes) out[a.axis] = extentAt(a, length);
  return out;
}

export function axisAt(axes: readonly TokenAxis[], axis: number): TokenAxis | undefined {
  return axes.find((a) => a.axis === axis);
}

/** The same axes counted in a shape of another rank, aligned to the right. */
export function alignRight(axes: readonly TokenAxis[], rank: number, outRank: number): TokenAxis[] {
  return axes.map((a) => ({ ...a, axis: a.axis + outRank - rank }));
}

function sameLayout(a: TokenAxis, b: TokenAxis): boolean {
  return a.axis === b.axis && a.outer === b.outer && a.inner === b.inner && a.extra === b.extra;
}

/**
 * Axes of the result of operands that broadcast: an operand has the axis, with the same layout, or is 1 there. Undefined
 * where the operands do not agree. `axes` are aligned to the result already.
 */
export function mergeAxes(
  operands: readonly { readonly shape: readonly number[]; readonly axes: readonly TokenAxis[] }[],
  rank: number,
): TokenAxis[] | undefined {
  const merged: TokenAxis[] = [];
  for (let axis = 0; axis < rank; axis++) {
    let common: TokenAxis | undefined;
    for (const { axes } of operands) {
      const own = axisAt(axes, axis);
      if (own === undefined) continue;
      if (common !== undefined && !sameLayout(common, own)) return undefined;
      common = {
        ...own,
        ahead: Math.max(own.ahead, common?.ahead ?? own.ahead),
        tail: Math.max(own.tail, common?.tail ?? 0),
      };
    }
    if (common === undefined) continue;
    for (const { shape, axes } of operands) {
      const dim = shape[axis - (rank - shape.length)] ?? 1;
      if (axisAt(axes, axis) === undefined && dim !== 1) return undefined;
    }
    merged.push(common);
  }
  return merged;
}

const product = (dims: readonly number[]): number => dims.reduce((n, d) => n * d, 1);

/**
 * Where a reshape puts a token axis: the elements before and behind the tokens in row-major order stay as many. Undefined
 * where the axis is split or mixed with another.
 */
export function reshapedAxis(
  from: readonly number[],
  to: readonly number[],
  a: TokenAxis,
  length: number,
): TokenAxis | undefined {
  const before = product(from.slice(0, a.axis)) * a.outer;
  const behind = product(from.slice(a.axis + 1)) * a.inner;
  for (const [axis, dim] of to.entries()) {
    const outer = before / product(to.slice(0, axis));
    const inner = behind / product(to.slice(axis + 1));
    if (!Number.isInteger(outer) || !Number.isInteger(inner)) continue;
    const moved = { ...a, axis, outer, inner };
    if (extentAt(moved, length) !== dim) continue;
    return a.extra !== 0 && isMerged(moved) ? undefined : moved;
  }
  return undefined;
}

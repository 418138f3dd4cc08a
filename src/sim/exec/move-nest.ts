// The inner loops of data movement: a nest of dims over two byte arrays, of which nothing overlaps and everything is in bounds.
// Nothing here knows what the bytes are.

export interface NestDim {
  readonly count: number;
  /** Strides in bytes. */
  readonly src: number;
  readonly dst: number;
}

export interface Nest {
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
  /** Outermost first. */
  readonly dims: readonly NestDim[];
  /** Bitwise or of all addresses the nest is started at, on both sides: what they are aligned to. */
  readonly alignment: number;
}

/** Moves the elements of a nest that starts at these two addresses. */
export type Move = (srcStart: number, dstStart: number) => void;

/** Rows shorter than this are moved word by word: a subarray costs more. */
const SHORT_ROW = 48;

export function nestMove(nest: Nest, width: 1 | 2 | 4 | 8): Move {
  const dims = merge(nest.dims);
  let run: number = width;
  const last = dims.at(-1);
  if (last !== undefined && last.src === width && last.dst === width) {
    run *= last.count;
    dims.pop();
  }
  const inner = dims.pop() ?? { count: 1, src: 0, dst: 0 };
  const moveInner = innerLoop(nest.src, nest.dst, inner, run, wordWidth(nest, dims, inner, run));
  const walk = (d: number, src: number, dst: number): void => {
    const dim = dims[d];
    if (dim === undefined) {
      moveInner(src, dst);
      return;
    }
    for (let i = 0; i < dim.count; i++) walk(d + 1, src + i * dim.src, dst + i * dim.dst);
  };
  return (src, dst) => walk(0, src, dst);
}

/** Joins a dim to the next one inside it where both sides run on. */
function merge(dims: readonly NestDim[]): NestDim[] {
  const merged: NestDim[] = [];
  for (const dim of dims) {
    const outer = merged.at(-1);
    if (outer !== undefined && outer.src === dim.src * dim.count && outer.dst === dim.dst * dim.count) {
      merged[merged.length - 1] = { ...dim, count: outer.count * dim.count };
    } else merged.push(dim);
  }
  return merged;
}

/** Largest of 4, 2, 1 that divides every address and length: the width of the words that are moved. */
function wordWidth(nest: Nest, dims: readonly NestDim[], inner: NestDim, run: number): 1 | 2 | 4 {
  let bits = run | nest.alignment | nest.src.byteOffset | nest.dst.byteOffset | inner.src | inner.dst;
  for (const dim of dims) bits |= dim.src | dim.dst;
  return bits % 4 === 0 ? 4 : bits % 2 === 0 ? 2 : 1;
}

function wordsOf(bytes: Uint8Array, width: 1 | 2 | 4): Uint8Array | Uint16Array | Uint32Array {
  if (width === 1) return bytes;
  const length = Math.floor(bytes.length / width);
  return width === 2
    ? new Uint16Array(bytes.buffer, bytes.byteOffset, length)
    : new Uint32Array(bytes.buffer, bytes.byteOffset, length);
}

function innerLoop(src: Uint8Array, dst: Uint8Array, inner: NestDim, run: number, width: 1 | 2 | 4): Move {
  if (run >= SHORT_ROW) {
    return (from, to) => {
      for (let i = 0; i < inner.count; i++) {
        const at = from + i * inner.src;
        dst.set(src.subarray(at, at + run), to + i * inner.dst);
      }
    };
  }
  const source = wordsOf(src, width);
  const target = wordsOf(dst, width);
  const words = run / width;
  const srcStep = inner.src / width;
  const dstStep = inner.dst / width;
  return (from, to) => {
    let a = from / width;
    let b = to / width;
    for (let i = 0; i < inner.count; i++) {
      for (let w = 0; w < words; w++) target[b + w] = source[a + w]!;
      a += srcStep;
      b += dstStep;
    }
  };
}

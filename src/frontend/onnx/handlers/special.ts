// Operators of ai.onnx that belong to no family: determinants, columns back to images, n-gram counts, suppression of boxes
// that are known at import.
import { elementCount } from '../../../base/tensor.js';
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';

/** Largest matrix whose determinant is written out. */
const LARGEST_MATRIX = 64;

/** Elimination with the largest pivot of each column; a row exchange turns the sign. */
const determinant: Handler = (c) => {
  const x = c.input(0);
  const shape = c.shape(x);
  const size = shape.at(-1) ?? 1;
  if (size > LARGEST_MATRIX) throw c.refuse(`a matrix of ${size} rows is too large`);
  const batch = shape.slice(0, -2);
  let rest = c.reshape(x, [elementCount(batch), size, size]);
  let result: Value | undefined;
  for (let n = size; n >= 1; n--) {
    const column = c.slice(rest, 2, 0, 1);
    const place = c.op('argmax', [c.op('abs', [column])], { axis: 1, keep: true, last: false });
    const rows = c.reshape(c.iota(n), [1, n, 1]);
    const isPivot = c.op('eq', [rows, place]);
    const row = c.reduce('sum', c.where(isPivot, rest, c.like(rest, 0)), [1], true);
    const pivot = c.slice(row, 2, 0, 1);
    // The pivot row moves to the front past `place` others.
    const isOdd = c.op('eq', [c.op('mod', [place, c.like(place, 2)]), c.like(place, 1)]);
    const factor = c.where(isOdd, c.op('neg', [pivot]), pivot);
    result = result === undefined ? factor : c.mul(result, factor);
    if (n === 1) break;
    const isZero = c.op('eq', [pivot, c.like(pivot, 0)]);
    const safe = c.where(isZero, c.like(pivot, 1), pivot);
    const cleared = c.sub(rest, c.mul(c.div(column, safe), row));
    // The other rows, in order: those behind the pivot's place move up.
    const others = c.reshape(c.iota(n - 1), [1, n - 1, 1]);
    const index = c.add(others, c.cast(c.op('ge', [others, place]), 'i64'));
    const all = c.broadcast(index, [elementCount(batch), n - 1, n]);
    rest = c.slice(c.op('gather_elements', [cleared, all], { axis: 1 }), 2, 1, n - 1);
  }
  return c.reshape(result ?? c.filled(x.type.dtype, [elementCount(batch)], 1), batch);
};

/** Columns of blocks added up where the blocks lie in the image: the adjoint of a convolution by unit filters. */
const colToIm: Handler = (c) => {
  const x = c.input(0);
  const image = c.knownInts(1, 'the image shape') ?? [];
  const block = c.knownInts(2, 'the block shape') ?? [];
  const { attributes: a } = c;
  const ones = block.map(() => 1);
  const [strides, dilations] = [a.ints('strides', ones), a.ints('dilations', ones)];
  const pads = a.ints(
    'pads',
    [...ones, ...ones].map(() => 0),
  );
  const [low, high] = [pads.slice(0, block.length), pads.slice(block.length)];
  const taps = elementCount(block);
  const [n = 1, rows = 1] = c.shape(x);
  const channels = rows / taps;
  const spans = block.map((size, i) => (size - 1) * (dilations[i] ?? 1) + 1);
  const padded = image.map((size, i) => size + (low[i] ?? 0) + (high[i] ?? 0));
  const counts = padded.map((size, i) => Math.floor((size - (spans[i] ?? 1)) / (strides[i] ?? 1)) + 1);
  const columns = c.reshape(x, [n * channels, taps, ...counts]);
  const unit = c.table(taps * taps, (i) => (i % taps === Math.floor(i / taps) ? 1 : 0));
  const filters = c.numbers(x.type.dtype, [taps, 1, ...block], unit);
  // What no block reaches at the far edge.
  const extra = padded.map((size, i) => size - ((counts[i] ?? 1) - 1) * (strides[i] ?? 1) - (spans[i] ?? 1));
  const whole = c.op('conv_transpose', [columns, filters], {
    strides: [...strides],
    dilations: [...dilations],
    low: [...low],
    high: [...high],
    output_padding: extra,
  });
  return c.reshape(whole, [n, channels, ...image]);
};

/** How often each n-gram of the pool stands in a row, gaps of up to `max_skip_count` between its tokens allowed. */
const tfIdfVectorizer: Handler = (c) => {
  const { attributes: a } = c;
  if (!a.has('pool_int64s')) throw c.refuse('strings are not supported');
  const given = c.input(0);
  const isSingle = c.rank(given) === 1;
  const x = c.cast(isSingle ? c.unsqueeze(given, [0]) : given, 'i64');
  const [rows = 1, length = 0] = c.shape(x);
  const [pool, counts, indexes] = [a.ints('pool_int64s'), a.ints('ngram_counts'), a.ints('ngram_indexes')];
  const outputs = Math.max(...indexes) + 1;
  const [shortest, longest] = [a.int('min_gram_length'), a.int('max_gram_length')];
  const sums: Value[] = [];
  let id = 0;
  for (const [k, start] of counts.entries()) {
    const size = k + 1;
    const grams = Math.floor(((counts[k + 1] ?? pool.length) - start) / size);
    const first = id;
    id += grams;
    if (grams === 0 || size < shortest || size > longest) continue;
    const wanted = c.numbers('i64', [1, 1, grams, size], pool.slice(start, start + grams * size));
    const placed = c.table(grams * outputs);
    for (let g = 0; g < grams; g++) placed[g * outputs + (indexes[first + g] ?? 0)] = 1;
    // A single token has no gaps.
    for (let skip = 0; skip <= (size === 1 ? 0 : a.int('max_skip_count')); skip++) {
      const places = length - (size - 1) * (skip + 1);
      if (places <= 0) break;
      const index = c.table(places * size, (i) => Math.floor(i / size) + (i % size) * (skip + 1));
      const windows = c.unsqueeze(c.gather(x, c.numbers('i64', [places, size], index), 1), [2]);
      const matches = c.reduce('min', c.op('eq', [windows, wanted]), [3], false);
      const found = c.reduce('sum', c.cast(matches, 'f32'), [1], false);
      sums.push(c.matmul(found, c.numbers('f32', [grams, outputs], placed)));
    }
  }
  const total = sums.length === 0 ? c.filled('f32', [rows, outputs], 0) : c.chain('add', sums);
  const result = weighed(c, total, indexes, outputs);
  return isSingle ? c.squeeze(result, [0]) : result;
};

/** Counts, presence, or counts, each times the weight of its n-gram. */
function weighed(c: NodeContext, counts: Value, indexes: readonly number[], outputs: number): Value {
  const mode = c.attributes.oneOf('mode', ['TF', 'IDF', 'TFIDF'], 'TF');
  if (mode === 'TF') return counts;
  const weights = c.table(outputs).fill(1);
  const given = c.attributes.floats('weights', []);
  for (const [i, at] of indexes.entries()) weights[at] = given[i] ?? 1;
  const one = c.like(counts, 1);
  const base = mode === 'IDF' ? c.min(counts, one) : counts;
  return c.mul(base, c.numbers('f32', [1, outputs], weights));
}

interface Box {
  readonly low: readonly [number, number];
  readonly high: readonly [number, number];
}

function overlap(a: Box, b: Box): number {
  const area = ({ low, high }: Box) => (high[0] - low[0]) * (high[1] - low[1]);
  const side = (i: 0 | 1) => Math.max(0, Math.min(a.high[i], b.high[i]) - Math.max(a.low[i], b.low[i]));
  const common = side(0) * side(1);
  const union = area(a) + area(b) - common;
  return union > 0 ? common / union : 0;
}

/** How many boxes are left depends on their values, so these have to be known. */
const nonMaxSuppression: Handler = (c) => {
  const boxes = c.knownInts(0, 'the boxes, on which the shape of the result depends,') ?? [];
  const scores = c.knownInts(1, 'the scores, on which the shape of the result depends,') ?? [];
  const limit = c.knownInts(2, 'the number of boxes')?.[0] ?? 0;
  const [most, least] = [
    c.knownInts(3, 'the overlap')?.[0] ?? 0,
    c.knownInts(4, 'the score')?.[0] ?? -Infinity,
  ];
  const [batches = 0, classes = 0, count = 0] = c.shape(c.input(1));
  const isCentred = c.attributes.int('center_point_box', 0) === 1;
  const boxAt = (i: number): Box => {
    const [p = 0, q = 0, r = 0, s = 0] = boxes.slice(4 * i, 4 * i + 4);
    if (isCentred) return { low: [q - s / 2, p - r / 2], high: [q + s / 2, p + r / 2] };
    return { low: [Math.min(p, r), Math.min(q, s)], high: [Math.max(p, r), Math.max(q, s)] };
  };
  const selected: number[] = [];
  for (let n = 0; n < batches; n++) {
    for (let k = 0; k < classes; k++) {
      const score = (i: number) => scores[(n * classes + k) * count + i] ?? 0;
      const order = Array.from({ length: count }, (_, i) => i)
        .filter((i) => score(i) > least)
        .sort((i, j) => score(j) - score(i) || i - j);
      const kept: number[] = [];
      for (const i of order) {
        if (kept.length >= limit) break;
        if (kept.every((j) => overlap(boxAt(n * count + i), boxAt(n * count + j)) <= most)) kept.push(i);
      }
      for (const i of kept) selected.push(n, k, i);
    }
  }
  return c.numbers('i64', [selected.length / 3, 3], selected);
};

export const SPECIAL: HandlerTable = {
  Col2Im: colToIm,
  Det: determinant,
  NonMaxSuppression: nonMaxSuppression,
  TfIdfVectorizer: tfIdfVectorizer,
};

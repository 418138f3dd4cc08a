// Signal processing of ai.onnx. Windows and the mel matrix are constants; Fourier transforms are products by constant
// matrices of cosines and sines, which suits the lengths that networks use.
import { cos, log, pow, sin } from '../../../base/elementary.js';
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import { typeAttribute } from './constants.js';

/** Cosine coefficients: w[i] = sum of a[k] * cos(2 pi k i / N), signs included. */
const WINDOWS: Readonly<Record<string, readonly number[]>> = {
  BlackmanWindow: [0.42, -0.5, 0.08],
  HammingWindow: [25 / 46, -21 / 46],
  HannWindow: [0.5, -0.5],
};

const window =
  (coefficients: readonly number[]): Handler =>
  (c) => {
    const size = c.knownInts(0, 'the size')?.[0] ?? 0;
    const period = c.attributes.flag('periodic', true) ? size : size - 1;
    const values = Array.from({ length: c.bounded(size) }, (_, i) =>
      coefficients.reduce((sum, a, k) => sum + a * cos((2 * Math.PI * k * i) / period), 0),
    );
    return c.numbers(typeAttribute(c, 'output_datatype', 'f32'), [size], values);
  };

/** Most elements of a matrix of a transform. */
const MOST_ELEMENTS = 2 ** 26;

/** cos or sin of 2 pi i k / n at row i, column k, times a factor per row. */
function waves(
  c: NodeContext,
  f: (x: number) => number,
  [rows, columns, n]: readonly [number, number, number],
  like: Value,
  factor: (row: number) => number,
): Value {
  if (rows * columns > MOST_ELEMENTS)
    throw c.refuse(`a transform of length ${n} is too long to be a matrix product`);
  // One period, then looked up: the angles repeat, and each is exact.
  const period = c.table(n, (i) => f((2 * Math.PI * i) / n));
  const values = c.table(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < columns; k++) values[i * columns + k] = (period[(i * k) % n] ?? 0) * factor(i);
  return c.numbers(like.type.dtype, [rows, columns], values);
}

/** `x` with exactly `size` elements along an axis: cut, or followed by zeros. */
function fitted(c: NodeContext, x: Value, axis: number, size: number): Value {
  const own = c.dim(x, axis);
  if (own >= size) return c.slice(x, axis, 0, size);
  const amounts = (n: number) => x.type.shape.map((_, i) => (i === axis ? n : 0));
  return c.pad(x, amounts(0), amounts(size - own));
}

interface Transform {
  readonly length: number;
  readonly isInverse: boolean;
  readonly isOneSided: boolean;
}

/** Transform along the last axis of [..., n] parts; the imaginary part undefined where it is zero. */
function transform(
  c: NodeContext,
  real: Value,
  imaginary: Value | undefined,
  { length, isInverse, isOneSided }: Transform,
): readonly [Value, Value] {
  const rows = c.dim(real, c.rank(real) - 1);
  const columns = isOneSided ? Math.floor(length / 2) + 1 : length;
  const factor = () => (isInverse ? 1 / length : 1);
  const cosines = waves(c, cos, [rows, columns, length], real, factor);
  const sines = waves(c, sin, [rows, columns, length], real, () => (isInverse ? -factor() : factor()));
  const [rc, rs] = [c.matmul(real, cosines), c.matmul(real, sines)];
  if (imaginary === undefined) return [rc, c.op('neg', [rs])];
  return [c.add(rc, c.matmul(imaginary, sines)), c.sub(c.matmul(imaginary, cosines), rs)];
}

/** A real signal from the non-negative frequencies of its spectrum. */
function realInverse(c: NodeContext, real: Value, imaginary: Value | undefined, length: number): Value {
  const rows = Math.floor(length / 2) + 1;
  // Frequencies that have a mirror image count twice.
  const factor = (row: number) => (row === 0 || 2 * row === length ? 1 : 2) / length;
  const last = c.rank(real) - 1;
  const sized = (x: Value) => fitted(c, x, last, rows);
  const even = c.matmul(sized(real), waves(c, cos, [rows, length, length], real, factor));
  if (imaginary === undefined) return even;
  return c.sub(even, c.matmul(sized(imaginary), waves(c, sin, [rows, length, length], real, factor)));
}

/** Parts of [..., 1 or 2], with the transformed axis last. */
function partsOf(c: NodeContext, x: Value, axis: number): readonly [Value, Value | undefined] {
  const last = c.rank(x) - 1;
  const part = (i: number) => c.moveAxis(c.pick(x, last, i), axis, last - 1);
  return [part(0), c.dim(x, last) === 2 ? part(1) : undefined];
}

/** Parts as the last axis again, the transformed axis back in its place. */
function joined(c: NodeContext, parts: readonly Value[], axis: number): Value {
  const back = parts.map((part) => c.moveAxis(part, c.rank(part) - 1, axis));
  const rank = c.rank(back[0] as Value);
  return c.concat(
    back.map((part) => c.unsqueeze(part, [rank])),
    rank,
  );
}

const dftAlong =
  (axisOf: (c: NodeContext, rank: number) => number): Handler =>
  (c) => {
    const x = c.input(0);
    const axis = axisOf(c, c.rank(x));
    const isInverse = c.attributes.flag('inverse');
    const isOneSided = c.attributes.flag('onesided');
    const own = c.dim(x, axis);
    const given = c.knownInts(1, 'the length')?.[0];
    const [real, imaginary] = partsOf(c, x, axis);
    if (isInverse && isOneSided)
      return joined(c, [realInverse(c, real, imaginary, given ?? 2 * (own - 1))], axis);
    const length = given ?? own;
    const sized = (part: Value) => fitted(c, part, c.rank(part) - 1, Math.min(length, own));
    return joined(
      c,
      transform(c, sized(real), imaginary && sized(imaginary), { length, isInverse, isOneSided }),
      axis,
    );
  };

const dftAxisAttribute = dftAlong((c, rank) => c.axis(c.attributes.int('axis', 1), rank));
const dftAxisInput = dftAlong((c, rank) => c.axis(c.knownInts(2, 'the axis')?.[0] ?? -2, rank));

/** Frames of the signal, windowed and transformed: [B, frames, bins, 2]. */
const stft: Handler = (c) => {
  const given = c.input(0);
  const signal = c.rank(given) === 2 ? c.unsqueeze(given, [2]) : given;
  const step = c.knownInts(1, 'the frame step')?.[0] ?? 1;
  const taper = c.optional(2);
  const size = c.knownInts(3, 'the frame length')?.[0] ?? (taper ? c.dim(taper, 0) : 0);
  const samples = c.dim(signal, 1);
  if (size < 1 || step < 1 || size > samples)
    throw c.bad(`frames of ${size} samples, ${step} apart, do not fit a signal of ${samples}`);
  const frames = Math.floor((samples - size) / step) + 1;
  const index = Array.from(
    { length: c.bounded(frames * size) },
    (_, i) => Math.floor(i / size) * step + (i % size),
  );
  const table = c.numbers('i64', [frames, size], index);
  const [real, imaginary] = [0, 1].map((part) => {
    if (part >= c.dim(signal, 2)) return undefined;
    const framed = c.gather(c.pick(signal, 2, part), table, 1);
    return taper === undefined ? framed : c.mul(framed, taper);
  });
  if (real === undefined) throw c.bad('the signal has no samples');
  const isOneSided = c.attributes.flag('onesided', true) && imaginary === undefined;
  return joined(c, transform(c, real, imaginary, { length: size, isInverse: false, isOneSided }), 2);
};

const MEL_FACTOR = 2595;
const LN10 = Math.LN10;
const melOf = (hertz: number): number => (MEL_FACTOR * log(1 + hertz / 700)) / LN10;
const hertzOf = (mel: number): number => 700 * (pow(10, mel / MEL_FACTOR) - 1);

/** Triangular filters from spectrogram bins to mel bands. */
const melWeightMatrix: Handler = (c) => {
  const number = (i: number, what: string) => c.knownInts(i, what)?.[0] ?? 0;
  const [bands, length, rate] = [
    number(0, 'the number of bands'),
    number(1, 'the length'),
    number(2, 'the sample rate'),
  ];
  const [lowest, highest] = [
    melOf(number(3, 'the lowest frequency')),
    melOf(number(4, 'the highest frequency')),
  ];
  const bins = Math.floor(length / 2) + 1;
  const step = (highest - lowest) / (bands + 2);
  const edges = Array.from({ length: c.bounded(bands + 2) }, (_, i) =>
    Math.floor(((length + 1) * hertzOf(lowest + i * step)) / rate),
  );
  const matrix = c.table(bins * bands);
  for (let band = 0; band < bands; band++) {
    const [low = 0, centre = 0, high = 0] = edges.slice(band, band + 3);
    if (low === centre) matrix[centre * bands + band] = 1;
    else for (let bin = low; bin <= centre; bin++) matrix[bin * bands + band] = (bin - low) / (centre - low);
    for (let bin = centre; bin < high; bin++) matrix[bin * bands + band] = (high - bin) / (high - centre);
  }
  return c.numbers(typeAttribute(c, 'output_datatype', 'f32'), [bins, bands], matrix);
};

export const SIGNAL: HandlerTable = {
  ...Object.fromEntries(Object.entries(WINDOWS).map(([op, coefficients]) => [op, window(coefficients)])),
  DFT: { 17: dftAxisAttribute, 20: dftAxisInput },
  MelWeightMatrix: melWeightMatrix,
  STFT: stft,
};

// From the pixels of an image to the tensor a model takes: the steps of `--preprocess`. Steps apply in the order given, but
// for the colour step, which says how pixels are read. Without steps a pixel becomes byte / 255 in the input's layout and
// channel count; an integer input takes the byte itself. All arithmetic is fp32, so that the usual NumPy formulas
// (`1 - grey / 255`) give the same bits.
import { usageError } from '../../base/diagnostic.js';
import { DTYPES, type DType, isFloat } from '../../base/dtype.js';
import { fromNumbers, type HostTensor, shapeText } from '../../base/tensor.js';
import type { Image } from './image.js';

export type PreprocessStep =
  | { readonly kind: 'grey' | 'rgb' | 'bgr' | 'invert' | 'resize' | 'pad' }
  | { readonly kind: 'mean' | 'std'; readonly values: readonly number[] };

/** Where the channels of an image input are: before height and width, or after them. */
export type ImageLayout = 'channels-first' | 'channels-last';

export interface ImageInput {
  readonly name: string;
  readonly dtype: DType;
  /** Static; rank 2 (HW), 3 (CHW, HWC) or 4 with a batch of 1. */
  readonly shape: readonly number[];
  /** Inferred from the shape where absent: the axis of 1, 3 or 4 elements, the first one if both could be. */
  readonly layout?: ImageLayout;
}

const fround = Math.fround;
const PLAIN = ['grey', 'rgb', 'bgr', 'invert', 'resize', 'pad'] as const;
const WITH_VALUES = ['mean', 'std'] as const;

/**
 * The steps of `grey,invert,mean=0.5:0.5:0.5`.
 * @throws E2161 an unknown step or a bad value.
 */
export function parsePreprocess(text: string): PreprocessStep[] {
  return text.split(',').map((word): PreprocessStep => {
    const [name, list] = word.trim().split('=', 2);
    const plain = PLAIN.find((kind) => kind === name);
    if (plain && list === undefined) return { kind: plain };
    const kind = WITH_VALUES.find((k) => k === name);
    const values = list?.split(':').map((v) => (v.trim() === '' ? Number.NaN : Number(v)));
    if (kind && values?.every((v) => Number.isFinite(v) && (kind === 'mean' || v !== 0)))
      return { kind, values };
    throw usageError(
      'E2161',
      `--preprocess does not know the step '${word.trim()}'`,
      undefined,
      'steps, comma separated: grey|rgb|bgr, invert, resize, pad, mean=A:B:C, std=A:B:C',
    );
  });
}

interface Geometry {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly layout: ImageLayout;
}

/** Floats in planes, one a channel; `background` is what lies beyond the edge. */
interface Planes {
  readonly height: number;
  readonly width: number;
  readonly planes: readonly Float32Array[];
  readonly background: readonly number[];
}

/**
 * The tensor for an image input.
 * - `grey`, `rgb`, `bgr`: how pixels are read, by default as the input's channel count says. Grey is ITU-R 601 luma in
 *   integers; a grey pixel fills all channels of a colour input; alpha lies over white unless the input has 4 channels.
 * - `invert`: 1 - x. The background, white before, is 0 after it.
 * - `resize`: bilinear to the input's size; where `pad` follows, to the largest size that keeps the aspect ratio.
 * - `pad`: background on the right and at the bottom up to the input's size.
 * - `mean`, `std`: x - mean, x / std, by channel (one value serves all).
 * @throws E2162 the input takes no image, E2163 sizes differ, E2164 a wrong number of values or an integer input.
 */
export function preprocess(image: Image, steps: readonly PreprocessStep[], input: ImageInput): HostTensor {
  const target = geometryOf(input);
  let planes = toPlanes(image, colourStep(steps, target.channels), target.channels);
  steps.forEach((step, i) => {
    if (step.kind === 'invert') planes = mapPlanes(planes, (x) => fround(1 - x));
    if (step.kind === 'resize') {
      const padded = steps.slice(i + 1).some((s) => s.kind === 'pad');
      planes = resize(planes, padded ? fitInside(planes, target) : target);
    }
    if (step.kind === 'pad') planes = pad(planes, target, input);
    if (step.kind === 'mean' || step.kind === 'std') planes = normalise(planes, step, input);
  });
  if (planes.height !== target.height || planes.width !== target.width) {
    throw sizesDiffer(planes, target, input, `add resize or pad to --preprocess ${input.name}=`);
  }
  return toTensor(planes, target, input);
}

/** How large the picture itself lies in the input after these steps; undefined where they do not make it fit. */
export function pictureSize(
  image: Size,
  steps: readonly PreprocessStep[],
  input: ImageInput,
): Size | undefined {
  const target = geometryOf(input);
  const padAt = steps.findLastIndex((s) => s.kind === 'pad');
  const size = steps.reduce<Size>(
    (now, { kind }, i) => (kind !== 'resize' ? now : i < padAt ? fitInside(now, target) : target),
    image,
  );
  const fits =
    padAt < 0
      ? size.height === target.height && size.width === target.width
      : size.height <= target.height && size.width <= target.width;
  return fits ? size : undefined;
}

function geometryOf({ name, shape, layout: given, dtype }: ImageInput): Geometry {
  const refuse = (why: string) =>
    usageError(
      'E2162',
      `input ${name} of shape ${shapeText(shape)} does not take an image: ${why}`,
      undefined,
      'give its values as .npy, .npz or .json',
    );
  if (!['float', 'int', 'uint'].includes(DTYPES[dtype].kind)) throw refuse(`its elements are ${dtype}`);
  if (shape.length === 4 && shape[0] !== 1) throw refuse(`it holds ${shape[0]} of them`);
  const [a, b, c] = shape.length === 4 ? shape.slice(1) : shape.length === 2 ? [1, ...shape] : shape;
  if (a === undefined || b === undefined || c === undefined || shape.length > 4) {
    throw refuse('it has neither 2, 3 nor 4 axes');
  }
  const isChannels = (dim: number) => dim === 1 || dim === 3 || dim === 4;
  const layout = given ?? (isChannels(a) ? 'channels-first' : 'channels-last');
  const [channels, height, width] = layout === 'channels-first' ? [a, b, c] : [c, a, b];
  if (!isChannels(channels)) throw refuse('no axis has 1, 3 or 4 channels');
  return { channels, height, width, layout };
}

type Colour = 'grey' | 'rgb' | 'bgr';

function colourStep(steps: readonly PreprocessStep[], channels: number): Colour {
  const named = steps.map((s) => s.kind).filter((k) => k === 'grey' || k === 'rgb' || k === 'bgr');
  return named.at(-1) ?? (channels === 1 ? 'grey' : 'rgb');
}

/** A sample laid over white: exact for opaque pixels. */
function overWhite(value: number, alpha: number): number {
  return Math.floor((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

function toPlanes(image: Image, colour: Colour, channels: number): Planes {
  const { width, height, data } = image;
  const step = image.channels;
  const hasAlpha = step === 2 || step === 4;
  const hasColour = step >= 3;
  const planes = Array.from({ length: channels }, () => new Float32Array(width * height));
  const keepAlpha = channels === 4;
  for (let i = 0; i < width * height; i++) {
    const at = i * step;
    const alpha = hasAlpha ? data[at + step - 1]! : 255;
    const sample = (k: number) => {
      const value = data[at + (hasColour ? k : 0)]!;
      return keepAlpha ? value : overWhite(value, alpha);
    };
    const [r, g, b] = [sample(0), sample(1), sample(2)];
    // ITU-R 601 luma with 16-bit weights, rounded; they sum to 65536, so that equal channels stay as they are.
    const grey = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
    const pixel =
      colour === 'rgb' && channels > 1
        ? [r, g, b]
        : colour === 'bgr' && channels > 1
          ? [b, g, r]
          : [grey, grey, grey];
    for (let c = 0; c < channels; c++) planes[c]![i] = fround((c === 3 ? alpha : pixel[c]!) / 255);
  }
  return { width, height, planes, background: planes.map(() => 1) };
}

function mapPlanes(p: Planes, f: (x: number, channel: number) => number): Planes {
  return {
    ...p,
    planes: p.planes.map((plane, c) => plane.map((x) => f(x, c))),
    background: p.background.map(f),
  };
}

function normalise(
  p: Planes,
  step: { kind: 'mean' | 'std'; values: readonly number[] },
  input: ImageInput,
): Planes {
  const { kind, values } = step;
  if (values.length !== 1 && values.length !== p.planes.length) {
    throw usageError(
      'E2164',
      `${kind} has ${values.length} values; input ${input.name} has ${p.planes.length} channels`,
    );
  }
  if (!isFloat(input.dtype)) {
    throw usageError('E2164', `${kind} gives fractions; input ${input.name} takes ${input.dtype}`);
  }
  const of = (channel: number) => fround(values[channel] ?? values[0]!);
  return mapPlanes(p, kind === 'mean' ? (x, c) => fround(x - of(c)) : (x, c) => fround(x / of(c)));
}

export interface Size {
  readonly height: number;
  readonly width: number;
}

/** The largest size of the image's aspect ratio inside the target, at least one pixel each way. */
function fitInside(p: Size, target: Size): Size {
  const scale = Math.min(target.width / p.width, target.height / p.height);
  const side = (n: number, most: number) => Math.min(Math.max(Math.round(n * scale), 1), most);
  return { height: side(p.height, target.height), width: side(p.width, target.width) };
}

interface Tap {
  readonly low: number;
  readonly high: number;
  readonly share: number;
}

/** For each target position its two neighbours and the share of the second: pixel centres at n + 1/2, edges repeat. */
function taps(from: number, to: number): Tap[] {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const low = Math.floor(at);
    return { low, high: Math.min(low + 1, from - 1), share: fround(at - low) };
  });
}

function resize(p: Planes, { height, width }: Size): Planes {
  if (p.height === height && p.width === width) return p;
  const rows = taps(p.height, height);
  const columns = taps(p.width, width);
  const planes = p.planes.map((plane) => {
    const out = new Float32Array(height * width);
    rows.forEach((row, y) => {
      columns.forEach((column, x) => {
        const across = (line: number) => {
          const left = plane[line * p.width + column.low]!;
          return fround(left + fround(column.share * fround(plane[line * p.width + column.high]! - left)));
        };
        const top = across(row.low);
        out[y * width + x] = top + fround(row.share * fround(across(row.high) - top));
      });
    });
    return out;
  });
  return { ...p, height, width, planes };
}

function pad(p: Planes, { height, width }: Size, input: ImageInput): Planes {
  if (p.height > height || p.width > width) {
    throw sizesDiffer(p, { height, width }, input, 'pad only adds: put resize before it');
  }
  const planes = p.planes.map((plane, c) => {
    const out = new Float32Array(height * width).fill(p.background[c]!);
    for (let y = 0; y < p.height; y++) out.set(plane.subarray(y * p.width, (y + 1) * p.width), y * width);
    return out;
  });
  return { ...p, height, width, planes };
}

function sizesDiffer(p: Size, target: Size, { name, shape }: ImageInput, hint: string) {
  return usageError(
    'E2163',
    `the image is ${p.width} wide and ${p.height} high; input ${name} of shape ${shapeText(shape)} takes ${target.width} by ${target.height}`,
    undefined,
    hint,
  );
}

/** Writes planes in the input's layout and type; integer types take the byte, rounded. */
function toTensor(p: Planes, { channels, layout }: Geometry, { dtype, shape }: ImageInput): HostTensor {
  const pixels = p.height * p.width;
  const values = new Float32Array(pixels * channels);
  p.planes.forEach((plane, c) => {
    const [start, stride] = layout === 'channels-first' ? [c * pixels, 1] : [c, channels];
    for (let i = 0; i < pixels; i++) {
      values[start + i * stride] = isFloat(dtype) ? plane[i]! : Math.round(plane[i]! * 255);
    }
  });
  return fromNumbers(dtype, shape, values);
}

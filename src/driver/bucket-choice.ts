// Which bucket a request is for. Tensors match a bucket exactly or not at all. A picture fits where its preprocessing steps make it fit,
// and goes into the smallest bucket that does not make it smaller than the largest bucket would.
import type { Bucket, InputPort } from '../artifact/signature.js';
import type { Image } from './tensor-files/image.js';
import { type ImageInput, type PreprocessStep, pictureSize } from './tensor-files/preprocess.js';

export interface Picture {
  readonly image: Image;
  readonly steps: readonly PreprocessStep[];
}

/** An input as its files see it; dims that only a bucket fixes count as 0. */
export function imageInput({ name, dtype, shape }: InputPort): ImageInput {
  return { name, dtype, shape: shape.map((dim) => (typeof dim === 'number' ? dim : 0)) };
}

/** Of ascending buckets the first that takes all that is given; else the largest. Undefined where there are no buckets. */
export function bucketFor(
  buckets: readonly Bucket[],
  shapes: ReadonlyMap<string, readonly number[]>,
  pictures: ReadonlyMap<string, Picture>,
): Bucket | undefined {
  const largest = buckets.at(-1);
  const portOf = (bucket: Bucket, name: string): InputPort | undefined =>
    bucket.inputs.find((p) => p.name === name);
  const matches = (bucket: Bucket): boolean =>
    [...shapes].every(([name, shape]) => portOf(bucket, name)?.shape.join() === shape.join());
  const holds = (bucket: Bucket): boolean =>
    [...pictures].every(([name, picture]) =>
      keepsSize(picture, portOf(bucket, name), largest && portOf(largest, name)),
    );
  const given = shapes.size + pictures.size > 0;
  return (given ? buckets.find((b) => matches(b) && holds(b)) : undefined) ?? largest;
}

/** Whether the picture is in the input no smaller than it is itself, or than it would be in the largest. */
function keepsSize(
  { image, steps }: Picture,
  input: InputPort | undefined,
  largest: InputPort | undefined,
): boolean {
  if (input === undefined || largest === undefined) return false;
  const here = pictureSize(image, steps, imageInput(input));
  const most = pictureSize(image, steps, imageInput(largest)) ?? image;
  return (
    here !== undefined &&
    here.height >= Math.min(image.height, most.height) &&
    here.width >= Math.min(image.width, most.width)
  );
}

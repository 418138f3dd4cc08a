import { existsSync, readFileSync } from 'node:fs';
import jpeg from 'jpeg-js';
import { describe, expect, test } from 'vitest';
import { equalTensors, toNumbers } from '../../../src/base/tensor.js';
import { type Image, readImage } from '../../../src/driver/tensor-files/image.js';
import { readNpy } from '../../../src/driver/tensor-files/npy.js';
import { type ImageInput, parsePreprocess, preprocess } from '../../../src/driver/tensor-files/preprocess.js';

const at = (path: string) => new URL(`../../../${path}`, import.meta.url);
const bytes = (path: string) => new Uint8Array(readFileSync(at(path)));
const read = (name: string) => readImage(bytes(`fixtures/files/${name}.png`), name);
const f32 = (shape: number[]): ImageInput => ({ name: 'image', dtype: 'f32', shape });
const last = (input: ImageInput): ImageInput => ({ ...input, layout: 'channels-last' });
const image = (channels: Image['channels'], width: number, height: number, data: number[]): Image => ({
  channels,
  width,
  height,
  data: Uint8Array.from(data),
});
const values = (input: Image, steps: string, target: ImageInput) =>
  Array.from(toNumbers(preprocess(input, steps === '' ? [] : parsePreprocess(steps), target)));

// The formulas of fixtures/make_files.py.
const PIXELS = Array.from({ length: 12 }, (_, i) => ({ x: i % 4, y: Math.floor(i / 4) }));
const RGB = PIXELS.flatMap(({ x, y }) => [40 * x, 50 * y, 255 - 30 * (x + y)]);
const GREY = PIXELS.map(({ x, y }) => 20 * (x + 4 * y));

describe('readImage', () => {
  test.each([
    ['grey', 1, GREY],
    ['grey16', 1, GREY],
    ['grey-alpha', 2, PIXELS.flatMap(({ x }, i) => [GREY[i]!, 255 - 60 * x])],
    ['rgb', 3, RGB],
    ['rgb16', 3, RGB],
    ['palette', 3, RGB],
    ['rgba', 4, PIXELS.flatMap(({ x }, i) => [...RGB.slice(3 * i, 3 * i + 3), 255 - 60 * x])],
    ['black-white', 1, PIXELS.map(({ x }) => (x % 2 ? 255 : 0))],
  ])('PNG %s has %i channels', (name, channels, data) => {
    expect(read(name)).toEqual({ width: 4, height: 3, channels, data: Uint8Array.from(data) });
  });

  test('JPEG', () => {
    const grey = new Uint8Array(16 * 8 * 4).fill(128);
    const { data } = jpeg.encode({ width: 16, height: 8, data: grey }, 90);
    const decoded = readImage(new Uint8Array(data), 'x.jpg');
    expect([decoded.width, decoded.height, decoded.channels]).toEqual([16, 8, 3]);
    expect(new Set(decoded.data)).toEqual(new Set([128]));
    expect(() => readImage(new Uint8Array(data.subarray(0, 100)), 'x')).toThrowError(/E3614/);
  });

  test('damaged and oversized files are refused', () => {
    const png = bytes('fixtures/files/rgb.png');
    for (const length of [3, 8, 20, 40, 60, png.length - 1]) {
      expect(() => readImage(png.subarray(0, length), 'x')).toThrowError(/E3614/);
    }
    const huge = png.slice();
    huge.set([0x7f, 0xff, 0xff, 0xff], 16);
    expect(() => readImage(huge, 'x')).toThrowError(/E3615/);
  });
});

describe('preprocess', () => {
  const rgb = image(3, 2, 1, [255, 0, 51, 0, 102, 255]);

  test('without steps: 0..1 in the layout and channels of the input', () => {
    const planes = [1, 0, 0, 102 / 255, 51 / 255, 1].map(Math.fround);
    expect(values(rgb, '', f32([1, 3, 1, 2]))).toEqual(planes);
    expect(values(rgb, '', last(f32([1, 1, 2, 3])))).toEqual(
      [255, 0, 51, 0, 102, 255].map((v) => Math.fround(v / 255)),
    );
    expect(values(rgb, 'bgr', f32([3, 1, 2]))).toEqual([51 / 255, 1, 0, 102 / 255, 1, 0].map(Math.fround));
    expect(values(rgb, '', f32([1, 2]))).toEqual([82, 89].map((v) => Math.fround(v / 255)));
    expect(values(image(1, 2, 1, [0, 255]), '', f32([1, 3, 1, 2]))).toEqual([0, 1, 0, 1, 0, 1]);
    expect(values(rgb, '', { ...last(f32([1, 1, 2, 3])), dtype: 'u8' })).toEqual([255, 0, 51, 0, 102, 255]);
  });

  test('alpha lies over white, or stays where the input has four channels', () => {
    const glass = image(2, 2, 1, [0, 255, 0, 0]);
    expect(values(glass, '', f32([1, 2]))).toEqual([0, 1]);
    expect(values(glass, 'invert', f32([1, 2]))).toEqual([1, 0]);
    expect(values(glass, '', f32([4, 1, 2]))).toEqual([0, 0, 0, 0, 0, 0, 1, 0]);
  });

  test('pad adds background: white, or 0 after invert', () => {
    const dot = image(1, 1, 1, [51]);
    expect(values(dot, 'pad', f32([1, 1, 2, 2]))).toEqual([51 / 255, 1, 1, 1].map(Math.fround));
    expect(values(dot, 'invert,pad', f32([1, 1, 2, 2]))).toEqual([
      Math.fround(1 - Math.fround(51 / 255)),
      0,
      0,
      0,
    ]);
    expect(values(dot, 'mean=1,std=0.5,pad', f32([1, 1, 1, 2]))[1]).toBe(0);
  });

  test('resize is bilinear between pixel centres; before pad it keeps the aspect', () => {
    const ramp = image(1, 2, 1, [0, 255]);
    expect(values(ramp, 'resize', f32([1, 4]))).toEqual([0, 0.25, 0.75, 1]);
    expect(values(ramp, 'resize', f32([2, 2]))).toEqual([0, 1, 0, 1]);
    expect(values(ramp, 'invert,resize,pad', f32([2, 6]))).toEqual([
      1, 0.75, 0.25, 0, 0, 0, 1, 0.75, 0.25, 0, 0, 0,
    ]);
  });

  test('mean and std by channel', () => {
    const got = values(rgb, 'mean=0.5:0.25:0,std=0.5:1:2', f32([3, 1, 2]));
    const want = [1, -1, -0.25, Math.fround(Math.fround(0.4) - 0.25), Math.fround(0.1), 0.5];
    expect(got).toEqual(want);
  });

  test('what does not fit is a usage error that names the sizes', () => {
    expect(() => values(rgb, '', f32([1, 3, 4, 5]))).toThrowError(
      /E2163: the image is 2 wide and 1 high.*5 by 4/,
    );
    expect(() => values(rgb, 'pad', f32([1, 3, 1, 1]))).toThrowError(/E2163/);
    expect(() => values(rgb, '', f32([2, 3, 1, 2]))).toThrowError(/E2162.*holds 2/);
    expect(() => values(rgb, '', f32([2, 7, 9]))).toThrowError(/E2162/);
    expect(() => values(rgb, 'mean=1:2', f32([3, 1, 2]))).toThrowError(/E2164/);
    for (const steps of ['sharpen', 'invert=1', 'std=0', 'mean=', 'mean=a', 'grey,']) {
      expect(() => parsePreprocess(steps)).toThrowError(/E2161/);
    }
  });

  test('a line of text becomes the bits the reference recorded', () => {
    const line = readImage(bytes('fixtures/ocr/line_00.png'), 'line_00.png');
    const wanted = readNpy(bytes('fixtures/ocr/encoder_data/input_0.npy'), 'input_0.npy');
    expect(equalTensors(preprocess(line, parsePreprocess('invert'), f32([1, 1, 32, 512])), wanted)).toBe(
      true,
    );
  });

  const samples = at('../shared/models/ocr/samples/labels.json');
  test.skipIf(!existsSync(samples))('every sample line fits its input (needs ../shared)', () => {
    const rows = JSON.parse(readFileSync(samples, 'utf8')) as { file: string }[];
    for (const { file } of rows) {
      const line = readImage(bytes(`../shared/models/ocr/samples/${file}`), file);
      const tensor = preprocess(line, parsePreprocess('grey,invert,pad'), f32([1, 1, 32, 520]));
      expect(tensor.shape).toEqual([1, 1, 32, 520]);
      expect(toNumbers(tensor).every((x) => x >= 0 && x <= 1)).toBe(true);
    }
  });
});

// PNG and JPEG files to pixels. Grey stays grey and alpha stays alpha (preprocess.ts decides what becomes of them); palettes
// are looked up and 16-bit samples scaled to 8. Sizes are read from the header and checked before anything is decoded.
// Deliberately ignored, as by most loaders: colour profiles, gamma, EXIF orientation.
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import { badInput, type NeffcError } from '../../base/diagnostic.js';

/** Pixels row by row, `channels` bytes each: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
  readonly data: Uint8Array;
}

/** A picture of this many pixels takes 256 MiB as RGBA. */
const MAX_PIXELS = 2 ** 26;
const PNG_MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG_MAGIC = [0xff, 0xd8, 0xff];

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

export function isImage(bytes: Uint8Array): boolean {
  return startsWith(bytes, PNG_MAGIC) || startsWith(bytes, JPEG_MAGIC);
}

/** @throws E3614 neither PNG nor JPEG, or damaged; E3615 too large. */
export function readImage(bytes: Uint8Array, file: string): Image {
  if (startsWith(bytes, PNG_MAGIC)) return readPng(bytes, file);
  if (startsWith(bytes, JPEG_MAGIC)) return readJpeg(bytes, file);
  throw badInput('E3614', 'the file is neither a PNG nor a JPEG image', { file, offset: 0 });
}

function damaged(kind: string, error: unknown, file: string): NeffcError {
  const reason = error instanceof Error ? error.message : String(error);
  return badInput(
    'E3614',
    `the ${kind} image cannot be read: ${reason}`,
    { file },
    'the file may be truncated',
  );
}

function checkSize(width: number, height: number, file: string): void {
  if (width * height > MAX_PIXELS) {
    throw badInput(
      'E3615',
      `the image has ${width}x${height} pixels; the limit is ${MAX_PIXELS}`,
      { file },
      'scale it down to the size that the model takes',
    );
  }
}

function readPng(bytes: Uint8Array, file: string): Image {
  if (bytes.length < 33) throw damaged('PNG', 'it ends inside its header', file);
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkSize(header.getUint32(16), header.getUint32(20), file);
  let png: ReturnType<typeof PNG.sync.read>;
  try {
    png = PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    throw damaged('PNG', error, file);
  }
  const { width, height, data } = png; // RGBA whatever the file holds
  const grey = isGrey(bytes[25]!);
  const alpha = data.some((byte, i) => i % 4 === 3 && byte !== 255);
  const sources = [...(grey ? [0] : [0, 1, 2]), ...(alpha ? [3] : [])];
  return { width, height, ...pick(data, width * height, sources) };
}

/** PNG colour types 0 (grey) and 4 (grey and alpha); the others are palette and RGB. */
function isGrey(colourType: number): boolean {
  return (colourType & 3) === 0;
}

/** Of RGBA pixels the channels named by `sources`. */
function pick(
  rgba: Uint8Array,
  pixels: number,
  sources: readonly number[],
): Pick<Image, 'channels' | 'data'> {
  const channels = sources.length as Image['channels'];
  const data = new Uint8Array(pixels * channels);
  sources.forEach((source, c) => {
    for (let i = 0; i < pixels; i++) data[i * channels + c] = rgba[i * 4 + source]!;
  });
  return { channels, data };
}

/** Grey JPEGs come as RGB with equal channels, which converts back to the same grey. */
function readJpeg(bytes: Uint8Array, file: string): Image {
  const size = jpegSize(bytes);
  if (!size) throw damaged('JPEG', 'it has no frame header', file);
  checkSize(size.width, size.height, file);
  try {
    const { width, height, data } = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: MAX_PIXELS / 1e6,
      maxMemoryUsageInMB: 2048,
    });
    return { width, height, channels: 3, data };
  } catch (error) {
    throw damaged('JPEG', error, file);
  }
}

/** Width and height of the first frame header (SOF0..SOF15 but for the tables DHT, JPG, DAC). */
function jpegSize(bytes: Uint8Array): { width: number; height: number } | undefined {
  const word = (at: number) => (bytes[at]! << 8) | bytes[at + 1]!;
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff)
      at += 1; // fill byte
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { height: word(at + 5), width: word(at + 7) };
    } else at += 2 + word(at + 2);
  }
  return undefined;
}

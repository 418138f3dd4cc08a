// Buckets: which sets of shapes the options make, which bucket a request is for, and one artifact for two widths of the fixture
// models: its weights stored and pinned once, every bucket right.
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readArtifact } from '../../src/artifact/read.js';
import type { Bucket } from '../../src/artifact/signature.js';
import { validateArtifact } from '../../src/artifact/validate/validate.js';
import { artifactBytes } from '../../src/artifact/write.js';
import { type HostTensor, makeTensor, toNumbers } from '../../src/base/tensor.js';
import { INF2 } from '../../src/chip/builtin.js';
import { bucketFor } from '../../src/driver/bucket-choice.js';
import { shapeBuckets } from '../../src/driver/buckets.js';
import { type CompileOptions, compileModel } from '../../src/driver/compile.js';
import { compileDecode } from '../../src/driver/generate/decode-request.js';
import { loadModel } from '../../src/driver/load-model.js';
import { type Image, readImage } from '../../src/driver/tensor-files/image.js';
import { parsePreprocess, preprocess } from '../../src/driver/tensor-files/preprocess.js';
import type { Executable } from '../../src/isa/program.js';
import { interpretGraph } from '../../src/ops/interpret.js';
import { loadArtifact } from '../../src/runtime/load.js';
import { runRequest } from '../../src/runtime/request.js';
import { codeOf } from '../helpers/codes.js';
import { difference } from '../helpers/compare.js';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/ocr/${name}`, import.meta.url));
const WIDTHS = [256, 512];
const BUCKETS = shapeBuckets([{ name: 'image', shapes: [512, 256].map((w) => [1, 1, 32, w]) }]);

const options: CompileOptions = {
  target: INF2,
  autoCast: 'none',
  autoCastType: 'bf16',
  hostOps: 'forbid',
  preprocess: new Map([['image', 'invert,resize,pad']]),
  level: 2,
  inputShapes: new Map(),
  buckets: BUCKETS,
};

/** The left part of a picture. */
function crop({ width, height, channels, data }: Image, to: number): Image {
  const rows = Array.from({ length: height }, (_, y) =>
    data.subarray(y * width * channels, (y * width + to) * channels),
  );
  return { width: to, height, channels, data: Buffer.concat(rows) };
}
const line = readImage(readFileSync(fixture('line_10.png')), 'line_10.png');
/** The text of this line ends before its 240th column. */
const NARROW = 240;

function imageOf(picture: Image, width: number): HostTensor {
  const input = { name: 'image', dtype: 'f32', shape: [1, 1, 32, width] } as const;
  return preprocess(picture, parsePreprocess('invert,resize,pad'), input);
}

describe('shapes', () => {
  it('make buckets in ascending order, the k-th shape of every input that has several', () => {
    expect(BUCKETS.map((b) => b.name)).toEqual(['1x1x32x256', '1x1x32x512']);
    const several = shapeBuckets([
      {
        name: 'ids',
        shapes: [
          [1, 64],
          [1, 16],
        ],
        dtype: 'i64',
      },
      {
        name: 'mask',
        shapes: [
          [1, 64],
          [1, 16],
        ],
      },
      { name: 'scale', shapes: [[]] },
    ]);
    expect(several.map((b) => b.name)).toEqual(['1x16+1x16', '1x64+1x64']);
    expect(several[0]?.inputShapes.get('ids')).toEqual({ shape: [1, 16], dtype: 'i64' });
    expect(several[0]?.inputShapes.get('scale')).toEqual({ shape: [] });
    expect(shapeBuckets([{ name: 'x', shapes: [[2]] }]).map((b) => b.name)).toEqual(['']);
  });

  it.each([
    [
      'other counts',
      [
        { name: 'a', shapes: [[1], [2]] },
        { name: 'b', shapes: [[1], [2], [3]] },
      ],
    ],
    ['other ranks', [{ name: 'a', shapes: [[1], [2, 2]] }]],
    ['the same twice', [{ name: 'a', shapes: [[1], [2], [1]] }]],
  ])('are refused: %s', (_, given) => {
    expect(codeOf(() => shapeBuckets(given))).toBe('E2002');
  });
});

describe('the bucket of a request', () => {
  const buckets = WIDTHS.map((w): Bucket => {
    const port = { name: 'image', dtype: 'f32' as const, shape: [1, 1, 32, w] };
    return { name: String(w), inputs: [port], outputs: [] };
  });
  const forPicture = (width: number, height: number, steps: string): string | undefined => {
    const image = { width, height, channels: 1 as const, data: new Uint8Array(width * height) };
    const pictures = new Map([['image', { image, steps: parsePreprocess(steps) }]]);
    return bucketFor(buckets, new Map(), pictures)?.name;
  };

  it.each([
    // As high as the input: its width decides.
    [256, 32, 'resize,pad', '256'],
    [257, 32, 'resize,pad', '512'],
    // Twice as high: half as wide when it is fitted.
    [500, 64, 'resize,pad', '256'],
    [600, 64, 'resize,pad', '512'],
    // Too wide for all: the largest makes it smallest the least.
    [2000, 32, 'resize,pad', '512'],
    [100, 20, 'pad', '256'],
    [300, 20, 'pad', '512'],
    [200, 32, 'resize', '256'],
    [300, 32, 'resize', '512'],
    // Nothing that would change its size: only its own size will do.
    [256, 32, 'invert', '256'],
    [512, 32, 'invert', '512'],
  ])('a picture %i wide and %i high, %s', (width, height, steps, bucket) => {
    expect(forPicture(width, height, steps)).toBe(bucket);
  });

  it('a tensor: its own shape', () => {
    const forShape = (w: number) => bucketFor(buckets, new Map([['image', [1, 1, 32, w]]]), new Map())?.name;
    expect([forShape(256), forShape(512)]).toEqual(['256', '512']);
  });
});

describe('two widths of an encoder', () => {
  const model = fixture('ocr_encoder.onnx');
  const made = compileModel(model, options);
  const artifact = readArtifact(artifactBytes(made.draft), { file: 'm.neff' });
  const single = WIDTHS.map((w) => compileModel(model, { ...options, inputShapes: shapeOf(w), buckets: [] }));

  it('store and pin the weights once', () => {
    expect(validateArtifact(artifact)).toEqual([]);
    const { executables } = artifact.program;
    // Of an artifact for each width they would be twice as many; some layouts depend on the width.
    const apart = single.reduce((n, { report }) => n + report.constants.unique_bytes, 0);
    expect(made.report.constants.unique_bytes).toBeLessThan(0.6 * apart);
    const pinned = single.reduce((n, { draft }) => n + pinnedBytes(draft.program.executables[0]), 0);
    expect(pinnedBytes(executables[0])).toBeLessThan(0.7 * pinned);
    expect(pinnedBytes(executables[0])).toBeGreaterThan(0.45 * pinned);
    expect(pinnedBytes(executables[1])).toBe(0);
    expect(made.report.executables.map((e) => [e.name, e.bucket])).toEqual([
      ['main@1x1x32x256', '1x1x32x256'],
      ['main@1x1x32x512', '1x1x32x512'],
    ]);
  });

  it('compute what the model computes, loaded once', () => {
    const loaded = loadArtifact(artifact, { checks: 'always' });
    for (const [i, width] of WIDTHS.entries()) {
      const x = imageOf(crop(line, NARROW), width);
      const { outputs, bucket, loadTicks } = runRequest(loaded, new Map([['image', x]]));
      expect(bucket).toBe(`1x1x32x${width}`);
      expect(loadTicks > 0).toBe(i === 0);
      const { graph } = loadModel(model, { inputShapes: shapeOf(width) });
      expect(difference(interpretGraph(graph, [x]), [...outputs.values()])).toBeLessThan(1e-4);
    }
    const { bucket } = runRequest(loadArtifact(artifact, { timingOnly: true }), new Map());
    expect(bucket).toBe('1x1x32x512');
  });
});

describe.each(['split', 'unrolled', 'partitioned', 'device-loop'] as const)(
  'two widths of a loop, %s',
  (variant) => {
    it('share weights, pins and steps of the host, and give the text of the line', () => {
      const [expected] = (
        JSON.parse(readFileSync(fixture('labels.json'), 'utf8')) as { file: string; tokens: number[] }[]
      ).filter((l) => l.file === 'line_10.png');
      const { draft, report } = compileDecode(
        {
          files: { model: fixture('ocr_loop.onnx') },
          flags: { inputShapes: new Map(), bind: [], state: [], maxSteps: 12 },
          variant,
          ...(variant === 'partitioned' && { partitions: { parts: 2 } }),
          objective: 'mean',
          incremental: 'auto',
          residentState: false,
        },
        options,
      );
      expect(report.constants.unique_bytes).toBeLessThan(1.2 * statSync(fixture('ocr_loop.onnx')).size);
      const artifact = readArtifact(artifactBytes(draft), { file: 'm.neff' });
      expect(validateArtifact(artifact)).toEqual([]);
      expect(artifact.program.executables.filter((e) => e.pins.length > 0)).toHaveLength(1);
      const loaded = loadArtifact(artifact, { checks: 'always' });
      for (const [width, picture] of [
        [256, crop(line, NARROW)],
        [512, line],
      ] as const) {
        const { outputs, bucket } = runRequest(loaded, new Map([['image', imageOf(picture, width)]]));
        expect(bucket).toBe(`1x1x32x${width}`);
        expect([...toNumbers(outputs.get('tokens') as HostTensor)].map(Number)).toEqual(expected?.tokens);
      }
      const odd = makeTensor('f32', [1, 1, 32, 128], new Uint8Array(4 * 32 * 128));
      expect(codeOf(() => runRequest(loaded, new Map([['image', odd]])))).toBe('E3545');
    });
  },
);

function pinnedBytes(e: Executable | undefined): number {
  return (e?.pins ?? []).reduce((n, p) => n + p.parts * p.bytes, 0);
}

function shapeOf(width: number): CompileOptions['inputShapes'] {
  return new Map([['image', { shape: [1, 1, 32, width] }]]);
}

// Models that others trained and exported, in all forms, to the token: the first tokens of a sample each. Skipped where the
// files are not beside the repository.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type HostTensor, toNumbers } from '../../../src/base/tensor.js';
import { decodeGreedily } from '../../../src/driver/decode/greedy.js';
import { isDecodeSource, type RecogniseRequest, recognise } from '../../../src/driver/decode/recognise.js';
import type { DecodeFlags } from '../../../src/driver/decode/request.js';
import { readNpz } from '../../../src/driver/tensor-files/npz.js';
import { parsePreprocess } from '../../../src/driver/tensor-files/preprocess.js';
import { readInput } from '../../../src/driver/tensor-files/read.js';

const MODELS = resolve(import.meta.dirname, '../../../../shared/models');
const ocr = (name: string) => join(MODELS, 'ocr', name);
const NONE = { inputShapes: new Map(), bind: [], state: [] };

function first(
  files: RecogniseRequest,
  flags: DecodeFlags,
  given: ReadonlyMap<string, HostTensor>,
  steps: number,
): number[] {
  const { source, inputs } = recognise(files, {
    ...flags,
    inputShapes: new Map([...given].map(([name, { shape }]) => [name, { shape }])),
  });
  const tensors = inputs.map(({ name }) => given.get(name) as HostTensor);
  return decodeGreedily(source, tensors, steps).steps.map((row) => row[0] ?? -1);
}

function samples(folder: string): {
  readonly given: ReadonlyMap<string, HostTensor>;
  readonly tokens: readonly number[];
} {
  const all = readNpz(readFileSync(join(folder, 'samples.npz')), 'samples.npz');
  const own = [...all].filter(([name]) => name.startsWith('0.'));
  const given = new Map(
    own.filter(([name]) => name !== '0.tokens').map(([name, x]) => [name.slice(2), x] as const),
  );
  return { given, tokens: [...toNumbers(all.get('0.tokens') as HostTensor)] };
}

describe.skipIf(!existsSync(ocr('ocr_loop.onnx')))('line recognition (../shared/models/ocr)', () => {
  const FLAGS = { ...NONE, bos: 1, eos: 2, pad: 0, maxSteps: 75 };
  const forms: readonly (readonly [string, RecogniseRequest, DecodeFlags])[] = [
    ['a loop whose buffer grows', { model: ocr('ocr_loop.onnx') }, NONE],
    ['a loop with a fixed buffer', { model: ocr('ocr_loop_fixed.onnx') }, NONE],
    ['a loop as PyTorch exports it', { model: ocr('ocr_loop_torch.onnx') }, NONE],
    ['a teacher-forced graph', { model: ocr('ocr_teacher.onnx') }, FLAGS],
    ['the same by the newer exporter', { model: ocr('ocr_teacher_dynamo.onnx') }, FLAGS],
    ['a pair', { encoder: ocr('ocr_encoder.onnx'), decoder: ocr('ocr_decoder.onnx') }, FLAGS],
    [
      'a pair with caches',
      {
        encoder: ocr('ocr_encoder.onnx'),
        decoder: ocr('ocr_decoder_first.onnx'),
        decoderPast: ocr('ocr_decoder_past.onnx'),
      },
      FLAGS,
    ],
  ];
  it.each(forms)('%s', (_, files, flags) => {
    const label = JSON.parse(readFileSync(ocr('samples/labels.json'), 'utf8'))[0];
    const image = readInput(
      readFileSync(ocr(`samples/${label.file}`)),
      label.file,
      { name: 'image', dtype: 'f32', shape: [1, 1, 32, 512] },
      parsePreprocess('invert'),
    );
    expect(first(files, flags, new Map([['image', image]]), 4)).toEqual(label.tokens.slice(0, 4));
  });

  it('is a decoding source by itself only where it holds the loop', () => {
    expect(isDecodeSource({ model: ocr('ocr_loop_torch.onnx') })).toBe(true);
    expect(isDecodeSource({ model: ocr('ocr_teacher.onnx') })).toBe(false);
    expect(isDecodeSource({ model: join(MODELS, 'hf/t5') })).toBe(true);
  });
});

describe.skipIf(!existsSync(join(MODELS, 'hf')))('Hugging Face folders (../shared/models/hf)', () => {
  const folders = ['t5', 'gpt2', 'marian', 'bart', 'trocr', 'llama'];
  const files: Readonly<Record<string, readonly (string | undefined)[]>> = {
    gpt2: [undefined, 'model_without_past.onnx'],
    llama: [undefined, 'model_without_past.onnx'],
  };
  const ENCODER_DECODER = [undefined, 'decoder_model_merged.onnx', 'decoder_model.onnx'];
  it.each(folders)('%s, by each of its decoder files', (name) => {
    const folder = join(MODELS, 'hf', name);
    const { given, tokens } = samples(folder);
    for (const decoderFile of files[name] ?? ENCODER_DECODER) {
      const request = { model: folder, ...(decoderFile !== undefined && { decoderFile }) };
      expect(first(request, { ...NONE, maxSteps: 40 }, given, 4)).toEqual(tokens.slice(0, 4));
    }
  });
});

describe.skipIf(!existsSync(join(MODELS, 'real/romanizer')))(
  'a recurrent pair (../shared/models/real)',
  () => {
    it('carries its hidden state', () => {
      const folder = join(MODELS, 'real/romanizer');
      const { given, tokens } = samples(folder);
      const pair = { encoder: join(folder, 'encoder.onnx'), decoder: join(folder, 'decoder.onnx') };
      expect(first(pair, { ...NONE, bos: 1, eos: 2, maxSteps: 32 }, given, 20)).toEqual(tokens);
    });
  },
);

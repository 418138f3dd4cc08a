// The operator conformance suite, imported and run by the operators' evaluators: every case is right or refused for a reason
// that is known. Inputs that decide shapes (axes, target shapes, …) are given as known values where they have to be.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { NeffcError } from '../../../src/base/diagnostic.js';
import { elementCount, type HostTensor, unpackElements } from '../../../src/base/tensor.js';
import { modelInputs } from '../../../src/frontend/onnx/import.js';
import type { GivenInput } from '../../../src/frontend/onnx/inputs.js';
import type { OnnxValue } from '../../../src/frontend/onnx/proto/model.js';
import { readOnnxModel } from '../../../src/frontend/onnx/proto/read.js';
import { readValueProto } from '../../../src/frontend/onnx/proto/values.js';
import { interpretGraph } from '../../../src/ops/interpret.js';
import { importModel, mismatch } from '../../helpers/onnx-import.js';

const ARCHIVE = resolve(import.meta.dirname, '../../../../shared/conformance/onnx-node.tar.gz');

/** Cases that are refused: strings, images, random numbers. */
const REFUSED = [
  /^test_(string_|strnormalizer_|regex_|equal_string)/,
  /^test_image_decoder_/,
  /^test_bernoulli/,
  /^test_training_dropout(_default)?(_mask)?$/,
];
/** Recorded values are rounding errors of another algorithm, beyond the tolerance. */
const NOISE = /^test_dft_inverse(_opset19)?$/;

/** Members of a tar archive by path. */
function members(tar: Uint8Array): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  const text = (at: number, length: number) =>
    new TextDecoder().decode(tar.subarray(at, at + length)).replace(/\0.*$/s, '');
  let longName: string | undefined;
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8) || 0;
    const prefix = text(at + 345, 155);
    const path = longName ?? `${prefix}${prefix === '' ? '' : '/'}${text(at, 100)}`;
    // A member of type L holds the name of the next one.
    longName = text(at + 156, 1) === 'L' ? text(at + 512, size) : undefined;
    if (longName === undefined) found.set(path.replace(/^\.\//, ''), tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found;
}

const files = existsSync(ARCHIVE)
  ? members(gunzipSync(readFileSync(ARCHIVE)))
  : new Map<string, Uint8Array>();
const folders = [...files.keys()]
  .filter((path) => path.endsWith('/model.onnx'))
  .map((path) => path.slice(0, -'/model.onnx'.length))
  .sort();

const options = (file: string) => ({ file, readExternal: () => new Uint8Array(0) });

function tensorsOf(value: OnnxValue | undefined): HostTensor[] {
  if (value === undefined) return [];
  if (value.kind === 'optional') return tensorsOf(value.element);
  if (value.kind === 'sequence') return value.elements.flatMap(tensorsOf);
  if (value.kind !== 'tensor') throw new Error(`a ${value.kind} is not expected`);
  const { dtype, shape, data, strings } = value.tensor;
  if (dtype === 'string') return [{ dtype, shape, data, ...(strings && { strings }) }];
  return [{ dtype, shape, data: unpackElements(dtype, data, elementCount(shape)) }];
}

function formOf(value: OnnxValue | undefined): GivenInput {
  if (value?.kind === 'tensor') return { shape: value.tensor.shape };
  if (value?.kind === 'sequence')
    return { elements: value.elements.flatMap(tensorsOf).map(({ shape }) => ({ shape })) };
  return value?.kind === 'optional' && value.element ? formOf(value.element) : 'absent';
}

/** 'right', or what is wrong or refused. */
function judge(folder: string): string {
  const model = readOnnxModel(files.get(`${folder}/model.onnx`)!, options(folder));
  const inputs = modelInputs(model);
  const data = (name: string, kind: OnnxValue['kind'] | 'opaque' | undefined) => {
    const bytes = files.get(`${folder}/test_data_set_0/${name}.pb`);
    return bytes && readValueProto(bytes, (kind ?? 'tensor') as OnnxValue['kind'], options(name));
  };
  const given = inputs.map(({ type }, i) => data(`input_${i}`, type?.kind)!);
  const inputShapes = new Map(inputs.map(({ name }, i) => [name, formOf(given[i])]));
  const known = (filter: (t: HostTensor) => boolean) =>
    new Map(
      given.flatMap((value, i) => {
        const [t] = value.kind === 'tensor' ? tensorsOf(value) : [];
        return t !== undefined && filter(t) ? [[inputs[i]!.name, t] as const] : [];
      }),
    );
  let failure: unknown;
  // Nothing known; then integers, which decide shapes; then everything.
  for (const filter of [
    () => false,
    (t: HostTensor) => /^[iub]/.test(t.dtype) && t.dtype !== 'bf16',
    () => true,
  ]) {
    try {
      const { graph } = importModel(model, { file: folder, inputShapes, inputValues: known(filter) });
      const results = interpretGraph(graph, given.flatMap(tensorsOf));
      const wanted = model.graph.outputs.flatMap(({ type }, i) => tensorsOf(data(`output_${i}`, type?.kind)));
      if (results.length !== wanted.length) return `${results.length} outputs, not ${wanted.length}`;
      const found = wanted.map((t, i) => mismatch(results[i]!, t, 1e-3, 1e-7));
      return found.find((text) => text !== undefined) ?? 'right';
    } catch (error) {
      failure = error;
      const code = error instanceof NeffcError ? error.diagnostics[0]?.code : undefined;
      if (code !== 'E4002' && code !== 'E4003') break;
    }
  }
  return failure instanceof NeffcError && failure.exitCode === 4 ? 'refused' : String(failure);
}

describe.skipIf(folders.length === 0)(
  'conformance suite by interpretation (skipped without the archive)',
  () => {
    it('is right in every case that is not refused for its kind', { timeout: 120_000 }, () => {
      const wrong: string[] = [];
      let right = 0;
      for (const folder of folders) {
        const name = folder.split('/').at(-1) ?? '';
        const verdict = judge(folder);
        if (verdict === 'right') right++;
        else if (NOISE.test(name)) continue;
        else if (verdict !== 'refused' || !REFUSED.some((pattern) => pattern.test(name)))
          wrong.push(`${name}: ${verdict}`);
      }
      expect(wrong).toEqual([]);
      expect(right).toBeGreaterThanOrEqual(1815);
    });
  },
);

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sniffModel } from '../../src/frontend/sniff.js';
import { model, tensor, tensorProto } from '../helpers/onnx-builder.js';
import { bytesField, concat, varintField } from '../helpers/protobuf-writer.js';

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const padded = (text: string, offset = 0) =>
  concat([new Uint8Array(offset), latin1(text), new Uint8Array(300)]);

describe('sniffing', () => {
  it('takes ONNX models, whole, damaged and of later versions', () => {
    const bytes = model({ inputs: { x: 'f32[2]' } });
    expect(sniffModel(bytes).kind).toBe('onnx');
    expect(sniffModel(bytes.subarray(0, bytes.length >> 1)).kind).toBe('onnx');
    expect(sniffModel(model({ irVersion: 99 })).kind).toBe('onnx');
    expect(sniffModel(concat([bytes, bytesField(40, 'new')])).kind).toBe('onnx');
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /empty/],
    ['PNG', padded('\x89PNG\r\n\x1a\n'), /PNG/],
    ['gzip', padded('\x1f\x8b\x08'), /gzip/],
    ['HDF5', padded('\x89HDF\r\n\x1a\n'), /HDF5/],
    ['tar', padded('ustar', 257), /tar/],
    ['TensorFlow Lite', padded('TFL3', 4), /Lite/],
    ['pickle', padded('\x80\x02\x8a\x0a'), /pickle/],
    ['safetensors', concat([latin1('\x10\0\0\0\0\0\0\0{"a":{}}'), new Uint8Array(16)]), /safetensors/],
    ['Git LFS', latin1('version https://git-lfs.github.com/spec/v1\noid sha256:00\n'), /LFS/],
    ['JSON', latin1(' {"model": 1}'), /JSON/],
    ['web page', latin1('<!DOCTYPE html><html></html>'), /web page/],
    ['ONNX text', latin1('<\n  ir_version: 10,\n  opset_import: ["" : 19]\n>\nagraph ()'), /text form/],
    ['text', latin1(': hello, this is a text\n'), /a text file/],
    ['words', new TextEncoder().encode('ä'.repeat(4000)), /a text file/],
    ['tensor', tensorProto(tensor('f32', [300], new Array(300).fill(0))), /test data/],
    [
      'SavedModel',
      concat([varintField(1, 1), bytesField(2, bytesField(1, bytesField(1, 'x')))]),
      /SavedModel/,
    ],
    ['noise', Uint8Array.from([0xfe, 0xed, 0x00, 0x12, 0x99]), /no known kind/],
    ['empty zip', concat([latin1('PK\x05\x06'), new Uint8Array(18)]), /zip archive without/],
  ])('names %s', (_name, bytes, expected) => {
    const { kind, looksLike, hint } = sniffModel(bytes);
    expect(looksLike).toMatch(expected);
    expect(kind).toBe('unknown');
    expect(hint).toBeTruthy();
  });

  it('leaves damaged zip archives to the TorchScript reader', () => {
    expect(sniffModel(padded('PK\x03\x04')).kind).toBe('torchscript');
  });

  const archives = join('..', 'shared', 'models');
  it.skipIf(!existsSync(archives))('takes PyTorch archives and names NumPy archives', () => {
    const kinds = { '.pt': 'torchscript', '.ptl': 'torchscript', '.npz': 'unknown', '.npy': 'unknown' };
    const names = readdirSync(archives, { recursive: true, encoding: 'utf8' });
    for (const [ending, kind] of Object.entries(kinds)) {
      for (const name of names.filter((candidate) => candidate.endsWith(ending))) {
        const found = sniffModel(readFileSync(join(archives, name)));
        expect([name, found.kind]).toEqual([name, kind]);
        if (kind === 'unknown') expect(found.looksLike).toMatch(/NumPy/);
      }
    }
  });
});

// Every model at hand reads, and says the same as the generated decoder of onnx-proto, which shares no code with ours.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { externalDataReader } from '../../../../src/frontend/onnx/proto/external-files.js';
import type { OnnxAttribute, OnnxGraph } from '../../../../src/frontend/onnx/proto/model.js';
import { readOnnxModel } from '../../../../src/frontend/onnx/proto/read.js';
import { sniffModel } from '../../../../src/frontend/sniff.js';

type TheirGraph = onnxProto.onnx.IGraphProto;
type TheirAttribute = onnxProto.onnx.IAttributeProto;

const FOLDERS = ['models', join('corpus', 'onnx')].map((name) => join('..', 'shared', name));
/** The other decoder is slow; larger models are read without comparing. */
const COMPARED_UP_TO = 1_500_000;

const files = FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.onnx'))
    .map((name) => join(folder, name)),
);

function outline(graph: OnnxGraph): unknown {
  return {
    nodes: graph.nodes.map((node) => ({
      op: node.opType,
      inputs: node.inputs,
      outputs: node.outputs,
      attributes: [...node.attributes].map(([name, attribute]) => [name, ourValue(attribute)]),
    })),
    initializers: [...graph.initializers.values()].map(({ name, shape }) => ({ name, shape })),
    inputs: graph.inputs.map((info) => info.name),
    outputs: graph.outputs.map((info) => info.name),
  };
}

function ourValue(attribute: OnnxAttribute): unknown {
  switch (attribute.kind) {
    case 'int':
      return `${attribute.exact ?? attribute.value}`;
    case 'ints':
      return (attribute.exact ?? attribute.value).map(String);
    case 'tensor':
      return attribute.value.shape;
    case 'graph':
      return outline(attribute.value);
    default:
      return attribute.value;
  }
}

function theirOutline(graph: TheirGraph): unknown {
  return {
    nodes: graph.node?.map((node) => ({
      op: node.opType,
      inputs: node.input,
      outputs: node.output,
      attributes: node.attribute?.map((attribute) => [
        attribute.name,
        THEIR_VALUE[attribute.type ?? 0]?.(attribute),
      ]),
    })),
    initializers: graph.initializer?.map(({ name, dims }) => ({ name, shape: dims?.map(Number) })),
    inputs: graph.input?.map((info) => info.name),
    outputs: graph.output?.map((info) => info.name),
  };
}

const utf8 = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('utf8');
const THEIR_VALUE: Record<number, (attribute: TheirAttribute) => unknown> = {
  1: ({ f }) => f,
  2: ({ i }) => `${i}`,
  3: ({ s }) => utf8(s),
  4: ({ t }) => t?.dims?.map(Number),
  5: ({ g }) => theirOutline(g ?? {}),
  6: ({ floats }) => floats,
  7: ({ ints }) => ints?.map(String),
  8: ({ strings }) => strings?.map(utf8),
};

function expectSameData(graph: OnnxGraph, theirs: TheirGraph): void {
  for (const { name, rawData, floatData } of theirs.initializer ?? []) {
    const ours = graph.initializers.get(name ?? '')?.data ?? new Uint8Array(0);
    if (rawData?.length) expect(Buffer.compare(ours, rawData)).toBe(0);
    if (floatData?.length) {
      expect(Buffer.compare(ours, new Uint8Array(Float32Array.from(floatData).buffer))).toBe(0);
    }
  }
}

describe.skipIf(files.length === 0)('models of ../shared (skipped where absent)', () => {
  it.each(files)('%s', (file) => {
    const bytes = readFileSync(file);
    expect(sniffModel(bytes).kind).toBe('onnx');
    const model = readOnnxModel(bytes, { file, readExternal: externalDataReader(dirname(file)) });
    if (bytes.length > COMPARED_UP_TO) return;
    const theirs = onnxProto.onnx.ModelProto.decode(bytes);
    expect(outline(model.graph)).toEqual(theirOutline(theirs.graph ?? {}));
    expectSameData(model.graph, theirs.graph ?? {});
  });
});

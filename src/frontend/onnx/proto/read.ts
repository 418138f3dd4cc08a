// Bytes of an ONNX file to an OnnxModel. Weights are views of the bytes; nothing is executed, nothing is interpreted.
// The entry of this folder; what is wrong with a file is reported as diagnostics E3001 to E3020.

import { badInput } from '../../../base/diagnostic.js';
import { decodeMessage } from './decode.js';
import { toFunction, toGraph } from './graph.js';
import { FIRST_IR_VERSION_WITH_OPSETS, NEWEST_IR_VERSION } from './limits.js';
import type { OnnxModel } from './model.js';
import { toDomain, toOpsets } from './opsets.js';
import { looksLikeModel } from './recognize.js';
import type { Proto } from './schema.js';
import type { FileContext, ReadOptions } from './tensor.js';

/**
 * Reads a model. The result holds views of `bytes`, which must not be changed afterwards.
 * @throws NeffcError E3001 (empty), E3002 (not ONNX), E3003 to E3006 (damaged, or over a limit), E3007 (no graph),
 *   E3008 (IR version), E3009 (operator sets), E3010 to E3017 (a tensor), E3018 to E3020 (a node or attribute), E4010
 */
export function readOnnxModel(bytes: Uint8Array, options: ReadOptions): OnnxModel {
  const { file } = options;
  if (bytes.length === 0) throw badInput('E3001', 'the file is empty', { file }, 'Fetch or export it again.');
  if (!looksLikeModel(bytes)) {
    throw badInput(
      'E3002',
      'the file is not an ONNX model',
      { file },
      'Give a .onnx file as exporters write it: protobuf, not text, not compressed.',
    );
  }
  const proto = decodeMessage('ModelProto', bytes, file);
  const context: FileContext = { ...options, bytes };
  const irVersion = checkedIrVersion(proto, file);
  if (!proto.graph) {
    throw badInput(
      'E3007',
      'the model has no graph',
      { file },
      'The file is cut short; fetch or export it again.',
    );
  }
  const opsets = checkedOpsets(proto, irVersion, file);
  const functionDomains = new Set(proto.functions.map(({ domain }) => toDomain(domain)));
  return {
    irVersion,
    opsets,
    producer: { name: proto.producerName ?? '', version: proto.producerVersion ?? '' },
    functions: proto.functions.map((entry) => toFunction(entry, context, functionDomains)),
    graph: toGraph(proto.graph, { context, domains: new Set([...opsets.keys(), ...functionDomains]) }),
    metadata: new Map(proto.metadataProps.map(({ key, value }) => [key ?? '', value ?? ''])),
  };
}

function checkedIrVersion({ irVersion }: Proto<'ModelProto'>, file: string): number {
  if (typeof irVersion === 'number' && irVersion >= 1 && irVersion <= NEWEST_IR_VERSION) return irVersion;
  const isNewer = irVersion !== undefined && irVersion > NEWEST_IR_VERSION;
  throw badInput(
    'E3008',
    irVersion === undefined
      ? 'the model names no IR version'
      : `the model has IR version ${irVersion}; known are 1 to ${NEWEST_IR_VERSION}`,
    { file },
    isNewer ? `Export it for IR version ${NEWEST_IR_VERSION} or older.` : 'Fetch or export it again.',
  );
}

function checkedOpsets(
  proto: Proto<'ModelProto'>,
  irVersion: number,
  file: string,
): ReadonlyMap<string, number> {
  const opsets = toOpsets(proto.opsetImport, 'the model', { file });
  if (opsets.size > 0) return opsets;
  if (irVersion < FIRST_IR_VERSION_WITH_OPSETS) return new Map([['', 1]]);
  throw badInput(
    'E3009',
    'the model imports no operator set',
    { file },
    'Set its opset_import to the version of ai.onnx that it was exported for.',
  );
}

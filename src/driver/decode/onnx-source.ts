// An ONNX model as a source of graphs at given shapes, and pieces of it: from some of its values to others. A piece is
// made by cutting the file's records, so that the importer specialises it on its shapes like any model.
import { type HostTensor, packElements } from '../../base/tensor.js';
import { importOnnx, modelInputs } from '../../frontend/onnx/import.js';
import type {
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValueInfo,
} from '../../frontend/onnx/proto/model.js';
import type { Constant } from '../../ir/constant.js';
import type { Graph } from '../../ir/graph.js';
import { constantBytes } from '../../ops/evaluate.js';
import type { Port, ShapedType, SourceModel } from './request.js';

export function onnxSource(model: OnnxModel, file: string): SourceModel {
  const inputs = modelInputs(model).map(portOf);
  return {
    file,
    inputs,
    outputs: model.graph.outputs.map(portOf),
    graphAt: (types, values) => {
      const given = inputs.map(({ name }) => [name, types.get(name)] as const);
      const outputs = model.graph.outputs.map(({ name }) => name);
      return importPiece(model, file, {
        inputs: given.flatMap(([name, type]) => (type === undefined ? [] : [{ name, ...type }])),
        values,
        outputs,
      });
    },
  };
}

export function portOf({ name, type }: OnnxValueInfo): Port {
  return type?.kind === 'tensor'
    ? { name, dtype: type.dtype, dims: type.dims }
    : { name, dtype: undefined, dims: undefined };
}

/** A part of a model's graph: from these values to those. */
export interface Piece {
  readonly inputs: readonly ({ readonly name: string } & ShapedType)[];
  /** Values that are known, inputs of the piece or not; an input that is known stays a parameter that nothing reads. */
  readonly values: ReadonlyMap<string, HostTensor>;
  readonly outputs: readonly string[];
}

/** @throws NeffcError as the importer does */
export function importPiece(model: OnnxModel, file: string, { inputs, values, outputs }: Piece): Graph {
  const { graph } = model;
  const names = new Set(inputs.map(({ name }) => name));
  const constants = [...values].filter(([name]) => !names.has(name));
  const given = new Set([...names, ...values.keys()]);
  const initializers = new Map([...graph.initializers].filter(([name]) => !given.has(name)));
  for (const [name, tensor] of constants) initializers.set(name, tensorRecord(name, tensor));
  const piece: OnnxGraph = {
    ...graph,
    nodes: graph.nodes.flatMap((node) => withoutOutputs(node, given)),
    initializers,
    inputs: inputs.map(({ name, dtype, shape }) => ({ name, type: { kind: 'tensor', dtype, dims: shape } })),
    outputs: outputs.map((name) => ({ name, type: undefined })),
  };
  const inputValues = new Map([...values].filter(([name]) => names.has(name)));
  return importOnnx({ ...model, graph: piece }, { file, inputValues }).graph;
}

/** The node without the results that are given; none where nothing is left of it. */
function withoutOutputs(node: OnnxNode, given: ReadonlySet<string>): readonly OnnxNode[] {
  if (!node.outputs.some((name) => given.has(name))) return [node];
  const outputs = node.outputs.map((name) => (given.has(name) ? '' : name));
  return outputs.every((name) => name === '') ? [] : [{ ...node, outputs }];
}

function tensorRecord(name: string, { dtype, shape, data, strings }: HostTensor): OnnxTensor {
  return { name, dtype, shape, data: packElements(dtype, data), strings, source: undefined };
}

export function tensorOf(c: Constant): HostTensor {
  return { dtype: c.dtype, shape: c.shape, data: constantBytes(c), ...(c.strings && { strings: c.strings }) };
}

// `verify --layers`: where does a compiled model first depart from its source? The source is compiled again with every intermediate
// value as an output, and each is compared with the operators' own evaluators on the same graph. The graph after all passes is
// compared with the graph before them too, so that a wrong pass is told from a wrong lowering.
import { readArtifact } from '../artifact/read.js';
import { artifactBytes } from '../artifact/write.js';
import type { HostTensor } from '../base/tensor.js';
import { constantOf, type Graph, type Node, type Value } from '../ir/graph.js';
import { staticShape } from '../ir/type.js';
import { interpretGraph } from '../ops/interpret.js';
import { loadArtifact } from '../runtime/load.js';
import { runRequest } from '../runtime/request.js';
import { type Comparison, compareTensors, toleranceOf } from './compare.js';
import { type CompileOptions, compilePrepared, type PreparedModel, prepareModel } from './compile.js';
import { loadModel } from './load-model.js';
import { inputOf } from './model-reference.js';

/** One intermediate value. */
export interface LayerComparison extends Comparison {
  readonly node: string;
  readonly op: string;
  readonly shape: readonly number[];
  readonly dtype: string;
}

export interface LayerReport {
  /** In the order of execution. */
  readonly layers: readonly LayerComparison[];
  /** The first that departs. */
  readonly first?: LayerComparison;
  /** Outputs whose values the passes changed beyond tolerance, before anything was lowered. */
  readonly changedByPasses: readonly { readonly output: string; readonly reason: string }[];
}

/** @param options those of the compilation that is examined */
export function compareLayers(
  model: string,
  inputs: ReadonlyMap<string, HostTensor>,
  options: CompileOptions,
): LayerReport {
  const prepared = prepareModel(model, options);
  const tolerance = toleranceOf(options.autoCast === 'none' ? 'fp32' : options.autoCastType);
  const { graph } = prepared;
  const wanted = new Map<Value, { tensor: HostTensor; node: Node }>();
  const given = graph.body.params.map((param) => inputOf(inputs, param.name, model));
  const results = interpretGraph(graph, given, (value, tensor, node) => wanted.set(value, { tensor, node }));
  const values = intermediateValues(graph);
  const got = runWithAllOutputs(prepared, values, inputs, options);
  const layers = values.flatMap((value, i): LayerComparison[] => {
    const want = wanted.get(value);
    const tensor = got.get(outputName(i));
    if (want === undefined || tensor === undefined) return [];
    const { node } = want;
    const [origin] = node.origins;
    return [
      {
        node: origin?.node ?? node.op,
        op: origin?.op ?? node.op,
        shape: tensor.shape,
        dtype: tensor.dtype,
        ...compareTensors(tensor, want.tensor, tolerance),
      },
    ];
  });
  const first = layers.find((layer) => !layer.equal);
  return {
    layers,
    ...(first && { first }),
    changedByPasses: passChanges(model, inputs, options, graph, results),
  };
}

const outputName = (index: number): string => `layer ${index}`;

/** Results of the graph's nodes in order, constants and what has no fixed shape apart. */
function intermediateValues({ body }: Graph): Value[] {
  return body.nodes.flatMap((node) =>
    node.outputs.filter(
      (v) => constantOf(v) === undefined && staticShape(v.type) !== undefined && v.type.dtype !== 'string',
    ),
  );
}

function runWithAllOutputs(
  prepared: PreparedModel,
  values: readonly Value[],
  inputs: ReadonlyMap<string, HostTensor>,
  options: CompileOptions,
): ReadonlyMap<string, HostTensor> {
  const { graph } = prepared;
  const widened: Graph = {
    ...graph,
    body: { ...graph.body, results: values },
    outputNames: values.map((_, i) => outputName(i)),
  };
  const { draft } = compilePrepared({ ...prepared, graph: widened }, options);
  const artifact = readArtifact(artifactBytes(draft), { file: draft.name });
  return runRequest(loadArtifact(artifact, { checks: 'off' }), inputs).outputs;
}

/** Compares the outputs of the imported graph with those of the graph after all passes. */
function passChanges(
  model: string,
  inputs: ReadonlyMap<string, HostTensor>,
  options: CompileOptions,
  graph: Graph,
  results: readonly HostTensor[],
): LayerReport['changedByPasses'] {
  const source = loadModel(model, options).graph;
  const wanted = interpretGraph(
    source,
    source.body.params.map((param) => inputOf(inputs, param.name, model)),
  );
  const tolerance = toleranceOf(options.autoCast === 'none' ? 'fp32' : options.autoCastType);
  return graph.outputNames.flatMap((output, i) => {
    const [got, want] = [results[i], wanted[i]];
    if (got === undefined || want === undefined) return [];
    const { equal, reason = '' } = compareTensors(got, want, tolerance);
    return equal ? [] : [{ output, reason }];
  });
}

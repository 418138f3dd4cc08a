// Reference outputs from the source model: by ONNX Runtime, or by neffc's own evaluators on the imported graph before any pass.
import type { ModelSignature } from '../artifact/signature.js';
import { badInput } from '../base/diagnostic.js';
import type { DType } from '../base/dtype.js';
import type { HostTensor } from '../base/tensor.js';
import { interpretGraph } from '../ops/interpret.js';
import { bucketFor } from './bucket-choice.js';
import { type InputShapes, loadModel } from './load-model.js';
import { requireOnnxRuntime, runOnnxRuntime } from './onnx-runtime.js';
import type { ReferenceSet } from './reference-data.js';

const SAME_MODEL = 'is it the model that was compiled?';

export type ReferenceRuntime = 'onnxruntime' | 'interpreter';

/** The shapes for which an artifact was compiled, as `--input-shape` gives them; of buckets those of the one that takes the inputs. */
export function compiledShapes(
  { inputs, buckets }: ModelSignature,
  given: ReadonlyMap<string, HostTensor>,
): InputShapes {
  const shapes = new Map([...given].map(([name, { shape }]) => [name, shape]));
  const ports = bucketFor(buckets, shapes, new Map())?.inputs ?? inputs;
  return new Map(
    ports.map((p): [string, { shape: number[]; dtype: DType }] => [
      p.name,
      { shape: p.shape.map(Number), dtype: p.dtype },
    ]),
  );
}

export interface ModelReferenceOptions {
  readonly runtime: ReferenceRuntime;
  /** Where else to look for ONNX Runtime. */
  readonly folder: string;
}

/**
 * The outputs of the source model for the inputs given.
 * @throws E4021, E4022 (ONNX Runtime), E3621 (outputs of other names), and as loadModel
 */
export async function referenceFromModel(
  model: string,
  signature: ModelSignature,
  inputs: ReadonlyMap<string, HostTensor>,
  options: ModelReferenceOptions,
): Promise<ReferenceSet> {
  const results =
    options.runtime === 'onnxruntime'
      ? await runOnnxRuntime(await requireOnnxRuntime(options.folder), model, inputs)
      : interpretModel(model, signature, inputs);
  const outputs = signature.outputs.map(({ name }): [string, HostTensor] => {
    const result = results.get(name);
    if (result !== undefined) return [name, result];
    throw badInput(
      'E3621',
      `the model has no output ${name}, which the artifact has`,
      { file: model },
      SAME_MODEL,
    );
  });
  return { name: options.runtime, inputs, outputs: new Map(outputs) };
}

function interpretModel(
  model: string,
  signature: ModelSignature,
  inputs: ReadonlyMap<string, HostTensor>,
): Map<string, HostTensor> {
  const { graph } = loadModel(model, { inputShapes: compiledShapes(signature, inputs) });
  const given = graph.body.params.map((param) => inputOf(inputs, param.name, model));
  const results = interpretGraph(graph, given);
  return new Map(
    graph.outputNames.flatMap((name, i) => (results[i] === undefined ? [] : [[name, results[i]]])),
  );
}

/** @throws E3621 */
export function inputOf(inputs: ReadonlyMap<string, HostTensor>, name: string, model: string): HostTensor {
  const found = inputs.get(name);
  if (found !== undefined) return found;
  throw badInput(
    'E3621',
    `the model has an input ${name}, which the artifact does not have`,
    { file: model },
    SAME_MODEL,
  );
}

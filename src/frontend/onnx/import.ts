// ONNX records to a core graph. A specialising import: types are inferred as nodes are made and everything that can be
// computed is, so that with all dims of the inputs known every shape in the graph is static and nothing of the shape
// arithmetic remains. The map of this folder: inputs.ts types the inputs, walk.ts goes through the nodes, table.ts knows
// the operators, handlers/ imports them.
import { type Diagnostic, unsupported } from '../../base/diagnostic.js';
import type { HostTensor } from '../../base/tensor.js';
import { bytesConstant, type Constant } from '../../ir/constant.js';
import type { Graph, Value } from '../../ir/graph.js';
import { GraphBuilder } from '../../ops/build.js';
import { functionTable } from './functions.js';
import { bindInputs, type GivenInputs } from './inputs.js';
import { isValue } from './items.js';
import type { OnnxModel, OnnxValueInfo } from './proto/model.js';
import { Scope } from './scope.js';
import { Walk } from './walk.js';

/** Versions of ai.onnx whose operators are known. */
export const OLDEST_OPSET = 7;
export const NEWEST_OPSET = 28;

export interface ImportOptions {
  /** The model file as the user named it. */
  readonly file: string;
  /** Shapes of inputs, by name or 0-based position. */
  readonly inputShapes?: GivenInputs;
  /** Values of inputs, by name, that are known when the model is compiled: they stay inputs, and nothing reads them. */
  readonly inputValues?: ReadonlyMap<string, HostTensor>;
  /** Leave open dims symbolic instead of refusing them. */
  readonly keepSymbolic?: boolean;
}

export interface Imported {
  readonly graph: Graph;
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[];
}

/** The inputs that a caller gives values for: those that are no initializers. */
export function modelInputs(model: OnnxModel): readonly OnnxValueInfo[] {
  const { inputs, initializers, sparseInitializers } = model.graph;
  return inputs.filter(({ name }) => !initializers.has(name) && !sparseInitializers.has(name));
}

/**
 * @throws NeffcError E2010 to E2013 (input shapes), E3101 to E3107 and E3230 (the model contradicts itself), E4001 (all
 *   operators there is no importer for), E4002 to E4007 (uses of operators that cannot be compiled)
 */
export function importOnnx(model: OnnxModel, options: ImportOptions): Imported {
  const { file } = options;
  checkOpset(model, file);
  const builder = new GraphBuilder(model.graph.name || 'model');
  const inputs = modelInputs(model);
  for (const { name, type } of inputs) {
    if (type !== undefined && type.kind !== 'tensor')
      throw unsupported('E4006', `input '${name}' is of kind ${type.kind}; only tensors can be given`, { file });
  }
  const { types, diagnostics } = bindInputs(inputs, {
    file,
    given: options.inputShapes ?? new Map(),
    keepSymbolic: options.keepSymbolic ?? false,
  });
  const scope = new Scope();
  for (const { name, type } of types) {
    const param = builder.input(name, type);
    const known = options.inputValues?.get(name);
    scope.bind(name, known === undefined ? param : builder.constant(knownInput(known)), { file });
  }
  const walk = new Walk(builder, file, functionTable(model.functions));
  const results = walk.graph(model.graph, scope, model.opsets);
  walk.throwFailures();
  const names = model.graph.outputs.map((output) => output.name);
  const values = results.map((item, i): Value => {
    if (isValue(item)) return item;
    throw unsupported('E4006', `output '${names[i]}' is of kind ${item.kind}; only tensors can be returned`, { file });
  });
  return { graph: builder.finish(values, names), diagnostics };
}

function knownInput({ dtype, shape, data }: HostTensor): Constant {
  return bytesConstant(dtype, shape, data);
}

function checkOpset({ opsets }: OnnxModel, file: string): void {
  const version = opsets.get('');
  if (version === undefined || (version >= OLDEST_OPSET && version <= NEWEST_OPSET)) return;
  throw unsupported(
    'E4007',
    `the model is written for version ${version} of ai.onnx; known are ${OLDEST_OPSET} to ${NEWEST_OPSET}`,
    { file },
    version < OLDEST_OPSET
      ? 'Convert it with onnx.version_converter, or export it again.'
      : `Export it for opset ${NEWEST_OPSET} or older.`,
  );
}

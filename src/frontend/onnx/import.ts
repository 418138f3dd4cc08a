// ONNX records to a core graph. A specialising import: types are inferred as nodes are made and everything that can be
// computed is, so that with all dims of the inputs known every shape in the graph is static and nothing of the shape
// arithmetic remains. The map of this folder: inputs.ts types the inputs, walk.ts goes through the nodes, table.ts knows
// the operators, handlers/ imports them.
import { type Diagnostic, unsupported, warning } from '../../base/diagnostic.js';
import type { HostTensor } from '../../base/tensor.js';
import { bytesConstant, type Constant } from '../../ir/constant.js';
import { dimText } from '../../ir/dim.js';
import type { Graph, Value } from '../../ir/graph.js';
import { GraphBuilder } from '../../ops/build.js';
import { functionTable } from './functions.js';
import { bindInputs, type GivenInputs, type InputForm } from './inputs.js';
import { type Item, isValue } from './items.js';
import { outputsOf } from './order.js';
import type { OnnxModel, OnnxValueInfo } from './proto/model.js';
import { Scope } from './scope.js';
import { Walk } from './walk.js';

/** Versions of ai.onnx whose operators are known; older ones are tried, with a warning. */
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
  const { walk, scope, diagnostics } = beginImport(model, options);
  const results = walk.graph(model.graph, { scope, opsets: model.opsets, prefix: '', depth: 0 });
  walk.throwFailures();
  return { graph: finishOutputs(walk.builder, outputsOf(model.graph).results, results), diagnostics };
}

/** A walk whose scope has the model's inputs, and the warnings so far. */
export function beginImport(model: OnnxModel, options: ImportOptions) {
  const { file } = options;
  const warnings = checkOpset(model, file);
  const builder = new GraphBuilder(model.graph.name || 'model');
  const { types, diagnostics } = bindInputs(modelInputs(model), {
    file,
    given: options.inputShapes ?? new Map(),
    keepSymbolic: options.keepSymbolic ?? false,
  });
  const scope = new Scope();
  for (const { name, form } of types) {
    const item = inputItem(builder, name, form);
    const known = options.inputValues?.get(name);
    scope.bind(name, known === undefined ? item : builder.constant(knownInput(known)), { file });
  }
  const walk = new Walk(builder, file, functionTable(model.functions));
  return { walk, scope, diagnostics: [...warnings, ...diagnostics] };
}

/** The graph with these outputs, sequences and optionals as the tensors they are made of. */
export function finishOutputs(
  builder: GraphBuilder,
  names: readonly string[],
  items: readonly Item[],
): Graph {
  const outputs = items.flatMap((item, i) => outputValues(names[i] ?? '', item));
  return builder.finish(
    outputs.map((output) => output.value),
    outputs.map((output) => output.name),
  );
}

/** The graph's parameters for an input: those of a sequence are named after it, with their positions. */
function inputItem(builder: GraphBuilder, name: string, form: InputForm): Item {
  switch (form.kind) {
    case 'tensor':
      return builder.input(name, form.type);
    case 'sequence':
      return {
        kind: 'sequence',
        elements: form.elements.map((type, i) => builder.input(`${name}.${i}`, type)),
      };
    case 'optional':
      return { kind: 'optional', element: form.element && inputItem(builder, name, form.element) };
  }
}

interface Output {
  readonly name: string;
  readonly value: Value;
}

/** The tensors of an output, named like those of an input; an empty optional has none. */
function outputValues(name: string, item: Item): readonly Output[] {
  if (isValue(item)) return [{ name, value: item }];
  switch (item.kind) {
    case 'sequence':
      return item.elements.flatMap((element, i) => outputValues(`${name}.${i}`, element));
    case 'optional':
      return item.element === undefined ? [] : outputValues(name, item.element);
    case 'extents':
      throw unsupported(
        'E4003',
        `output '${name}' is the dims (${item.dims.map(dimText)}), which are not known`,
      );
    case 'unavailable':
      return [];
  }
}

function knownInput({ dtype, shape, data }: HostTensor): Constant {
  return bytesConstant(dtype, shape, data);
}

/** Warnings; E4007 for a version that is not known. */
function checkOpset({ opsets }: OnnxModel, file: string): readonly Diagnostic[] {
  const version = opsets.get('');
  if (version === undefined || (version >= OLDEST_OPSET && version <= NEWEST_OPSET)) return [];
  if (version > NEWEST_OPSET) {
    throw unsupported(
      'E4007',
      `the model is written for version ${version} of ai.onnx; known are those up to ${NEWEST_OPSET}`,
      { file },
      `Export it for opset ${NEWEST_OPSET} or older.`,
    );
  }
  const message = `the model is written for version ${version} of ai.onnx, whose operators are taken for those of ${OLDEST_OPSET}`;
  return [
    warning('W2002', message, { file }, 'Check the numbers, or convert it with onnx.version_converter.'),
  ];
}

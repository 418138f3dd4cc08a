// A model whose tokens come from a loop, split at it: what runs before, the body at any iteration, what runs after. The body
// is imported anew for each iteration, with the types that the carried values have there, so that a buffer that grows with
// every iteration is static in each of the graphs.
import { badInput } from '../../base/diagnostic.js';
import type { Constant } from '../../ir/constant.js';
import { constantOf, type Graph, type Value } from '../../ir/graph.js';
import type { TensorType } from '../../ir/type.js';
import { GraphBuilder } from '../../ops/build.js';
import { constantNumbers } from '../../ops/evaluate.js';
import type { RuntimeLoop } from './context.js';
import { functionTable } from './functions.js';
import { beginImport, finishOutputs, type ImportOptions } from './import.js';
import { type Item, isValue, mapValues, valuesOf } from './items.js';
import { neededInOrder, operandNames, outputsOf } from './order.js';
import type { OnnxModel, OnnxNode } from './proto/model.js';
import { Scope } from './scope.js';
import { Walk } from './walk.js';

export interface SplitLoop {
  /** Name of the loop's node. */
  readonly node: string;
  /** Params: the model's inputs. Results: the condition (true where the model has none), carried values, context. */
  readonly prologue: Graph;
  readonly carried: readonly TensorType[];
  /** Scan outputs of an iteration. */
  readonly scans: number;
  /** What the body and the epilogue read of the prologue, constants apart. */
  readonly context: readonly TensorType[];
  /** The most iterations, where the model says so. */
  readonly maxTrips: number | undefined;
  /** Params: carried values of these types, context. Results: the condition, carried values, scan outputs. */
  bodyAt(iteration: number, carried: readonly TensorType[]): Graph;
  /** Params: the last carried values, stacked scan outputs, context. Results: the model's outputs. */
  epilogueOf(carried: readonly TensorType[], scans: readonly TensorType[]): Graph;
}

interface Reached {
  readonly loop: RuntimeLoop;
  readonly node: OnnxNode;
  readonly scope: Scope;
}

/** Ends the walk of the prologue. */
class LoopReached extends Error {
  readonly reached: Reached;
  constructor(reached: Reached) {
    super('loop');
    this.reached = reached;
  }
}

/** Undefined where no loop of the main graph is decided at run time. @throws NeffcError as importOnnx */
export function splitLoop(model: OnnxModel, options: ImportOptions): SplitLoop | undefined {
  const { walk, scope } = beginImport(model, options);
  const reached = walkToLoop(model, walk, scope);
  walk.throwFailures();
  if (reached === undefined) return undefined;
  const { loop, node } = reached;
  const rest = nodesAfter(model, node);
  const read = readAfter(model, rest, reached);
  const context = contextValues([...loop.captured.values(), ...read.values()]);
  const { builder } = walk;
  const condition =
    loop.condition === undefined ? builder.scalar('bool', 1) : asCondition(builder, loop.condition);
  const trips = loop.trips && constantOf(loop.trips);
  const names = [
    'condition',
    ...loop.carried.map((_, i) => `carried.${i}`),
    ...context.map((_, i) => `context.${i}`),
  ];
  return {
    node: node.name,
    prologue: builder.finish([condition, ...loop.carried, ...context], names),
    carried: loop.carried.map((v) => v.type),
    scans: loop.scans,
    context: context.map((v) => v.type),
    maxTrips: trips && countOf(trips),
    bodyAt: (iteration, carried) => bodyAt(model, options, reached, context, iteration, carried),
    epilogueOf: (carried, scans) =>
      epilogueOf(model, options, { node, rest, read, context, inputs: [...carried, ...scans] }),
  };
}

/** Exporters write the greatest integer where there is no limit. */
function countOf(trips: Constant): number | undefined {
  const count = constantNumbers(trips)[0];
  return count !== undefined && Number.isSafeInteger(count) ? count : undefined;
}

function walkToLoop(model: OnnxModel, walk: Walk, scope: Scope): Reached | undefined {
  try {
    walk.graph(model.graph, {
      scope,
      opsets: model.opsets,
      prefix: '',
      depth: 0,
      watchLoop: (loop, node, at) => {
        throw new LoopReached({ loop, node, scope: at });
      },
    });
  } catch (error) {
    if (error instanceof LoopReached) return error.reached;
    throw error;
  }
  return undefined;
}

function asCondition(builder: GraphBuilder, x: Value): Value {
  return builder.one('cast', [builder.one('reshape', [x], { shape: [] })], { to: 'bool' });
}

function nodesAfter(model: OnnxModel, node: OnnxNode): readonly OnnxNode[] {
  const order = neededInOrder(outputsOf(model.graph), () => ({}));
  return order.slice(order.indexOf(node) + 1);
}

/** What later nodes and the outputs read of what there is before the loop. */
function readAfter(
  model: OnnxModel,
  rest: readonly OnnxNode[],
  { scope }: Reached,
): ReadonlyMap<string, Item> {
  const names = new Set([...rest.flatMap(operandNames), ...outputsOf(model.graph).results]);
  const found = new Map<string, Item>();
  for (const name of names) {
    const item = scope.find(name);
    if (item !== undefined) found.set(name, item);
  }
  return found;
}

function contextValues(items: readonly Item[]): readonly Value[] {
  return [...new Set(items.flatMap(valuesOf))].filter((v) => constantOf(v) === undefined);
}

interface Part {
  readonly walk: Walk;
  readonly scope: Scope;
  readonly inputs: readonly Value[];
  /** The item in terms of this part's own values. */
  own(item: Item): Item;
}

/** A new graph over inputs of these types and the context. */
function beginPart(
  model: OnnxModel,
  { file }: ImportOptions,
  name: string,
  types: readonly TensorType[],
  context: readonly Value[],
): Part {
  const builder = new GraphBuilder(name);
  const inputs = types.map((type, i) => builder.input(`carried.${i}`, type));
  const replaced = new Map(context.map((v, i) => [v, builder.input(`context.${i}`, v.type)]));
  const ownValue = (v: Value): Value => {
    const constant = constantOf(v);
    return replaced.get(v) ?? (constant === undefined ? v : builder.constant(constant, v.name));
  };
  const walk = new Walk(builder, file, functionTable(model.functions));
  return { walk, scope: new Scope(), inputs, own: (item) => mapValues(item, ownValue) };
}

function bodyAt(
  model: OnnxModel,
  options: ImportOptions,
  { loop, node }: Reached,
  context: readonly Value[],
  iteration: number,
  carried: readonly TensorType[],
): Graph {
  const { walk, scope, inputs, own } = beginPart(
    model,
    options,
    `${node.name}.${iteration}`,
    carried,
    context,
  );
  const { builder } = walk;
  const operands = [builder.scalar('i64', iteration), builder.scalar('bool', 1), ...inputs];
  for (const [name, item] of loop.captured) scope.bind(name, own(item), { file: options.file });
  for (const [i, { name }] of loop.body.inputs.entries())
    scope.bind(name, operands[i] as Value, { file: options.file });
  const items = walk.graph(loop.body, { scope, opsets: model.opsets, prefix: '', depth: 0 });
  walk.throwFailures();
  const [condition, ...results] = items;
  if (condition === undefined || !isValue(condition))
    throw badInput('E3101', 'Loop: its body has no condition', { file: options.file, node: node.name });
  const names = [
    'condition',
    ...results.map((_, i) => (i < carried.length ? `carried.${i}` : `scan.${i - carried.length}`)),
  ];
  return finishOutputs(builder, names, [asCondition(builder, condition), ...results]);
}

interface After {
  readonly node: OnnxNode;
  readonly rest: readonly OnnxNode[];
  readonly read: ReadonlyMap<string, Item>;
  readonly context: readonly Value[];
  readonly inputs: readonly TensorType[];
}

function epilogueOf(model: OnnxModel, options: ImportOptions, after: After): Graph {
  const { walk, scope, inputs, own } = beginPart(model, options, 'epilogue', after.inputs, after.context);
  const place = { file: options.file };
  for (const [name, item] of after.read) scope.bind(name, own(item), place);
  for (const [i, name] of after.node.outputs.entries())
    if (name !== '') scope.bind(name, inputs[i] as Value, place);
  const { results } = outputsOf(model.graph);
  const items = walk.nodes(
    { nodes: after.rest, results },
    { scope, opsets: model.opsets, prefix: '', depth: 0 },
  );
  walk.throwFailures();
  return finishOutputs(walk.builder, results, items);
}

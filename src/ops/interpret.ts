// Runs a graph by the operators' own evaluators: the meaning of a graph, against which compiled programs and imported
// models are compared. Types are inferred again where dims are symbolic, from the shapes that values have. Slow and simple;
// values are dropped after their last use.
import { badInput, bug } from '../base/diagnostic.js';
import { elementReader, fromNumbers, type HostTensor } from '../base/tensor.js';
import { constantOf, countUses, type Graph, type Node, type Region, type Value } from '../ir/graph.js';
import { formatType, staticShape, type TensorType, tensorType } from '../ir/type.js';
import { intAttr } from './attributes.js';
import { constantTensor } from './evaluate.js';
import { inferTypes } from './infer.js';
import { declarationOf } from './table.js';

/** Sees every result of every node, in the order of execution, those of regions once an iteration. */
export type Observer = (value: Value, tensor: HostTensor, node: Node) => void;

/** The outputs for these inputs, in order. E3240 where an input does not have the type of its parameter. */
export function interpretGraph(
  graph: Graph,
  inputs: readonly HostTensor[],
  observe?: Observer,
): readonly HostTensor[] {
  for (const [i, param] of graph.body.params.entries()) {
    const given = inputs[i];
    const wanted = param.type;
    const fits =
      given !== undefined &&
      given.dtype === wanted.dtype &&
      given.shape.length === wanted.shape.length &&
      wanted.shape.every((d, k) => typeof d !== 'number' || d === given.shape[k]);
    if (!fits) {
      const what = given === undefined ? 'missing' : formatType(tensorType(given.dtype, given.shape));
      throw badInput('E3240', `input '${param.name}' is ${what}, not ${formatType(wanted)}`);
    }
  }
  return runRegion(graph.body, inputs, observe);
}

function runRegion(region: Region, inputs: readonly HostTensor[], observe?: Observer): readonly HostTensor[] {
  const values = new Map<Value, HostTensor>();
  for (const [i, param] of region.params.entries()) {
    const tensor = inputs[i];
    if (tensor !== undefined) values.set(param, tensor);
  }
  const read = (v: Value): HostTensor => {
    const constant = constantOf(v);
    if (constant !== undefined) return constantTensor(constant);
    const tensor = values.get(v);
    if (tensor === undefined) throw bug('E1255', `value ${v.id} is read before it is computed`);
    return tensor;
  };
  const uses = countUses(region);
  for (const node of region.nodes) {
    const results = runNode(node, node.inputs.map(read), observe);
    for (const [i, output] of node.outputs.entries()) {
      const tensor = results[i];
      if (tensor === undefined) throw bug('E1255', `operator ${node.op} has no result ${i}`);
      if (uses.has(output)) values.set(output, tensor);
      observe?.(output, tensor, node);
    }
    for (const input of node.inputs) {
      const left = (uses.get(input) ?? 1) - 1;
      uses.set(input, left);
      if (left === 0) values.delete(input);
    }
  }
  return region.results.map(read);
}

function runNode(node: Node, inputs: readonly HostTensor[], observe?: Observer): readonly HostTensor[] {
  if (node.op === 'if') return runIf(node, inputs, observe);
  if (node.op === 'loop') return runLoop(node, inputs, observe);
  const decl = declarationOf(node.op);
  if (decl.evaluate === undefined) throw bug('E1255', `operator ${node.op} cannot be evaluated`);
  return decl.evaluate(inputs, node.attrs, resultTypes(node, inputs));
}

/** The node's own types where they are static, else those for these operands. */
function resultTypes(node: Node, inputs: readonly HostTensor[]): readonly TensorType[] {
  const types = node.outputs.map((output) => output.type);
  if (types.every((type) => staticShape(type) !== undefined)) return types;
  const given = inputs.map(({ dtype, shape }) => tensorType(dtype, shape));
  const constant = (i: number) => node.inputs[i] && constantOf(node.inputs[i]);
  return inferTypes(declarationOf(node.op), node.attrs, given, constant);
}

const scalarOf = (t: HostTensor | undefined): number => Number(t === undefined ? 0 : elementReader(t)(0));

function runIf(node: Node, inputs: readonly HostTensor[], observe?: Observer): readonly HostTensor[] {
  const [condition, ...captures] = inputs;
  const region = node.regions[scalarOf(condition) !== 0 ? 0 : 1];
  if (region === undefined) throw bug('E1255', 'an if lacks a region');
  return runRegion(region, captures, observe);
}

function runLoop(node: Node, inputs: readonly HostTensor[], observe?: Observer): readonly HostTensor[] {
  const [trip, first, ...rest] = inputs;
  const [region] = node.regions;
  if (region === undefined || first === undefined) throw bug('E1255', 'a loop lacks its region');
  const count = intAttr(node.attrs, 'carried');
  const captures = rest.slice(count);
  let carried: readonly HostTensor[] = rest.slice(0, count);
  let condition = first;
  const rows: HostTensor[][] = region.results.slice(1 + count).map(() => []);
  for (let i = 0; i < scalarOf(trip) && scalarOf(condition) !== 0; i++) {
    const iteration = fromNumbers('i64', [], [i]);
    const results = runRegion(region, [iteration, condition, ...carried, ...captures], observe);
    condition = results[0] ?? condition;
    carried = results.slice(1, 1 + count);
    for (const [k, row] of results.slice(1 + count).entries()) rows[k]?.push(row);
  }
  return [...carried, ...rows.map((list, k) => stacked(list, node.outputs[count + k]?.type))];
}

/** Scan outputs of all iterations on a new first axis. */
function stacked(rows: readonly HostTensor[], type: TensorType | undefined): HostTensor {
  const [first] = rows;
  if (first === undefined) {
    if (type === undefined) throw bug('E1255', 'a scan output has no type');
    const shape = [0, ...type.shape.slice(1).map((d) => (typeof d === 'number' ? d : 0))];
    return { dtype: type.dtype, shape, data: new Uint8Array(0) };
  }
  const data = new Uint8Array(first.data.length * rows.length);
  for (const [i, row] of rows.entries()) data.set(row.data, i * first.data.length);
  return { dtype: first.dtype, shape: [rows.length, ...first.shape], data };
}

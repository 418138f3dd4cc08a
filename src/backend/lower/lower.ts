// From a planned graph to the sequential program over virtual buffers: node by node, one kernel each.
import { badInput, bug, NeffcError, unsupported } from '../../base/diagnostic.js';
import { elementBytes } from '../../base/dtype.js';
import type { Target } from '../../chip/target.js';
import type { Constant } from '../../ir/constant.js';
import type { Graph, Node, Value } from '../../ir/graph.js';
import { elementCount } from '../../ir/type.js';
import { CHIP_DTYPE_BYTES } from '../../isa/operands.js';
import type { Buffer, Section } from './buffer.js';
import { Builder, type WeightGroup } from './builder.js';
import { LowerContext, type Plan } from './context.js';
import { KERNELS } from './kernels.js';
import { defaultPartition, hasPartitions } from './layout.js';
import { move } from './move.js';
import { dramView, type View } from './view.js';
import { WeightPool } from './weight-pool.js';

/** A graph input or output as the artifact holds it: a DRAM variable with the source's element type. */
export interface Port {
  readonly name: string;
  readonly value: Value;
  readonly buffer: Buffer;
}

export interface LoweredProgram {
  readonly buffers: readonly Buffer[];
  readonly sections: readonly Section[];
  readonly weights: readonly WeightGroup[];
  readonly constants: ReadonlyMap<Buffer, Constant>;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Graph nodes by origin index. */
  readonly origins: readonly Node[];
  readonly copies: { readonly count: number; readonly bytes: number };
}

/** What graphs that were lowered together have each for itself. */
export interface LoweredGraph {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

export interface GraphToLower {
  readonly name: string;
  readonly graph: Graph;
  readonly plan: Plan;
}

/** A graph as one section, its inputs and outputs in DRAM variables. */
export function lower(graph: Graph, plan: Plan, target: Target): LoweredProgram {
  return lowerGraphs([{ name: 'main', graph, plan }], target).program;
}

/** Graphs as a section each, with their weights in common. */
export function lowerGraphs(
  graphs: readonly GraphToLower[],
  target: Target,
): { readonly program: LoweredProgram; readonly graphs: readonly LoweredGraph[] } {
  const b = new Builder(target);
  const pool = new WeightPool(graphs.length > 1);
  const origins: Node[] = [];
  const sections: Section[] = [];
  const lowered = graphs.map(({ name, graph, plan }): LoweredGraph => {
    const { params, nodes, results } = graph.body;
    b.startGraph();
    const c = new LowerContext(b, plan, usePositions(graph), pool);
    let inputs: Port[] = [];
    let outputs: Port[] = [];
    const steps = b.collect(() => {
      inputs = params.map((value) => input(c, value));
      lowerNodes(c, graph, origins.length);
      b.origin = origins.length + Math.max(0, nodes.length - 1);
      outputs = results.map((value, i) => output(c, value, graph.outputNames[i] ?? value.name));
    });
    origins.push(...nodes);
    sections.push({ name, steps, times: 1 });
    return { inputs, outputs };
  });
  const program = {
    buffers: b.buffers,
    sections,
    weights: b.weights,
    constants: pool.constants,
    inputs: lowered.flatMap((l) => l.inputs),
    outputs: lowered.flatMap((l) => l.outputs),
    origins,
    copies: b.copies,
  };
  return { program, graphs: lowered };
}

/** Runs the kernels of a graph whose params have places; origins count from `firstOrigin`. */
export function lowerNodes(c: LowerContext, graph: Graph, firstOrigin: number): void {
  graph.body.nodes.forEach((node, position) => {
    c.b.origin = firstOrigin + position;
    const kernel = KERNELS[node.op];
    if (kernel === undefined)
      throw unsupported('E4100', `no engine runs operator ${node.op}`, {
        node: node.origins[0]?.node ?? node.op,
      });
    try {
      kernel(c, node);
    } catch (e) {
      if (e instanceof NeffcError || !(e instanceof Error)) throw e;
      throw bug('E1332', `lowering of ${node.op} failed: ${e.message}`, {
        node: node.origins[0]?.node ?? node.op,
      });
    }
    c.advance(node, position);
  });
}

/** Positions at which each value is used: nodes in order, results last. */
export function usePositions(graph: Graph): Map<Value, number[]> {
  const uses = new Map<Value, number[]>();
  const use = (v: Value, at: number): void => {
    const known = uses.get(v);
    if (known === undefined) uses.set(v, [at]);
    else if (known.at(-1) !== at) known.push(at);
  };
  graph.body.nodes.forEach((node, i) => {
    for (const v of node.inputs) use(v, i);
  });
  for (const v of graph.body.results) use(v, graph.body.nodes.length);
  return uses;
}

/** An input variable; 64-bit integers are narrowed on chip with a check, since the chip computes in 32 bits. */
export function input(c: LowerContext, value: Value): Port {
  const shape = c.shape(value);
  const count = elementCount(shape);
  const type = value.type.dtype;
  const buffer = c.b.buffer('dram', value.name, 1, count * elementBytes(type), { variable: 'input' });
  if (type !== 'i64' && type !== 'u64') {
    c.define(value, dramView(buffer, c.dtype(value), shape));
    return { name: value.name, value, buffer };
  }
  if (count === 0) {
    c.define(value, dramView(buffer, c.dtype(value), shape));
    return { name: value.name, value, buffer };
  }
  const partition = defaultPartition(shape);
  const wide = c.b.sbuf(value.name, 'i64', shape, partition);
  c.b.dma(wide, dramView(buffer, 'i64', shape));
  const home = c.result(value, partition);
  c.b.copy(home, wide, { exact: true, engine: 'dve' });
  return { name: value.name, value, buffer };
}

/** An output variable and the moves that fill it. */
export function output(c: LowerContext, value: Value, name: string): Port {
  const shape = c.shape(value);
  const count = elementCount(shape);
  const type = value.type.dtype;
  const buffer = c.b.buffer('dram', name, 1, count * elementBytes(type), { variable: 'output' });
  if (count === 0) return { name, value, buffer };
  if (elementBytes(type) === CHIP_DTYPE_BYTES[c.dtype(value)]) {
    move(c.b, dramView(buffer, c.dtype(value), shape), c.place(value), c.mayCrossPe(value));
    return { name, value, buffer };
  }
  if (type !== 'i64' && type !== 'u64')
    throw badInput('E4111', `an output of type ${type} cannot be written by the chip`, { node: name });
  const place = c.place(value);
  const partition = defaultPartition(shape);
  const lanes = place.space === 'sbuf' ? lanesOf(place) : partition;
  const narrow = hasPartitions(place, lanes) ? place : c.fetch(value, partition);
  const wide = c.b.sbuf(name, 'i64', shape, narrow === place ? lanes : partition);
  c.b.copy(wide, narrow, { engine: 'dve' });
  c.b.dma(dramView(buffer, 'i64', shape), wide);
  return { name, value, buffer };
}

function lanesOf(v: View): number[] {
  return v.axes
    .flatMap((a, i) => (a.n > 1 && a.p !== 0 ? [{ i, p: a.p }] : []))
    .sort((x, y) => y.p - x.p)
    .map((x) => x.i);
}

// Recurrent layers, which importers unroll: a value is cut into its tokens, and each token goes through a copy of one cell
// that takes what the cell before left. Here such cells are found in the graph at the greatest length and taken together as
// one node of the proof (operator `recurrence`, which no graph has); at other lengths they are only compared with it.
import { constantOf, type Graph, type Node, producer, type Value } from '../../ir/graph.js';
import { type CellOutput, type Recurrence, zerosLike } from './cell.js';
import { type Unrolled, unroll } from './unroll.js';

/** The graph with recurrences as nodes: what the proof looks at. Values are the graph's own. */
export interface View {
  readonly graph: Graph;
  readonly nodes: readonly Node[];
  readonly recurrences: ReadonlyMap<Node, Recurrence>;
  producer(v: Value): Node | undefined;
}

/** Cells compared to find states: the pattern and two behind it. */
const COMPARED = 3;

export function viewOf(graph: Graph, length: number): View {
  const owner = new Map<Value, Node>();
  const recurrences = new Map<Node, Recurrence>();
  const absorbed = new Set<Node>();
  let nodes = graph.body.nodes;
  for (const sweep of length > COMPARED ? sweepsOf(graph, length) : []) {
    const found = recurrenceOf(graph, sweep, length);
    if (found === undefined) continue;
    const { recurrence, inside } = found;
    recurrences.set(recurrence.node, recurrence);
    for (const v of recurrence.node.outputs) owner.set(v, recurrence.node);
    for (const node of inside) absorbed.add(node);
    const last = nodes.findLastIndex((node) => inside.has(node));
    nodes = [...nodes.slice(0, last + 1), recurrence.node, ...nodes.slice(last + 1)];
  }
  return {
    graph,
    nodes: nodes.filter((node) => !absorbed.has(node)),
    recurrences,
    producer: (v) => owner.get(v) ?? producer(v),
  };
}

/** A value cut into all its tokens: the slice of each. */
interface Sweep {
  readonly x: Value;
  readonly axis: number;
  readonly slices: readonly Value[];
}

function sweepsOf(graph: Graph, length: number): readonly Sweep[] {
  const cuts = new Map<string, { x: Value; axis: number; slices: Map<number, Value> }>();
  for (const node of graph.body.nodes) {
    const [x] = node.inputs;
    const [out] = node.outputs;
    if (node.op !== 'slice' || x === undefined || out === undefined) continue;
    const axis = x.type.shape.findIndex((dim, i) => dim === length && out.type.shape[i] === 1);
    if (axis < 0) continue;
    const key = `${x.id} ${axis}`;
    const cut = cuts.get(key) ?? { x, axis, slices: new Map() };
    cut.slices.set((node.attrs.starts as readonly number[])[axis] ?? 0, out);
    cuts.set(key, cut);
  }
  return [...cuts.values()]
    .filter(({ slices }) => slices.size === length)
    .map(({ x, axis, slices }) => ({
      x,
      axis,
      slices: Array.from({ length }, (_, t) => slices.get(t) as Value),
    }));
}

/** Nodes by the last token of the sweep that they depend on. */
function nodesByToken(graph: Graph, { slices }: Sweep): Node[][] {
  const level = new Map<Value, number>(slices.map((v, t) => [v, t]));
  const cells: Node[][] = slices.map(() => []);
  for (const node of graph.body.nodes) {
    if (node.outputs.some((v) => level.has(v))) continue;
    const last = Math.max(-1, ...node.inputs.map((v) => level.get(v) ?? -1));
    if (last < 0) continue;
    cells[last]?.push(node);
    for (const v of node.outputs) level.set(v, last);
  }
  return cells;
}

function recurrenceOf(
  graph: Graph,
  sweep: Sweep,
  length: number,
): { readonly recurrence: Recurrence; readonly inside: ReadonlySet<Node> } | undefined {
  const cells = nodesByToken(graph, sweep);
  const [, pattern, second] = cells as [Node[], Node[], Node[]];
  if (pattern.length === 0 || pattern.length !== second.length) return undefined;
  const [input] = sweep.slices.slice(1);
  const found = statesOf(pattern, second, sweep);
  if (found === undefined || input === undefined) return undefined;
  const candidates = outputsOf(graph, cells, pattern, length);
  const cell = { axis: sweep.axis, input, ...found, outputs: candidates.map((o) => o.output) };
  // What lies behind the last cell may look like a part of it: an output is what cells alone make. A value that leaves them by
  // another way leaks.
  const outputs = candidates.flatMap(({ output, value }) => {
    const made = unroll(cell, output, value, length);
    return 'reason' in made || made.x !== sweep.x ? [] : [{ output, value, made }];
  });
  const inside = new Set(outputs.flatMap(({ made }) => [...made.nodes]));
  const results = outputs.map((o) => o.value);
  if (outputs.length === 0 || leaks(graph, inside, results)) return undefined;
  const unrolled = outputs.map(({ made }) => made).reduce(joined);
  const starts = cell.states.map(({ before }, i) => unrolled.starts[i] ?? zerosLike(before));
  const [first] = pattern;
  const node: Node = {
    id: first?.id ?? 0,
    op: 'recurrence',
    attrs: {},
    inputs: [sweep.x, ...starts, ...cell.shared],
    outputs: results,
    regions: [],
    origins: first?.origins ?? [],
  };
  return { recurrence: { ...cell, outputs: outputs.map((o) => o.output), node }, inside };
}

/** Starts that one output's cells show and another's do not. */
function joined(a: Unrolled, b: Unrolled): Unrolled {
  return { ...a, starts: a.starts.map((v, i) => v ?? b.starts[i]) };
}

/** Pairs the operands of two neighbouring cells: a state's value before the one is the value before the other, one on. */
function statesOf(
  pattern: readonly Node[],
  second: readonly Node[],
  { slices }: Sweep,
): Pick<Recurrence, 'states' | 'shared'> | undefined {
  const own = new Set(pattern.flatMap((node) => node.outputs));
  const after = new Map<Value, Value>();
  const shared = new Set<Value>();
  for (const [i, node] of pattern.entries()) {
    const twin = second[i];
    if (twin === undefined || twin.op !== node.op || twin.inputs.length !== node.inputs.length)
      return undefined;
    for (const [k, v] of node.inputs.entries()) {
      const next = twin.inputs[k];
      if (next === undefined) return undefined;
      if (v === slices[1] || (own.has(v) && !own.has(next))) continue;
      if (constantOf(v) !== undefined || v === next) {
        shared.add(v);
        continue;
      }
      // What the first cell left stands where the next has what the pattern left.
      if (!own.has(next) || (after.get(v) ?? next) !== next) return undefined;
      after.set(v, next);
    }
  }
  const states = [...after].map(([before, value]) => ({ before, after: value }));
  return states.length === 0 ? undefined : { states, shared: [...shared] };
}

interface FoundOutput {
  readonly output: CellOutput;
  readonly value: Value;
}

/** Concatenations of a value of each cell, and values of the last cell that others use. */
function outputsOf(
  graph: Graph,
  cells: readonly Node[][],
  pattern: readonly Node[],
  length: number,
): FoundOutput[] {
  const own = new Set(pattern.flatMap((node) => node.outputs));
  const found: FoundOutput[] = [];
  for (const node of graph.body.nodes) {
    const [value] = node.outputs;
    const row = node.inputs[1];
    if (node.op !== 'concat' || node.inputs.length !== length || value === undefined || row === undefined)
      continue;
    if (own.has(row))
      found.push({ output: { kind: 'rows', value: row, axis: node.attrs.axis as number }, value });
  }
  const rows = new Set(found.map(({ value }) => value));
  const last = (cells.at(-1) ?? []).slice(0, pattern.length);
  const inside = new Set(last);
  const used = new Set<Value>(graph.body.results);
  for (const node of graph.body.nodes)
    if (!inside.has(node) && !node.outputs.some((v) => rows.has(v))) for (const v of node.inputs) used.add(v);
  for (const [i, node] of last.entries())
    for (const [k, value] of node.outputs.entries()) {
      const like = pattern[i]?.outputs[k];
      if (used.has(value) && like !== undefined && node.op === pattern[i]?.op)
        found.push({ output: { kind: 'final', value: like, axis: 0 }, value });
    }
  return found;
}

/** Whether something of the cells is used beside the outputs. */
function leaks(graph: Graph, inside: ReadonlySet<Node>, outputs: readonly Value[]): boolean {
  const hidden = new Set<Value>();
  for (const node of inside) for (const v of node.outputs) hidden.add(v);
  for (const v of outputs) hidden.delete(v);
  const uses = (values: readonly Value[]): boolean => values.some((v) => hidden.has(v));
  return uses(graph.body.results) || graph.body.nodes.some((node) => !inside.has(node) && uses(node.inputs));
}

// Decoders of a fixed number of tokens: at each length the same graph, over the tokens so far with a filling behind them, of which
// the row of the last token is taken. One step then serves all lengths, whatever the rows depend on: it keeps the buffer
// of tokens, computes all rows and takes its own. That the graphs are the same is compared, node by node, at every length.
import { NeffcError } from '../../base/diagnostic.js';
import { elementCount } from '../../base/tensor.js';
import { constantOf, type Graph, type Node, producer, type Value } from '../../ir/graph.js';
import { tensorType } from '../../ir/type.js';
import { GraphBuilder } from '../../ops/build.js';
import { constantNumbers } from '../../ops/evaluate.js';
import { sameConstant } from './constants.js';
import { tokenBuffer } from './exact.js';
import type { PrefixSource, StepProgram } from './model.js';
import { copyValues } from './prologue.js';

/** What tells the graph of a length from that of the greatest. */
interface Differences {
  /** What stands behind the tokens. */
  readonly fill: number;
  /** In the graph of the greatest length: takes the row of the last token, along an axis. */
  readonly pick: Node;
  readonly axis: number;
}

/** Undefined where the graphs of some lengths are others. */
export function fixedStep(source: PrefixSource): StepProgram | undefined {
  const { batch, maxSteps } = source.generation;
  const first = source.prompt?.length ?? 1;
  const columns = first + maxSteps - 1;
  const reference = decoderAt(source, columns);
  if (maxSteps < 2 || reference === undefined) return undefined;
  let found: Differences | undefined;
  for (let length = first; length < columns; length++) {
    const other = decoderAt(source, length);
    const own = other && differences(reference, other, columns, length);
    if (own === undefined) return undefined;
    found ??= own;
    if (own.fill !== found.fill || own.pick !== found.pick || own.axis !== found.axis) return undefined;
  }
  if (found === undefined) return undefined;
  const step = stepOf(reference, found, batch, columns, first);
  return { ...tokenBuffer(source, columns), context: source.context, step, incremental: false, notes: [] };
}

function decoderAt(source: PrefixSource, length: number): Graph | undefined {
  try {
    return length < source.shortest ? undefined : source.decoderAt(length);
  } catch (e) {
    if (e instanceof NeffcError) return undefined;
    throw e;
  }
}

function differences(reference: Graph, other: Graph, max: number, length: number): Differences | undefined {
  const fills = new Set<number>();
  const picks = new Map<Node, number>();
  const seen = new Map<Value, Value>();
  const [, ...context] = reference.body.params;
  const params = new Map(context.map((v, i) => [v, other.body.params[i + 1]] as const));
  const open: [Value, Value][] = [];
  const push = (as: readonly Value[], bs: readonly Value[]): void => {
    for (const [i, a] of as.entries()) open.push([a, bs[i] as Value]);
  };
  if (reference.body.results.length !== other.body.results.length) return undefined;
  push(reference.body.results, other.body.results);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [a, b] = next;
    if (seen.get(a) === b) continue;
    if (seen.has(a)) return undefined;
    seen.set(a, b);
    const [x, y] = [constantOf(a), constantOf(b)];
    if (x !== undefined && y !== undefined && sameConstant(x, y)) continue;
    const [nodeA, nodeB] = [producer(a), producer(b)];
    const filled = nodeB && filling(nodeB, length);
    if (filled !== undefined && a.type.shape[1] === max) {
      if (!sameTokens(reference, other, a, filled.tokens)) return undefined;
      fills.add(filled.value);
      continue;
    }
    if (nodeA === undefined || nodeB === undefined) {
      if (nodeA !== nodeB || x !== undefined || params.get(a) !== b) return undefined;
      continue;
    }
    if (nodeA.op !== nodeB.op || nodeA.inputs.length !== nodeB.inputs.length) return undefined;
    const axis = pickedAxis(nodeA, nodeB, max, length);
    if (axis !== undefined) picks.set(nodeA, axis);
    else if (JSON.stringify(nodeA.attrs) !== JSON.stringify(nodeB.attrs) || nodeA.regions.length > 0)
      return undefined;
    const operands = nodeA.op === 'gather' && axis !== undefined ? 1 : nodeA.inputs.length;
    push(nodeA.inputs.slice(0, operands), nodeB.inputs.slice(0, operands));
  }
  const [fill] = fills;
  const [[pick, axis] = []] = picks;
  if (fills.size !== 1 || fill === undefined || picks.size !== 1 || pick === undefined || axis === undefined)
    return undefined;
  return { fill, pick, axis };
}

/** Whether both are the tokens themselves, in the type that the model takes. */
function sameTokens(reference: Graph, other: Graph, a: Value, b: Value): boolean {
  const [x, y] = [producer(a), producer(b)];
  if (x?.op === 'slice' && String(x.inputs[0]?.type.shape) === String(a.type.shape))
    return sameTokens(reference, other, x.inputs[0] as Value, b);
  if (x?.op === 'cast' && y?.op === 'cast' && x.attrs.to === y.attrs.to)
    return sameTokens(reference, other, x.inputs[0] as Value, y.inputs[0] as Value);
  return a === reference.body.params[0] && b === other.body.params[0];
}

interface Filling {
  readonly tokens: Value;
  readonly value: number;
}

/** The tokens and the one number behind them that are put together; the end may be cut off. */
function filling({ op, attrs, inputs, outputs }: Node, length: number): Filling | undefined {
  const [tokens, behind] = inputs;
  const inner = tokens && producer(tokens);
  if (op === 'slice' && inner !== undefined) {
    const { starts, steps } = attrs as Readonly<Record<string, readonly number[]>>;
    const isHead = starts?.every((n) => n === 0) && steps?.every((n) => n === 1);
    const [rows, size = 0] = (outputs[0]?.type.shape ?? []) as readonly number[];
    return isHead && rows === tokens?.type.shape[0] && size > length ? filling(inner, length) : undefined;
  }
  const constant = behind && constantOf(behind);
  if (op !== 'concat' || attrs.axis !== 1 || inputs.length !== 2 || tokens === undefined) return undefined;
  if (constant === undefined || tokens.type.shape[1] !== length) return undefined;
  const numbers = Array.from(constantNumbers(constant));
  const [value] = numbers;
  return value !== undefined && numbers.every((n) => n === value) ? { tokens, value } : undefined;
}

/** The axis along which the two take the row of their last token. */
function pickedAxis(a: Node, b: Node, max: number, length: number): number | undefined {
  if (a.op === 'gather') {
    const [i, j] = [a.inputs[1], b.inputs[1]].map((v) => v && constantOf(v));
    if (i === undefined || j === undefined || elementCount(i.shape) !== 1) return undefined;
    const isLast = constantNumbers(i)[0] === max - 1 && constantNumbers(j)[0] === length - 1;
    return isLast && a.attrs.axis === b.attrs.axis ? Number(a.attrs.axis) : undefined;
  }
  if (a.op !== 'slice' || String(a.attrs.sizes) !== String(b.attrs.sizes)) return undefined;
  const [s, t] = [a.attrs.starts, b.attrs.starts] as [readonly number[], readonly number[]];
  const moved = s.flatMap((start, i) => (start === t[i] ? [] : [i]));
  const [axis = 0] = moved;
  const isRow =
    (a.attrs.sizes as readonly number[])[axis] === 1 && s[axis] === max - 1 && t[axis] === length - 1;
  return moved.length === 1 && isRow ? axis : undefined;
}

function stepOf(
  reference: Graph,
  { fill, pick, axis }: Differences,
  batch: number,
  columns: number,
  first: number,
): Graph {
  const b = new GraphBuilder('step');
  const token = b.input('token', tensorType('i64', [batch, 1]));
  const position = b.input('position', tensorType('i64', [1]));
  const [, ...contexts] = reference.body.params;
  const given = contexts.map((v) => b.input(v.name, v.type));
  const buffer = b.input('tokens so far', tensorType('i64', [batch, columns]));
  const row = first === 1 ? position : b.one('add', [position, b.ints([first - 1])]);
  const iota = b.one('iota', [], { shape: [1, columns], axis: 1, dtype: 'i64' });
  const after = b.one('where', [b.one('eq', [iota, row]), token, buffer]);
  const seen = b.one('where', [b.one('le', [iota, row]), after, b.scalar('i64', fill)]);
  const known = new Map(
    reference.body.params.map((v, i) => [v, i === 0 ? seen : (given[i - 1] as Value)] as const),
  );
  const [all] = copyValues(b, pick.inputs.slice(0, 1), known) as [Value];
  const taken = pick.outputs[0] as Value;
  const own = b.one('reshape', [b.one('gather', [takenFrom(b, all, pick, axis), row], { axis })], {
    shape: taken.type.shape as readonly number[],
  });
  const [logits] = copyValues(b, reference.body.results.slice(0, 1), new Map([...known, [taken, own]])) as [
    Value,
  ];
  b.origin = [];
  return b.finish([logits, after], ['logits', 'tokens so far']);
}

/** What the slice takes of the other axes, whole along its own. */
function takenFrom(b: GraphBuilder, all: Value, pick: Node, axis: number): Value {
  if (pick.op !== 'slice') return all;
  const { starts, sizes, steps } = pick.attrs as Readonly<Record<string, readonly number[]>>;
  return b.one('slice', [all], {
    starts: (starts ?? []).with(axis, 0),
    sizes: (sizes ?? []).with(axis, all.type.shape[axis] as number),
    steps: steps ?? [],
  });
}

// Compares unrolled cells with the pattern of a recurrence, from an output backwards: the cell of each token is the pattern
// over its slice, the states that the cell before left, and what all share. The first cell may have parts that folded to
// constants, since its states are constants: they are evaluated again and compared.
import { constantOf, type Node, producer, type Value } from '../../ir/graph.js';
import { GraphBuilder } from '../../ops/build.js';
import { type CellOutput, type Recurrence, zerosLike } from './cell.js';
import { sameConstant } from './constants.js';
import { copyValues } from './prologue.js';

export type Cell = Omit<Recurrence, 'node'>;

export interface Unrolled {
  /** The value that is cut into tokens. */
  readonly x: Value;
  /** States before the first cell; undefined where it shows none (then zeros fit). */
  readonly starts: readonly (Value | undefined)[];
  /** By place in `shared` of the pattern. */
  readonly shared: readonly Value[];
  /** [token][state]: values after the cell, as far as another cell takes them. */
  readonly states: readonly (readonly (Value | undefined)[])[];
  /** All nodes of the cells. */
  readonly nodes: ReadonlySet<Node>;
}

/** `value`: the output in a graph of `length` tokens. */
export function unroll(
  cell: Cell,
  output: CellOutput,
  value: Value,
  length: number,
): Unrolled | { readonly reason: string } {
  const run = new Run(cell, length);
  return run.from(output, value) ? run.result() : { reason: 'its cells are not all alike' };
}

class Run {
  private readonly cell: Cell;
  private readonly length: number;
  private readonly own: ReadonlySet<Value>;
  private x: Value | undefined;
  private readonly starts: (Value | undefined)[];
  private readonly shared = new Map<Value, Value>();
  private readonly states: (Value | undefined)[][];
  private readonly nodes = new Set<Node>();
  /** Parts of the first cell that are constants. */
  private readonly folded: [Value, Value][] = [];

  constructor(cell: Cell, length: number) {
    this.cell = cell;
    this.length = length;
    this.starts = cell.states.map(() => undefined);
    this.states = Array.from({ length }, () => cell.states.map(() => undefined));
    this.own = new Set([cell.input, ...cell.shared, ...cell.states.map((s) => s.before)]);
  }

  from(output: CellOutput, value: Value): boolean {
    const { length } = this;
    const rows = output.kind === 'rows' ? this.rowsOf(output, value) : undefined;
    if (output.kind === 'rows' && rows === undefined) return false;
    for (let t = length - 1; t >= 0; t--) {
      const open: [Value, Value][] = [];
      const row = rows?.[t] ?? (t === length - 1 ? value : undefined);
      if (row !== undefined) open.push([output.value, row]);
      for (const [i, state] of this.cell.states.entries()) {
        const left = this.states[t]?.[i];
        if (left !== undefined) open.push([state.after, left]);
      }
      if (!this.matches(open, t)) return false;
    }
    return this.x !== undefined && this.foldedRight();
  }

  private rowsOf({ axis }: CellOutput, value: Value): readonly Value[] | undefined {
    if (this.length === 1) return [value];
    const node = producer(value);
    if (node?.op !== 'concat' || node.attrs.axis !== axis || node.inputs.length !== this.length)
      return undefined;
    this.nodes.add(node);
    return node.inputs;
  }

  /** Whether values of the cell of token t are those of the pattern. */
  private matches(open: [Value, Value][], t: number): boolean {
    const seen = new Map<Value, Value>();
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [like, value] = next;
      const known = seen.get(like);
      if (known === value) continue;
      seen.set(like, value);
      if (this.own.has(like)) {
        if (!this.leaf(like, value, t)) return false;
        continue;
      }
      const [a, b] = [producer(like), producer(value)];
      if (t === 0 && b === undefined && constantOf(value) !== undefined) {
        this.folded.push([like, value]);
        continue;
      }
      if (a === undefined || b === undefined || !sameUse(a, b)) return false;
      this.nodes.add(b);
      for (const [i, input] of a.inputs.entries()) open.push([input, b.inputs[i] as Value]);
    }
    return true;
  }

  private leaf(like: Value, value: Value, t: number): boolean {
    if (like === this.cell.input) return this.slice(value, t);
    const state = this.cell.states.findIndex((s) => s.before === like);
    if (state < 0) return this.sameShared(like, value);
    const row = t === 0 ? this.starts : (this.states[t - 1] as (Value | undefined)[]);
    const known = row[state];
    if (known !== undefined && known !== value) return sameOrEqual(known, value);
    row[state] = value;
    return true;
  }

  private slice(value: Value, t: number): boolean {
    const node = producer(value);
    const { axis } = this.cell;
    const cut =
      node?.op === 'slice' &&
      (node.attrs.starts as readonly number[])[axis] === t &&
      value.type.shape[axis] === 1;
    const x = cut && this.length > 1 ? node.inputs[0] : this.length === 1 ? value : undefined;
    if (x === undefined || (this.x ?? x) !== x) return false;
    if (
      cut &&
      (node.attrs.sizes as readonly number[]).some((size, i) => i !== axis && size !== x.type.shape[i])
    )
      return false;
    this.x = x;
    if (cut) this.nodes.add(node);
    return true;
  }

  private sameShared(like: Value, value: Value): boolean {
    const known = this.shared.get(like);
    this.shared.set(like, known ?? value);
    return known === undefined || sameOrEqual(known, value);
  }

  /** Constants in the first cell are what the pattern gives from the states at the start. */
  private foldedRight(): boolean {
    const builder = new GraphBuilder('cell');
    const given = new Map<Value, Value>(this.shared);
    for (const [i, { before }] of this.cell.states.entries()) {
      const start = this.starts[i] ?? zerosLike(before);
      if (constantOf(start) !== undefined) given.set(before, start);
    }
    for (const v of this.cell.shared) if (!given.has(v) && constantOf(v) !== undefined) given.set(v, v);
    return this.folded.every(([like, value]) => {
      const [made] = copyValues(builder, [like], given);
      const [a, b] = [made && constantOf(made), constantOf(value)];
      return a !== undefined && b !== undefined && sameConstant(a, b);
    });
  }

  result(): Unrolled {
    return {
      x: this.x as Value,
      starts: this.starts,
      shared: this.cell.shared.map((v) => this.shared.get(v) ?? v),
      states: this.states,
      nodes: this.nodes,
    };
  }
}

function sameUse(a: Node, b: Node): boolean {
  return (
    a.op === b.op &&
    a.inputs.length === b.inputs.length &&
    JSON.stringify(a.attrs) === JSON.stringify(b.attrs)
  );
}

function sameOrEqual(a: Value, b: Value): boolean {
  const [x, y] = [constantOf(a), constantOf(b)];
  return a === b || (x !== undefined && y !== undefined && sameConstant(x, y));
}

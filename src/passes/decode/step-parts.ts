// What a step is put together from beside the decoder's own nodes: its parameters, states that grow by a row a step, windows
// of the last rows, running sums, masks of the valid entries, tables of what changes from step to step. The parameters
// come to be as they are needed; `finish` puts them in the order of the contract.
import type { DType } from '../../base/dtype.js';
import type { Constant } from '../../ir/constant.js';
import type { Graph, Value } from '../../ir/graph.js';
import { type TensorType, tensorType } from '../../ir/type.js';
import { GraphBuilder } from '../../ops/build.js';
import type { Family } from './family.js';
import type { StepState } from './model.js';

/** What a state holds of a value of the decoder with a token axis, so that a prompt's share can be computed. */
export interface Kept {
  readonly value: Value;
  readonly axis: number;
  /** All rows so far, the last `depth` of them, their sum, or (of a recurrence's output) state number `depth` of its cells. */
  readonly what: 'rows' | 'window' | 'sum' | 'state';
  readonly depth: number;
}

export interface PartState {
  readonly state: StepState;
  /** Undefined for states of the decoder itself. */
  readonly kept: Kept | undefined;
  readonly param: Value;
  next: Value | undefined;
}

export class StepParts {
  readonly builder: GraphBuilder;
  readonly token: Value;
  readonly position: Value;
  /** Values of the decoder graph that the prologue makes, with the parameters that bring them. */
  readonly contexts = new Map<Value, Value>();
  readonly states: PartState[] = [];
  private readonly family: Family;
  private rowIndex: Value | undefined;
  private readonly masks = new Map<string, Value>();

  /** `given`: states that the decoder has itself. */
  constructor(family: Family, batch: number, given: readonly StepState[]) {
    this.family = family;
    this.builder = new GraphBuilder('step');
    this.token = this.builder.param(tensorType('i64', [batch, 1]), 'token');
    this.position = this.builder.param(tensorType('i64', [1]), 'position');
    for (const state of given) this.add(state);
  }

  private add(state: StepState, kept?: Kept): PartState {
    const param = this.builder.param(tensorType(state.dtype, state.shape), state.name);
    const part: PartState = { state, kept, param, next: undefined };
    this.states.push(part);
    return part;
  }

  private fresh(type: TensorType, kept: Kept): PartState {
    const { name } = kept.value;
    const shape = type.shape as readonly number[];
    const unique = `${name === '' ? kept.what : name}.${this.states.length}`;
    return this.add({ name: unique, dtype: type.dtype, shape, start: { kind: 'zeros' } }, kept);
  }

  /** i64 [1]: place of this step's token among all tokens, those of a prompt included. */
  row(): Value {
    const prompt = this.family.first - 1;
    this.rowIndex ??=
      prompt === 0 ? this.position : this.builder.one('add', [this.position, this.builder.ints([prompt])]);
    return this.rowIndex;
  }

  context(v: Value): Value {
    const known =
      this.contexts.get(v) ??
      this.builder.param(v.type, v.name === '' ? `context.${this.contexts.size}` : v.name);
    this.contexts.set(v, known);
    return known;
  }

  state(index: number): Value {
    return (this.states[index] as PartState).param;
  }

  /** A state of zeros that gets this row of a value along `axis`: all rows so far, this one included. */
  cache(value: Value, axis: number, row: Value): Value {
    const { dtype, shape } = value.type;
    const type = tensorType(dtype, (shape as readonly number[]).with(axis, this.family.max));
    const part = this.fresh(type, { value, axis, what: 'rows', depth: this.family.max });
    part.next = this.put(part.param, axis, row);
    return part.next;
  }

  /** The buffer with the row at its place, where it has been zero: a sum with the row times a vector that is 1 there. */
  put(buffer: Value, axis: number, row: Value): Value {
    const { builder } = this;
    const shape = buffer.type.shape as readonly number[];
    const here = this.compared('eq', shape.length, axis, shape[axis] ?? 1, 0);
    if (buffer.type.dtype === 'bool') return builder.one('or', [buffer, builder.one('and', [here, row])]);
    const one = this.memo(`one ${here.id} ${buffer.type.dtype}`, () =>
      builder.one('cast', [here], { to: buffer.type.dtype }),
    );
    return builder.one('add', [buffer, builder.one('mul', [one, row])]);
  }

  /** bool, `size` entries along `axis`: those up to this step's token; `extra` as of a token axis. */
  upTo(rank: number, axis: number, size: number, extra: number): Value {
    return this.compared('le', rank, axis, size, extra);
  }

  private compared(op: 'eq' | 'le', rank: number, axis: number, size: number, offset: number): Value {
    return this.memo(`${op} ${rank} ${axis} ${size} ${offset}`, () => {
      const { builder } = this;
      const shape = Array.from({ length: rank }, (_, i) => (i === axis ? size : 1));
      const iota = builder.one('iota', [], { shape, axis, dtype: 'i64' });
      const until = offset === 0 ? this.row() : builder.one('add', [this.row(), builder.ints([offset])]);
      return builder.one(op, [iota, until]);
    });
  }

  private memo(key: string, make: () => Value): Value {
    const known = this.masks.get(key) ?? make();
    this.masks.set(key, known);
    return known;
  }

  /** The last `depth` rows of a value before this one, zero before the first token, and this one. */
  history(value: Value, row: Value, axis: number, depth: number): Value {
    const { builder } = this;
    const shape = row.type.shape as readonly number[];
    const type = tensorType(row.type.dtype, shape.with(axis, depth));
    const part = this.fresh(type, { value, axis, what: 'window', depth });
    const all = builder.one('concat', [part.param, row], { axis });
    part.next = this.cut(all, axis, 1, depth);
    return all;
  }

  cut(value: Value, axis: number, start: number, size: number): Value {
    const shape = value.type.shape as readonly number[];
    const starts = shape.map((_, i) => (i === axis ? start : 0));
    return this.builder.one('slice', [value], {
      starts,
      sizes: shape.with(axis, size),
      steps: shape.map(() => 1),
    });
  }

  /** The sum of all rows of a value, before and after adding this one. */
  runningSum(value: Value, row: Value, axis: number): { readonly before: Value; readonly after: Value } {
    const part = this.fresh(row.type, { value, axis, what: 'sum', depth: 1 });
    part.next = this.builder.one('add', [part.param, row]);
    return { before: part.param, after: part.next };
  }

  /** A state of the cells of a recurrence that has this output; `type` as before and after a cell. */
  recurrent(output: Value, type: TensorType, index: number): PartState {
    return this.fresh(type, { value: output, axis: 0, what: 'state', depth: index });
  }

  /** A constant that is another one at each step: a table, and the entry of this step. */
  perStep(v: Value, constantAt: (length: number) => Constant): Value {
    const { builder, family } = this;
    const shape = v.type.shape as readonly number[];
    const entries: Value[] = [];
    for (let length = family.first; length <= family.max; length++) {
      const constant = constantAt(length);
      const padded = shape.map((dim, i) => dim - (constant.shape[i] ?? dim));
      // What is beyond the last token is masked wherever it could matter.
      const full = builder.one('pad', [builder.constant(constant)], {
        low: padded.map(() => 0),
        high: padded,
        mode: 'constant',
        value: 0,
      });
      entries.push(builder.one('reshape', [full], { shape: [1, ...shape] }));
    }
    const table = builder.one('concat', entries, { axis: 0 });
    const entry = builder.one('gather', [table, this.position], { axis: 0 });
    return builder.one('reshape', [entry], { shape });
  }

  scalar(dtype: DType, value: number): Value {
    return this.builder.scalar(dtype, value);
  }

  /** The step's graph: params token, position, contexts, states; results logits and the states after the step. */
  finish(logits: Value): Graph {
    const params = [this.token, this.position, ...this.contexts.values(), ...this.states.map((s) => s.param)];
    const results = [logits, ...this.states.map((s) => s.next ?? s.param)];
    return {
      name: this.builder.name,
      body: { params, nodes: this.builder.made, results },
      outputNames: ['logits', ...this.states.map((s) => s.state.name)],
    };
  }
}

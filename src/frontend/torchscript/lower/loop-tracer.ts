// The policy that takes a loop apart while the program is interpreted: it cuts the graph at the head of each iteration, leaps
// along the straight line of what grows, and either goes on behind the loop or abandons the run.
import { EXIT, NeffcError } from '../../../base/diagnostic.js';
import { tensorType } from '../../../ir/type.js';
import { truthOf } from '../aten/scalars.js';
import { changedNames } from './changed-names.js';
import type { LoopHead, LoopPolicy, WhileStmt } from './loop-policy.js';
import { type Cut, cut, type LoopState, leap, snapshot } from './loop-state.js';
import type { Machine } from './machine.js';

/** Thrown through the program when all that was asked for is there. */
export class Abandoned {}

export interface TracedStep {
  /** Number of the iteration. */
  readonly at: number;
  readonly cut: Cut;
  /** Whether the loop goes on: known, or the first result. */
  readonly again: boolean | 'computed';
}

export interface TraceOptions {
  /** The iteration, or the number of iterations, that is led to by a leap where there is a straight line. */
  readonly goal: number;
  /** Iterations from the goal on that are run too, as far as the loop goes; absent: interpretation goes on behind the loop. */
  readonly count?: number;
  /** Whether to leap; else all iterations are run. */
  readonly leap: boolean;
  /** A variable that has another shape at the head of the goal. */
  readonly reshaped?: { readonly name: string; readonly shape: readonly number[] };
}

/** Iterations run before a leap: the line goes through the heads 1 and 2. */
export const BEFORE_LEAP = 2;

export class LoopTracer implements LoopPolicy {
  private readonly at: WhileStmt['at'];
  private readonly m: Machine;
  private readonly options: TraceOptions;
  private done = false;
  prologue: Cut | undefined;
  readonly steps: TracedStep[] = [];

  constructor(stmt: WhileStmt, m: Machine, options: TraceOptions) {
    this.at = stmt.at;
    this.m = m;
    this.options = options;
  }

  takes(stmt: WhileStmt): boolean {
    const { file, line, column } = stmt.at;
    return !this.done && file === this.at.file && line === this.at.line && column === this.at.column;
  }

  run(head: LoopHead): void {
    this.done = true;
    const { m, options } = this;
    const state = stateOf(head);
    this.prologue = cut(m, state, []);
    this.checkSupported();
    let at = 0;
    let one = snapshot(state);
    for (;;) {
      if (at === 1) one = snapshot(state);
      if (at === BEFORE_LEAP && options.leap && options.goal > at) {
        leap(m, state, one, options.goal);
        at = options.goal;
        cut(m, state, []);
      }
      if (options.count === undefined ? at === options.goal : at === options.goal + options.count) break;
      if (at === options.goal) this.reshape(state);
      if (!this.advance(state, head, at)) break;
      at++;
    }
    if (options.count !== undefined) throw new Abandoned();
  }

  private reshape({ frame }: LoopState): void {
    const { m, options } = this;
    const { name, shape } = options.reshaped ?? {};
    const item = name === undefined ? undefined : frame.variables.get(name);
    if (name === undefined || shape === undefined || item?.kind !== 'tensor') return;
    frame.variables.set(name, m.c.fresh(m.c.builder.input(name, tensorType(item.dtype, shape))));
  }

  /** Runs an iteration; false where there is none after it, or where one that was not asked for is not possible. */
  private advance(state: LoopState, head: LoopHead, at: number): boolean {
    const { m, options } = this;
    let truth: ReturnType<typeof truthOf>;
    try {
      truth = truthOf(m.c, head.advance());
      this.checkSupported();
    } catch (error) {
      if (options.count !== undefined && at > options.goal && error instanceof NeffcError) return false;
      throw error;
    }
    const condition = truth.kind === 'dynamic' ? [truth.value] : [];
    const again = truth.kind === 'dynamic' ? 'computed' : truth.value;
    this.steps.push({ at, cut: cut(m, state, condition), again });
    return again !== false || options.count === undefined;
  }

  private checkSupported(): void {
    if (this.m.problems.length > 0) throw new NeffcError(this.m.problems, EXIT.unsupported);
  }
}

function stateOf({ frame, stmt }: LoopHead): LoopState {
  // The condition is a result of its own.
  const test = stmt.test.kind === 'name' ? stmt.test.name : '';
  const names = [...frame.variables.keys()].filter((name) => name !== test);
  const changed = changedNames(stmt.body);
  return { frame, names, carried: new Set(names.filter((name) => changed.has(name))) };
}

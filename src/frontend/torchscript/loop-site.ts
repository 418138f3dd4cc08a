// A decoding loop of a TorchScript model taken apart: the graph before it, the graph of each iteration, the graph behind it.
// What the loop carries may grow from iteration to iteration (tokens so far, a list of results): iteration t is interpreted
// with the shapes and numbers that it has at t. The recogniser of decoders (driver) works on these graphs as on an ONNX Loop.
import { bug, EXIT, NeffcError } from '../../base/diagnostic.js';
import type { Graph } from '../../ir/graph.js';
import type { TorchArchive } from './archive/read.js';
import { truthOf } from './aten/scalars.js';
import { type ImportOptions, interpreted, type OutputStructure } from './import.js';
import { DecodeLoop } from './lower/data-loop.js';
import type { Item } from './lower/items.js';
import type { LoopHead, LoopPolicy, WhileStmt } from './lower/loop-policy.js';
import { assignedNames, type Cut, cut, leap, type LoopState, snapshot } from './lower/loop-state.js';
import type { Machine } from './lower/machine.js';
import { flattenOutputs } from './lower/outputs.js';
import { prune } from './lower/prune.js';

/** A part of the program: parameters and results of the graph by the names of the state's leaves. */
export interface LoopPart {
  readonly graph: Graph;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** One iteration. Results: the condition if it is computed, then the carried leaves (equal names are the next values). */
export interface LoopStep extends LoopPart {
  /** Whether the loop goes on: decided when compiling, or result 0 of the graph. */
  readonly again: boolean | 'computed';
  /** Which parameters are carried; the others are context, the same in every iteration. */
  readonly carried: ReadonlySet<string>;
}

export interface LoopEnd extends LoopPart {
  readonly structure: OutputStructure;
}

export interface LoopSite {
  /** Names of the model's inputs. */
  readonly inputNames: readonly string[];
  /** From the model's inputs to the state at the head of the loop: all carried leaves, and the context that is used. */
  readonly prologue: LoopPart;
  /** Iteration t, from 0. E3379 for a t that has to be reached by running beyond what was run. */
  step(t: number): LoopStep;
  /** From the state after `count` iterations to the model's outputs. */
  epilogue(count: number): LoopEnd;
}

/** Iterations run one after the other before a leap. */
const RUN = 2;

class LoopTracer implements LoopPolicy {
  private readonly line: { readonly file: string; readonly line: number; readonly column: number };
  private readonly m: Machine;
  /** Iterations to interpret, ascending. */
  private readonly wanted: readonly number[];
  /** Iterations before the epilogue. */
  private readonly end: number;
  private done = false;
  prologue: Cut | undefined;
  readonly steps: { at: number; cut: Cut; again: boolean | 'computed' }[] = [];

  constructor(stmt: WhileStmt, m: Machine, wanted: readonly number[], end: number) {
    this.line = stmt.at;
    this.m = m;
    this.wanted = wanted;
    this.end = end;
  }

  takes(stmt: WhileStmt): boolean {
    const { file, line, column } = stmt.at;
    return !this.done && file === this.line.file && line === this.line.line && column === this.line.column;
  }

  run(head: LoopHead): void {
    this.done = true;
    const { m } = this;
    const { frame, stmt } = head;
    const names = [...frame.variables.keys()];
    const assigned = assignedNames(stmt);
    // The condition is a result of its own.
    const test = stmt.test.kind === 'name' ? stmt.test.name : '';
    const carried = names.filter((name) => assigned.has(name) && name !== test);
    const state: LoopState = { frame, names: names.filter((name) => name !== test), carried: new Set(carried) };
    this.prologue = cut(m, state, []);
    let at = 0;
    let first = snapshot(state);
    const targets = [...this.wanted.map((t) => t + 1), this.end];
    const last = Math.max(...targets);
    while (at < last) {
      const next = targets.filter((t) => t > at).sort((a, b) => a - b)[0] ?? last;
      // From head 2 on, a straight line leads to the head before the next iteration wanted.
      const goal = this.wanted.includes(next - 1) ? next - 1 : next;
      if (at === RUN && goal > at) {
        leap(m, state, first, goal);
        at = goal;
        if (at >= last) break;
        cut(m, state, []);
      }
      if (at === 1) first = snapshot(state);
      this.advance(m, state, head, at);
      at++;
    }
  }

  private advance(m: Machine, state: LoopState, head: LoopHead, at: number): void {
    const truth = truthOf(m.c, head.advance());
    const condition = truth.kind === 'dynamic' ? [truth.value] : [];
    const again = truth.kind === 'dynamic' ? 'computed' : truth.value;
    this.steps.push({ at, cut: cut(m, state, condition), again });
  }
}

/** The graph whose parameters are named leaves, with the wanted results and what they need. */
function part(graph: Graph, wanted: readonly number[], keepParams = false): LoopPart {
  const pruned = prune(graph, wanted, keepParams);
  return { graph: pruned, inputs: pruned.body.params.map((p) => p.name), outputs: pruned.outputNames };
}

/**
 * The first loop of `forward` that cannot be a loop of the graph, taken apart; undefined where there is none.
 * @throws what importTorchScript throws, E4320 apart.
 */
export function openLoop(archive: TorchArchive, options: ImportOptions): LoopSite | undefined {
  const stmt = findLoop(archive, options);
  if (stmt === undefined) return undefined;
  const known = new Map<number, LoopStep>();
  let inputNames: readonly string[] = [];
  const trace = (wanted: readonly number[], end: number) => {
    let tracer: LoopTracer | undefined;
    const policy = (m: Machine): LoopPolicy => {
      tracer = new LoopTracer(stmt, m, wanted, end);
      return tracer;
    };
    const out = interpreted(archive, options, policy, (m, result, names) => {
      inputNames = names;
      const outputs = flattenOutputs(m.c, result);
      return { graph: m.c.builder.finish(outputs.values, outputs.names), structure: outputs.structure };
    });
    const { prologue, steps } = tracer as unknown as LoopTracer;
    if (prologue === undefined) throw bug('E1271', 'the loop of the model was not reached again');
    return { prologue, steps, out };
  };
  const first = trace([0, 1], RUN);
  const step = (t: number): LoopStep => {
    const cached = known.get(t);
    if (cached !== undefined) return cached;
    const run = t < RUN ? first : trace([t], t + 1);
    const found = run.steps.find((s) => s.at === t);
    if (found === undefined) throw bug('E1271', `iteration ${t} of the loop was not interpreted`);
    const made = stepOf(found.cut, found.again);
    known.set(t, made);
    return made;
  };
  const epilogue = (count: number): LoopEnd => {
    const { out } = count === RUN ? first : trace([], count);
    return { ...part(out.graph, [...out.graph.body.results.keys()]), structure: out.structure };
  };
  const used = new Set([...step(0).inputs, ...step(1).inputs, ...epilogue(RUN).inputs]);
  const wanted = first.prologue.leaves.flatMap((leaf, i) => (leaf.carried || used.has(leaf.name) ? [i] : []));
  return { inputNames, prologue: part(first.prologue.ended, wanted, true), step, epilogue };
}

function stepOf({ leaves, ended }: Cut, again: boolean | 'computed'): LoopStep {
  const offset = again === 'computed' ? 1 : 0;
  const params = new Map(ended.body.params.map((p) => [p.name, p]));
  // Context comes out as it went in; carried leaves are results even then.
  const results = leaves.flatMap((leaf, i) => (leaf.carried || params.get(leaf.name) !== leaf.value ? [i + offset] : []));
  const made = part(ended, [...Array(offset).keys(), ...results]);
  const carried = new Set(made.outputs.slice(offset));
  return { ...made, again, carried: new Set(made.inputs.filter((name) => carried.has(name))) };
}

/** The loop that stops an ordinary import. */
function findLoop(archive: TorchArchive, options: ImportOptions): WhileStmt | undefined {
  let stmt: WhileStmt | undefined;
  try {
    interpreted(archive, options, undefined, (_m, result: Item) => result, (loop: DecodeLoop) => {
      stmt = loop.stmt;
    });
  } catch (error) {
    if (!(error instanceof NeffcError) || error.exitCode !== EXIT.unsupported || stmt === undefined) throw error;
  }
  return stmt;
}

// A decoding loop of a TorchScript model taken apart: the graph before it, the graph of each iteration, the graph behind it.
// What the loop carries may grow from iteration to iteration (tokens so far, a list of results): iteration t is interpreted
// with the shapes and numbers that it has at t. The recogniser of decoders works on these graphs as on an ONNX Loop.
import { bug, EXIT, NeffcError } from '../../base/diagnostic.js';
import type { Graph } from '../../ir/graph.js';
import type { TorchArchive } from './archive/read.js';
import { type ImportOptions, interpreted, type OutputStructure } from './import.js';
import type { WhileStmt } from './lower/loop-policy.js';
import type { Cut } from './lower/loop-state.js';
import { Abandoned, LoopTracer, type TracedStep, type TraceOptions } from './lower/loop-tracer.js';
import { flattenOutputs } from './lower/outputs.js';
import { prune } from './lower/prune.js';

/** A part of the program: parameters and results of the graph by the names of the state's leaves. */
export interface LoopPart {
  readonly graph: Graph;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** One iteration. Results: the condition if it is computed, then the leaves that change (equal names are the next values). */
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
  /** Iteration t, from 0. Throws where the model is not valid at t (beyond its table of positions, say). */
  step(t: number): LoopStep;
  /** Iteration t where this variable has another shape. Throws where the model does not allow it. */
  reshaped(t: number, name: string, shape: readonly number[]): LoopStep;
  /** From the state after `count` iterations to the model's outputs. */
  epilogue(count: number): LoopEnd;
}

/** Iterations interpreted in one run. */
const TOGETHER = 64;

/** E3379: there is no straight line to leap along. */
const isCrooked = (error: unknown): boolean =>
  error instanceof NeffcError && error.diagnostics.some((d) => d.code === 'E3379');

/**
 * The first loop of `forward` that cannot be a loop of the graph, taken apart; undefined where there is none.
 * @throws what importTorchScript throws, E4320 apart.
 */
export function openLoop(archive: TorchArchive, options: ImportOptions): LoopSite | undefined {
  const stmt = findLoop(archive, options);
  return stmt === undefined ? undefined : new OpenedLoop(archive, options, stmt);
}

class OpenedLoop implements LoopSite {
  private readonly archive: TorchArchive;
  private readonly options: ImportOptions;
  private readonly stmt: WhileStmt;
  private readonly steps = new Map<number, LoopStep>();
  private straight = true;
  inputNames: readonly string[] = [];
  readonly prologue: LoopPart;

  constructor(archive: TorchArchive, options: ImportOptions, stmt: WhileStmt) {
    this.archive = archive;
    this.options = options;
    this.stmt = stmt;
    const { leaves, ended } = this.traceSteps(0);
    const second = this.steps.get(1);
    const used = new Set([
      ...this.step(0).inputs,
      ...(second?.inputs ?? []),
      ...this.epilogue(second === undefined ? 1 : 2).inputs,
    ]);
    const wanted = leaves.flatMap((leaf, i) => (leaf.carried || used.has(leaf.name) ? [i] : []));
    this.prologue = part(ended, wanted, true);
  }

  step(t: number): LoopStep {
    if (!this.steps.has(t)) this.traceSteps(t);
    const found = this.steps.get(t);
    if (found === undefined) throw bug('E1271', `iteration ${t} of the loop was not interpreted`);
    return found;
  }

  reshaped(t: number, name: string, shape: readonly number[]): LoopStep {
    return this.leaping((leap) => {
      const [step] = this.trace({ goal: t, count: 1, leap, reshaped: { name, shape } }).steps.slice(-1);
      if (step === undefined) throw bug('E1271', `iteration ${t} of the loop was not interpreted`);
      return stepOf(step);
    });
  }

  epilogue(count: number): LoopEnd {
    const run = (leap: boolean): LoopEnd =>
      interpreted(
        this.archive,
        this.options,
        (m) => new LoopTracer(this.stmt, m, { goal: count, leap }),
        (m, result, names) => {
          this.inputNames = names;
          const { values, names: outputs, structure } = flattenOutputs(m.c, result);
          return { ...part(m.c.builder.finish(values, outputs), [...values.keys()]), structure };
        },
      );
    return this.leaping(run);
  }

  /** Interprets iterations from t on and keeps them; the cut before the loop. */
  private traceSteps(t: number): Cut {
    return this.leaping((leap) => {
      const tracer = this.trace({ goal: t, count: TOGETHER, leap });
      for (const step of tracer.steps) if (!this.steps.has(step.at)) this.steps.set(step.at, stepOf(step));
      if (tracer.prologue === undefined) throw bug('E1271', 'the loop of the model was not reached again');
      return tracer.prologue;
    });
  }

  private trace(options: TraceOptions): LoopTracer {
    let tracer: LoopTracer | undefined;
    try {
      interpreted(
        this.archive,
        this.options,
        (m) => {
          tracer = new LoopTracer(this.stmt, m, options);
          return tracer;
        },
        () => undefined,
      );
    } catch (error) {
      if (!(error instanceof Abandoned)) throw error;
    }
    if (tracer === undefined) throw bug('E1271', 'the loop of the model was not reached again');
    return tracer;
  }

  /** With leaps as long as the loop grows along a straight line. */
  private leaping<T>(run: (leap: boolean) => T): T {
    if (!this.straight) return run(false);
    try {
      return run(true);
    } catch (error) {
      if (!isCrooked(error)) throw error;
      this.straight = false;
      return run(false);
    }
  }
}

/** The graph with the wanted results and what they need; its parameters are named as leaves. */
function part(graph: Graph, wanted: readonly number[], keepParams = false): LoopPart {
  const pruned = prune(graph, wanted, keepParams);
  return { graph: pruned, inputs: pruned.body.params.map((p) => p.name), outputs: pruned.outputNames };
}

function stepOf({ cut: { leaves, ended }, again }: TracedStep): LoopStep {
  const offset = again === 'computed' ? 1 : 0;
  const params = new Map(ended.body.params.map((p) => [p.name, p]));
  // Context comes out as it went in; carried leaves are results even then.
  const results = leaves.flatMap((leaf, i) =>
    leaf.carried || params.get(leaf.name) !== leaf.value ? [i + offset] : [],
  );
  const made = part(ended, [...Array(offset).keys(), ...results]);
  const changed = new Set(made.outputs.slice(offset));
  return { ...made, again, carried: new Set(made.inputs.filter((name) => changed.has(name))) };
}

/** The loop that stops an ordinary import. */
function findLoop(archive: TorchArchive, options: ImportOptions): WhileStmt | undefined {
  let stmt: WhileStmt | undefined;
  try {
    interpreted(
      archive,
      options,
      undefined,
      () => undefined,
      (loop) => {
        stmt = loop.stmt;
      },
    );
  } catch (error) {
    if (!(error instanceof NeffcError) || error.exitCode !== EXIT.unsupported || stmt === undefined)
      throw error;
  }
  return stmt;
}

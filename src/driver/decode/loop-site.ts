// A decoding loop of a model taken apart: what comes before it, each iteration, what comes behind it, as graphs at concrete
// shapes. A frontend gives it; what its tensors mean is found out elsewhere (loop.ts), the same for every frontend.
import type { Graph } from '../../ir/graph.js';

/** A part of the program: parameters and results of the graph by the names of the leaves they are. */
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

export interface LoopSite {
  readonly file: string;
  /** From the model's inputs to the state at the head of the loop: all carried leaves, and the context that is used. */
  readonly prologue: LoopPart;
  /** Iterations after which the loop ends whatever its condition says; undefined where only the condition ends it. */
  readonly maxTrips?: number;
  /** Iteration t, from 0. Throws where the model is not valid at t (beyond its table of positions, say). */
  step(t: number): LoopStep;
  /** Iteration t with this leaf of another shape; undefined where the frontend cannot do it or the model does not allow it. */
  reshaped?(t: number, leaf: string, shape: readonly number[]): LoopStep | undefined;
  /** From the state after `count` iterations to the model's outputs. */
  epilogue(count: number): LoopPart;
}

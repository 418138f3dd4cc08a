// What the backend is given of a decoding loop: a prologue graph, one step graph, and what is carried from step to step.
import type { Graph } from '../../ir/graph.js';

/** Where a param of the step graph comes from. */
export type StepParam =
  /** A result of the prologue, the same at every step. */
  | { readonly role: 'context'; readonly result: number }
  /** Carried: result `next` of the step is its value at the next step; at first a result of the prologue, or one number everywhere. */
  | {
      readonly role: 'state';
      readonly next: number;
      readonly start: { readonly result: number } | { readonly value: number };
    };

export interface LoopSpec {
  /** params: the model's inputs. */
  readonly prologue: Graph;
  /** params as `params` says. */
  readonly step: Graph;
  /** Steps 1, 2, … where each is a graph of its own (and `step` is step 0): with the same params and results. */
  readonly later?: readonly Graph[];
  readonly params: readonly StepParam[];
  /** Result of the step that is one int32 word, not 0 where generation has ended. */
  readonly flag: number;
  /** What is made of the last states when the loop has ended: params are step params (by `finishParams`), results the outputs. */
  readonly finish: Graph;
  readonly finishParams: readonly number[];
  readonly maxSteps: number;
}

export const stepGraphs = ({ step, later = [] }: LoopSpec): readonly Graph[] => [step, ...later];

/** How the loop is cut into executables. */
export type LoopShape =
  /** Prologue and all steps in one executable. */
  | { readonly kind: 'unrolled' }
  /** The same, ended by the chip when the flag is set; one graph for all steps. */
  | { readonly kind: 'device-loop' }
  /** The prologue, then one executable for each range of steps: `ends` ascend to maxSteps. */
  | { readonly kind: 'partitioned'; readonly ends: readonly number[] }
  /** The prologue, then one executable of one step (where steps have graphs of their own: one for each); context and states stay in device memory (`resident`) or pass through the host. */
  | { readonly kind: 'split'; readonly resident: boolean };

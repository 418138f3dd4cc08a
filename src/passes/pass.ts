// What a pass is: one declaration, from which the pipeline, `neffc opt`, the flags and the docs follow. A pass takes a graph
// and gives a graph that means the same (precision passes apart, which round more); it knows no other pass.
import type { DType } from '../base/dtype.js';
import type { Target } from '../chip/target.js';
import type { Graph } from '../ir/graph.js';
import type { Fact } from './facts.js';

/** Folder of the pass. */
export type Theme = 'clean' | 'control' | 'expand' | 'fuse' | 'batch' | 'precision' | 'decode';

export interface Pass {
  readonly name: string;
  readonly theme: Theme;
  /** One or two sentences for `neffc opt --list` and docs. */
  readonly doc: string;
  /** Runs from this level on; 0: always, since the backend or an option depends on it. */
  readonly level: 0 | 1 | 2 | 3;
  /** Facts that must hold before it. */
  readonly needs?: readonly Fact[];
  /** Facts that may no longer hold after it; all others stay. */
  readonly breaks?: readonly Fact[];
  run(graph: Graph, context: PassContext): Graph;
}

/** What a pass may know beside its graph. */
export interface PassContext {
  readonly target: Target;
  readonly autoCast: AutoCast;
  /** Element type of the arithmetic that auto-cast narrows. */
  readonly narrow: Extract<DType, 'bf16' | 'f16'>;
  readonly level: number;
  /** Whether one more rewrite may be made: asked before, and counted, for each. Passes of level 0 need not ask. */
  rewrite(): boolean;
}

export type AutoCast = 'none' | 'matmult' | 'all';

/** Passes that run in turn until none changes the graph, at most `rounds` times. */
export interface PassGroup {
  readonly name: string;
  readonly doc: string;
  readonly rounds: number;
  /** Facts that hold when its passes have nothing more to do. */
  readonly gives?: readonly Fact[];
  readonly passes: readonly Pass[];
}

export type PipelineEntry = Pass | PassGroup;

export function isGroup(entry: PipelineEntry): entry is PassGroup {
  return 'passes' in entry;
}

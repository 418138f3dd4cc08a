// The pipeline table: every pass in the order in which it runs. Groups run until nothing changes. `neffc opt` runs any other
// sequence of the same passes.
import { usageError } from '../base/diagnostic.js';
import type { Target } from '../chip/target.js';
import type { Graph } from '../ir/graph.js';
import { LARGE_BATCH } from './batch/large-batch.js';
import { ALGEBRA } from './clean/algebra.js';
import { BROADCASTS } from './clean/broadcasts.js';
import { CONSTANT_CHAINS } from './clean/constant-chains.js';
import { CSE } from './clean/cse.js';
import { DCE, FOLD } from './clean/fold.js';
import { HOIST } from './clean/hoist.js';
import { PARTS } from './clean/parts.js';
import { TRANSPOSES } from './clean/transposes.js';
import { BRANCHES } from './control/branches.js';
import { CAPTURES } from './control/captures.js';
import { LOOPS } from './control/loops.js';
import { EXPAND_ATTENTION } from './expand/attention.js';
import { EXPAND_AVERAGES } from './expand/averages.js';
import { EXPAND_BYTES } from './expand/bytes.js';
import { EXPAND_EMPTY } from './expand/empty.js';
import { EXPAND_LARGE_ATTENTION } from './expand/large-attention.js';
import { EXPAND_LONG_ROWS } from './expand/long-rows.js';
import { EXPAND_VOLUMES } from './expand/volumes.js';
import { EXPAND_WEIGHTS } from './expand/weights.js';
import { FUSE_ACTIVATIONS } from './fuse/activations.js';
import { FUSE_AFFINE } from './fuse/affine.js';
import { FUSE_EPILOGUE } from './fuse/epilogue.js';
import { FUSE_NORM_WEIGHTS } from './fuse/norm-weights.js';
import { FUSE_NORMS } from './fuse/norms.js';
import { FUSE_PROJECTIONS } from './fuse/projections.js';
import { FUSE_SOFTMAX } from './fuse/softmax.js';
import type { AutoCast, PassGroup, PipelineEntry } from './pass.js';
import { CAST_ALL } from './precision/everything.js';
import { CAST_PRODUCTS } from './precision/products.js';
import { CAST_RESULTS } from './precision/results.js';
import { passesOf, type RunOptions, runPipeline } from './run.js';

/** Rounds after which a group stops, changed or not: its passes move things towards one end, so more are never needed. */
const ROUNDS = 12;

const CLEAN: PassGroup = {
  name: 'clean',
  doc: 'Says the same with fewer operators.',
  rounds: ROUNDS,
  passes: [FOLD, ALGEBRA, CONSTANT_CHAINS, BROADCASTS, PARTS, TRANSPOSES, HOIST, CSE, DCE],
};

export const PIPELINE: readonly PipelineEntry[] = [
  {
    name: 'control',
    doc: 'Loops and branches become straight-line graphs.',
    rounds: ROUNDS,
    passes: [CAPTURES, BRANCHES, LOOPS],
  },
  CLEAN,
  {
    name: 'recognise',
    doc: 'Operators that exporters write out are found again.',
    rounds: ROUNDS,
    passes: [FUSE_ACTIVATIONS, FUSE_NORMS, FUSE_SOFTMAX, ...CLEAN.passes],
  },
  {
    name: 'expand',
    doc: 'What no engine has becomes operators that engines have.',
    rounds: ROUNDS,
    gives: ['lowerable'],
    passes: [EXPAND_ATTENTION, EXPAND_WEIGHTS, EXPAND_AVERAGES, EXPAND_BYTES, EXPAND_VOLUMES, EXPAND_EMPTY],
  },
  {
    name: 'fuse',
    doc: 'Constants go into weights, activations and sums into products.',
    rounds: ROUNDS,
    passes: [FUSE_AFFINE, FUSE_NORM_WEIGHTS, ...CLEAN.passes],
  },
  EXPAND_LARGE_ATTENTION,
  FUSE_EPILOGUE,
  FUSE_PROJECTIONS,
  CAST_PRODUCTS,
  CAST_ALL,
  CAST_RESULTS,
  CLEAN,
  EXPAND_LONG_ROWS,
  LARGE_BATCH,
];

/** The passes and groups of these names, in the order given; E2601 for a name that is neither. */
export function entriesNamed(names: readonly string[]): readonly PipelineEntry[] {
  const known = new Map<string, PipelineEntry>(
    [...passesOf(PIPELINE), ...PIPELINE].map((entry) => [entry.name, entry]),
  );
  return names.map((name) => {
    const entry = known.get(name);
    if (entry === undefined)
      throw usageError(
        'E2601',
        `there is no pass '${name}'`,
        {},
        `the passes and groups are ${[...known.keys()].join(', ')}`,
      );
    return entry;
  });
}

export interface PassOptions extends Partial<Omit<RunOptions, 'target' | 'autoCast' | 'narrow' | 'level'>> {
  readonly target: Target;
  readonly autoCast: AutoCast;
  readonly autoCastType: 'bf16' | 'fp16';
  readonly level: number;
}

/** The graph after the whole pipeline. */
export function runPasses(graph: Graph, options: PassOptions): Graph {
  const { autoCastType, ...rest } = options;
  return runPipeline(graph, PIPELINE, { ...rest, narrow: autoCastType === 'fp16' ? 'f16' : autoCastType })
    .graph;
}

// How far a graph is done some images at a time. A batch shares each fetch of a weight, but its activations may not fit on
// chip; few images at a time fit, but the weights of what they pass through are wanted again for the next ones. Early layers have
// large activations and small weights, late ones the reverse: the cut is where the modelled traffic with DRAM is least.

import { elementBytes } from '../../base/dtype.js';
import type { Target } from '../../chip/target.js';
import { constantOf, type Graph, type Node, type Value } from '../../ir/graph.js';
import { elementCount, staticShape } from '../../ir/type.js';

const PARTITIONS = 128;
/** Share of a partition that values living between nodes may take before lowering sends them to DRAM. */
const LIVE_SHARE = 0.6;
/** What kernels need beside the values that live between nodes, as a share of a partition. */
const KERNEL_SHARE = 0.1;

export interface BatchCut {
  /** Nodes before this position are done `images` at a time. */
  readonly position: number;
  readonly images: number;
}

/** Bytes of a partition, for the whole batch or an image of it. */
interface Usage {
  /** Values of the chain that live while each node runs. */
  readonly live: Float64Array;
  /** Values of the chain made before each position and used from there on. */
  readonly crossing: Float64Array;
  /** Weights that the chain uses before each position. */
  readonly weights: Float64Array;
}

/** The best cut of a graph whose nodes `chain` are batch-wise; undefined where the batch is best left whole. */
export function bestBatchCut(
  graph: Graph,
  chain: ReadonlySet<Node>,
  batch: number,
  target: Target,
): BatchCut | undefined {
  const usage = usageOf(graph, chain);
  const capacity = target.sbufPartitionBytes;
  let best: BatchCut | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let images = batch; images >= 1 && least > 0; images--) {
    if (batch % images !== 0) continue;
    const traffic = trafficOf(usage, batch / images, capacity);
    if (images === batch) least = traffic[0] ?? 0;
    else
      traffic.forEach((bytes, position) => {
        // Less than a byte is rounding.
        if (position === 0 || bytes > least - 1) return;
        least = bytes;
        best = { position, images };
      });
  }
  return best;
}

/**
 * Bytes of a partition that cross to DRAM and back beyond one fetch of each weight, for a cut at each position. Before it, each
 * node needs a share of its live values and what is gathered for behind; of those that need more than there is, the excess is
 * spilled in each round. The nodes in question stand in a tree by what lives, so that no position looks at all others.
 */
function trafficOf({ live, crossing, weights }: Usage, rounds: number, capacity: number): Float64Array {
  const n = live.length;
  const budget = capacity * LIVE_SHARE;
  const traffic = new Float64Array(n + 1);
  const spilledBehind = new Float64Array(n + 1);
  const peakBehind = new Float64Array(n + 1);
  for (let at = n - 1; at >= 0; at--) {
    const needed = live[at] ?? 0;
    spilledBehind[at] = (spilledBehind[at + 1] ?? 0) + Math.max(0, needed - budget);
    peakBehind[at] = Math.max(peakBehind[at + 1] ?? 0, needed);
  }
  const before = new SumsAbove(live);
  let mostBefore = 0;
  for (let position = 0; position <= n; position++) {
    const gathered = crossing[position] ?? 0;
    const { count, sum } = before.above((budget - gathered) * rounds);
    const spilledBefore = (sum / rounds + count * (gathered - budget)) * rounds;
    const peak = Math.max(peakBehind[position] ?? 0, position === 0 ? 0 : mostBefore / rounds + gathered);
    const room = Math.max(0, capacity * (1 - KERNEL_SHARE) - Math.min(peak, budget));
    const fetchedAgain = Math.max(0, (weights[position] ?? 0) - room) * (rounds - 1);
    traffic[position] = 2 * (spilledBefore + (spilledBehind[position] ?? 0)) + fetchedAgain;
    if (position === n) break;
    before.add(live[position] ?? 0);
    mostBefore = Math.max(mostBefore, live[position] ?? 0);
  }
  return traffic;
}

/** How many of the numbers added so far are above a bound, and their sum: a Fenwick tree over the ranks of all that may come. */
class SumsAbove {
  private readonly sorted: Float64Array;
  private readonly counts: Float64Array;
  private readonly sums: Float64Array;

  constructor(numbers: Float64Array) {
    this.sorted = numbers.toSorted();
    this.counts = new Float64Array(numbers.length + 1);
    this.sums = new Float64Array(numbers.length + 1);
  }

  add(x: number): void {
    // From the end: the tree sums prefixes, and what is above a bound is wanted.
    for (let i = this.sorted.length - this.below(x); i <= this.sorted.length; i += i & -i) {
      this.counts[i] = (this.counts[i] ?? 0) + 1;
      this.sums[i] = (this.sums[i] ?? 0) + x;
    }
  }

  above(bound: number): { readonly count: number; readonly sum: number } {
    let count = 0;
    let sum = 0;
    for (let i = this.sorted.length - this.below(bound, true); i > 0; i -= i & -i) {
      count += this.counts[i] ?? 0;
      sum += this.sums[i] ?? 0;
    }
    return { count, sum };
  }

  /** How many of all numbers are below x, or at most x. */
  private below(x: number, orEqual = false): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const y = this.sorted[middle] ?? 0;
      if (y < x || (orEqual && y === x)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function usageOf(graph: Graph, chain: ReadonlySet<Node>): Usage {
  const { nodes, results } = graph.body;
  const lastUse = new Map<Value, number>(results.map((v) => [v, nodes.length]));
  nodes.forEach((node, at) => {
    for (const v of node.inputs) lastUse.set(v, Math.max(at, lastUse.get(v) ?? 0));
  });
  const live = new Float64Array(nodes.length);
  const crossing = new Float64Array(nodes.length + 1);
  const weights = new Float64Array(nodes.length + 1);
  const seen = new Set<Value>();
  nodes.forEach((node, at) => {
    weights[at + 1] = weights[at] ?? 0;
    if (!chain.has(node)) return;
    for (const v of node.inputs) {
      if (constantOf(v) === undefined || seen.has(v)) continue;
      seen.add(v);
      weights[at + 1] = (weights[at + 1] ?? 0) + bytesOf(v) / PARTITIONS;
    }
    for (const v of node.outputs) {
      const end = lastUse.get(v) ?? at;
      const bytes = partitionBytes(v);
      // Marked where they begin and end, and summed up below.
      live[at] = (live[at] ?? 0) + bytes;
      if (end + 1 < nodes.length) live[end + 1] = (live[end + 1] ?? 0) - bytes;
      if (end <= at) continue;
      crossing[at + 1] = (crossing[at + 1] ?? 0) + bytes;
      if (end < nodes.length) crossing[end + 1] = (crossing[end + 1] ?? 0) - bytes;
    }
  });
  for (const marks of [live, crossing])
    for (let i = 1; i < marks.length; i++) marks[i] = (marks[i] ?? 0) + (marks[i - 1] ?? 0);
  return { live, crossing, weights };
}

function bytesOf(v: Value): number {
  return elementCount(staticShape(v.type) ?? []) * elementBytes(v.type.dtype);
}

/** Fewer channels than this are laid out more densely than with channels on partitions. */
const FEW_CHANNELS = 8;

/** Activations [N, C, …] lie with channels on partitions. */
function partitionBytes(v: Value): number {
  const channels = staticShape(v.type)?.[1] ?? 1;
  if (channels < FEW_CHANNELS) return bytesOf(v) / PARTITIONS;
  return (bytesOf(v) / channels) * Math.ceil(channels / PARTITIONS);
}

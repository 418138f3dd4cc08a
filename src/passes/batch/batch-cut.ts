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
  let least = trafficOf(usage, { position: 0, images: batch }, batch, capacity);
  for (let images = batch - 1; images >= 1; images--) {
    if (batch % images !== 0) continue;
    for (let position = 1; position <= graph.body.nodes.length; position++) {
      const traffic = trafficOf(usage, { position, images }, batch, capacity);
      if (traffic >= least) continue;
      least = traffic;
      best = { position, images };
    }
  }
  return best;
}

/** Bytes of a partition that cross to DRAM and back beyond one fetch of each weight. */
function trafficOf(usage: Usage, { position, images }: BatchCut, batch: number, capacity: number): number {
  const budget = capacity * LIVE_SHARE;
  const rounds = batch / images;
  const gathered = usage.crossing[position] ?? 0;
  let spilled = 0;
  let peak = 0;
  usage.live.forEach((live, at) => {
    const needed = at < position ? live / rounds + gathered : live;
    peak = Math.max(peak, needed);
    spilled += Math.max(0, needed - budget) * (at < position ? rounds : 1);
  });
  const room = Math.max(0, capacity * (1 - KERNEL_SHARE) - Math.min(peak, budget));
  const fetchedAgain = Math.max(0, (usage.weights[position] ?? 0) - room) * (rounds - 1);
  return 2 * spilled + fetchedAgain;
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
      for (let i = at; i <= Math.min(end, nodes.length - 1); i++) live[i] = (live[i] ?? 0) + bytes;
      for (let i = at + 1; i <= end; i++) crossing[i] = (crossing[i] ?? 0) + bytes;
    }
  });
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

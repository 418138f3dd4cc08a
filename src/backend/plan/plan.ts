// The plan of a graph: which axes consumers want on partitions, and which values must not cross PE.
import type { Graph } from '../../ir/graph.js';
import type { Plan } from '../lower/context.js';
import { nonFiniteValues } from './finite.js';
import { wantedPartitions } from './wanted.js';

export function planGraph(graph: Graph): Plan {
  return { wanted: wantedPartitions(graph), mayBeNonFinite: nonFiniteValues(graph) };
}

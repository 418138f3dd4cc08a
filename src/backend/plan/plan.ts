// The plan of a graph: which axes consumers want on partitions, which values must not cross PE, and which are made in their place
// of a joined result.
import type { Graph } from '../../ir/graph.js';
import type { Plan } from '../lower/context.js';
import { nonFiniteValues } from './finite.js';
import { joinsOf } from './joins.js';
import { wantedPartitions } from './wanted.js';

export function planGraph(graph: Graph): Plan {
  return { wanted: wantedPartitions(graph), mayBeNonFinite: nonFiniteValues(graph), joins: joinsOf(graph) };
}

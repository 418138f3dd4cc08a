// A kernel lowers one node: it fetches operands in the layout it wants, emits instructions, and defines the results.
import type { Node } from '../../ir/graph.js';
import type { LowerContext } from './context.js';

export type Kernel = (c: LowerContext, node: Node) => void;

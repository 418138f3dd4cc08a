// Every operator of the graph, collected from the families: the one list from which folding, verification, docs and
// property tests go. A name stands in it once.
import { bug } from '../base/diagnostic.js';
import { ATTENTION } from './attention.js';
import { CONTROL } from './control.js';
import { CONVOLUTION } from './convolution.js';
import type { OpDecl } from './declare.js';
import { ELEMENTWISE } from './elementwise.js';
import { INDEXING } from './indexing.js';
import { LINEAR } from './linear.js';
import { NORMALIZE } from './normalize.js';
import { ORDER } from './order.js';
import { POOLING } from './pooling.js';
import { REDUCE } from './reduce.js';
import { SHAPE } from './shape.js';

const FAMILIES: readonly (readonly OpDecl[])[] = [
  ELEMENTWISE,
  SHAPE,
  REDUCE,
  LINEAR,
  CONVOLUTION,
  POOLING,
  NORMALIZE,
  ATTENTION,
  INDEXING,
  ORDER,
  CONTROL,
];

export const OPERATORS: ReadonlyMap<string, OpDecl> = collect();

function collect(): Map<string, OpDecl> {
  const table = new Map<string, OpDecl>();
  for (const decl of FAMILIES.flat()) {
    if (table.has(decl.name)) throw bug('E1250', `operator ${decl.name} is declared twice`);
    table.set(decl.name, decl);
  }
  return table;
}

/** The declaration; E1250 for a name that is none of ours (frontends and passes make only known ones). */
export function declarationOf(op: string): OpDecl {
  const decl = OPERATORS.get(op);
  if (decl === undefined) throw bug('E1250', `there is no operator '${op}'`);
  return decl;
}

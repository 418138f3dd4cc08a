// How a proof or a derivation gives up: one exception inside this folder, one plain record outside.
import type { Node } from '../../ir/graph.js';
import type { Refusal } from './model.js';

/** Thrown where something is not understood or not stable; caught at the entrances of this folder. */
export class Refused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.reason);
    this.refusal = refusal;
  }
}

/** The refusal for a node, under the names of the source model where it has them. */
export function refuse(node: Node | undefined, reason: string): never {
  const origin = node?.origins[0];
  throw new Refused({ op: origin?.op ?? node?.op ?? '', node: origin?.node ?? '', reason });
}

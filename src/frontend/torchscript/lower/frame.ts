// The local state of one call.
import type { Item } from './items.js';

export interface Frame {
  /** Local names. */
  variables: Map<string, Item>;
  /** Place of the module in the tree. */
  readonly module: string;
}

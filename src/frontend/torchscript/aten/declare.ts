// What an operator of PyTorch is here: a signature and a function that lowers a use of it. Families of them stand in one
// file each; table.ts collects them.
import type { Value } from '../../../ir/graph.js';
import type { Item } from '../lower/items.js';
import type { Lowering } from '../lower/lowering.js';
import type { Args } from './bind.js';

/** A value stands for a new tensor, an array for a tuple. */
export type Yield = Value | Item | readonly (Value | Item)[];

export type Handler = (c: Lowering, a: Args) => Yield;

/** Signature (parsed by schema.ts) -> handler. The namespace is `aten` where a family does not say otherwise. */
export type Family = Readonly<Record<string, Handler>>;

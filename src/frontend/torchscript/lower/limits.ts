// Bounds on what a program may make while it is interpreted, checked before it is made. All are E4340.
import { type NeffcError, type Place, unsupported } from '../../../base/diagnostic.js';

export const LOWERING_LIMITS = {
  /** Uses of operators of the graph, those that fold included. */
  operations: 150_000,
  /** Elements of a list, and of a tensor made from numbers. */
  elements: 1 << 22,
  /** Characters of a string. */
  characters: 1 << 20,
} as const;

export function overLimit(what: string, limit: number, where: Place): NeffcError {
  return unsupported('E4340', `the program makes ${what}; the limit is ${limit}`, where);
}

// What wiring a pair gives: the decoder with its feeds, the context it takes, and the states it carries.
import type { Port, ShapedType } from './request.js';
import type { Feed, StateSlot, WiredDecoder } from './wired-decoder.js';

/** Where a tensor that the decoder takes comes from. */
export interface ContextSource extends ShapedType {
  readonly name: string;
  readonly from: 'encoder output' | 'encoder input' | 'first step';
}

export interface WiredPair {
  readonly wired: WiredDecoder;
  readonly context: readonly ContextSource[];
  readonly states: readonly StateSlot[];
  /** By state: the context it starts from. */
  readonly starts: readonly (ContextSource | undefined)[];
  /** By state: the output of the first step's decoder that it is after that step. */
  readonly firstOutputs: readonly (string | undefined)[];
  readonly notes: readonly string[];
}

/** The inputs of a decoder that are known. */
export interface Needed {
  readonly feeds: Map<string, Feed>;
  readonly context: ContextSource[];
  readonly open: readonly Port[];
}

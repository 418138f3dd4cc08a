// The one structure that every form of an encoder-decoder model is turned into, and what is derived from it. Recognition
// (driver/decode) makes a DecodeSource; the proof and derivation of incremental decoding (here) makes a StepProgram;
// the backend compiles StepPrograms. Plain data and graphs only.
import type { DType } from '../../base/dtype.js';
import type { Graph } from '../../ir/graph.js';

/** How generation starts and ends. Tokens are new tokens: the start token and a prompt are not counted, the end token is. */
export interface Generation {
  readonly batch: number;
  readonly bos: number;
  /** Any of these ends a row. */
  readonly eos: readonly number[];
  /** What finished rows are filled with. */
  readonly pad: number;
  readonly maxSteps: number;
  /** Tokens forced at given steps (step -> token) and tokens never chosen, as a Hugging Face folder may say. */
  readonly forced: ReadonlyMap<number, number>;
  readonly suppressed: readonly number[];
  /** Suppressed at the first step only. */
  readonly suppressedFirst: readonly number[];
}

/** A tensor carried from step to step. */
export interface CarriedState {
  readonly name: string;
  readonly dtype: DType;
  /** Where it starts: nothing yet (its token axis has length 0), zeros of its shape, or a result of the prologue. */
  readonly start:
    | { readonly kind: 'empty' }
    | { readonly kind: 'zeros' }
    | { readonly kind: 'prologue'; readonly result: number };
  /** Axis that grows by one token a step; undefined where the shape stays. */
  readonly tokenAxis?: number;
}

interface SourceCommon {
  readonly generation: Generation;
  /** params: the model's inputs; results: the context that decoding needs (and starts of states). Computed once a request. */
  readonly prologue: Graph;
  /** Which results of the prologue are context, in the order the decoder graphs take them. */
  readonly context: readonly number[];
  /** Where rows start with tokens of the request instead of `bos`: the prologue's result that holds them, i64 [N, length]. */
  readonly prompt?: { readonly result: number; readonly length: number };
}

/** A decoder that recomputes from all tokens so far. */
export interface PrefixSource extends SourceCommon {
  readonly kind: 'prefix';
  /**
   * The decoder at `length` tokens (start token or prompt first): params [tokens i64 [N, length], ...context], results
   * [logits [N, V] of `position`, the last one if not given]. Throws where the model is not valid at that length (shorter
   * than `shortest`).
   */
  decoderAt(length: number, position?: number): Graph;
  /** Least length at which decoderAt works. */
  readonly shortest: number;
}

/** A decoder that carries its own state: run once a token. */
export interface CarriedSource extends SourceCommon {
  readonly kind: 'carried';
  readonly states: readonly CarriedState[];
  /**
   * The decoder after `past` tokens are in its states: params [token i64 [N, 1], ...context, ...states], results
   * [logits [N, V], ...states]. Values that count tokens (positions, masks) are constants of the graph, different at each `past`.
   */
  stepAt(past: number): Graph;
  /**
   * Tokens in the states when the first step runs: all of a prompt but its last token, which the first step takes (0 where
   * decoding starts from the start token alone).
   */
  readonly promptLength: number;
}

export type DecodeSource = PrefixSource | CarriedSource;

/** A state of a StepProgram: fixed shape, updated in place by each step. */
export interface StepState {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** What it is at step 0. */
  readonly start: { readonly kind: 'zeros' } | { readonly kind: 'prologue'; readonly result: number };
}

/**
 * One step as a static graph, the same for every step: params [token i64 [N, 1], position i64 [1] (0 at the first step),
 * ...context, ...states], results [logits [N, V], ...states after the step].
 */
export interface StepProgram {
  /** May have more results than the source's: what depends on the encoder alone is hoisted here. */
  readonly prologue: Graph;
  readonly context: readonly number[];
  readonly states: readonly StepState[];
  /** Result of the prologue, i64 [N, 1], that is the first step's token; `bos` where there is none. */
  readonly firstToken?: number;
  readonly step: Graph;
  /** Graphs of steps 1, 2, … where each is another one (and `step` is that of step 0). */
  readonly later?: readonly Graph[];
  /** Whether a step computes one row (cache) or all positions so far (`later`) or up to the maximum. */
  readonly incremental: boolean;
  /** What was proven or assumed, for the report: one sentence each. */
  readonly notes: readonly string[];
}

/** Why a derivation was refused: the operator, its node and the reason; full recomputation is used then. */
export interface Refusal {
  readonly op: string;
  readonly node: string;
  readonly reason: string;
}

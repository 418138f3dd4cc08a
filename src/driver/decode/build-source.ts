// A DecodeSource from a front part that runs once and a wired decoder. Here it is found out at which numbers of tokens the
// decoder can be built, which context it reads, and that it can be built at the last step.
import { EXIT, NeffcError } from '../../base/diagnostic.js';
import { countUses, type Graph, type Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import type { CarriedSource, CarriedState, Generation, PrefixSource } from '../../passes/decode/model.js';
import { buildGraph, type Named } from './graph-parts.js';
import { lengthNotBuildable } from './refusals.js';
import { assembleDecoder, type StateSlot, type Surroundings, type WiredDecoder } from './wired-decoder.js';

/** What is computed once a request. */
export interface Front {
  readonly params: readonly Named[];
  /** Values of the context, of the states that start from it, and of the prompt's tokens. */
  make(b: GraphBuilder, params: readonly Value[]): FrontValues;
}

export interface FrontValues {
  readonly context: readonly Value[];
  /** By state; undefined where a state starts from nothing. */
  readonly starts: readonly (Value | undefined)[];
  readonly prompt?: Value;
  /** Further results, by name. */
  readonly further?: readonly (readonly [name: string, value: Value])[];
}

export interface Prompt {
  readonly length: number;
}

/** Lengths tried before a decoder is given up; exporters' own least lengths are 1 or 2. */
const LENGTHS_TRIED = 4;

export interface PrefixParts {
  readonly file: string;
  readonly front: Front;
  /** The decoder over `length` tokens, with these contexts; scores of the last token if no position is given. */
  readonly decoder: (length: number, keep: (index: number) => boolean, position?: number) => Graph;
  readonly contextCount: number;
  readonly generation: Generation;
  /** Tokens a row starts with, where they are the request's. */
  readonly prompt?: Prompt;
}

/** @throws E4208 where the decoder cannot be built at the first or the last length */
export function prefixSource(parts: PrefixParts): PrefixSource {
  const { file, front, decoder, contextCount, generation, prompt } = parts;
  const first = prompt?.length ?? 1;
  const all = () => true;
  const shortest = leastLength(first, (length) => decoder(length, all), file);
  const samples = [decoder(shortest, all), decoder(shortest + 1, all)];
  const kept = usedContext(samples, contextCount, 1);
  const keep = (index: number) => kept.includes(index);
  atLastStep(file, generation.maxSteps, () => decoder(first + generation.maxSteps - 1, keep));
  const prologue = prologueGraph(front, kept);
  const at = prologue.graph.body.results.length - 1;
  return {
    kind: 'prefix',
    generation,
    prologue: prologue.graph,
    context: kept.map((_, i) => i),
    decoderAt: (length, position) => decoder(length, keep, position),
    shortest,
    ...(prompt !== undefined && { prompt: { result: at, length: prompt.length } }),
  };
}

export interface CarriedParts {
  readonly file: string;
  readonly front: Front;
  readonly step: (past: number, keep: (index: number) => boolean) => Graph;
  readonly contextCount: number;
  readonly states: readonly StateSlot[];
  /** Tokens in the states when the first step runs. */
  readonly pastAtStart: number;
  readonly generation: Generation;
  readonly prompt?: Prompt;
}

/** @throws E4208 where a step cannot be built */
export function carriedSource(parts: CarriedParts): CarriedSource {
  const { file, front, step, contextCount, states, pastAtStart, generation, prompt } = parts;
  const all = () => true;
  const samples = [0, 1, 2].map((i) => step(pastAtStart + i, all));
  const kept = usedContext(samples, contextCount, 1);
  const keep = (index: number) => kept.includes(index);
  atLastStep(file, generation.maxSteps, () => step(pastAtStart + generation.maxSteps - 1, keep));
  const prologue = prologueGraph(front, kept);
  const promptAt = prologue.graph.body.results.length - 1;
  return {
    kind: 'carried',
    generation,
    prologue: prologue.graph,
    context: kept.map((_, i) => i),
    states: states.map(({ name, dtype, tokenAxis }, i): CarriedState => {
      const result = prologue.starts[i];
      const start =
        result !== undefined
          ? ({ kind: 'prologue', result } as const)
          : ({ kind: tokenAxis === undefined ? 'zeros' : 'empty' } as const);
      return { name, dtype, start, ...(tokenAxis !== undefined && { tokenAxis }) };
    }),
    stepAt: (past) => step(past, keep),
    promptLength: pastAtStart,
    ...(prompt !== undefined && { prompt: { result: promptAt, length: prompt.length } }),
  };
}

/** Which of the contexts, parameters from `from` on, some graph reads. */
function usedContext(graphs: readonly Graph[], count: number, from: number): readonly number[] {
  const uses = graphs.map((graph) => countUses(graph.body));
  const isUsed = (index: number): boolean =>
    graphs.some((graph, g) => {
      const param = graph.body.params[from + index];
      return param !== undefined && (uses[g]?.get(param) ?? 0) > 0;
    });
  return Array.from({ length: count }, (_, i) => i).filter(isUsed);
}

/** Results: the contexts kept, then the states' starts, then the prompt's tokens. */
function prologueGraph(
  front: Front,
  kept: readonly number[],
): { readonly graph: Graph; readonly starts: readonly (number | undefined)[] } {
  const starts: (number | undefined)[] = [];
  const graph = buildGraph('prologue', front.params, (b, params) => {
    const made = front.make(b, params);
    const results: [string, Value][] = [];
    for (const index of kept) {
      const value = made.context[index];
      if (value !== undefined) results.push([`context.${results.length}`, value]);
    }
    for (const [i, value] of made.starts.entries()) {
      starts.push(value === undefined ? undefined : results.length);
      if (value !== undefined) results.push([`start.${i}`, value]);
    }
    for (const [name, value] of made.further ?? []) results.push([name, value]);
    if (made.prompt !== undefined) results.push(['prompt', made.prompt]);
    return results;
  });
  return { graph, starts };
}

function leastLength(from: number, build: (length: number) => Graph, file: string): number {
  let reason = '';
  for (let length = from; length < from + LENGTHS_TRIED; length++) {
    const failure = failureOf(() => build(length));
    if (failure === undefined) return length;
    reason = failure;
  }
  throw lengthNotBuildable(
    `the decoder cannot be built for ${from} to ${from + LENGTHS_TRIED - 1} tokens: ${reason}`,
    { file },
  );
}

function atLastStep(file: string, maxSteps: number, build: () => Graph): void {
  const failure = failureOf(build);
  if (failure === undefined) return;
  throw lengthNotBuildable(
    `the decoder cannot be built for its step ${maxSteps}: ${failure}`,
    { file },
    'Its positions may end before: give fewer steps with --max-steps.',
  );
}

/** Why it fails; a bug of ours is not caught. */
function failureOf(build: () => unknown): string | undefined {
  try {
    build();
    return undefined;
  } catch (error) {
    if (error instanceof NeffcError && error.exitCode !== EXIT.bug)
      return error.diagnostics[0]?.message ?? 'no reason';
    throw error;
  }
}

/** The graph, or nothing where the model is not valid for what is asked. */
export const buildable = (build: () => Graph): Graph | undefined => possible(build);

/** What it makes, or nothing where the model does not allow it. */
export function possible<T>(make: () => T): T | undefined {
  let made: T | undefined;
  const failure = failureOf(() => {
    made = make();
  });
  return failure === undefined ? made : undefined;
}

/** The decoder of a prefix source over a wired model without states. */
export function prefixDecoder(
  wired: WiredDecoder,
  around: Surroundings,
  batch: number,
  pad: number,
): PrefixParts['decoder'] {
  return (length, keep, position = length - 1) =>
    assembleDecoder(wired, { batch, tokens: length, past: 0 }, around, { keep, pad, position });
}

/** The step of a carried source: one token. */
export function carriedStep(
  wired: WiredDecoder,
  around: Surroundings,
  batch: number,
  pad: number,
  replaced?: ReadonlyMap<string, number>,
): CarriedParts['step'] {
  return (past, keep) =>
    assembleDecoder(wired, { batch, tokens: 1, past }, around, { keep, pad, ...(replaced && { replaced }) });
}

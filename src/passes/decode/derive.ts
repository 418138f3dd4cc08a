// The derivation of steps from decoders, and its two entrances: `deriveStep` for one row a step, `paddedStep` for all rows.
// Either gives a program that has been compared with the decoder on random tokens, or says why there is none.
import { NeffcError } from '../../base/diagnostic.js';
import { elementCount } from '../../base/tensor.js';
import { stepProblem } from './check.js';
import { type ContextPart, prologueOf } from './context-part.js';
import { StepEmitter } from './emit.js';
import { type Family, familyOf } from './family.js';
import type { CarriedSource, DecodeSource, PrefixSource, Refusal, StepProgram, StepState } from './model.js';
import { type Proof, prove } from './prove.js';
import { Refused, refuse } from './refusal.js';
import { StepParts } from './step-parts.js';

export type Derived =
  | { readonly program: StepProgram }
  | { readonly refusal: Refusal; readonly padded?: StepProgram };

/**
 * The step that computes one row and keeps keys and values, where prefix stability is proven; else the refusal, with the
 * padded step where stability is proven but a row alone cannot be computed.
 */
export function deriveStep(source: DecodeSource): Derived {
  const proven = attempt(() => prove(familyOf(source)));
  if ('refusal' in proven) return proven;
  const step = attempt(() => program(source, proven.value, true));
  if (!('refusal' in step)) return { program: step.value };
  if (source.kind === 'carried') return step;
  const padded = attempt(() => program(source, proven.value, false));
  return { ...step, ...('value' in padded && { padded: padded.value }) };
}

/** The step that runs the decoder at its greatest length over a buffer of the tokens and takes the row of this step's. */
export function paddedStep(
  source: PrefixSource,
): { readonly program: StepProgram } | { readonly refusal: Refusal } {
  const made = attempt(() => program(source, prove(familyOf(source)), false));
  return 'refusal' in made ? made : { program: made.value };
}

function attempt<T>(make: () => T): { readonly value: T } | { readonly refusal: Refusal } {
  try {
    return { value: make() };
  } catch (e) {
    if (e instanceof Refused) return { refusal: e.refusal };
    // A graph that cannot be built is none: the decoder is recomputed instead.
    if (e instanceof NeffcError)
      return { refusal: { op: '', node: e.diagnostics[0]?.where?.node ?? '', reason: e.message } };
    throw e;
  }
}

function program(source: DecodeSource, proof: Proof, incremental: boolean): StepProgram {
  const { family } = proof;
  const { batch } = source.generation;
  const given = source.kind === 'carried' ? carriedStates(source, family) : [];
  const parts = new StepParts(family, batch, given);
  const emitter = new StepEmitter(proof, parts, incremental);
  const [logits, ...states] = family.reference.body.results;
  if (logits === undefined || logits.type.shape.length !== 2)
    return refuse(undefined, 'the decoder has no logits');
  const f = emitter.factsOf(logits);
  if (f.axes.length > 0 || !f.last) refuse(undefined, 'the logits are not those of the last token');
  const row = emitter.whole(logits);
  for (const [i, v] of states.entries()) {
    const part = parts.states[i];
    if (part === undefined) return refuse(undefined, 'the decoder has more states than the source says');
    const next = emitter.whole(v);
    if (elementCount(next.type.shape as readonly number[]) !== elementCount(part.state.shape))
      refuse(undefined, `state '${part.state.name}' does not grow by one token a step`);
    part.next = next;
  }
  const step = parts.finish(row);
  const context: ContextPart = { proof, parts, source };
  const problem = stepProblem(context, step);
  if (problem !== undefined) refuse(undefined, problem);
  return { ...prologueOf(context), step, incremental, notes: [...proof.notes] };
}

/** States of the decoder as buffers of the greatest length. */
function carriedStates(source: CarriedSource, family: Family): StepState[] {
  return source.states.map(({ name, dtype, start, tokenAxis }, i): StepState => {
    const at = 1 + source.context.length + i;
    const shape = [...((family.reference.body.params[at]?.type.shape ?? []) as readonly number[])];
    if (tokenAxis !== undefined) shape[tokenAxis] = family.max;
    return { name, dtype, shape, start: start.kind === 'empty' ? { kind: 'zeros' } : start };
  });
}

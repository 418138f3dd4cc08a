// What a validity rule is: one documented function over an instruction; its text is what violations show and docs/isa.md prints.
// A value that takes a register is unknown until it is executed: rules skip what they cannot know.
import type { EngineName, Target } from '../chip/target.js';
import { isBound } from './bindings.js';
import { elementsOf, fieldOf, type NamedPattern } from './fields.js';
import type { Ap } from './operands.js';
import type { Instruction, Mnemonic } from './table.js';

export interface Violation {
  /** Id of the rule in RULES or DESCRIPTOR_RULES. */
  readonly rule: string;
  /** Operand concerned, e.g. `dst`. */
  readonly field?: string;
  /** The fact, then the rule's text. */
  readonly message: string;
}

/** Reports that `field` breaks the rule; `fact` says how, without a full stop. */
export type Report = (field: string, fact: string) => void;

export interface Subject {
  readonly instr: Instruction;
  readonly engine: EngineName;
  readonly target: Target;
  /** Its access patterns that are present. */
  readonly patterns: readonly NamedPattern[];
  /** Patterns and columns. */
  readonly operands: readonly NamedPattern[];
}

export interface Rule {
  readonly text: string;
  readonly check: (subject: Subject, report: Report) => void;
}

/** A rule of one mnemonic. */
export function ruleOf<M extends Mnemonic>(
  m: M,
  text: string,
  check: (instr: Extract<Instruction, { readonly m: M }>, report: Report, target: Target) => void,
): Rule {
  return {
    text,
    check: ({ instr, target }, report) => {
      if (instr.m === m) check(instr as Extract<Instruction, { readonly m: M }>, report, target);
    },
  };
}

/** Elements in one partition of a pattern field; undefined where a register decides. */
export function knownElements(instr: Instruction, field: string): number | undefined {
  return isBound(instr, `${field}.counts`) ? undefined : elementsOf(fieldOf(instr, field) as Ap);
}

/** Partition count of a pattern field; undefined where a register decides. */
export function knownParts(instr: Instruction, field: string): number | undefined {
  return isBound(instr, `${field}.parts`) ? undefined : (fieldOf(instr, field) as Ap).parts;
}

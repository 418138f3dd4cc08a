// Whether a target executes an instruction. Invariants, each a documented rule of the tables joined here:
// the engine exists and knows the mnemonic; waits, registers and numbers are in range; operands lie in memory, aligned, at
// partitions the engine can start at; data crosses partitions only where the instruction does that; shapes and types fit.
// Reports every violation, not the first. Fields that take a register are judged once it is known (applyBindings).
import type { EngineName, Target } from '../chip/target.js';
import { columnsOf, patternsOf } from './fields.js';
import type { Rule, Subject, Violation } from './rule.js';
import { ENVELOPE_RULES } from './rules-envelope.js';
import { OPERAND_RULES } from './rules-operands.js';
import { SHAPE_RULES } from './rules-shapes.js';
import type { Instruction } from './table.js';

/** All rules of instructions, by id. */
export const RULES: Readonly<Record<string, Rule>> = { ...ENVELOPE_RULES, ...OPERAND_RULES, ...SHAPE_RULES };
const ENTRIES = Object.entries(RULES);

/** All violations of an instruction on an engine of a target; empty where it may run. */
export function checkInstruction(instr: Instruction, target: Target, engine: EngineName): Violation[] {
  const violations: Violation[] = [];
  const patterns = patternsOf(instr);
  const subject: Subject = { instr, target, engine, patterns, operands: [...patterns, ...columnsOf(instr)] };
  for (const [id, rule] of ENTRIES) {
    rule.check(subject, (field, fact) =>
      violations.push({ rule: id, field, message: `${fact}. ${rule.text}` }),
    );
  }
  return violations;
}

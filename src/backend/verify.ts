// The checkers between the backend's stages (`--verify-each`, and always in tests): each proves what its stage promised from the
// stage's result alone, and throws every violation as a bug of ours. Turned off, nothing here runs.
import type { Target } from '../chip/target.js';
import type { Program } from '../isa/program.js';
import { requireNone } from './check/finding.js';
import type { Placement } from './check/placing.js';
import { checkLowered } from './lower/check.js';
import type { LoweredProgram } from './lower/lower.js';
import type { PlacedSection } from './place.js';
import { checkSchedule } from './schedule/check.js';
import { checkProgram } from './sync/check.js';

/** @throws E1340 what breaks the spec of lowered programs */
export function verifyLowered(program: LoweredProgram, target: Target): void {
  requireNone('E1340', 'lower', checkLowered(program, target));
}

/** @throws E1341 where order and addresses of a section change what it means */
export function verifySection(
  section: PlacedSection,
  program: LoweredProgram,
  placement: Placement,
  target: Target,
): void {
  const { steps } = section.section;
  const { order } = section.schedule;
  const kept = [
    ...section.fixed.offsets.keys(),
    ...program.buffers.filter((b) => b.variable === 'output' || b.variable === 'state'),
  ];
  requireNone('E1341', 'schedule', checkSchedule({ steps, order, placement, kept }, target));
}

/** @throws E1342 races, deadlocks, reads of unwritten memory, proven from the encoded bytes */
export function verifyProgram(program: Program, target: Target): void {
  requireNone('E1342', 'emit', checkProgram(program, target).violations);
}

// Where the words that REG_LOAD loads and the outcomes of branches on them come from: the core's memory, the words of a recorded
// execution, or, for times without data, a length. A length n stands for "the loop body runs n times": a BRANCH on a loaded word is
// taken at its n-th execution and not before, and loaded words are n.
import type { Instruction } from '../../isa/table.js';
import { readWord } from '../machine.js';
import type { Step } from './code.js';
import { fault } from './faults.js';
import type { EngineRun } from './run-state.js';
import type { Stream } from './stream.js';

export class Outcomes {
  private readonly length: number | undefined;
  /** How often each stream executed each branch on loaded words, with a length. */
  private readonly visits = new Map<Stream, Map<Step, number>>();

  constructor(length: number | undefined) {
    this.length = length;
  }

  /** Carries out a REG_LOAD. */
  load(e: EngineRun, instr: Instruction<'REG_LOAD'>): void {
    const value = this.word(e, instr);
    e.loaded.push(value);
    e.stream.load(instr.reg, value);
  }

  private word(e: EngineRun, instr: Instruction<'REG_LOAD'>): number {
    const { machine, jobs } = e.core;
    const recorded = jobs[0]?.job.loads?.[e.engine];
    if (recorded === undefined) return machine === undefined ? (this.length ?? 0) : readWord(machine, instr);
    const value = recorded[e.loaded.length];
    if (value === undefined) {
      throw fault('control', `the recorded words end before this REG_LOAD, number ${e.loaded.length}`);
    }
    return value;
  }

  /** Whether a branch is taken; undefined where the registers decide. */
  branch(stream: Stream, step: Step): boolean | undefined {
    if (this.length === undefined || step.instr.m !== 'BRANCH' || !stream.isLoaded(step.instr.reg))
      return undefined;
    const counts = this.visits.get(stream) ?? new Map<Step, number>();
    this.visits.set(stream, counts);
    const count = (counts.get(step) ?? 0) + 1;
    counts.set(step, count);
    return count === this.length;
  }
}

// An engine's in-order stream on one core: where it stands in its code, its call stack, its 32 registers.
// Executes the control instructions' effects on these and nothing else; knows no time and no memory.
import type { EngineName } from '../../chip/target.js';
import type { Comparison } from '../../isa/functions.js';
import { REGISTERS } from '../../isa/operands.js';
import { MAX_CALL_DEPTH } from '../../isa/program.js';
import type { Fragment, ProgramCode, Step } from './code.js';
import { fault } from './faults.js';

const COMPARE: Readonly<Record<Comparison, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
};

export class Stream {
  readonly engine: EngineName;
  readonly registers = new Int32Array(REGISTERS);
  /** Differs where data made a difference: outcomes of branches on loaded words, loaded words in operands. */
  path = 0;
  /** Bit r: register r derives from a REG_LOAD. */
  private loaded = 0;
  private readonly code: ProgramCode;
  private fragment: Fragment;
  private pc = 0;
  private readonly stack: { readonly fragment: Fragment; readonly pc: number }[] = [];

  /** @param registers initial values (the runtime's); the others are 0 */
  constructor(code: ProgramCode, main: Fragment, registers: ReadonlyMap<number, number>) {
    this.code = code;
    this.fragment = main;
    this.engine = main.engine;
    for (const [r, value] of registers) this.registers[r] = value;
  }

  /** The next instruction, registers applied; undefined where the stream has ended. */
  next(): Step | undefined {
    for (;;) {
      const step = this.fragment.steps[this.pc];
      if (step !== undefined) {
        if (this.loaded !== 0) for (const { reg } of step.bindings) this.noteUse(reg);
        return step.resolve(this.registers);
      }
      const caller = this.stack.at(-1);
      if (caller === undefined) return undefined;
      // An engine without work in a segment has an empty fragment there; any other must end with RET.
      if (this.fragment.steps.length > 0)
        throw fault('control', `${this.code.nameOf(this.fragment)} ends without RET`);
      this.leave();
    }
  }

  isLoaded(register: number): boolean {
    return (this.loaded & (1 << register)) !== 0;
  }

  /** An operand takes the register: its value belongs to the path where it is loaded. */
  noteUse(register: number): void {
    if (register >= 0 && this.isLoaded(register)) this.note(this.registers[register]!);
  }

  private note(value: number): void {
    this.path = (Math.imul(this.path, 31) + value + 1) | 0;
  }

  /** REG_LOAD's effect. */
  load(register: number, value: number): void {
    this.set(register, value, true);
  }

  /** Moves past the step, which is what `next` gave; `outcome` decides a BRANCH in the registers' place. */
  advance(step: Step, outcome?: boolean): void {
    const { instr } = step;
    this.pc++;
    switch (instr.m) {
      case 'REG_SET':
        this.set(instr.reg, instr.value, false);
        break;
      case 'REG_ADD': {
        const addend = instr.useRegister ? this.read(instr.addend) : instr.value;
        const loaded = this.isLoaded(instr.source) || (instr.useRegister && this.isLoaded(instr.addend));
        this.set(instr.reg, this.read(instr.source) + addend, loaded);
        break;
      }
      case 'CALL':
        this.enter(instr.segment);
        break;
      case 'RET':
        if (this.stack.length === 0) throw fault('control', 'RET outside a segment');
        this.leave();
        break;
      case 'LOOP':
        this.set(instr.reg, this.read(instr.reg) - 1, this.isLoaded(instr.reg));
        this.jump(instr.reg, this.read(instr.reg) > 0, -1 - instr.back);
        break;
      case 'BRANCH':
        this.jump(
          instr.reg,
          outcome ?? COMPARE[instr.compare](this.read(instr.reg), instr.value),
          instr.forward,
        );
        break;
    }
  }

  private enter(segment: number): void {
    if (this.stack.length === MAX_CALL_DEPTH)
      throw fault('callDepth', `CALL of segment ${segment} is nested more than ${MAX_CALL_DEPTH} deep`);
    this.stack.push({ fragment: this.fragment, pc: this.pc });
    this.fragment = this.code.fragment('segment', segment, this.engine);
    this.pc = 0;
  }

  private leave(): void {
    const caller = this.stack.pop()!;
    this.fragment = caller.fragment;
    this.pc = caller.pc;
  }

  /** Jumps, if `taken` as the register decided, relative to the instruction after this one. */
  private jump(register: number, taken: boolean, by: number): void {
    if (this.isLoaded(register)) this.note(taken ? 1 : 0);
    if (!taken) return;
    this.pc += by;
    if (this.pc < 0 || this.pc > this.fragment.steps.length) {
      throw fault(
        'control',
        `jump by ${by} leaves the fragment of ${this.fragment.steps.length} instructions`,
      );
    }
  }

  private read(register: number): number {
    this.require(register);
    return this.registers[register]!;
  }

  private set(register: number, value: number, loaded: boolean): void {
    this.require(register);
    this.registers[register] = value;
    const bit = 1 << register;
    this.loaded = loaded ? this.loaded | bit : this.loaded & ~bit;
  }

  private require(register: number): void {
    if (register >= REGISTERS) throw fault('encoding', `register ${register} of ${REGISTERS}`);
  }
}

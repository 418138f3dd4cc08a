// What each engine executes, from the encoded bytes alone: fragments are decoded and followed through calls, loops and branches
// with the concrete values of the engine's registers, up to the end of the stream. Knows no order between engines, no memory.
// A word loaded from memory is not known here: a branch on it is taken at its `length`-th execution, and wherever else such a
// word decides something the assumption is noted.
import { NeffcError } from '../../base/diagnostic.js';
import { ENGINES, type EngineName, type Target } from '../../chip/target.js';
import { applyBindings, applyDescriptorRegisters } from '../../isa/bindings.js';
import { decodeStream } from '../../isa/codec.js';
import { disassemble } from '../../isa/disassemble.js';
import type { Comparison } from '../../isa/functions.js';
import { type DmaDescriptor, REGISTERS } from '../../isa/operands.js';
import { type Code, MAX_CALL_DEPTH, type Program } from '../../isa/program.js';
import type { Instruction } from '../../isa/table.js';

export interface Fragment {
  readonly kind: 'load' | 'main' | 'segment';
  /** Of the executable or segment. */
  readonly index: number;
  readonly engine: EngineName;
  readonly name: string;
  readonly code: readonly Instruction[];
  /** The table that its DMA triggers name. */
  readonly descriptors: readonly DmaDescriptor[];
}

/** One instruction at the moment it is executed, registers applied. */
export interface Executed {
  readonly fragment: Fragment;
  readonly index: number;
  readonly instruction: Instruction;
  /** What a DMA trigger names. */
  readonly descriptors: readonly DmaDescriptor[];
}

export interface Followed {
  readonly executed: readonly Executed[];
  readonly problems: readonly Problem[];
  /** Sentences: what was taken for granted about loaded words. */
  readonly assumptions: ReadonlySet<string>;
}

export interface Problem {
  readonly rule: 'decode' | 'control' | 'descriptors' | 'loaded-wait';
  readonly fragment: Fragment;
  readonly index: number;
  readonly message: string;
}

/** An engine that executes more has an endless loop, as far as this checker can tell. */
const MOST_EXECUTED = 1 << 22;

const COMPARE: Readonly<Record<Comparison, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
};

/** The decoded fragments of a program, each decoded once. */
export class Fragments {
  private readonly program: Program;
  private readonly known = new Map<string, Fragment>();
  readonly problems: Problem[] = [];

  constructor(program: Program) {
    this.program = program;
  }

  /** An engine's fragment; undefined where there is no such segment or executable. */
  get(kind: Fragment['kind'], index: number, engine: EngineName): Fragment | undefined {
    const key = `${kind} ${index} ${engine}`;
    const found = this.known.get(key) ?? this.decode(kind, index, engine);
    if (found !== undefined) this.known.set(key, found);
    return found;
  }

  private decode(kind: Fragment['kind'], index: number, engine: EngineName): Fragment | undefined {
    const { segments, executables, segmentDescriptors } = this.program;
    const segment = kind === 'segment' ? segments[index] : undefined;
    const executable = kind === 'segment' ? undefined : executables[index];
    const code: Code | undefined = segment?.code ?? (kind === 'load' ? executable?.load : executable?.main);
    if (code === undefined) return undefined;
    const name = segment === undefined ? `${executable?.name} ${kind}` : `segment ${segment.name}`;
    const frame = { kind, index, engine, name, descriptors: executable?.descriptors ?? segmentDescriptors };
    try {
      return { ...frame, code: decodeStream(code[engine]) };
    } catch (error) {
      if (!(error instanceof NeffcError)) throw error;
      const fragment = { ...frame, code: [] };
      this.problems.push({ rule: 'decode', fragment, index: 0, message: error.message });
      return fragment;
    }
  }
}

export interface FollowOptions {
  /** The execution of a branch on a loaded word at which it is taken; also the value of loaded words. */
  readonly length: number;
  /** Registers that the runtime sets; the others are 0. */
  readonly registers?: ReadonlyMap<number, number>;
}

/** What an engine executes in a phase of an executable. */
export function follow(
  fragments: Fragments,
  kind: 'load' | 'main',
  executable: number,
  engine: EngineName,
  options: FollowOptions,
): Followed {
  const first = fragments.get(kind, executable, engine);
  if (first === undefined) return { executed: [], problems: [], assumptions: new Set() };
  return new Walk(fragments, first, options).run();
}

export const engineIndex = (engine: EngineName): number => ENGINES.indexOf(engine);
export const streamCount = (target: Target): number => ENGINES.length + target.dma.queues;

class Walk {
  private readonly fragments: Fragments;
  private readonly length: number;
  private readonly registers = new Int32Array(REGISTERS);
  /** Bit r: register r derives from a loaded word. */
  private loaded = 0;
  private fragment: Fragment;
  private pc = 0;
  private readonly callers: { readonly fragment: Fragment; readonly pc: number }[] = [];
  private readonly executed: Executed[] = [];
  private readonly problems: Problem[] = [];
  private readonly assumptions = new Set<string>();
  /** Executions so far of each branch on a loaded word. */
  private readonly branches = new Map<Instruction, number>();

  constructor(fragments: Fragments, first: Fragment, { length, registers }: FollowOptions) {
    this.fragments = fragments;
    this.fragment = first;
    this.length = length;
    for (const [r, value] of registers ?? []) this.registers[r] = value;
  }

  run(): Followed {
    while (this.problems.length === 0) {
      const { code } = this.fragment;
      const encoded = code[this.pc];
      if (encoded === undefined) {
        if (this.callers.length === 0) break;
        // An engine without work in a segment has an empty fragment there.
        if (code.length > 0) this.problem('control', 'the segment ends without RET');
        this.leave();
        continue;
      }
      if (this.executed.length === MOST_EXECUTED)
        this.problem('control', `${MOST_EXECUTED} instructions without an end`);
      else this.execute(encoded);
    }
    const { executed, problems, assumptions } = this;
    return { executed, problems, assumptions };
  }

  private execute(encoded: Instruction): void {
    this.noteBindings(encoded);
    const instruction = applyBindings(encoded, this.registers);
    const descriptors = instruction.m === 'DMA' ? this.named(instruction) : [];
    this.executed.push({ fragment: this.fragment, index: this.pc, instruction, descriptors });
    this.control(encoded, instruction);
  }

  private control(encoded: Instruction, instruction: Instruction): void {
    const { registers } = this;
    const at = this.pc++;
    switch (instruction.m) {
      case 'REG_SET':
        this.set(instruction.reg, instruction.value, false);
        break;
      case 'REG_ADD': {
        const { source, useRegister, addend, value } = instruction;
        const loaded = this.isLoaded(source) || (useRegister && this.isLoaded(addend));
        this.set(instruction.reg, registers[source]! + (useRegister ? registers[addend]! : value), loaded);
        break;
      }
      case 'REG_LOAD':
        this.set(instruction.reg, this.length, true);
        break;
      case 'CALL':
        this.enter(instruction.segment, at);
        break;
      case 'RET':
        if (this.callers.length === 0) this.problem('control', 'RET outside a segment', at);
        else this.leave();
        break;
      case 'LOOP': {
        this.set(instruction.reg, registers[instruction.reg]! - 1, this.isLoaded(instruction.reg));
        if (this.isLoaded(instruction.reg))
          this.assume(at, `loops ${this.length} times, a loaded word decides`);
        if (registers[instruction.reg]! > 0) this.jump(at, -1 - instruction.back);
        break;
      }
      case 'BRANCH': {
        let taken = COMPARE[instruction.compare](registers[instruction.reg]!, instruction.value);
        if (this.isLoaded(instruction.reg)) {
          const count = (this.branches.get(encoded) ?? 0) + 1;
          this.branches.set(encoded, count);
          taken = count >= this.length;
          this.assume(at, `is taken at execution ${this.length}, a loaded word decides`);
        }
        if (taken) this.jump(at, instruction.forward);
        break;
      }
    }
  }

  /** Loaded words in operands are an assumption; in wait values they are forbidden. */
  private noteBindings(encoded: Instruction): void {
    for (const { field, reg } of encoded.bindings) {
      if (!this.isLoaded(reg)) continue;
      if (field.startsWith('waits.'))
        this.problem('loaded-wait', `${field} takes register ${reg}, which was loaded`);
      else this.assume(this.pc, `${field} is taken with ${this.length} for a loaded word`);
    }
  }

  private named({ first, count }: Instruction<'DMA'>): readonly DmaDescriptor[] {
    const { descriptors } = this.fragment;
    if (count < 1 || first < 0 || first + count > descriptors.length) {
      this.problem(
        'descriptors',
        `names descriptors ${first}..${first + count - 1} of ${descriptors.length}`,
      );
      return [];
    }
    const named = descriptors.slice(first, first + count);
    if (named.some((d) => [d.src.reg, d.dst.reg].some((r) => r >= 0 && this.isLoaded(r))))
      this.assume(this.pc, `addresses are taken with ${this.length} for a loaded word`);
    return named.map((d) => applyDescriptorRegisters(d, this.registers));
  }

  private enter(segment: number, at: number): void {
    const called = this.fragments.get('segment', segment, this.fragment.engine);
    if (called === undefined) this.problem('control', `there is no segment ${segment}`, at);
    else if (this.callers.length === MAX_CALL_DEPTH)
      this.problem('control', `calls nest more than ${MAX_CALL_DEPTH} deep`, at);
    else {
      this.callers.push({ fragment: this.fragment, pc: this.pc });
      this.fragment = called;
      this.pc = 0;
    }
  }

  private leave(): void {
    const caller = this.callers.pop();
    if (caller === undefined) return;
    this.fragment = caller.fragment;
    this.pc = caller.pc;
  }

  private jump(at: number, by: number): void {
    const to = this.pc + by;
    if (to < 0 || to > this.fragment.code.length) this.problem('control', 'jumps out of its fragment', at);
    else this.pc = to;
  }

  private isLoaded(register: number): boolean {
    return (this.loaded & (1 << register)) !== 0;
  }

  private set(register: number, value: number, loaded: boolean): void {
    this.registers[register] = value;
    this.loaded = loaded ? this.loaded | (1 << register) : this.loaded & ~(1 << register);
  }

  private problem(rule: Problem['rule'], message: string, index = this.pc): void {
    this.problems.push({ rule, fragment: this.fragment, index, message });
  }

  private assume(index: number, message: string): void {
    this.assumptions.add(`${placeText(this.fragment, index)} ${message}`);
  }
}

/** `dve main main #12 (COPY …)`. */
export function placeText(fragment: Fragment, index: number): string {
  const instruction = fragment.code[index];
  const text = instruction === undefined ? 'the end' : disassemble(instruction);
  return `${fragment.engine} ${fragment.name} #${index} (${text})`;
}

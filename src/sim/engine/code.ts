// The decoded code of a program: fragments of steps, each instruction with what the timeline needs of it (cost, ports, footprint).
// A fragment is decoded once per program and target, when it is first entered; footprints are made when first asked for.
// Knows no time and no state of a core.
import { NeffcError } from '../../base/diagnostic.js';
import type { EngineName, Target } from '../../chip/target.js';
import { applyBindings } from '../../isa/bindings.js';
import { decodeStream } from '../../isa/codec.js';
import { costOf, stationaryTicks } from '../../isa/cost.js';
import { columnsOf, patternsOf } from '../../isa/fields.js';
import { type Footprint, footprint } from '../../isa/footprint.js';
import type { Binding, DmaDescriptor } from '../../isa/operands.js';
import type { Program } from '../../isa/program.js';
import type { Instruction } from '../../isa/table.js';
import { fault } from './faults.js';
import { type DescriptorPlan, planDescriptor } from './transfer-plan.js';

/** Where code lies: a segment, or `load` or `main` of an executable. */
export interface FragmentName {
  readonly kind: 'load' | 'main' | 'segment';
  /** Index of the executable or of the segment. */
  readonly index: number;
}

/** The code fragment of one engine. */
export interface Fragment extends FragmentName {
  readonly engine: EngineName;
  /** Number of this fragment in traces. */
  readonly id: number;
  readonly steps: readonly Step[];
  /** What DMA triggers in it name. */
  readonly descriptors: readonly DmaDescriptor[];
}

/** Ports that engines share, as bits: DVE and POOL into SBUF, DVE and ACT into PSUM (MACHINE 3). */
export const PORT = { sbuf: 1, psum: 2 } as const;
const PORTS: Readonly<Record<EngineName, number>> = { pe: 0, act: PORT.psum, dve: PORT.sbuf | PORT.psum, pool: PORT.sbuf, sp: 0 };

/** A wait: `value` plus the registers `regs` (as a rule none or one). */
export interface StepWait {
  readonly semaphore: number;
  readonly value: number;
  readonly regs: readonly number[];
}

/** One instruction at its place, costs in ticks. Those of a step with bound operands hold only for what `resolve` makes of it. */
export class Step {
  readonly instr: Instruction;
  readonly fragment: Fragment;
  readonly index: number;
  readonly waits: readonly StepWait[];
  /** Bindings of operands; those of wait values are in `waits`. */
  readonly bindings: readonly Binding[];
  readonly issue: number;
  readonly latency: number;
  /** MATMUL: loading the stationary operand; else 0. */
  readonly stationary: number;
  /** Shared ports it holds while it issues. */
  readonly ports: number;
  private readonly target: Target;
  private touched: Footprint | undefined;
  /** The last resolution, and the registers it holds for. */
  private resolved: Step | undefined;
  private readonly resolvedFor: Int32Array;

  constructor(instr: Instruction, fragment: Fragment, index: number, target: Target, waits = waitsOf(instr)) {
    this.instr = instr;
    this.fragment = fragment;
    this.index = index;
    this.target = target;
    this.waits = waits;
    this.bindings = instr.bindings.length === 0 ? instr.bindings : instr.bindings.filter((b) => !isWait(b));
    this.resolvedFor = new Int32Array(this.bindings.length);
    const cost = costOf(instr, fragment.engine, target);
    this.issue = cost.issue;
    this.latency = cost.latency;
    this.stationary = instr.m === 'MATMUL' ? stationaryTicks(instr, target) : 0;
    this.ports = PORTS[fragment.engine] & spacesOf(instr);
  }

  /** The step with its operands' registers applied; itself where it binds none. */
  resolve(registers: Int32Array): Step {
    const { bindings, resolvedFor } = this;
    if (bindings.length === 0) return this;
    let same = this.resolved;
    for (let i = 0; i < bindings.length; i++) {
      const value = registers[bindings[i]!.reg]!;
      if (resolvedFor[i] === value) continue;
      resolvedFor[i] = value;
      same = undefined;
    }
    if (same !== undefined) return same;
    const instr = applyBindings({ ...this.instr, bindings }, registers);
    this.resolved = new Step(instr, this.fragment, this.index, this.target, this.waits);
    return this.resolved;
  }

  /** Bytes read and written; a DMA trigger has none of its own. */
  footprint(): Footprint {
    this.touched ??= footprint(this.instr);
    return this.touched;
  }
}

const isWait = (b: Binding): boolean => b.field.startsWith('waits.');

function waitsOf(instr: Instruction): readonly StepWait[] {
  return instr.waits.map(({ semaphore, value }, i) => ({
    semaphore,
    value,
    regs: instr.bindings.filter((b) => b.field === `waits.${i}`).map((b) => b.reg),
  }));
}

function spacesOf(instr: Instruction): number {
  let spaces = 0;
  for (const { ap } of patternsOf(instr)) spaces |= PORT[ap.space];
  for (const { ap } of columnsOf(instr)) spaces |= PORT[ap.space];
  return spaces;
}

/** All fragments of a program for a target. */
export class ProgramCode {
  readonly program: Program;
  readonly target: Target;
  /** Every fragment entered so far, by id. */
  readonly fragments: Fragment[] = [];
  private readonly known = new Map<string, Fragment>();
  private readonly plans = new Map<DmaDescriptor, DescriptorPlan>();

  constructor(program: Program, target: Target) {
    this.program = program;
    this.target = target;
  }

  /** An engine's fragment. @throws E1420 where its bytes do not decode, E1429 where there is no such segment */
  fragment(kind: FragmentName['kind'], index: number, engine: EngineName): Fragment {
    const key = `${kind} ${index} ${engine}`;
    let found = this.known.get(key);
    if (found === undefined) {
      found = this.decode(kind, index, engine);
      this.known.set(key, found);
    }
    return found;
  }

  private decode(kind: FragmentName['kind'], index: number, engine: EngineName): Fragment {
    const { program, target, fragments } = this;
    const owner = kind === 'segment' ? program.segments[index] : program.executables[index];
    if (owner === undefined) throw fault('control', `${engine} enters ${kind} ${index}, which does not exist`);
    const code = 'code' in owner ? owner.code : kind === 'load' ? owner.load : owner.main;
    const descriptors = 'descriptors' in owner ? owner.descriptors : program.segmentDescriptors;
    const steps: Step[] = [];
    const fragment: Fragment = { kind, index, engine, id: fragments.length, steps, descriptors };
    const bytes = code[engine];
    if (bytes.length > 0 && engine !== 'sp' && target.clockMhz[engine] === 0) {
      throw fault('encoding', `${kind} ${owner.name} has code for ${engine}, which target ${target.name} lacks`);
    }
    for (const [i, instr] of decodeAt(bytes, `${engine} code of ${kind} ${owner.name}`).entries()) {
      steps.push(new Step(instr, fragment, i, target));
    }
    fragments.push(fragment);
    return fragment;
  }

  /** The rows and bytes of a descriptor. */
  plan(descriptor: DmaDescriptor): DescriptorPlan {
    let plan = this.plans.get(descriptor);
    if (plan === undefined) {
      plan = planDescriptor(descriptor, this.target);
      this.plans.set(descriptor, plan);
    }
    return plan;
  }

  /** `executable main` or `segment name`, for messages. */
  nameOf(f: FragmentName): string {
    const { segments, executables } = this.program;
    if (f.kind === 'segment') return `segment ${segments[f.index]?.name ?? f.index}`;
    return `${executables[f.index]?.name ?? f.index} ${f.kind}`;
  }
}

function decodeAt(bytes: Uint8Array, place: string): Instruction[] {
  try {
    return decodeStream(bytes);
  } catch (error) {
    if (error instanceof NeffcError) throw fault('encoding', `${place}: ${error.message}`);
    throw error;
  }
}

const codes = new WeakMap<Program, ProgramCode[]>();

/** The decoded code of a program, shared by all devices of equal target in the process. */
export function codeOf(program: Program, target: Target): ProgramCode {
  const made = codes.get(program) ?? [];
  codes.set(program, made);
  let code = made.find((c) => c.target === target);
  if (code === undefined) {
    code = new ProgramCode(program, target);
    made.push(code);
  }
  return code;
}

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
import type { Ap, Binding, DmaDescriptor } from '../../isa/operands.js';
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
const PORTS: Readonly<Record<EngineName, number>> = {
  pe: 0,
  act: PORT.psum,
  dve: PORT.sbuf | PORT.psum,
  pool: PORT.sbuf,
  sp: 0,
};

const NO_PATTERNS: readonly Ap[] = [];
const NO_BINDINGS: readonly Binding[] = [];

/** One instruction at its place, costs in ticks. Those of a step with bound operands hold only for what `resolve` makes of it. */
export class Step {
  readonly instr: Instruction;
  readonly fragment: Fragment;
  readonly index: number;
  readonly issue: number;
  readonly latency: number;
  /** MATMUL: loading the stationary operand; else 0. */
  readonly stationary: number;
  /** Shared ports it holds while it issues. */
  readonly ports: number;
  /** Patterns read and written, of engines that may read their own results. */
  readonly reads: readonly Ap[];
  readonly writes: readonly Ap[];
  /** Bindings of operands, not yet applied. */
  readonly bindings: readonly Binding[];
  /** Bindings of wait values. */
  private readonly waitBindings: readonly Binding[];
  /** Whether it is known to be valid on the target. */
  valid = false;
  private readonly target: Target;
  private touched: Footprint | undefined;
  /** The last resolution, and the values of the bound registers that it holds for. */
  private resolved: Step | undefined;
  private resolvedFor: readonly number[] = [];

  constructor(
    instr: Instruction,
    fragment: Fragment,
    index: number,
    target: Target,
    waitBindings?: readonly Binding[],
  ) {
    const { engine } = fragment;
    this.instr = instr;
    this.fragment = fragment;
    this.index = index;
    this.target = target;
    const bound = instr.bindings.length > 0;
    this.bindings = bound ? instr.bindings.filter((b) => !isWait(b)) : NO_BINDINGS;
    this.waitBindings = waitBindings ?? (bound ? instr.bindings.filter(isWait) : NO_BINDINGS);
    const cost = costOf(instr, engine, target);
    this.issue = cost.issue;
    this.latency = cost.latency;
    this.stationary = instr.m === 'MATMUL' ? stationaryTicks(instr, target) : 0;
    this.reads = NO_PATTERNS;
    this.writes = NO_PATTERNS;
    this.ports = 0;
    if (PORTS[engine] === 0) return;
    const columns = columnsOf(instr);
    const patterns = columns.length === 0 ? patternsOf(instr) : [...patternsOf(instr), ...columns];
    if (patterns.length === 0) return;
    this.reads = patterns.filter((p) => !p.written).map((p) => p.ap);
    this.writes = patterns.filter((p) => p.written).map((p) => p.ap);
    for (const { ap } of patterns) this.ports |= PORT[ap.space] & PORTS[engine];
  }

  /** The step with its operands' registers applied; itself where it binds none. */
  resolve(registers: Int32Array): Step {
    const { bindings, resolvedFor } = this;
    if (bindings.length === 0) return this;
    if (this.resolved !== undefined && bindings.every(({ reg }, i) => resolvedFor[i] === registers[reg]))
      return this.resolved;
    const instr = applyBindings({ ...this.instr, bindings }, registers);
    this.resolvedFor = bindings.map(({ reg }) => registers[reg] ?? 0);
    this.resolved = new Step(instr, this.fragment, this.index, this.target, this.waitBindings);
    return this.resolved;
  }

  /** Registers added to the value of wait `i`; as a rule none. */
  waitRegisters(i: number): readonly number[] {
    if (this.waitBindings.length === 0) return NO_REGISTERS;
    return this.waitBindings.filter((b) => b.field === `waits.${i}`).map((b) => b.reg);
  }

  /** Bytes read and written; a DMA trigger has none of its own. */
  footprint(): Footprint {
    this.touched ??= footprint(this.instr);
    return this.touched;
  }
}

const NO_REGISTERS: readonly number[] = [];
const isWait = (b: Binding): boolean => b.field.startsWith('waits.');

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
    if (owner === undefined)
      throw fault('control', `${engine} enters ${kind} ${index}, which does not exist`);
    const code = 'code' in owner ? owner.code : kind === 'load' ? owner.load : owner.main;
    const descriptors = 'descriptors' in owner ? owner.descriptors : program.segmentDescriptors;
    const steps: Step[] = [];
    const fragment: Fragment = { kind, index, engine, id: fragments.length, steps, descriptors };
    const bytes = code[engine];
    if (bytes.length > 0 && engine !== 'sp' && target.clockMhz[engine] === 0) {
      throw fault(
        'encoding',
        `${kind} ${owner.name} has code for ${engine}, which target ${target.name} lacks`,
      );
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

// What an instruction costs, in ticks (1/28 ns): how long it occupies its engine, how long after that its result is readable.
// The rules follow from the row's operands; EXCEPTIONS names the few instructions with a rule of their own. Bindings must have
// been applied. Contention, waits and the hiding of stationary loads are the simulator's.
import { COSTS, type EngineName, type Target, TICKS_PER_NS } from '../chip/target.js';
import { elementsOf, FIELDS, fieldOf, patternsOf } from './fields.js';
import type { AluOp } from './functions.js';
import type { Ap } from './operands.js';
import { CHIP_DTYPE_BYTES } from './operands.js';
import type { Instruction, Mnemonic } from './table.js';

export interface Cost {
  /** Ticks from issue until the engine takes its next instruction. */
  readonly issue: number;
  /** Ticks from then until the result is readable and the increment fires. */
  readonly latency: number;
}

const MINIMUM = COSTS.minimumCycles;
/** An innermost stride beyond this many bytes halves the rate of ACT, DVE and POOL. */
const FULL_RATE_STRIDE_BYTES = 16;
/** DVE and POOL operations that take 8 cycles an element, as reciprocal does: division and its remainders, and pow. */
const SLOW_OPS: readonly AluOp[] = ['divide', 'pow', 'mod', 'floormod', 'floordiv'];
const SLOW_OP_CYCLES = 8;
const GATHER_CYCLES = 4;
/** Inputs that the engine holds: the 8 values of MAX_INDEX and MATCH_REPLACE. */
const HELD_INPUTS: readonly string[] = ['values'];

/** Ticks of `cycles` of a clock; rounded up where the clock does not divide 28 ticks a nanosecond. */
export function cyclesToTicks(cycles: number, clockMhz: number): number {
  return Math.ceil((cycles * TICKS_PER_NS * 1000) / clockMhz);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** Ticks of `bytes` at a rate in whole bytes per second; rounded up, exact below 2^53 in lowest terms. */
export function bytesToTicks(bytes: number, bytesPerSecond: number): number {
  const ticksPerSecond = TICKS_PER_NS * 1e9;
  const shared = gcd(ticksPerSecond, bytesPerSecond);
  return Math.ceil((bytes * (ticksPerSecond / shared)) / (bytesPerSecond / shared));
}

/** Elements of the longest row among the operands. */
function longestRow(instr: Instruction): number {
  return patternsOf(instr).reduce((n, p) => Math.max(n, elementsOf(p.ap)), 0);
}

/** Stride in bytes of the innermost dim that moves. */
function innermostStride(ap: Ap): number {
  for (let d = 3; d >= 0; d--) {
    if ((ap.counts[d] ?? 1) > 1) return Math.abs(ap.strides[d] ?? 0) * CHIP_DTYPE_BYTES[ap.dtype];
  }
  return 0;
}

/** Full-rate cycles an element: one for each data input that is not held, or a slow operation. */
function cyclesPerElement(instr: Instruction): number {
  const slow = ['op', 'op0', 'op1'].some((f) => SLOW_OPS.includes(fieldOf(instr, f) as AluOp));
  const inputs = patternsOf(instr).filter((p) => !p.written && !HELD_INPUTS.includes(p.name)).length;
  return Math.max(inputs, slow ? SLOW_OP_CYCLES : 1);
}

interface Exception<I extends Instruction> {
  readonly cycles: (instr: I) => number;
  readonly note: string;
}

/** Cycles of the instructions whose rate is not that of their operands. */
const EXCEPTIONS: { readonly [M in Mnemonic]?: Exception<Extract<Instruction, { readonly m: M }>> } = {
  GATHER: {
    cycles: (i) => GATHER_CYCLES * elementsOf(i.dst),
    note: `${GATHER_CYCLES} cycles an element of dst (ours)`,
  },
  PARTITION_REDUCE: {
    cycles: (i) => 2 * elementsOf(i.src) * (32 - Math.clz32(i.src.parts - 1)),
    note: '2N x log2(partitions) cycles, rounded up to whole steps (ours)',
  },
};

function vectorCycles(instr: Instruction): number {
  const rule = EXCEPTIONS[instr.m] as Exception<Instruction> | undefined;
  const cycles = rule === undefined ? longestRow(instr) * cyclesPerElement(instr) : rule.cycles(instr);
  const strided = patternsOf(instr).some((p) => innermostStride(p.ap) > FULL_RATE_STRIDE_BYTES);
  return Math.max(MINIMUM, strided ? 2 * cycles : cycles);
}

function matmulCycles(instr: Instruction<'MATMUL'>): number {
  const columns = Math.max(MINIMUM, elementsOf(instr.moving));
  if (instr.moving.dtype === 'f32') return 4 * columns;
  return instr.moving.dtype === 'i8' ? columns / 2 : columns;
}

/** Cost of a (resolved) instruction on an engine of a target. */
export function costOf(instr: Instruction, engine: EngineName, target: Target): Cost {
  if (instr.m === 'MATMUL') {
    const clock = target.clockMhz.pe;
    return {
      issue: cyclesToTicks(matmulCycles(instr), clock),
      latency: cyclesToTicks(COSTS.peLatencyCycles, clock),
    };
  }
  if (engine === 'sp' || engine === 'pe' || patternsOf(instr).length === 0) {
    return { issue: COSTS.controlNs * TICKS_PER_NS, latency: 0 };
  }
  const clock = target.clockMhz[engine];
  return {
    issue: cyclesToTicks(vectorCycles(instr), clock),
    latency: cyclesToTicks(COSTS.vectorLatencyCycles, clock),
  };
}

/** Ticks that loading a matmul's stationary operand takes where it cannot hide behind the matmul before. */
export function stationaryTicks(instr: Instruction<'MATMUL'>, target: Target): number {
  return cyclesToTicks(Math.max(elementsOf(instr.stationary), MINIMUM) / 4, target.clockMhz.pe);
}

/** The cost rule of a mnemonic as a sentence, for docs/isa.md. */
export function cyclesNote(m: Mnemonic): string {
  if (m === 'MATMUL') return 'max(N, 64) PE cycles for N moving columns; x 4 for fp32, half for int8';
  const kinds = FIELDS[m].map((f) => f.kind);
  if (!kinds.includes('out')) return `${COSTS.controlNs} ns (ours)`;
  const exception = EXCEPTIONS[m];
  if (exception !== undefined) return `${exception.note}, at least ${MINIMUM}`;
  const inputs = FIELDS[m].filter((f) => f.kind === 'in' && !HELD_INPUTS.includes(f.name)).length;
  const slow = kinds.includes('alu') ? `; ${SLOW_OP_CYCLES}N for ${SLOW_OPS.join(', ')}` : '';
  return `max(${inputs > 1 ? inputs : ''}N, ${MINIMUM}) cycles${slow}`;
}

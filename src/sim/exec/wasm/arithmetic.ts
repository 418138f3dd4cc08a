// Arithmetic instructions by kernels: which steps an instruction comes down to, and in which domains. A function that returns
// false has done nothing: the plain path runs.
import { ACT_FUNCTIONS, ALU_OPS, type AluOp } from '../../../isa/functions.js';
import type { Ap } from '../../../isa/operands.js';
import type { Fields } from '../../../isa/table.js';
import type { Machine } from '../../machine.js';
import { type Domain, domainOf, fusedDomain, operationDomain, scalarDomain } from '../domain.js';
import type { WasmCore } from './core.js';
import { DOMAIN_CODE, known, knownScalar, writePattern, writeScalar } from './operands.js';

const OP_CODE = Object.fromEntries(ALU_OPS.map((op, i) => [op, i])) as Readonly<Record<AluOp, number>>;
const ACT_CODE = Object.fromEntries(ACT_FUNCTIONS.map((f, i) => [f, i])) as Readonly<
  Record<(typeof ACT_FUNCTIONS)[number], number>
>;

interface Step {
  readonly op: AluOp;
  readonly domain: Domain;
  readonly reverse: boolean;
  /** Address of the other operand's struct. */
  readonly other: number;
}

type Result = Pick<Fields<'TENSOR_SCALAR'>, 'dst' | 'exact' | 'reduce' | 'reduceOp' | 'reduceDst'>;

/** Whether the kernels can do it: no overflow checks, and known types of results. */
function possible(i: Result): boolean {
  return !i.exact && known(i.dst) && (!i.reduce || known(i.reduceDst));
}

/** A bypass that keeps its left operand. */
function idle(step: Step): boolean {
  return step.op === 'bypass' && !step.reverse;
}

/** One or two steps; one that changes nothing is left out. */
function run(m: Machine, core: WasmCore, i: Result, src: Ap, first: Step, second?: Step): true {
  const both = second !== undefined && !idle(first) && !idle(second);
  const a = second !== undefined && idle(first) ? second : first;
  const b = both ? second : undefined;
  core.kernels.arithmetic(
    i.dst.parts,
    writePattern(m, core, 0, i.dst),
    writePattern(m, core, 1, src),
    OP_CODE[a.op],
    DOMAIN_CODE[a.domain],
    a.reverse ? 1 : 0,
    a.other,
    b === undefined ? -1 : OP_CODE[b.op],
    b === undefined ? 0 : DOMAIN_CODE[b.domain],
    b?.reverse ? 1 : 0,
    b === undefined ? 0 : b.other,
    i.reduce ? OP_CODE[i.reduceOp] : -1,
    i.reduce ? writePattern(m, core, 4, i.reduceDst) : 0,
    core.scratch,
  );
  return true;
}

export function tensorTensor(i: Fields<'TENSOR_TENSOR'>, m: Machine, core: WasmCore): boolean {
  if (!(possible(i) && known(i.a) && known(i.b))) return false;
  const domain = operationDomain(i.op, domainOf(i.a.dtype), domainOf(i.b.dtype));
  return run(m, core, i, i.a, { op: i.op, domain, reverse: false, other: writePattern(m, core, 2, i.b) });
}

type Fused = Fields<'TENSOR_SCALAR'> | Fields<'SCALAR_TENSOR_TENSOR'>;

/** The step with the scalar s0. */
function firstStep(i: Fused, m: Machine, core: WasmCore): Step {
  const domain = fusedDomain(i.op0, domainOf(i.src.dtype), scalarDomain(i.s0), i.reverse0);
  return { op: i.op0, domain, reverse: i.reverse0, other: writeScalar(m, core, 2, i.s0, i.src) };
}

function secondStep(i: Fused, from: Domain, own: Domain, other: number): Step {
  return { op: i.op1, domain: fusedDomain(i.op1, from, own, i.reverse1), reverse: i.reverse1, other };
}

export function tensorScalar(i: Fields<'TENSOR_SCALAR'>, m: Machine, core: WasmCore): boolean {
  if (!(possible(i) && known(i.src) && knownScalar(i.s0) && knownScalar(i.s1))) return false;
  const first = firstStep(i, m, core);
  const other = writeScalar(m, core, 3, i.s1, i.src);
  return run(m, core, i, i.src, first, secondStep(i, first.domain, scalarDomain(i.s1), other));
}

export function scalarTensorTensor(i: Fields<'SCALAR_TENSOR_TENSOR'>, m: Machine, core: WasmCore): boolean {
  if (!(possible(i) && known(i.src) && knownScalar(i.s0) && known(i.b))) return false;
  const first = firstStep(i, m, core);
  const other = writePattern(m, core, 3, i.b);
  return run(m, core, i, i.src, first, secondStep(i, first.domain, domainOf(i.b.dtype), other));
}

export function reduce(i: Fields<'REDUCE'>, m: Machine, core: WasmCore): boolean {
  if (!(known(i.dst) && known(i.src))) return false;
  const length = i.src.counts.slice(4 - i.axes).reduce((n, c) => n * c, 1);
  core.kernels.reduceRuns(
    i.src.parts,
    writePattern(m, core, 0, i.dst),
    writePattern(m, core, 1, i.src),
    OP_CODE[i.op],
    DOMAIN_CODE[domainOf(i.src.dtype)],
    length,
    core.scratch,
  );
  return true;
}

export function partitionReduce(i: Fields<'PARTITION_REDUCE'>, m: Machine, core: WasmCore): boolean {
  if (i.src.parts === 0 || !(known(i.dst) && known(i.src))) return false;
  const [dst, src] = [writePattern(m, core, 0, i.dst), writePattern(m, core, 1, i.src)];
  const domain = DOMAIN_CODE[domainOf(i.src.dtype)];
  core.kernels.reducePartitions(i.src.parts, dst, src, OP_CODE[i.op], domain, core.scratch);
  return true;
}

export function activate(i: Fields<'ACTIVATE'>, m: Machine, core: WasmCore): boolean {
  if (!(known(i.dst) && known(i.src) && knownScalar(i.scale) && knownScalar(i.bias))) return false;
  if (i.sum && !known(i.sumDst)) return false;
  core.kernels.activate(
    i.dst.parts,
    writePattern(m, core, 0, i.dst),
    writePattern(m, core, 1, i.src),
    ACT_CODE[i.func],
    writeScalar(m, core, 2, i.scale, i.src),
    writeScalar(m, core, 3, i.bias, i.src),
    i.alpha,
    i.sum ? writePattern(m, core, 4, i.sumDst) : 0,
    core.scratch,
  );
  return true;
}

export function bnStats(i: Fields<'BN_STATS'>, m: Machine, core: WasmCore): boolean {
  if (!(known(i.dst) && known(i.src))) return false;
  const [dst, src] = [writePattern(m, core, 0, i.dst), writePattern(m, core, 1, i.src)];
  core.kernels.statistics(i.src.parts, dst, src, core.scratch);
  return true;
}

export function bnAggr(i: Fields<'BN_AGGR'>, m: Machine, core: WasmCore): boolean {
  if (!(known(i.dst) && known(i.src))) return false;
  const [dst, src] = [writePattern(m, core, 0, i.dst), writePattern(m, core, 1, i.src)];
  core.kernels.mergeStatistics(i.src.parts, dst, src, core.scratch);
  return true;
}

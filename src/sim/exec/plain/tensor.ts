// Arithmetic of DVE and POOL in plain TypeScript: one or two operations over rows, with an optional reduction of each row, and
// the reductions over dims and over partitions.
import type { ReduceOp } from '../../../isa/functions.js';
import type { Ap } from '../../../isa/operands.js';
import type { Fields } from '../../../isa/table.js';
import type { Machine } from '../../machine.js';
import { elementsOf } from '../checks.js';
import { type Domain, domainOf, fusedDomain, operationDomain, scalarDomain } from '../domain.js';
import { alu, reduceRun } from './alu.js';
import { numberToDomain, scalarOf, sinkOf, sourceOf, toDomain } from './row.js';

interface Result {
  readonly dst: Ap;
  readonly exact: boolean;
  readonly reduce: boolean;
  readonly reduceOp: ReduceOp;
  readonly reduceDst: Ap;
}

/** Stores the rows that `compute` gives, and their reductions where asked. */
function storeRows(m: Machine, i: Result, domain: Domain, compute: (p: number) => Float64Array): void {
  const sink = sinkOf(m, i.dst);
  const reduceSink = i.reduce ? sinkOf(m, i.reduceDst) : undefined;
  for (let p = 0; p < i.dst.parts; p++) {
    const row = compute(p);
    sink.store(p, row, domain, i.exact);
    const reduced = i.reduce ? reduceRun(i.reduceOp, domain, row, 0, row.length, i.exact) : 0;
    reduceSink?.store(p, Float64Array.of(reduced), domain, i.exact);
  }
}

export function tensorTensor(i: Fields<'TENSOR_TENSOR'>, m: Machine): void {
  const a = sourceOf(m, i.a);
  const b = sourceOf(m, i.b);
  const domain = operationDomain(i.op, a.domain, b.domain);
  const f = alu(i.op, domain, i.exact);
  storeRows(m, i, domain, (p) => {
    const left = toDomain(a.row(p), a.domain, domain);
    const right = toDomain(b.row(p), b.domain, domain);
    return left.map((x, n) => f(x, right[n]!));
  });
}

/** op(row, s) or op(s, row) with the row in place. */
function scalarStep(m: Machine, i: Fields<'TENSOR_SCALAR'>, step: 0 | 1, from: Domain) {
  const [op, scalar, reverse] = step === 0 ? [i.op0, i.s0, i.reverse0] : [i.op1, i.s1, i.reverse1];
  const own = scalarDomain(scalar);
  const domain = fusedDomain(op, from, own, reverse);
  const f = alu(op, domain, i.exact);
  const valueIn = scalarOf(m, scalar, i.src.start);
  const run = (row: Float64Array, p: number): Float64Array => {
    const s = numberToDomain(valueIn(p), own, domain);
    return toDomain(row, from, domain).map((x) => (reverse ? f(s, x) : f(x, s)));
  };
  return { domain, run };
}

export function tensorScalar(i: Fields<'TENSOR_SCALAR'>, m: Machine): void {
  const source = sourceOf(m, i.src);
  const first = scalarStep(m, i, 0, source.domain);
  const second = scalarStep(m, i, 1, first.domain);
  storeRows(m, i, second.domain, (p) => second.run(first.run(source.row(p), p), p));
}

export function scalarTensorTensor(i: Fields<'SCALAR_TENSOR_TENSOR'>, m: Machine): void {
  const source = sourceOf(m, i.src);
  const b = sourceOf(m, i.b);
  const first = scalarStep(m, { ...i, s1: i.s0 }, 0, source.domain);
  const domain = fusedDomain(i.op1, first.domain, b.domain, i.reverse1);
  const f = alu(i.op1, domain, i.exact);
  storeRows(m, i, domain, (p) => {
    const right = toDomain(b.row(p), b.domain, domain);
    const left = toDomain(first.run(source.row(p), p), first.domain, domain);
    return left.map((x, n) => (i.reverse1 ? f(right[n]!, x) : f(x, right[n]!)));
  });
}

export function reduce(i: Fields<'REDUCE'>, m: Machine): void {
  const source = sourceOf(m, i.src);
  const sink = sinkOf(m, i.dst);
  const run = i.src.counts.slice(4 - i.axes).reduce((n, c) => n * c, 1);
  const kept = elementsOf(i.dst);
  for (let p = 0; p < i.src.parts; p++) {
    const row = source.row(p);
    const groups = Float64Array.from({ length: kept }, (_, g) =>
      reduceRun(i.op, source.domain, row, g * run, run),
    );
    sink.store(p, groups, source.domain);
  }
}

/** Over partitions, ascending from the first: order matters in fp32. */
export function partitionReduce(i: Fields<'PARTITION_REDUCE'>, m: Machine): void {
  const source = sourceOf(m, i.src);
  const domain = domainOf(i.src.dtype);
  const f = alu(i.op, domain);
  if (i.src.parts === 0) return;
  let result = source.row(0);
  for (let p = 1; p < i.src.parts; p++) {
    const row = source.row(p);
    result = result.map((x, n) => f(x, row[n]!));
  }
  sinkOf(m, i.dst).store(0, result, domain);
}

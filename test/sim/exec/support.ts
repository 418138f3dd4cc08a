// Short ways to write operands, to put rows into a machine's memory and to read them back.
import { INF2 } from '../../../src/chip/builtin.js';
import { type Ap, CHIP_DTYPE_BYTES, type ChipDType, type Scalar } from '../../../src/isa/operands.js';
import type { Fields } from '../../../src/isa/table.js';
import type { ComputeMnemonic } from '../../../src/sim/exec/compute.js';
import { domainOf } from '../../../src/sim/exec/domain.js';
import { execute } from '../../../src/sim/exec/execute.js';
import { sinkOf, sourceOf } from '../../../src/sim/exec/plain/row.js';
import { createMachine, type Machine, type MachineOptions } from '../../../src/sim/machine.js';

export const ENVELOPE = { waits: [], increment: -1, bindings: [] } as const;

export function machine(options: MachineOptions = {}): Machine {
  return createMachine(INF2, { variables: [] }, options);
}

/** A contiguous pattern of `n` elements in `parts` partitions of SBUF, with changes. */
export function ap(dtype: ChipDType, parts: number, n: number, base: number, changes: Partial<Ap> = {}): Ap {
  return {
    space: 'sbuf',
    dtype,
    start: 0,
    parts,
    base,
    counts: [1, 1, 1, n],
    strides: [0, 0, 0, 1],
    ...changes,
  };
}

export const ABSENT: Ap = ap('f32', 0, 1, 0);
export const f32 = (value: number): Scalar => ({ kind: 'f32', value });
export const i32 = (value: number): Scalar => ({ kind: 'i32', value });

export function put(m: Machine, at: Ap, rows: readonly (readonly number[])[]): void {
  const sink = sinkOf(m, at);
  rows.forEach((row, p) => {
    sink.store(p, Float64Array.from(row), domainOf(at.dtype));
  });
}

export function get(m: Machine, at: Ap): number[][] {
  const source = sourceOf(m, at);
  return Array.from({ length: at.parts }, (_, p) => [...source.row(p)]);
}

export function run<M extends ComputeMnemonic>(m: Machine, mnemonic: M, fields: Fields<M>): void {
  execute({ m: mnemonic, ...ENVELOPE, ...fields } as unknown as Parameters<typeof execute>[0], m);
}

export const bytesOf = (at: Ap): number => CHIP_DTYPE_BYTES[at.dtype];

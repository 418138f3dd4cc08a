// Operands as the kernels take them: structs in linear memory (layout at the head of kernels/assembly/pattern.ts). Dims that run
// on are merged, so that rows are walked in the longest possible runs.
import {
  type Ap,
  CHIP_DTYPE_BYTES,
  CHIP_DTYPES,
  type ChipDType,
  type Scalar,
} from '../../../isa/operands.js';
import type { Machine } from '../../machine.js';
import type { Domain } from '../domain.js';
import type { WasmCore } from './core.js';

export const DOMAIN_CODE: Readonly<Record<Domain, number>> = { f32: 0, i32: 1, u32: 2 };

const TYPE_CODE = Object.fromEntries(CHIP_DTYPES.map((t, i) => [t, i])) as Readonly<
  Record<ChipDType, number>
>;

const UNKNOWN: Readonly<Partial<Record<ChipDType, true>>> = {
  i64: true,
  f8e4m3fn: true,
  f8e4m3fnuz: true,
  f8e5m2: true,
  f8e5m2fnuz: true,
};

/** Whether the kernels know the element type of a pattern; else the plain path runs. */
export function known(ap: Ap): boolean {
  return UNKNOWN[ap.dtype] === undefined;
}

export function knownScalar(s: Scalar): boolean {
  return s.kind !== 'column' || UNKNOWN[s.dtype] === undefined;
}

/** Writes the struct of `ap` into slot `slot`; returns its address. */
export function writePattern(m: Machine, core: WasmCore, slot: number, ap: Ap): number {
  const address = core.slots[slot]!;
  const words = m.views.i32;
  const w = address >> 2;
  const layout = m.spaces[ap.space];
  const width = CHIP_DTYPE_BYTES[ap.dtype];
  words[w] = layout.base + ap.start * layout.partitionBytes + ap.base;
  words[w + 1] = layout.partitionBytes;
  words[w + 2] = TYPE_CODE[ap.dtype];
  let dim = 3;
  let count = 1;
  let stride = width;
  let length = 1;
  for (let d = 3; d >= 0; d--) {
    const c = ap.counts[d]!;
    const s = ap.strides[d]! * width;
    length *= c;
    if (c === 1) continue;
    if (count === 1) {
      count = c;
      stride = s;
    } else if (s === stride * count) count *= c;
    else {
      words[w + 4 + dim] = count;
      words[w + 8 + dim] = stride;
      dim--;
      count = c;
      stride = s;
    }
  }
  words[w + 3] = length;
  words[w + 4 + dim] = length === 0 ? 0 : count;
  words[w + 8 + dim] = stride;
  words[w + 12] = dim === 3 && stride === width ? 1 : 0;
  for (let d = 0; d < dim; d++) {
    words[w + 4 + d] = 1;
    words[w + 8 + d] = 0;
  }
  return address;
}

/** Struct of one element that every partition finds at the same place: address and type are filled in. */
const IMMEDIATE = Int32Array.of(0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 4, 1);

/** A scalar operand as a pattern of one element: a column, or an immediate that every partition reads at one place. */
export function writeScalar(m: Machine, core: WasmCore, slot: number, s: Scalar, main: Ap): number {
  if (s.kind === 'column') {
    const { space, dtype, base } = s;
    const { start, parts } = main;
    return writePattern(m, core, slot, {
      space,
      dtype,
      base,
      start,
      parts,
      counts: [1, 1, 1, 1],
      strides: [0, 0, 0, 0],
    });
  }
  const address = core.slots[slot]!;
  const place = core.immediates[slot & 1]!;
  if (s.kind === 'f32') m.views.f32[place >> 2] = s.value;
  else m.views.i32[place >> 2] = s.value;
  IMMEDIATE[0] = place;
  IMMEDIATE[2] = TYPE_CODE[s.kind];
  m.views.i32.set(IMMEDIATE, address >> 2);
  return address;
}

/** Writes four counts and four steps; returns their address. */
export function writeDims(
  m: Machine,
  core: WasmCore,
  counts: readonly number[],
  steps: readonly number[],
): number {
  m.views.i32.set(counts, core.dims >> 2);
  m.views.i32.set(steps, (core.dims >> 2) + 4);
  return core.dims;
}

// MATMUL by kernels: both operands are packed, then multiplied by the PE core straight into PSUM. Nothing is kept across calls.
import type { Ap } from '../../../isa/operands.js';
import type { Fields } from '../../../isa/table.js';
import { productsAreExact } from '../../kernels/exact-products.js';
import type { Machine } from '../../machine.js';
import { elementsOf } from '../checks.js';
import { offsetsOf } from '../plain/row.js';
import type { WasmCore } from './core.js';
import { writePattern } from './operands.js';

/**
 * Where the gemm kernel finds the columns of the outputs: 0 where a row's outputs are contiguous (the struct's last word), else
 * the address of their byte offsets; undefined where two outputs share a place.
 */
function columnsOf(m: Machine, dst: Ap, struct: number, place: number): number | undefined {
  if (m.views.i32[(struct >> 2) + 12] === 1) return 0;
  const offsets = offsetsOf(dst).map((o) => o - dst.base);
  if (new Set(offsets).size < offsets.length) return undefined;
  m.views.i32.set(offsets, place >> 2);
  return place;
}

export function matmul(i: Fields<'MATMUL'>, m: Machine, core: WasmCore): boolean {
  const { kernels, scratch } = core;
  const k = i.stationary.parts;
  const rows = i.dst.parts;
  const columns = elementsOf(i.moving);
  const room = kernels.rowBuffer(scratch, 0);
  const a = kernels.rowBuffer(scratch, 1);
  const b = kernels.rowBuffer(scratch, 2);
  const offsets = columnsOf(m, i.dst, writePattern(m, core, 0, i.dst), room + 4096);
  if (offsets === undefined) return false;
  const [stationary, moving] = [writePattern(m, core, 1, i.stationary), writePattern(m, core, 2, i.moving)];
  let gemm = kernels.gemmF32;
  if (i.stationary.dtype === 'i8') {
    kernels.packBytes(k, stationary, a, scratch);
    kernels.packBytes(k, moving, b, scratch);
    gemm = kernels.gemmI8;
  } else {
    kernels.packFloats(k, stationary, a);
    kernels.packFloats(k, moving, b);
    const exact =
      core.relaxed &&
      i.stationary.dtype !== 'f32' &&
      productsAreExact(kernels.exponentRange(a, k * rows), kernels.exponentRange(b, k * columns));
    if (exact) gemm = core.gemmExact;
  }
  const layout = m.spaces[i.dst.space];
  const out = layout.base + i.dst.start * layout.partitionBytes + i.dst.base;
  gemm(a, b, k, rows, columns, out, layout.partitionBytes, offsets, i.start ? 1 : 0, room + 8192);
  return true;
}

// MATMUL by kernels: both operands are packed, then multiplied by the PE core straight into PSUM. Nothing is kept across calls but
// where the columns of a destination lie.
import type { Ap } from '../../../isa/operands.js';
import type { Fields } from '../../../isa/table.js';
import { productsAreExact } from '../../kernels/exact-products.js';
import type { Machine } from '../../machine.js';
import { elementsOf } from '../checks.js';
import { offsetsOf } from '../plain/row.js';
import type { WasmCore } from './core.js';
import { writePattern } from './operands.js';

/** Fewer rows or columns than this leave most of a tile empty. */
const THIN = 4;
/** Bytes before the kernels' scratch, for the offsets of at most 512 columns. */
const COLUMN_BYTES = 4096;

/** Byte offsets of a pattern's elements from its base; undefined where two share a place. */
const columnTables = new WeakMap<Ap, Int32Array | undefined>();

function columnTable(dst: Ap): Int32Array | undefined {
  if (columnTables.has(dst)) return columnTables.get(dst);
  const offsets = offsetsOf(dst).map((o) => o - dst.base);
  const table = new Set(offsets).size < offsets.length ? undefined : offsets;
  columnTables.set(dst, table);
  return table;
}

/**
 * Where the gemm kernel finds the columns of the outputs: 0 where a row's outputs are contiguous (the struct's last word), else
 * the address of their byte offsets; undefined where two outputs share a place.
 */
function columnsOf(m: Machine, dst: Ap, struct: number, place: number): number | undefined {
  if (m.views.i32[(struct >> 2) + 12] === 1) return 0;
  const table = columnTable(dst);
  if (table === undefined) return undefined;
  m.views.i32.set(table, place >> 2);
  return place;
}

export function matmul(i: Fields<'MATMUL'>, m: Machine, core: WasmCore): boolean {
  const { kernels } = core;
  const k = i.stationary.parts;
  const rows = i.dst.parts;
  const columns = elementsOf(i.moving);
  const place = kernels.rowBuffer(core.scratch, 0);
  const scratch = place + COLUMN_BYTES;
  const a = kernels.rowBuffer(core.scratch, 1);
  const b = kernels.rowBuffer(core.scratch, 2);
  const offsets = columnsOf(m, i.dst, writePattern(m, core, 0, i.dst), place);
  if (offsets === undefined) return false;
  const stationary = writePattern(m, core, 1, i.stationary);
  const moving = writePattern(m, core, 2, i.moving);
  let gemm = kernels.gemmI8;
  if (i.stationary.dtype === 'i8') {
    kernels.packStationaryPairs(k, stationary, a, scratch);
    kernels.packMovingPairs(k, moving, b, scratch);
  } else {
    const kind = rows < THIN || columns < THIN ? 'thinF32' : 'gemmF32';
    const thin = kind === 'thinF32';
    const [packA, packB] = thin
      ? [kernels.packRowsF32, kernels.packRowsF32]
      : [kernels.packStationary, kernels.packMoving];
    const [countA, countB] = [packA(k, stationary, a, scratch), packB(k, moving, b, scratch)];
    const exact =
      core.relaxed &&
      i.stationary.dtype !== 'f32' &&
      productsAreExact(kernels.exponentRange(a, countA), kernels.exponentRange(b, countB));
    gemm = (exact ? core.exact : kernels)[kind];
  }
  const layout = m.spaces[i.dst.space];
  const out = layout.base + i.dst.start * layout.partitionBytes + i.dst.base;
  gemm(a, b, k, rows, columns, out, layout.partitionBytes, offsets, i.start ? 1 : 0, scratch);
  return true;
}

// Data movement and searches by kernels. A function that returns false has done nothing: the plain path runs.
import { ALU_OPS } from '../../../isa/functions.js';
import type { Fields } from '../../../isa/table.js';
import type { Machine } from '../../machine.js';
import { elementsOf } from '../checks.js';
import { domainOf } from '../domain.js';
import { requireExact } from '../plain/element.js';
import { requireIndex } from '../plain/move.js';
import { bitsOf, numberToDomain, sourceOf } from '../plain/row.js';
import { least } from '../plain/search.js';
import type { WasmCore } from './core.js';
import { DOMAIN_CODE, known, writeDims, writePattern } from './operands.js';

/** Longest row of which 32 fit a packed row of the kernels. */
const TRANSPOSE_ROW = 2048;

export function copy(i: Fields<'COPY'>, m: Machine, core: WasmCore): boolean {
  if (i.src.dtype === 'i64' || i.dst.dtype === 'i64') return false;
  if (i.src.dtype === i.dst.dtype) {
    const [dst, src] = [writePattern(m, core, 0, bitsOf(i.dst)), writePattern(m, core, 1, bitsOf(i.src))];
    core.kernels.copyBits(i.dst.parts, dst, src, core.scratch);
    return true;
  }
  if (!(known(i.dst) && known(i.src))) return false;
  const [dst, src] = [writePattern(m, core, 0, i.dst), writePattern(m, core, 1, i.src)];
  const domain = DOMAIN_CODE[domainOf(i.src.dtype)];
  const lossy = core.kernels.convert(i.dst.parts, dst, src, domain, i.exact ? 1 : 0, core.scratch);
  if (lossy >= 0) {
    const row = sourceOf(m, i.src).row(Math.floor(lossy / elementsOf(i.src)));
    requireExact(row[lossy % row.length]!, i.dst.dtype);
  }
  return true;
}

export function select(i: Fields<'SELECT'>, m: Machine, core: WasmCore): boolean {
  if (!(known(i.dst) && known(i.mask) && known(i.a) && known(i.b))) return false;
  core.kernels.select(
    i.dst.parts,
    writePattern(m, core, 0, i.dst),
    writePattern(m, core, 1, i.mask),
    DOMAIN_CODE[domainOf(i.mask.dtype)],
    writePattern(m, core, 2, i.a),
    DOMAIN_CODE[domainOf(i.a.dtype)],
    writePattern(m, core, 3, i.b),
    DOMAIN_CODE[domainOf(i.b.dtype)],
    core.scratch,
  );
  return true;
}

export function memset(i: Fields<'MEMSET'>, m: Machine, core: WasmCore): boolean {
  core.kernels.fill(i.dst.parts, writePattern(m, core, 0, bitsOf(i.dst)), i.bits, core.scratch);
  return true;
}

export function transpose32(i: Fields<'TRANSPOSE32'>, m: Machine, core: WasmCore): boolean {
  const columns = elementsOf(i.src);
  const single = i.src.parts <= 32 && columns <= 32;
  if (columns > TRANSPOSE_ROW) return false;
  const kernel = single ? core.kernels.transposeBlock : core.kernels.transposeBlocks;
  kernel(
    i.src.parts,
    writePattern(m, core, 0, bitsOf(i.dst)),
    writePattern(m, core, 1, bitsOf(i.src)),
    core.scratch,
  );
  return true;
}

export function gather(i: Fields<'GATHER'>, m: Machine, core: WasmCore): boolean {
  if (!(known(i.dst) && known(i.src))) return false;
  const outside = core.kernels.take(
    i.dst.parts,
    writePattern(m, core, 0, i.dst),
    writePattern(m, core, 1, i.src),
    DOMAIN_CODE[domainOf(i.src.dtype)],
    writePattern(m, core, 2, i.index),
    i.index.dtype === 'u32' ? 1 : 0,
    core.scratch,
  );
  if (outside >= 0) {
    const p = Math.floor(outside / elementsOf(i.dst));
    requireIndex(sourceOf(m, i.index).row(p)[outside % elementsOf(i.dst)]!, p, elementsOf(i.src));
  }
  return true;
}

export function iota(i: Fields<'IOTA'>, m: Machine, core: WasmCore): boolean {
  if (!known(i.dst)) return false;
  const dims = writeDims(m, core, i.dst.counts, i.steps);
  core.kernels.iota(i.dst.parts, writePattern(m, core, 0, i.dst), dims, i.base, i.perPartition, core.scratch);
  return true;
}

export function affineSelect(i: Fields<'AFFINE_SELECT'>, m: Machine, core: WasmCore): boolean {
  if (!(known(i.dst) && known(i.src))) return false;
  core.kernels.affineSelect(
    i.dst.parts,
    writePattern(m, core, 0, i.dst),
    writePattern(m, core, 1, i.src),
    DOMAIN_CODE[domainOf(i.src.dtype)],
    writeDims(m, core, i.dst.counts, i.steps),
    ALU_OPS.indexOf(i.compare),
    i.base,
    i.perPartition,
    i.fill,
    core.scratch,
  );
  return true;
}

export function max8(i: Fields<'MAX8'>, m: Machine, core: WasmCore): boolean {
  if (!(known(i.dst) && known(i.src))) return false;
  const missing = least(i.src.dtype);
  core.kernels.largest8(
    i.src.parts,
    writePattern(m, core, 0, i.dst),
    writePattern(m, core, 1, i.src),
    DOMAIN_CODE[domainOf(i.src.dtype)],
    missing === -Infinity ? NEGATIVE_INFINITY : missing,
    core.scratch,
  );
  return true;
}
/** Bits of -inf in fp32. */
const NEGATIVE_INFINITY = 0xff800000;

export function maxIndex(i: Fields<'MAX_INDEX'>, m: Machine, core: WasmCore): boolean {
  if (!(known(i.values) && known(i.src))) return false;
  core.kernels.find(
    i.src.parts,
    writePattern(m, core, 0, i.dst),
    writePattern(m, core, 1, i.values),
    DOMAIN_CODE[domainOf(i.values.dtype)],
    writePattern(m, core, 2, i.src),
    DOMAIN_CODE[domainOf(i.src.dtype)],
    core.scratch,
  );
  return true;
}

export function matchReplace(i: Fields<'MATCH_REPLACE'>, m: Machine, core: WasmCore): boolean {
  if (!(known(i.dst) && known(i.values) && known(i.src))) return false;
  const domain = domainOf(i.src.dtype);
  const word = core.immediates[0] >> 2;
  if (domain === 'f32') m.views.f32[word] = i.value;
  else m.views.u32[word] = numberToDomain(Math.fround(i.value), 'f32', domain);
  core.kernels.replace(
    i.src.parts,
    writePattern(m, core, 0, i.dst),
    writePattern(m, core, 1, i.values),
    DOMAIN_CODE[domainOf(i.values.dtype)],
    writePattern(m, core, 2, i.src),
    DOMAIN_CODE[domain],
    m.views.u32[word]!,
    core.scratch,
  );
  return true;
}

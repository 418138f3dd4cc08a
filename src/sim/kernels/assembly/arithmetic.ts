// The arithmetic instructions of DVE and POOL: one or two operations over rows with an optional reduction (TENSOR_TENSOR,
// TENSOR_SCALAR, SCALAR_TENSOR_TENSOR), reductions over dims and over partitions, batch-norm statistics.
import { ADD, floatRow, reduceFloat } from './alu-float';
import { hasPair, pairRow } from './alu-pair';
import { integerRow, reduceInteger } from './alu-integer';
import { canonical, changeDomain, FLOAT } from './convert';
import { lengthOf } from './pattern';
import { loadPacked, loadRow, loadSplat, rowBuffer, storeRow, target } from './row';

function applyRow(
  op: i32, domain: i32, out: usize, a: usize, aStep: usize, b: usize, bStep: usize, count: i32,
): void {
  if (domain == FLOAT) floatRow(op, out, a, aStep, b, bStep, count);
  else integerRow(op, domain, out, a, aStep, b, bStep, count);
}

function storeReduced(op: i32, domain: i32, words: usize, count: i32, out: usize): void {
  if (domain == FLOAT) store<f32>(out, reduceFloat(op, words, count));
  else store<i32>(out, reduceInteger(op, domain, words, count));
}

/** An operand of as many elements as the row, or of one for all: its address, and how far four elements step. */
// @ts-ignore: decorator
@inline
function otherStep(other: usize): usize {
  return lengthOf(other) == 1 ? 0 : 16;
}

// @ts-ignore: decorator
@inline
function loadOther(other: usize, p: i32, domain: i32, buffer: usize, area: usize): usize {
  if (lengthOf(other) != 1) return loadRow(other, p, domain, buffer);
  v128.store(area, loadSplat(other, p, domain));
  return area;
}

/** op(x, other) or op(other, x) at `out`, or in dst's row if `dst` is not 0 and it can be written at once. */
function applyOther(
  op: i32, domain: i32, reverse: bool, x: usize, other: usize, p: i32, count: i32, buffer: usize, area: usize, dst: usize, out: usize,
): usize {
  const y = loadOther(other, p, domain, buffer, area);
  const yStep = otherStep(other);
  const result = dst == 0 ? out : target(dst, p, domain, x, y, out);
  if (reverse) applyRow(op, domain, result, y, yStep, x, 16, count);
  else applyRow(op, domain, result, x, 16, y, yStep, count);
  return result;
}

/**
 * dst = op1(op0(src, other0), other1); op1 < 0 for one operation only. With reduceOp >= 0, reduceDst[p] = the reduction of the
 * row before it is rounded to dst's type.
 */
export function arithmetic(
  parts: i32, dst: usize, src: usize,
  op0: i32, domain0: i32, reverse0: bool, other0: usize,
  op1: i32, domain1: i32, reverse1: bool, other1: usize,
  reduceOp: i32, reduceDst: usize, scratch: usize,
): void {
  const count = lengthOf(src);
  const a = rowBuffer(scratch, 0), b = rowBuffer(scratch, 1), c = rowBuffer(scratch, 2);
  const single = op1 < 0;
  const domain = single ? domain0 : domain1;
  const pair = !single && domain0 == FLOAT && domain1 == FLOAT && hasPair(op0, reverse0, op1, reverse1);
  for (let p = 0; p < parts; ++p) {
    let row = loadRow(src, p, domain0, a);
    if (pair) {
      const y = loadOther(other0, p, FLOAT, b, scratch);
      const z = loadOther(other1, p, FLOAT, c, scratch + 16);
      let out = target(dst, p, FLOAT, row, y, c);
      if (out != c) out = target(dst, p, FLOAT, z, z, c);
      pairRow(op0, op1, out, row, y, otherStep(other0), z, otherStep(other1), count);
      row = out;
    } else {
      row = applyOther(op0, domain0, reverse0, row, other0, p, count, b, scratch, single ? dst : 0, c);
      if (!single) {
        changeDomain(domain0, domain1, row, count);
        row = applyOther(op1, domain1, reverse1, row, other1, p, count, b, scratch, dst, c);
      }
    }
    if (reduceOp >= 0) storeReduced(reduceOp, domain, row, count, scratch + 32);
    if (row == c) storeRow(dst, p, domain, c);
    if (reduceOp >= 0) storeRow(reduceDst, p, domain, scratch + 32);
  }
}

/** dst[p] = reductions of runs of `run` elements of src's row. */
export function reduceRuns(parts: i32, dst: usize, src: usize, op: i32, domain: i32, run: i32, scratch: usize): void {
  const groups = lengthOf(dst);
  const out = rowBuffer(scratch, 1);
  for (let p = 0; p < parts; ++p) {
    const row = loadRow(src, p, domain, rowBuffer(scratch, 0));
    for (let g = 0; g < groups; ++g) {
      storeReduced(op, domain, row + (<usize>(g * run) << 2), run, out + (<usize>g << 2));
    }
    storeRow(dst, p, domain, out);
  }
}

/** dst[0] = reduction of src's rows over partitions, ascending; at least one partition. */
export function reducePartitions(parts: i32, dst: usize, src: usize, op: i32, domain: i32, scratch: usize): void {
  const out = loadPacked(src, 0, domain, rowBuffer(scratch, 0));
  for (let p = 1; p < parts; ++p) {
    const row = loadRow(src, p, domain, rowBuffer(scratch, 1));
    applyRow(op, domain, out, out, 16, row, 16, lengthOf(src));
  }
  storeRow(dst, 0, domain, out);
}

/** dst[p] = count, mean, sum of squared deviations. */
export function statistics(parts: i32, dst: usize, src: usize, scratch: usize): void {
  const count = lengthOf(src);
  const squares = rowBuffer(scratch, 1);
  for (let p = 0; p < parts; ++p) {
    const row = loadRow(src, p, FLOAT, rowBuffer(scratch, 0));
    const mean = reduceFloat(ADD, row, count) / <f32>count;
    for (let i = 0; i < count; ++i) {
      const delta = load<f32>(row + (<usize>i << 2)) - mean;
      store<f32>(squares + (<usize>i << 2), canonical(delta * delta));
    }
    store<f32>(scratch, <f32>count);
    store<f32>(scratch, mean, 4);
    store<f32>(scratch, reduceFloat(ADD, squares, count), 8);
    storeRow(dst, p, FLOAT, scratch);
  }
}

/** dst[p] = mean and variance of groups of (count, mean, squares). */
export function mergeStatistics(parts: i32, dst: usize, src: usize, scratch: usize): void {
  for (let p = 0; p < parts; ++p) {
    const row = loadRow(src, p, FLOAT, rowBuffer(scratch, 0));
    const end = row + (<usize>lengthOf(src) << 2);
    let count: f32 = 0, total: f32 = 0, squares: f32 = 0;
    for (let at = row; at < end; at += 12) {
      count += load<f32>(at);
      total += load<f32>(at) * load<f32>(at, 4);
    }
    const mean = total / count;
    for (let at = row; at < end; at += 12) {
      const delta = load<f32>(at, 4) - mean;
      squares += load<f32>(at, 8) + load<f32>(at) * (delta * delta);
    }
    store<f32>(scratch, mean);
    store<f32>(scratch, squares / count, 4);
    storeRow(dst, p, FLOAT, scratch);
  }
}

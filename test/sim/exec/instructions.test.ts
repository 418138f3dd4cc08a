import { describe, expect, it } from 'vitest';
import type { Fields } from '../../../src/isa/table.js';
import { ABSENT, ap, f32, get, i32, machine, put, run } from './support.js';

const noReduce = { reduce: false, reduceOp: 'add', reduceDst: ABSENT } as const;

describe.each(['plain', 'wasm'] as const)('instructions by hand, %s', (kernels) => {
  const core = () => machine({ kernels });

  it('MATMUL sums over partitions into PSUM, stores, then accumulates', () => {
    const m = core();
    const stationary = ap('f32', 2, 2, 0);
    const moving = ap('bf16', 2, 3, 64, { dtype: 'f32' });
    const dst = ap('f32', 2, 3, 0, { space: 'psum' });
    put(m, stationary, [
      [1, 2],
      [3, 4],
    ]);
    put(m, moving, [
      [1, 0, 2],
      [0, 1, 1],
    ]);
    run(m, 'MATMUL', { dst, stationary, moving, start: true });
    expect(get(m, dst)).toEqual([
      [1, 3, 5],
      [2, 4, 8],
    ]);
    run(m, 'MATMUL', { dst, stationary, moving, start: false });
    expect(get(m, dst)).toEqual([
      [2, 6, 10],
      [4, 8, 16],
    ]);
  });

  it('MATMUL of bytes is exact in int32; mixed 16-bit floats go to fp32', () => {
    const m = core();
    const a = ap('i8', 1, 1, 0);
    const b = ap('i8', 1, 2, 8);
    put(m, a, [[-128]]);
    put(m, b, [[-128, 127]]);
    const ints = ap('i32', 1, 2, 2048, { space: 'psum' });
    run(m, 'MATMUL', { dst: ints, stationary: a, moving: b, start: true });
    expect(get(m, ints)).toEqual([[16384, -16256]]);
    const [h, g] = [ap('f16', 1, 1, 16), ap('bf16', 1, 1, 32)];
    put(m, h, [[1.5]]);
    put(m, g, [[-2]]);
    const dst = ap('f32', 1, 1, 0, { space: 'psum' });
    run(m, 'MATMUL', { dst, stationary: h, moving: g, start: true });
    expect(get(m, dst)).toEqual([[-3]]);
  });

  it('ACTIVATE scales, adds a column, applies the function and sums unrounded results', () => {
    const m = core();
    const src = ap('f32', 2, 3, 0);
    const dst = ap('bf16', 2, 3, 64);
    const sumDst = ap('f32', 2, 1, 128);
    put(m, src, [
      [1, -2, 3],
      [0.5, 4, -1],
    ]);
    put(m, ap('f32', 2, 1, 256), [[1], [-1]]);
    const bias = { kind: 'column', space: 'sbuf', dtype: 'f32', base: 256 } as const;
    run(m, 'ACTIVATE', { func: 'relu', dst, src, scale: f32(2), bias, alpha: 0, sum: true, sumDst });
    expect(get(m, dst)).toEqual([
      [3, 0, 7],
      [0, 7, 0],
    ]);
    expect(get(m, sumDst)).toEqual([[10], [7]]);
    run(m, 'ACTIVATE', {
      func: 'exp',
      dst: src,
      src,
      scale: f32(0),
      bias: f32(1),
      alpha: 0,
      sum: false,
      sumDst: ABSENT,
    });
    expect(get(m, src)[1]).toEqual(Array(3).fill(Math.fround(Math.E)));
    run(m, 'ACTIVATE', {
      func: 'leaky_relu',
      dst: src,
      src,
      scale: f32(0),
      bias: f32(-4),
      alpha: 0.25,
      sum: false,
      sumDst: ABSENT,
    });
    expect(get(m, src)[0]).toEqual([-1, -1, -1]);
  });

  it('TENSOR_TENSOR works in fp32 unless all operands are integers', () => {
    const m = core();
    const a = ap('i32', 1, 4, 0);
    const b = ap('i32', 1, 4, 64);
    const dst = ap('i32', 1, 4, 128);
    put(m, a, [[7, -7, 2147483647, 5]]);
    put(m, b, [[2, 2, 1, 0]]);
    const tensor = (op: Fields<'TENSOR_TENSOR'>['op'], exact = false) => {
      run(m, 'TENSOR_TENSOR', { op, dst, a, b, exact, ...noReduce });
      return get(m, dst)[0];
    };
    expect(tensor('add')).toEqual([9, -5, -2147483648, 5]);
    expect(tensor('divide')).toEqual([3, -3, 2147483647, 0]);
    expect(tensor('floordiv')).toEqual([3, -4, 2147483647, 0]);
    expect(tensor('mod')).toEqual([1, -1, 0, 0]);
    expect(tensor('floormod')).toEqual([1, 1, 0, 0]);
    expect(tensor('pow')).toEqual([49, 49, 2147483647, 1]);
    expect(tensor('shl')).toEqual([28, -28, -2, 5]);
    expect(tensor('sar')).toEqual([1, -2, 1073741823, 5]);
    expect(tensor('shr')).toEqual([1, 1073741822, 1073741823, 5]);
    expect(() => tensor('add', true)).toThrow(/E1404.*overflows i32/);
  });

  it('TENSOR_TENSOR reduces the row of unrounded results', () => {
    const m = core();
    const a = ap('f32', 1, 9, 0);
    const dst = ap('i8', 1, 9, 64);
    const reduceDst = ap('f32', 1, 1, 128);
    put(m, a, [[0.5, 1.5, 2.5, -0.5, 1, 1, 1, 1, 300]]);
    run(m, 'TENSOR_TENSOR', {
      op: 'max',
      dst,
      a,
      b: a,
      exact: false,
      reduce: true,
      reduceOp: 'add',
      reduceDst,
    });
    expect(get(m, dst)).toEqual([[0, 1, 2, 0, 1, 1, 1, 1, 127]]);
    expect(get(m, reduceDst)).toEqual([[308]]);
  });

  it('TENSOR_SCALAR applies two operations, either of them reversed, in place and by column', () => {
    const m = core();
    const src = ap('f32', 2, 2, 0);
    put(m, src, [
      [1, 2],
      [4, 8],
    ]);
    put(m, ap('f32', 2, 1, 64), [[10], [16]]);
    const s0 = { kind: 'column', space: 'sbuf', dtype: 'f32', base: 64 } as const;
    run(m, 'TENSOR_SCALAR', {
      op0: 'divide',
      op1: 'subtract',
      dst: src,
      src,
      s0,
      s1: f32(1),
      reverse0: true,
      reverse1: false,
      exact: false,
      ...noReduce,
    });
    expect(get(m, src)).toEqual([
      [9, 4],
      [3, 1],
    ]);
    const ints = ap('u8', 1, 2, 128);
    put(m, ints, [[250, 5]]);
    const wide = ap('i32', 1, 2, 192);
    run(m, 'TENSOR_SCALAR', {
      op0: 'add',
      op1: 'bypass',
      dst: wide,
      src: ints,
      s0: i32(10),
      s1: f32(0.5),
      reverse0: false,
      reverse1: false,
      exact: false,
      ...noReduce,
    });
    expect(get(m, wide)).toEqual([[260, 15]]);
  });

  it('SCALAR_TENSOR_TENSOR multiplies by a scalar and adds a tensor', () => {
    const m = core();
    const [src, b] = [ap('f32', 1, 3, 0), ap('f16', 1, 3, 64)];
    put(m, src, [[1, 2, 3]]);
    put(m, b, [[10, 20, 30]]);
    const fields = {
      op0: 'multiply',
      op1: 'add',
      dst: src,
      src,
      s0: f32(3),
      b,
      reverse0: false,
      reverse1: false,
      exact: false,
    } as const;
    run(m, 'SCALAR_TENSOR_TENSOR', { ...fields, ...noReduce });
    expect(get(m, src)).toEqual([[13, 26, 39]]);
    run(m, 'SCALAR_TENSOR_TENSOR', {
      ...fields,
      op0: 'bypass',
      op1: 'subtract',
      reverse1: true,
      ...noReduce,
    });
    expect(get(m, src)).toEqual([[-3, -6, -9]]);
  });

  it('REDUCE takes the innermost dims, PARTITION_REDUCE the partitions', () => {
    const m = core();
    const src = ap('f32', 2, 6, 0, { counts: [1, 1, 2, 3], strides: [0, 0, 3, 1] });
    put(m, src, [
      [1, 2, 3, 4, 5, 6],
      [-1, 7, 0, 2, 2, 2],
    ]);
    const two = ap('f32', 2, 2, 64);
    run(m, 'REDUCE', { op: 'max', dst: two, src, axes: 1 });
    expect(get(m, two)).toEqual([
      [3, 6],
      [7, 2],
    ]);
    const one = ap('f32', 2, 1, 128);
    run(m, 'REDUCE', { op: 'add', dst: one, src, axes: 2 });
    expect(get(m, one)).toEqual([[21], [12]]);
    const across = ap('f32', 1, 6, 192);
    run(m, 'PARTITION_REDUCE', { op: 'add', dst: across, src });
    expect(get(m, across)).toEqual([[0, 9, 3, 6, 7, 8]]);
  });

  it('SELECT and COPY move bits of one type, also of a NaN, and convert between types', () => {
    const m = core();
    const [a, b, dst] = [ap('f32', 1, 3, 0), ap('f32', 1, 3, 64), ap('f32', 1, 3, 128)];
    const mask = ap('bool', 1, 3, 192);
    put(m, b, [[4, 5, 6]]);
    put(m, mask, [[1, 0, 1]]);
    m.views.u32.set([0xff812345, 0, 0x3f800000], m.spaces.sbuf.base / 4);
    run(m, 'SELECT', { dst, mask, a, b });
    expect(m.views.u32[m.spaces.sbuf.base / 4 + 32]).toBe(0xff812345);
    expect(get(m, dst)[0]!.slice(1)).toEqual([5, 1]);
    run(m, 'COPY', { dst: a, src: dst, exact: false });
    expect(m.views.u32[m.spaces.sbuf.base / 4]).toBe(0xff812345);
    const bytes = ap('i8', 1, 3, 256);
    run(m, 'COPY', { dst: bytes, src: dst, exact: false });
    expect(get(m, bytes)).toEqual([[0, 5, 1]]);
    put(m, b, [[-1e9, 1e9, 2.75]]);
    run(m, 'COPY', { dst: bytes, src: b, exact: false });
    expect(get(m, bytes)).toEqual([[-128, 127, 2]]);
    expect(() => run(m, 'COPY', { dst: bytes, src: b, exact: true })).toThrow(/E1404/);
    const ints = ap('i32', 1, 3, 320);
    put(m, ints, [[300, -200, 7]]);
    run(m, 'COPY', { dst: bytes, src: ints, exact: false });
    expect(get(m, bytes)).toEqual([[44, 56, 7]]);
    run(m, 'COPY', { dst: mask, src: ints, exact: false });
    expect(get(m, mask)).toEqual([[1, 1, 1]]);
  });

  it('COPY widens to 64 bits and narrows only without loss', () => {
    const m = core();
    const [ints, wide, back] = [ap('i32', 1, 2, 0), ap('i64', 1, 2, 64), ap('i32', 1, 2, 128)];
    put(m, ints, [[-5, 6]]);
    run(m, 'COPY', { dst: wide, src: ints, exact: false });
    run(m, 'COPY', { dst: back, src: wide, exact: false });
    expect(get(m, back)).toEqual([[-5, 6]]);
    const unsigned = { ...back, dtype: 'u32' } as const;
    expect(() => run(m, 'COPY', { dst: unsigned, src: wide, exact: false })).toThrow(
      /E1404: -5 does not fit u32/,
    );
    m.views.u32[m.spaces.sbuf.base / 4 + 17] = 1;
    expect(() => run(m, 'COPY', { dst: back, src: wide, exact: false })).toThrow(
      /E1404: 8589934587 does not fit i32/,
    );
  });

  it('MEMSET fills, IOTA counts, AFFINE_SELECT masks', () => {
    const m = core();
    const dst = ap('f32', 2, 4, 0, { counts: [1, 1, 2, 2], strides: [0, 0, 4, 1] });
    run(m, 'MEMSET', { dst: ap('f32', 2, 8, 0), bits: 0x3f800000 });
    run(m, 'IOTA', { dst, base: 5, perPartition: 100, steps: [0, 0, 10, -1] });
    expect(get(m, ap('f32', 2, 8, 0))).toEqual([
      [5, 4, 1, 1, 15, 14, 1, 1],
      [105, 104, 1, 1, 115, 114, 1, 1],
    ]);
    const square = ap('f32', 3, 3, 64);
    run(m, 'MEMSET', { dst: square, bits: 0x3f800000 });
    run(m, 'AFFINE_SELECT', {
      dst: square,
      src: square,
      compare: 'ge',
      base: 0,
      perPartition: 1,
      steps: [0, 0, 0, -1],
      fill: -2,
    });
    expect(get(m, square)).toEqual([
      [1, -2, -2],
      [1, 1, -2],
      [1, 1, 1],
    ]);
  });

  it('TRANSPOSE32 transposes one block to any quadrant, or blocks in place', () => {
    const m = core();
    const src = ap('u16', 2, 3, 0);
    put(m, src, [
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const dst = ap('u16', 3, 2, 64, { start: 32 });
    run(m, 'TRANSPOSE32', { dst, src });
    expect(get(m, dst)).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    const wide = ap('u32', 64, 32, 128);
    put(
      m,
      wide,
      Array.from({ length: 64 }, (_, p) => Array.from({ length: 32 }, (_, n) => p * 100 + n)),
    );
    run(m, 'TRANSPOSE32', { dst: wide, src: wide });
    const rows = get(m, wide);
    expect([rows[0]![31], rows[31]![0], rows[33]![2]]).toEqual([3100, 31, 3401]);
  });

  it('MAX8, MAX_INDEX and MATCH_REPLACE treat equal values one by one', () => {
    const m = core();
    const src = ap('f32', 1, 10, 0);
    put(m, src, [[3, 9, 9, -1, 0, 2, 8, 7, 9, 1]]);
    const values = ap('f32', 1, 8, 64);
    run(m, 'MAX8', { dst: values, src });
    expect(get(m, values)).toEqual([[9, 9, 9, 8, 7, 3, 2, 1]]);
    const dst = ap('i32', 1, 8, 128);
    run(m, 'MAX_INDEX', { dst, values, src });
    expect(get(m, dst)).toEqual([[1, 2, 8, 6, 7, 0, 5, 9]]);
    run(m, 'MATCH_REPLACE', { dst: src, values, src, value: -5 });
    expect(get(m, src)).toEqual([[-5, -5, -5, -1, 0, -5, -5, -5, -5, -5]]);
    run(m, 'MAX_INDEX', { dst, values, src });
    expect(get(m, dst)).toEqual([Array(8).fill(-1)]);
    const short = ap('i32', 1, 1, 192);
    put(m, short, [[4]]);
    run(m, 'MAX8', { dst: { ...values, dtype: 'i32' }, src: short });
    expect(get(m, { ...values, dtype: 'i32' })).toEqual([[4, ...Array(7).fill(-2147483648)]]);
  });

  it('BN_STATS and BN_AGGR give mean and variance', () => {
    const m = core();
    const src = ap('f32', 1, 4, 0);
    const stats = ap('f32', 1, 6, 64);
    put(m, src, [[1, 2, 3, 6]]);
    run(m, 'BN_STATS', { dst: { ...stats, counts: [1, 1, 1, 3] }, src });
    expect(get(m, stats)[0]!.slice(0, 3)).toEqual([4, 3, 14]);
    put(m, src, [[5, 5, 7, 7]]);
    run(m, 'BN_STATS', { dst: { ...stats, base: 76, counts: [1, 1, 1, 3] }, src });
    const dst = ap('f32', 1, 2, 128);
    run(m, 'BN_AGGR', { dst, src: stats });
    expect(get(m, dst)).toEqual([[4.5, 4.5]]);
  });

  it('GATHER takes elements by number and traps outside', () => {
    const m = core();
    const src = ap('f32', 1, 4, 0, { strides: [0, 0, 0, 2] });
    const index = ap('i32', 1, 3, 64);
    const dst = ap('f32', 1, 3, 128);
    put(m, src, [[10, 11, 12, 13]]);
    put(m, index, [[3, 0, 0]]);
    run(m, 'GATHER', { dst, src, index });
    expect(get(m, dst)).toEqual([[13, 10, 10]]);
    put(m, index, [[3, 4, 0]]);
    expect(() => run(m, 'GATHER', { dst, src, index })).toThrow(/E1405: index 4 /);
  });

  it('traps operands that are outside, misplaced, misshapen or of a wrong type', () => {
    const m = core();
    const a = ap('f32', 1, 4, 0);
    const copy = (dst: typeof a, src: typeof a) => () => run(m, 'COPY', { dst, src, exact: false });
    expect(copy({ ...a, base: 196608 - 12 }, a)).toThrow(/E1401: dst touches bytes/);
    expect(copy({ ...a, strides: [0, 0, 0, -1] }, a)).toThrow(/E1401/);
    expect(copy({ ...a, base: 2 }, a)).toThrow(/E1401: dst is not aligned/);
    expect(copy({ ...a, start: 16 }, a)).toThrow(/E1401: dst starts/);
    expect(copy({ ...a, start: 128 }, a)).toThrow(/E1401/);
    expect(copy(ap('f32', 1, 3, 0), a)).toThrow(/E1402: src is \[1, 4\]/);
    expect(copy({ ...a, dtype: 'i64' }, a)).toThrow(/E1403/);
    const dst = ap('f32', 1, 1, 0, { space: 'psum' });
    const [f, h] = [ap('f32', 1, 1, 0), ap('f16', 1, 1, 0)];
    expect(() => run(m, 'MATMUL', { dst, stationary: f, moving: h, start: true })).toThrow(/E1403: PE/);
    expect(() =>
      run(m, 'MATMUL', {
        dst: { ...dst, base: 2040, counts: [1, 1, 1, 4], strides: [0, 0, 0, 1] },
        stationary: f,
        moving: a,
        start: true,
      }),
    ).toThrow(/E1401: dst crosses a PSUM bank/);
    expect(() => run(m, 'TENSOR_TENSOR', { op: 'and', dst: a, a, b: a, exact: false, ...noReduce })).toThrow(
      /E1403: and/,
    );
  });
});

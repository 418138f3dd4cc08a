// Random instructions over random memory: operands of every element type, shape and stride, overlapping as they like.
import type { Random } from '../../../src/base/random.js';
import { ACT_FUNCTIONS, ALU_OPS, COMPARISONS, REDUCE_OPS } from '../../../src/isa/functions.js';
import {
  type Ap,
  CHIP_DTYPE_BYTES,
  CHIP_DTYPES,
  type ChipDType,
  type Scalar,
  type Space,
} from '../../../src/isa/operands.js';
import type { Fields } from '../../../src/isa/table.js';
import type { ComputeMnemonic } from '../../../src/sim/exec/compute.js';

export const PARTITION_BYTES = 4096;

type Four = [number, number, number, number];
const REAL_TYPES = CHIP_DTYPES.filter((t) => t !== 'i64');
const COMMON_TYPES: readonly ChipDType[] = ['f32', 'f32', 'bf16', 'f16', 'i32', 'u32', 'i8', 'bool'];
const INTEGER_TYPES: readonly ChipDType[] = ['i32', 'u32', 'i16', 'u16', 'i8', 'u8', 'bool'];

function anyType(r: Random): ChipDType {
  return r.pick(r.chance(0.6) ? COMMON_TYPES : REAL_TYPES);
}

/** Four counts whose product is `n`. */
function countsOf(r: Random, n: number): Four {
  const counts: Four = [1, 1, 1, 1];
  let rest = n;
  for (let d = 3; d > 0 && rest > 1; d--) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((i) => rest % i === 0);
    counts[d] = r.chance(0.4) ? rest : r.pick(divisors);
    rest /= counts[d]!;
  }
  counts[0] = rest;
  return counts;
}

function stridesOf(r: Random, counts: Four): Four {
  const strides: Four = [0, 0, 0, 0];
  const order = r.chance(0.7) ? [3, 2, 1, 0] : [0, 2, 1, 3];
  let step = 1;
  for (const d of order) {
    strides[d] = r.chance(0.1) ? 0 : r.chance(0.1) ? -step : step;
    step *= counts[d]! + (r.chance(0.2) ? 1 : 0);
  }
  return strides;
}

export interface Shape {
  readonly parts: number;
  readonly n: number;
}

/** A pattern of the shape that fits its memory; where the strides do not fit, a contiguous one. */
export function pattern(r: Random, { parts, n }: Shape, dtype = anyType(r), space?: Space): Ap {
  const width = CHIP_DTYPE_BYTES[dtype];
  const counts = countsOf(r, n);
  let strides = stridesOf(r, counts);
  const reach = (s: Four) => s.map((stride, d) => (counts[d]! - 1) * stride * width);
  if (reach(strides).reduce((a, b) => a + Math.abs(b), width) > PARTITION_BYTES) {
    strides = [counts[1] * counts[2] * counts[3], counts[2] * counts[3], counts[3], 1];
  }
  const spans = reach(strides);
  const low = spans.reduce((a, b) => a + Math.min(b, 0), 0);
  const high = spans.reduce((a, b) => a + Math.max(b, 0), width);
  const base = -low + width * r.integer(0, Math.floor((PARTITION_BYTES - (high - low)) / width));
  const start = parts > 64 ? 0 : parts > 32 ? r.pick([0, 64]) : r.pick([0, 32, 64, 96]);
  return {
    space: space ?? r.pick(['sbuf', 'sbuf', 'psum'] as const),
    dtype,
    start,
    parts,
    base,
    counts,
    strides,
  };
}

function scalar(r: Random, shape: Shape): Scalar {
  const kind = r.pick(['f32', 'i32', 'column'] as const);
  if (kind === 'f32')
    return { kind, value: Math.fround(r.pick([0, -0, 1, -1.5, 2, 1e20, r.between(-8, 8)])) };
  if (kind === 'i32') return { kind, value: r.pick([0, 1, -1, 2, 31, 32, -7, r.integer(-1e6, 1e6)]) };
  const { space, dtype, base } = pattern(r, { ...shape, n: 1 });
  return { kind, space, dtype, base };
}

function shape(r: Random): Shape {
  return {
    parts: r.chance(0.7) ? r.integer(1, 6) : r.integer(1, 128),
    n: r.chance(0.9) ? r.integer(1, 70) : r.pick([0, 128, 384]),
  };
}

function reduction(r: Random, s: Shape) {
  return { reduce: r.chance(0.4), reduceOp: r.pick(REDUCE_OPS), reduceDst: pattern(r, { ...s, n: 1 }) };
}

/** Two types that PE multiplies, and the type of the result. */
function multiplied(r: Random): [ChipDType, ChipDType, ChipDType] {
  return r.pick<[ChipDType, ChipDType, ChipDType]>([
    ['f32', 'f32', 'f32'],
    ['bf16', 'bf16', 'f32'],
    ['f16', 'f16', 'f32'],
    ['f16', 'bf16', 'f32'],
    ['i8', 'i8', 'i32'],
  ]);
}

const affine = (r: Random) => ({
  base: r.integer(-20, 20),
  perPartition: r.integer(-3, 3),
  steps: [r.integer(-9, 9), r.integer(-3, 3), r.integer(-2, 2), r.integer(-1, 1)] as const,
});

export const GENERATE: { readonly [M in ComputeMnemonic]: (r: Random) => Fields<M> } = {
  MATMUL(r) {
    const [a, b, c] = multiplied(r);
    const [k, m, n] = [r.integer(1, 24), r.integer(1, 24), r.integer(1, 40)];
    const dst = pattern(r, { parts: m, n }, c, 'psum');
    const bank = {
      ...dst,
      base: 0,
      counts: [1, 1, 1, n] as const,
      strides: [0, 0, 0, r.pick([1, 1, 2, -1])] as const,
    };
    const base = 2048 * r.integer(0, 1) + (bank.strides[3] < 0 ? 4 * (n - 1) : 4 * r.integer(0, 30));
    const stationary = pattern(r, { parts: k, n: m }, a, 'sbuf');
    return {
      dst: { ...bank, base },
      stationary,
      moving: pattern(r, { parts: k, n }, b, 'sbuf'),
      start: r.chance(0.5),
    };
  },
  ACTIVATE(r) {
    const s = shape(r);
    return {
      func: r.pick(ACT_FUNCTIONS),
      dst: pattern(r, s),
      src: pattern(r, s),
      scale: scalar(r, s),
      bias: scalar(r, s),
      alpha: r.between(-1, 2),
      sum: r.chance(0.4),
      sumDst: pattern(r, { ...s, n: 1 }),
    };
  },
  TENSOR_TENSOR(r) {
    const s = shape(r);
    const type = r.chance(0.5) ? r.pick(INTEGER_TYPES) : undefined;
    const operands = { dst: pattern(r, s), a: pattern(r, s, type), b: pattern(r, s, type) };
    return { op: r.pick(ALU_OPS), ...operands, exact: r.chance(0.1), ...reduction(r, s) };
  },
  TENSOR_SCALAR(r) {
    const s = shape(r);
    return {
      op0: r.pick(ALU_OPS),
      op1: r.pick(ALU_OPS),
      dst: pattern(r, s),
      src: pattern(r, s, r.chance(0.5) ? r.pick(INTEGER_TYPES) : 'f32'),
      s0: scalar(r, s),
      s1: scalar(r, s),
      reverse0: r.chance(0.3),
      reverse1: r.chance(0.3),
      exact: r.chance(0.1),
      ...reduction(r, s),
    };
  },
  SCALAR_TENSOR_TENSOR(r) {
    const s = shape(r);
    return {
      ...GENERATE.TENSOR_SCALAR(r),
      dst: pattern(r, s),
      src: pattern(r, s),
      b: pattern(r, s),
      ...reduction(r, s),
    };
  },
  REDUCE(r) {
    const src = pattern(r, shape(r));
    const axes = r.integer(1, 4);
    const kept = src.counts.slice(0, 4 - axes).reduce((a, b) => a * b, 1);
    return { op: r.pick(REDUCE_OPS), dst: pattern(r, { parts: src.parts, n: kept }), src, axes };
  },
  SELECT(r) {
    const s = shape(r);
    const type = r.chance(0.5) ? anyType(r) : undefined;
    return { dst: pattern(r, s, type), mask: pattern(r, s), a: pattern(r, s, type), b: pattern(r, s, type) };
  },
  COPY(r) {
    const s = shape(r);
    const wide = r.chance(0.1);
    const types: ChipDType[] = wide
      ? r.pick([
          ['i64', 'i32'],
          ['i32', 'i64'],
          ['i64', 'u32'],
          ['i64', 'i64'],
        ])
      : [anyType(r), anyType(r)];
    return { dst: pattern(r, s, types[0]), src: pattern(r, s, types[1]), exact: r.chance(0.2) };
  },
  MEMSET: (r) => ({ dst: pattern(r, shape(r)), bits: r.bits32() }),
  TRANSPOSE32(r) {
    const dtype = anyType(r);
    if (r.chance(0.5)) {
      const [parts, n] = [r.integer(1, 32), r.integer(1, 32)];
      return { dst: pattern(r, { parts: n, n: parts }, dtype), src: pattern(r, { parts, n }, dtype) };
    }
    const s = { parts: 32 * r.integer(1, 4), n: 32 * r.integer(1, 3) };
    const square = { parts: s.parts, n: s.n };
    return { dst: pattern(r, square, dtype), src: pattern(r, square, dtype) };
  },
  MAX8(r) {
    const s = shape(r);
    return { dst: pattern(r, { ...s, n: 8 }), src: pattern(r, s) };
  },
  MAX_INDEX(r) {
    const s = shape(r);
    const dst = pattern(r, { ...s, n: 8 }, r.pick(['i32', 'u32'] as const));
    const type = anyType(r);
    return { dst, values: pattern(r, { ...s, n: 8 }, type), src: pattern(r, s, type) };
  },
  MATCH_REPLACE(r) {
    const s = shape(r);
    const values = pattern(r, { ...s, n: 8 });
    return { dst: pattern(r, s), values, src: pattern(r, s, values.dtype), value: r.between(-300, 300) };
  },
  BN_STATS(r) {
    const s = shape(r);
    return { dst: pattern(r, { ...s, n: 3 }), src: pattern(r, s) };
  },
  BN_AGGR(r) {
    const s = shape(r);
    return { dst: pattern(r, { ...s, n: 2 }), src: pattern(r, { ...s, n: 3 * r.integer(1, 9) }) };
  },
  IOTA: (r) => ({ dst: pattern(r, shape(r)), ...affine(r) }),
  AFFINE_SELECT(r) {
    const s = shape(r);
    const fill = r.pick([0, -Infinity, 1e9, r.between(-9, 9)]);
    return { dst: pattern(r, s), src: pattern(r, s), compare: r.pick(COMPARISONS), ...affine(r), fill };
  },
  PARTITION_REDUCE(r) {
    const src = pattern(r, shape(r));
    return {
      op: r.pick(REDUCE_OPS),
      dst: pattern(r, { parts: 1, n: src.counts.reduce((a, b) => a * b, 1) }),
      src,
    };
  },
  GATHER(r) {
    const s = shape(r);
    const index = pattern(r, s, r.pick(['u8', 'bool', 'i32', 'u16'] as const));
    return { dst: pattern(r, s), src: pattern(r, { ...s, n: r.pick([256, 300, 2, 60]) }), index };
  },
};

const NASTY = [
  0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7f812345, 1, 0x807fffff, 0x3f800000,
  0xbf800000, 0x7f7fffff, 0x4f000000, 0xcf000000, 0x4f800000, 0x477ff000, 0x33000001, 0x38800000, 0x387fffff,
  0x7fffffff, 0xffffffff,
];

/** Random contents in blocks of several kinds: tame floats of each width, small integers, bits of all kinds, nasty values. */
export function fillMemory(r: Random, words: Uint32Array): void {
  const f32 = new Float32Array(1);
  const bits = new Uint32Array(f32.buffer);
  const float = (x: number): number => {
    f32[0] = x;
    return bits[0]!;
  };
  const KINDS = [
    () => float(r.between(-4, 4)),
    () => float(r.integer(-5, 5)),
    () => (float(r.between(-4, 4)) & 0xffff0000) | (float(r.between(-4, 4)) >>> 16),
    () => r.integer(-3, 3) >>> 0,
    () => r.integer(0, 255),
    () => r.bits32(),
    () => r.pick(NASTY),
    () => 0x01000100 * r.integer(0, 1) + r.integer(0, 1),
    () => 0,
  ];
  for (let i = 0; i < words.length; ) {
    const kind = r.pick(KINDS);
    for (const end = Math.min(i + r.integer(8, 64), words.length); i < end; i++) words[i] = kind();
  }
}

// What an instruction's operands must satisfy before it runs: bounds, alignment, start partitions, shapes, element types.
// Checked on resolved operands, since registers may move any of them. Both paths rely on it: after a check, no effect reads or
// writes outside SBUF and PSUM. Index values, lossy narrowings and overflows are the effects' own.
import type { NeffcError } from '../../base/diagnostic.js';
import { PARTITIONS, PE_COLUMNS, PE_MOVING } from '../../chip/target.js';
import type { AluOp, ReduceOp } from '../../isa/functions.js';
import { type Ap, CHIP_DTYPE_BYTES, type ChipDType, type Scalar } from '../../isa/operands.js';
import type { Fields } from '../../isa/table.js';
import type { Machine } from '../machine.js';
import { trap } from '../trap.js';
import type { Effects } from './compute.js';
import {
  type Domain,
  domainOf,
  fusedDomain,
  integersOnly,
  isIntegerType,
  operationDomain,
  scalarDomain,
} from './domain.js';

/** Largest number of elements of one operand in one partition. */
export const MAX_ROW = 65536;

export function elementsOf(ap: Ap): number {
  return ap.counts[0] * ap.counts[1] * ap.counts[2] * ap.counts[3];
}

/** `parts` rows must start at 0 (over 64), 0 or 64 (33..64), or a multiple of 32. */
function startAllowed(start: number, parts: number): boolean {
  return parts > 64 ? start === 0 : start % (parts > 32 ? 64 : 32) === 0;
}

function describe(ap: Ap): string {
  return `${ap.space} partitions ${ap.start}+${ap.parts}, ${ap.dtype} at ${ap.base} counts [${ap.counts}] strides [${ap.strides}]`;
}

function outside(ap: Ap, name: string, why: string): NeffcError {
  return trap('bounds', `${name} ${why}: ${describe(ap)}`);
}

/** Bytes that a pattern's strides reach below (-1) or above (1) its base, to the first byte of an element. */
function reach(ap: Ap, sign: 1 | -1): number {
  let bytes = 0;
  for (let d = 0; d < 4; d++) bytes += Math.max(0, sign * (ap.counts[d]! - 1) * ap.strides[d]!);
  return bytes * CHIP_DTYPE_BYTES[ap.dtype];
}

function pattern(m: Machine, ap: Ap, name: string, wide = false): void {
  const { start, parts, base } = ap;
  if (parts < 0 || start < 0 || start + parts > PARTITIONS) {
    throw outside(ap, name, 'has partitions outside the core');
  }
  if (!startAllowed(start, parts))
    throw outside(ap, name, 'starts at a partition its row count does not allow');
  if (ap.dtype === 'i64' && !wide) throw trap('type', `${name} is of type i64, which only COPY takes`);
  const elements = elementsOf(ap);
  if (!(elements >= 0 && elements <= MAX_ROW)) {
    throw outside(ap, name, `has ${elements} elements in a row, ${MAX_ROW} are allowed`);
  }
  const width = CHIP_DTYPE_BYTES[ap.dtype];
  if (base % width !== 0) throw outside(ap, name, 'is not aligned to its elements');
  if (elements === 0) return;
  const size = m.spaces[ap.space].partitionBytes;
  const [low, high] = [base - reach(ap, -1), base + reach(ap, 1) + width];
  if (low < 0 || high > size)
    throw outside(ap, name, `touches bytes ${low}..${high} of a partition of ${size}`);
}

function scalar(m: Machine, s: Scalar, name: string, main: Ap): void {
  if (s.kind !== 'column') return;
  const { space, dtype, base } = s;
  pattern(
    m,
    { space, dtype, base, start: main.start, parts: main.parts, counts: [1, 1, 1, 1], strides: [0, 0, 0, 0] },
    name,
  );
}

/** A pattern of `elements` elements in each of `parts` partitions. */
function shaped(m: Machine, ap: Ap, name: string, parts: number, elements: number, wide = false): void {
  pattern(m, ap, name, wide);
  if (ap.parts !== parts || elementsOf(ap) !== elements) {
    throw trap(
      'shape',
      `${name} is [${ap.parts}, ${elementsOf(ap)}] where [${parts}, ${elements}] is needed`,
    );
  }
}

/** A pattern of as many partitions and elements as `like`. */
function alike(m: Machine, ap: Ap, name: string, like: Ap, wide = false): void {
  shaped(m, ap, name, like.parts, elementsOf(like), wide);
}

function operation(op: AluOp | ReduceOp, domain: Domain): void {
  if (domain === 'f32' && integersOnly(op))
    throw trap('type', `${op} works on integers, an operand is a float`);
}

function integers(t: ChipDType, name: string): void {
  if (!isIntegerType(t)) throw trap('type', `${name} must be of an integer type, it is ${t}`);
}

interface Reducing {
  readonly dst: Ap;
  readonly reduce: boolean;
  readonly reduceOp: ReduceOp;
  readonly reduceDst: Ap;
}

function reducing(m: Machine, i: Reducing, domain: Domain): void {
  if (!i.reduce) return;
  operation(i.reduceOp, domain);
  shaped(m, i.reduceDst, 'reduceDst', i.dst.parts, 1);
}

function apply(op: AluOp, a: Domain, b: Domain): Domain {
  const domain = operationDomain(op, a, b);
  operation(op, domain);
  return domain;
}

function matmul(i: Fields<'MATMUL'>, m: Machine): void {
  const { stationary, moving, dst } = i;
  for (const [ap, name] of [
    [stationary, 'stationary'],
    [moving, 'moving'],
  ] as const) {
    pattern(m, ap, name);
    if (ap.space !== 'sbuf') throw trap('bounds', `${name} must lie in SBUF: ${describe(ap)}`);
  }
  const columns = elementsOf(stationary);
  const n = elementsOf(moving);
  if (stationary.parts !== moving.parts || columns > PE_COLUMNS || n > PE_MOVING) {
    throw trap(
      'shape',
      `stationary [${stationary.parts}, ${columns}] and moving [${moving.parts}, ${n}] do not make a matmul`,
    );
  }
  shaped(m, dst, 'dst', columns, n);
  matmulTypes(stationary.dtype, moving.dtype, dst.dtype, m.target.peFp32);
  if (dst.space !== 'psum') throw trap('bounds', `dst must lie in PSUM: ${describe(dst)}`);
  const [low, high] = [dst.base - reach(dst, -1), dst.base + reach(dst, 1) + 4];
  const { bankBytes } = m.target.psum;
  if (n > 0 && Math.floor(low / bankBytes) !== Math.floor((high - 1) / bankBytes)) {
    throw trap('bounds', `dst crosses a PSUM bank: ${describe(dst)}`);
  }
}

const half = (t: ChipDType): boolean => t === 'bf16' || t === 'f16';

function matmulTypes(stationary: ChipDType, moving: ChipDType, dst: ChipDType, fp32: boolean): void {
  const floats = (half(stationary) && half(moving)) || (fp32 && stationary === 'f32' && moving === 'f32');
  const bytes = stationary === 'i8' && moving === 'i8';
  if (!(floats && dst === 'f32') && !(bytes && dst === 'i32')) {
    throw trap('type', `PE does not multiply ${stationary} by ${moving} into ${dst} on this target`);
  }
}

function transpose(i: Fields<'TRANSPOSE32'>, m: Machine): void {
  const { src, dst } = i;
  pattern(m, src, 'src');
  const n = elementsOf(src);
  const single = src.parts <= 32 && n <= 32;
  if (!single && (src.parts % 32 !== 0 || n % 32 !== 0)) {
    throw trap('shape', `src [${src.parts}, ${n}] is neither one block nor made of 32 x 32 blocks`);
  }
  shaped(m, dst, 'dst', single ? n : src.parts, single ? src.parts : n);
  if (src.dtype !== dst.dtype)
    throw trap('type', `TRANSPOSE32 copies bits, ${src.dtype} is not ${dst.dtype}`);
}

function copy(i: Fields<'COPY'>, m: Machine): void {
  pattern(m, i.dst, 'dst', true);
  alike(m, i.src, 'src', i.dst, true);
  const [from, to] = [i.src.dtype, i.dst.dtype];
  const narrow = from === 'i64' ? to : from;
  if ((from === 'i64' || to === 'i64') && from !== to && narrow !== 'i32' && narrow !== 'u32') {
    throw trap('type', `COPY does not convert ${from} to ${to}`);
  }
}

/** The checks, one per instruction. */
export const CHECKS: Effects = {
  MATMUL: matmul,
  ACTIVATE(i, m) {
    pattern(m, i.dst, 'dst');
    alike(m, i.src, 'src', i.dst);
    scalar(m, i.scale, 'scale', i.src);
    scalar(m, i.bias, 'bias', i.src);
    if (i.sum) shaped(m, i.sumDst, 'sumDst', i.dst.parts, 1);
  },
  TENSOR_TENSOR(i, m) {
    pattern(m, i.dst, 'dst');
    alike(m, i.a, 'a', i.dst);
    alike(m, i.b, 'b', i.dst);
    reducing(m, i, apply(i.op, domainOf(i.a.dtype), domainOf(i.b.dtype)));
  },
  TENSOR_SCALAR(i, m) {
    pattern(m, i.dst, 'dst');
    alike(m, i.src, 'src', i.dst);
    scalar(m, i.s0, 's0', i.src);
    scalar(m, i.s1, 's1', i.src);
    reducing(m, i, fused(i, scalarDomain(i.s1)));
  },
  SCALAR_TENSOR_TENSOR(i, m) {
    pattern(m, i.dst, 'dst');
    alike(m, i.src, 'src', i.dst);
    alike(m, i.b, 'b', i.dst);
    scalar(m, i.s0, 's0', i.src);
    reducing(m, i, fused(i, domainOf(i.b.dtype)));
  },
  REDUCE(i, m) {
    pattern(m, i.src, 'src');
    if (i.axes < 1 || i.axes > 4) throw trap('shape', `REDUCE over ${i.axes} dims, 1 to 4 are possible`);
    operation(i.op, domainOf(i.src.dtype));
    const kept = i.src.counts.slice(0, 4 - i.axes).reduce((n, c) => n * c, 1);
    shaped(m, i.dst, 'dst', i.src.parts, kept);
  },
  SELECT(i, m) {
    pattern(m, i.dst, 'dst');
    alike(m, i.mask, 'mask', i.dst);
    alike(m, i.a, 'a', i.dst);
    alike(m, i.b, 'b', i.dst);
  },
  COPY: copy,
  MEMSET(i, m) {
    pattern(m, i.dst, 'dst');
  },
  TRANSPOSE32: transpose,
  MAX8(i, m) {
    pattern(m, i.src, 'src');
    shaped(m, i.dst, 'dst', i.src.parts, 8);
  },
  MAX_INDEX(i, m) {
    pattern(m, i.src, 'src');
    pattern(m, i.values, 'values');
    alike(m, i.dst, 'dst', i.values);
    shaped(m, i.values, 'values', i.src.parts, elementsOf(i.values));
    if (i.dst.dtype !== 'u32' && i.dst.dtype !== 'i32')
      throw trap('type', `MAX_INDEX writes u32 or i32, not ${i.dst.dtype}`);
  },
  MATCH_REPLACE(i, m) {
    pattern(m, i.dst, 'dst');
    alike(m, i.src, 'src', i.dst);
    shaped(m, i.values, 'values', i.src.parts, elementsOf(i.values));
  },
  BN_STATS(i, m) {
    pattern(m, i.src, 'src');
    if (elementsOf(i.src) > 512)
      throw trap('shape', `BN_STATS of ${elementsOf(i.src)} elements, at most 512 are possible`);
    shaped(m, i.dst, 'dst', i.src.parts, 3);
  },
  BN_AGGR(i, m) {
    pattern(m, i.src, 'src');
    if (elementsOf(i.src) % 3 !== 0)
      throw trap('shape', `BN_AGGR of ${elementsOf(i.src)} elements, groups of 3 are needed`);
    shaped(m, i.dst, 'dst', i.src.parts, 2);
  },
  IOTA(i, m) {
    pattern(m, i.dst, 'dst');
  },
  AFFINE_SELECT(i, m) {
    pattern(m, i.dst, 'dst');
    alike(m, i.src, 'src', i.dst);
  },
  PARTITION_REDUCE(i, m) {
    pattern(m, i.src, 'src');
    operation(i.op, domainOf(i.src.dtype));
    shaped(m, i.dst, 'dst', 1, elementsOf(i.src));
  },
  GATHER(i, m) {
    pattern(m, i.src, 'src');
    pattern(m, i.dst, 'dst');
    alike(m, i.index, 'index', i.dst);
    integers(i.index.dtype, 'index');
    shaped(m, i.dst, 'dst', i.src.parts, elementsOf(i.dst));
  },
};

interface Fused {
  readonly op0: AluOp;
  readonly op1: AluOp;
  readonly src: Ap;
  readonly s0: Scalar;
  readonly reverse0: boolean;
  readonly reverse1: boolean;
}

/** Domain of op1(op0(src, s0), second), both operations checked. */
function fused(i: Fused, second: Domain): Domain {
  const middle = fusedDomain(i.op0, domainOf(i.src.dtype), scalarDomain(i.s0), i.reverse0);
  operation(i.op0, middle);
  const last = fusedDomain(i.op1, middle, second, i.reverse1);
  operation(i.op1, last);
  return last;
}

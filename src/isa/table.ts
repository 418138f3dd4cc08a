// The instruction table: one row an instruction. Encoding, decoding, assembly, validity, footprints, costs, the simulator's
// dispatch and docs/isa.md follow from it; an instruction without a row does not exist.
// Encoding order is row order and field order: append only.
import type { EngineName } from '../chip/target.js';
import type { ActFunction, AluOp, Comparison, ReduceOp } from './functions.js';
import type { Ap, Binding, Scalar, Wait } from './operands.js';

/** Kinds of fields and the decoded type of each. */
export interface FieldTypes {
  /** Access pattern read by the instruction. */
  in: Ap;
  /** Access pattern written. */
  out: Ap;
  /** Access pattern written only where its flag field is set; parts 0 where absent. */
  optionalOut: Ap;
  scalar: Scalar;
  alu: AluOp;
  reduce: ReduceOp;
  act: ActFunction;
  compare: Comparison;
  f32: number;
  i32: number;
  u32: number;
  u16: number;
  u8: number;
  flag: boolean;
  /** Four int32. */
  i32x4: readonly [number, number, number, number];
}
export type FieldKind = keyof FieldTypes;

export interface Row {
  readonly engines: readonly EngineName[];
  /** Only on targets whose sequencers branch. */
  readonly branches?: true;
  /** Engines where it exists only on targets without POOL. */
  readonly withoutPool?: readonly EngineName[];
  readonly fields: Readonly<Record<string, FieldKind>>;
  /** Fields (beside bases, counts, strides, partition counts of every access pattern and wait values) that may take a register. */
  readonly bindable?: readonly string[];
  readonly doc: string;
}

const ALL: readonly EngineName[] = ['pe', 'act', 'dve', 'pool', 'sp'];
const VECTOR: readonly EngineName[] = ['dve', 'pool'];

export const INSTRUCTIONS = {
  NOP: { engines: ALL, fields: {}, doc: 'Nothing; carries waits and an increment.' },
  REG_SET: { engines: ALL, fields: { reg: 'u8', value: 'i32' }, doc: 'reg = value.' },
  REG_ADD: {
    engines: ALL,
    fields: { reg: 'u8', source: 'u8', value: 'i32', useRegister: 'flag', addend: 'u8' },
    doc: 'reg = register source + (useRegister ? register addend : value), wrapping.',
  },
  REG_LOAD: {
    engines: ALL,
    branches: true,
    fields: { reg: 'u8', dram: 'flag', variable: 'u16', partition: 'u8', offset: 'u32' },
    bindable: ['offset'],
    doc: 'reg = the 32-bit word at partition/offset of SBUF, or at offset of a DRAM variable; ordered like any read.',
  },
  CALL: {
    engines: ALL,
    fields: { segment: 'u16' },
    doc: 'Runs this engine’s fragment of the segment, then goes on; at most 8 deep.',
  },
  RET: { engines: ALL, fields: {}, doc: 'Ends a segment’s fragment.' },
  LOOP: {
    engines: ALL,
    branches: true,
    fields: { reg: 'u8', back: 'u32' },
    doc: 'reg -= 1; where reg > 0 goes back by `back` instructions.',
  },
  BRANCH: {
    engines: ALL,
    branches: true,
    fields: { compare: 'compare', reg: 'u8', value: 'i32', forward: 'u32' },
    doc: 'Where register reg compares to value, skips `forward` instructions.',
  },
  DMA: {
    engines: ALL,
    fields: { queue: 'u8', first: 'u32', count: 'u32' },
    bindable: ['first', 'count'],
    doc: 'Triggers `count` descriptors from `first` on a queue as one transfer; the increment is the queue’s, when the last byte is written.',
  },
  MATMUL: {
    engines: ['pe'],
    fields: { dst: 'out', stationary: 'in', moving: 'in', start: 'flag' },
    doc:
      'dst[m, n] (+)= sum over k of stationary[k, m] * moving[k, n]; products summed from 0 in ascending k, then stored (start) or ' +
      'added once. f32, or bf16/f16 (may mix), into f32; i8 x i8 into i32. dst in one PSUM bank.',
  },
  ACTIVATE: {
    engines: ['act'],
    fields: {
      func: 'act',
      dst: 'out',
      src: 'in',
      scale: 'scalar',
      bias: 'scalar',
      alpha: 'f32',
      sum: 'flag',
      sumDst: 'optionalOut',
    },
    doc: 'dst = func(src * scale + bias); with sum, sumDst[p] = the row’s sum of the unrounded fp32 results.',
  },
  TENSOR_TENSOR: {
    engines: VECTOR,
    fields: {
      op: 'alu',
      dst: 'out',
      a: 'in',
      b: 'in',
      exact: 'flag',
      reduce: 'flag',
      reduceOp: 'reduce',
      reduceDst: 'optionalOut',
    },
    doc: 'dst = op(a, b); with reduce, reduceDst[p] = the row’s reduction of the results.',
  },
  TENSOR_SCALAR: {
    engines: VECTOR,
    fields: {
      op0: 'alu',
      op1: 'alu',
      dst: 'out',
      src: 'in',
      s0: 'scalar',
      s1: 'scalar',
      reverse0: 'flag',
      reverse1: 'flag',
      exact: 'flag',
      reduce: 'flag',
      reduceOp: 'reduce',
      reduceDst: 'optionalOut',
    },
    doc: 'dst = op1(op0(src, s0), s1); reverseK swaps the operands of opK; with reduce, reduceDst[p] = the row’s reduction.',
  },
  SCALAR_TENSOR_TENSOR: {
    engines: VECTOR,
    fields: {
      op0: 'alu',
      op1: 'alu',
      dst: 'out',
      src: 'in',
      s0: 'scalar',
      b: 'in',
      reverse0: 'flag',
      reverse1: 'flag',
      exact: 'flag',
      reduce: 'flag',
      reduceOp: 'reduce',
      reduceDst: 'optionalOut',
    },
    doc: 'dst = op1(op0(src, s0), b); reverseK swaps the operands of opK; with reduce, reduceDst[p] = the row’s reduction.',
  },
  REDUCE: {
    engines: VECTOR,
    fields: { op: 'reduce', dst: 'out', src: 'in', axes: 'u8' },
    doc: 'Reduces the innermost `axes` dims of src; dst holds the others, in order.',
  },
  SELECT: {
    engines: VECTOR,
    fields: { dst: 'out', mask: 'in', a: 'in', b: 'in' },
    doc: 'dst = mask != 0 ? a : b; a, b and dst of one type are copied bit by bit.',
  },
  COPY: {
    engines: ['dve', 'pool', 'act'],
    fields: { dst: 'out', src: 'in', exact: 'flag' },
    doc:
      'dst = src converted: float to integer truncates and saturates (NaN gives 0), integer to narrower integer wraps; one type is ' +
      'copied bit by bit; to bool is != 0. With exact, a conversion to an integer that loses bits traps. i64 <-> i32 (and u32, always exact-checked).',
  },
  MEMSET: {
    engines: VECTOR,
    fields: { dst: 'out', bits: 'u32' },
    doc: 'Every element of dst is the low bits of `bits`.',
  },
  TRANSPOSE32: {
    engines: ['dve'],
    fields: { dst: 'out', src: 'in' },
    doc:
      'Bit copy that transposes blocks. src of at most 32 partitions and 32 elements: one block, dst has src’s element count as ' +
      'partitions, at any quadrant. Else partitions and elements are multiples of 32 and each 32 x 32 block is transposed where it is.',
  },
  MAX8: {
    engines: ['dve'],
    fields: { dst: 'out', src: 'in' },
    doc: 'dst[p, 0..7] = the 8 largest of the row, descending (fewer than 8: -inf or the least integer).',
  },
  MAX_INDEX: {
    engines: ['dve'],
    fields: { dst: 'out', values: 'in', src: 'in' },
    doc: 'dst[p, j] (u32 or i32) = position in the row of values[p, j]; the lowest; equal values take successive positions; none gives -1.',
  },
  MATCH_REPLACE: {
    engines: ['dve'],
    fields: { dst: 'out', values: 'in', src: 'in', value: 'f32' },
    doc: 'dst = src with the first occurrence of each of the 8 values replaced by `value`; equal values take successive occurrences.',
  },
  BN_STATS: {
    engines: ['dve'],
    fields: { dst: 'out', src: 'in' },
    doc: 'dst[p, 0..2] = count, mean and sum of squared deviations of the row (at most 512).',
  },
  BN_AGGR: {
    engines: ['dve'],
    fields: { dst: 'out', src: 'in' },
    doc: 'src[p, k, 3] from BN_STATS -> dst[p, 0..1] = mean and (population) variance.',
  },
  IOTA: {
    engines: ['pool'],
    withoutPool: ['dve'],
    fields: { dst: 'out', base: 'i32', perPartition: 'i32', steps: 'i32x4' },
    bindable: ['base'],
    doc: 'dst[p, i0..i3] = base + p * perPartition + sum of i * step; p counts from the pattern’s first partition.',
  },
  AFFINE_SELECT: {
    engines: ['pool'],
    withoutPool: ['dve'],
    fields: {
      dst: 'out',
      src: 'in',
      compare: 'compare',
      base: 'i32',
      perPartition: 'i32',
      steps: 'i32x4',
      fill: 'f32',
    },
    bindable: ['base'],
    doc: 'dst = (base + p * perPartition + sum of i * step) compares to 0 ? src : fill.',
  },
  PARTITION_REDUCE: {
    engines: ['pool'],
    fields: { op: 'reduce', dst: 'out', src: 'in' },
    doc: 'dst[0, i] = reduction of src over partitions, ascending; dst has one partition (the first of src).',
  },
  GATHER: {
    engines: ['pool'],
    fields: { dst: 'out', src: 'in', index: 'in' },
    doc: 'dst[p, i] = src[p, index[p, i]] with src’s pattern flattened; an index outside traps.',
  },
} as const satisfies Readonly<Record<string, Row>>;

export type Mnemonic = keyof typeof INSTRUCTIONS;
export const MNEMONICS = Object.keys(INSTRUCTIONS) as readonly Mnemonic[];

export type Fields<M extends Mnemonic> = {
  readonly [F in keyof (typeof INSTRUCTIONS)[M]['fields']]: FieldTypes[(typeof INSTRUCTIONS)[M]['fields'][F] &
    FieldKind];
};

/** What every instruction carries: at most two waits before it, one increment when its result is readable, register bindings. */
export interface Envelope {
  readonly waits: readonly Wait[];
  /** Semaphore incremented; -1 for none. */
  readonly increment: number;
  readonly bindings: readonly Binding[];
}

export type Instruction<M extends Mnemonic = Mnemonic> = {
  [K in M]: { readonly m: K } & Envelope & Fields<K>;
}[M];

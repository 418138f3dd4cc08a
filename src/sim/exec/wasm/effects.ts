// The fast path: one kernel call per instruction (a matmul packs its operands first). Every kernel gives the bits of the plain
// path; what kernels do not know (8-bit floats, int64, overflow checks) is declined.
import type { Fields } from '../../../isa/table.js';
import type { Machine } from '../../machine.js';
import type { ComputeMnemonic } from '../compute.js';
import {
  activate,
  bnAggr,
  bnStats,
  partitionReduce,
  reduce,
  scalarTensorTensor,
  tensorScalar,
  tensorTensor,
} from './arithmetic.js';
import type { WasmCore } from './core.js';
import { matmul } from './matmul.js';
import {
  affineSelect,
  copy,
  gather,
  iota,
  matchReplace,
  max8,
  maxIndex,
  memset,
  select,
  transpose32,
} from './move.js';

/** Carries the instruction out and says true, or declines before it changes anything. */
export type KernelEffects = {
  readonly [M in ComputeMnemonic]: (i: Fields<M>, m: Machine, core: WasmCore) => boolean;
};

export const KERNEL: KernelEffects = {
  MATMUL: matmul,
  ACTIVATE: activate,
  TENSOR_TENSOR: tensorTensor,
  TENSOR_SCALAR: tensorScalar,
  SCALAR_TENSOR_TENSOR: scalarTensorTensor,
  REDUCE: reduce,
  SELECT: select,
  COPY: copy,
  MEMSET: memset,
  TRANSPOSE32: transpose32,
  MAX8: max8,
  MAX_INDEX: maxIndex,
  MATCH_REPLACE: matchReplace,
  BN_STATS: bnStats,
  BN_AGGR: bnAggr,
  IOTA: iota,
  AFFINE_SELECT: affineSelect,
  PARTITION_REDUCE: partitionReduce,
  GATHER: gather,
};

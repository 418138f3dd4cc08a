// The plain path: every instruction's effect in straightforward TypeScript. It is the definition; the kernels must give the
// same bits. Operands have passed checks.ts.
import type { Effects } from '../compute.js';
import { activate } from './activate.js';
import { matmul } from './matmul.js';
import { affineSelect, copy, gather, iota, memset, select, transpose32 } from './move.js';
import { matchReplace, max8, maxIndex } from './search.js';
import { bnAggr, bnStats } from './statistics.js';
import { partitionReduce, reduce, scalarTensorTensor, tensorScalar, tensorTensor } from './tensor.js';

export const PLAIN: Effects = {
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

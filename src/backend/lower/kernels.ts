// Which kernel lowers which operator: `neffc ops` and the compiler read this one table.
import type { Kernel } from './kernel.js';
import { CONVOLUTION } from './kernels/convolution.js';
import { ELEMENTWISE } from './kernels/elementwise.js';
import { INDEXING } from './kernels/indexing.js';
import { MATMUL } from './kernels/matmul.js';
import { NORMALIZE } from './kernels/normalize.js';
import { ORDER } from './kernels/order.js';
import { POOLING } from './kernels/pooling.js';
import { REDUCE } from './kernels/reduce.js';
import { ATTENTION } from './kernels/row-attention.js';
import { SHAPE } from './kernels/shape.js';
import { TRANSPOSED } from './kernels/transposed.js';

export const KERNELS: Readonly<Record<string, Kernel>> = {
  ...ELEMENTWISE,
  ...MATMUL,
  ...CONVOLUTION,
  ...POOLING,
  ...REDUCE,
  ...TRANSPOSED,
  ...NORMALIZE,
  ...ORDER,
  ...ATTENTION,
  ...INDEXING,
  ...SHAPE,
};

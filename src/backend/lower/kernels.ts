// Which kernel lowers which operator: `neffc ops` and the compiler read this one table.
import type { Kernel } from './kernel.js';
import { ELEMENTWISE } from './kernels/elementwise.js';
import { MATMUL } from './kernels/matmul.js';
import { SHAPE } from './kernels/shape.js';

export const KERNELS: Readonly<Record<string, Kernel>> = { ...ELEMENTWISE, ...MATMUL, ...SHAPE };

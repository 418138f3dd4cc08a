// All kernels of kernels.wasm. To add a family: a file here with its exports, a line below, its signatures in
// ../load.ts, a test in test/sim/kernels. Kernels get byte addresses into the imported memory, own none of it (no
// globals in memory, no allocation, no literals that need a data segment), and trust their arguments: callers check.

export * from './elementary';
export * from './gemm';
export * from './pack';
export * from './exponent-range';
export * from './arithmetic';
export * from './activate';
export * from './move';
export * from './search';
export { rowBuffer, scratchBytes } from './row';

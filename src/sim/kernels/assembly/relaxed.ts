// kernels-relaxed.wasm: the kernels that relaxed SIMD makes faster, from the same source. Loaded where it validates.

export { gemmF32, thinF32 } from './gemm';

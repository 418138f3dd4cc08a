// GFLOP/s of the PE kernels at the size of a full instruction: K = M = 128, N = 512.
// The best of several rounds, single thread; run it on an idle machine. Usage: node bench/gemm.mjs

import { loadKernels } from '../dist/sim/kernels/load.js';

const [K, M, N] = [128, 128, 512];
const ROUNDS = 12;
const CALLS = 200;

const { memory, kernels, gemmExact, relaxed } = loadKernels(4 << 20);
const [a, b, columns, out, scratch] = [0, 1 << 17, 1 << 19, 1 << 20, 2 << 20];
const words = new Float32Array(memory.buffer);
for (let i = 0; i < K * M; i++) words[a / 4 + i] = (i % 31) / 16 - 1;
for (let i = 0; i < K * N; i++) words[b / 4 + i] = (i % 29) / 16 - 1;
// Columns of an output whose elements lie 8 bytes apart.
const offsets = new Int32Array(memory.buffer, columns, N).map((_, n) => 8 * n);
new Int32Array(memory.buffer, columns, N).set(offsets);

function measure(name, gemm, m, n, table) {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < CALLS; i++) gemm(a, b, K, m, n, out, N * 8, table, 0, scratch);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / CALLS);
  }
  const rate = ((2 * K * m * n) / best).toFixed(1);
  console.log(
    `${name.padEnd(24)} ${`${K}x${m}x${n}`.padEnd(12)} ${rate.padStart(6)} G/s ${(best / 1000).toFixed(1).padStart(8)} us`,
  );
}

console.log(`Node ${process.versions.node}, relaxed SIMD: ${relaxed ? 'yes' : 'no'}`);
measure('f32', kernels.gemmF32, M, N, 0);
measure('f32, exact products', gemmExact, M, N, 0);
measure('f32, strided columns', kernels.gemmF32, M, N, columns);
measure('i8', kernels.gemmI8, M, N, 0);
measure('f32, one row', kernels.gemmF32, 1, N, 0);
measure('f32, one column', kernels.gemmF32, M, 1, 0);

// GFLOP/s of the PE kernels at the size of a full instruction (K = M = 128, N = 512) and at smaller ones, packing of operands that lie
// as in SBUF apart. The best of many calls, single thread. Usage: node bench/gemm.mjs

import { loadKernels } from '../dist/sim/kernels/load.js';

const CALLS = 400;
/** Bytes of a partition, as in SBUF. */
const PARTITION = 192 * 1024;
const F32 = 0;
const I8 = 7;

const SBUF = 128 * PARTITION;
const { memory, kernels, exact, relaxed } = loadKernels(SBUF + (8 << 20));
const [a, b, columns, out, scratch] = [0, 1, 2, 4, 7].map((mebibytes) => SBUF + (mebibytes << 20));
const patterns = [SBUF + (3 << 20), SBUF + (3 << 20) + 64];
const [words, floats] = [new Int32Array(memory.buffer), new Float32Array(memory.buffer)];
for (let i = 0; i < SBUF / 4; i++) floats[i] = (i % 31) / 16 - 1;

/** An operand as the kernels take it: one run a partition (the struct of assembly/pattern.ts). */
function pattern(index, type, length) {
  const width = type === F32 ? 4 : 1;
  const struct = [index * 8192, PARTITION, type, length, 1, 1, 1, length, 0, 0, 0, width, 1];
  words.set(struct, patterns[index] >> 2);
  return patterns[index];
}

function best(call) {
  let least = Infinity;
  for (let i = 0; i < CALLS; i++) {
    const start = performance.now();
    call();
    least = Math.min(least, performance.now() - start);
  }
  return 1000 * least;
}

/** @param pack of the stationary and the moving operand @param step bytes from column to column of the outputs */
function measure(name, gemm, pack, [k, m, n], type = F32, step = 4) {
  const [stationary, moving] = [pattern(0, type, m), pattern(1, type, n)];
  for (let i = 0; i < n; i++) words[(columns >> 2) + i] = i * step;
  const packing = best(() => {
    pack[0](k, stationary, a, scratch);
    pack[1](k, moving, b, scratch);
  });
  const table = step === 4 ? 0 : columns;
  const product = best(() => gemm(a, b, k, m, n, out, n * step, table, 0, scratch));
  const rate = (2 * k * m * n) / product / 1000;
  console.log(
    `${name.padEnd(22)} ${`${k}x${m}x${n}`.padEnd(12)} ${rate.toFixed(1).padStart(6)} G/s ` +
      `${product.toFixed(1).padStart(8)} us, packing ${packing.toFixed(1).padStart(6)} us`,
  );
}

const FULL = [128, 128, 512];
const tiles = [kernels.packStationary, kernels.packMoving];
const pairs = [kernels.packStationaryPairs, kernels.packMovingPairs];
const rows = [kernels.packRowsF32, kernels.packRowsF32];
console.log(`Node ${process.versions.node}, relaxed SIMD: ${relaxed ? 'yes' : 'no'}`);
measure('f32', kernels.gemmF32, tiles, FULL);
measure('f32', kernels.gemmF32, tiles, [128, 128, 196]);
measure('f32', kernels.gemmF32, tiles, [128, 128, 49]);
measure('f32, exact products', exact.gemmF32, tiles, FULL);
measure('f32, strided columns', kernels.gemmF32, tiles, FULL, F32, 8);
measure('i8', kernels.gemmI8, pairs, FULL, I8);
measure('f32, one row', kernels.thinF32, rows, [128, 1, 512]);
measure('f32, one column', kernels.thinF32, rows, [128, 128, 1]);

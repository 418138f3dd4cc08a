// Loads the WASM kernels into a memory of the asked size. The compiled modules are shared by all instances of the
// process; each instance has its own memory. Knows where the files are and what they export, not what the bytes mean.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bug, doesNotFit } from '../../base/diagnostic.js';
import type { EffectKernels } from './effect-kernels.js';
import { WASM, type WasmMemory, type WasmModule } from './webassembly.js';

type Unary = (x: number) => number;

/** Arguments of the PE kernels, described at the head of assembly/gemm.ts; addresses and strides in bytes. */
export type Gemm = (
  a: number,
  b: number,
  k: number,
  m: number,
  n: number,
  out: number,
  rowStride: number,
  columns: number,
  start: number,
  scratch: number,
) => void;

/** Exports of kernels.wasm; assembly/index.ts lists the same families. */
export interface KernelExports extends EffectKernels {
  readonly gemmScratchBytes: () => number;
  readonly packScratchBytes: () => number;
  readonly gemmF32: Gemm;
  readonly thinF32: Gemm;
  readonly gemmI8: Gemm;
  /** Exponent fields of `count` f32 at `source`: largest << 16 | smallest that is not of a zero. */
  readonly exponentRange: (source: number, count: number) => number;
  readonly exp: Unary;
  readonly exp2: Unary;
  readonly expm1: Unary;
  readonly log: Unary;
  readonly log2: Unary;
  readonly log1p: Unary;
  readonly sin: Unary;
  readonly cos: Unary;
  readonly tan: Unary;
  readonly asin: Unary;
  readonly acos: Unary;
  readonly atan: Unary;
  readonly sinh: Unary;
  readonly cosh: Unary;
  readonly tanh: Unary;
  readonly asinh: Unary;
  readonly acosh: Unary;
  readonly atanh: Unary;
  readonly erf: Unary;
  readonly erfc: Unary;
  readonly sigmoid: Unary;
  readonly softplus: Unary;
  readonly pow: (x: number, y: number) => number;
}

/** The PE kernels that exist in both builds. */
export type ExactProducts = Pick<KernelExports, 'gemmF32' | 'thinF32'>;

export interface Kernels {
  readonly memory: WasmMemory;
  readonly kernels: KernelExports;
  /** For inputs whose products are exact in f32 (exact-products.ts): the same bits, faster where it can be. */
  readonly exact: ExactProducts;
  /** Whether `exact` is the relaxed-SIMD build (it is the plain one where the engine lacks relaxed SIMD). */
  readonly relaxed: boolean;
}

const PAGE = 65536;
/** WASM memory with 32-bit addresses. */
const LARGEST = 65536 * PAGE;

/** Beside this file in dist/ or seen from dist/bundle/; tests run from src/ and find those that the last build put into dist/. */
const FOLDERS = ['./', '../sim/kernels/', '../../../dist/sim/kernels/'];

function kernelFile(name: string): string {
  const paths = FOLDERS.map((folder) => fileURLToPath(new URL(folder + name, import.meta.url)));
  const path = paths.find((p) => existsSync(p));
  if (path === undefined) {
    throw bug(
      'E1701',
      `The simulator's kernels are not there: ${name} is missing`,
      { file: paths[0]! },
      REBUILD,
    );
  }
  return path;
}
const REBUILD = 'Build them with "npm run build"; an installed package without them is damaged.';

const modules = new Map<string, WasmModule | undefined>();

/** The compiled module, or undefined where the engine does not know its instructions. */
function compiled(name: string): WasmModule | undefined {
  if (!modules.has(name)) {
    const bytes = readFileSync(kernelFile(name));
    modules.set(name, WASM.validate(bytes) ? new WASM.Module(bytes) : undefined);
  }
  return modules.get(name);
}

function allocate(byteLength: number): WasmMemory {
  const pages = Math.ceil(byteLength / PAGE);
  if (byteLength <= LARGEST) {
    try {
      return new WASM.Memory({ initial: pages, maximum: pages });
    } catch {
      // Out of memory: said below, like a size that no engine has.
    }
  }
  throw doesNotFit(
    'E5701',
    `The simulator cannot have ${byteLength} bytes of memory for one core`,
    undefined,
    'Simulate fewer cores at a time, or a target with a smaller SBUF.',
  );
}

/**
 * A fresh zeroed memory of at least `byteLength` bytes and the kernels that work on it. Nothing in it is reserved: the
 * caller lays out operands and scratch. Errors: E1701 no kernels, E1702 no SIMD, E5701 too large.
 */
export function loadKernels(byteLength: number): Kernels {
  const plain = compiled('kernels.wasm');
  if (!plain) {
    throw bug('E1702', 'This JavaScript engine has no WASM SIMD', undefined, 'Use Node 20 or newer.');
  }
  const memory = allocate(byteLength);
  const imports = { env: { memory } };
  const kernels = new WASM.Instance(plain, imports).exports as KernelExports;
  const relaxed = compiled('kernels-relaxed.wasm');
  const exact = relaxed ? (new WASM.Instance(relaxed, imports).exports as ExactProducts) : kernels;
  return { memory, kernels, exact, relaxed: relaxed !== undefined };
}

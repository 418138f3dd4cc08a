// The kernels of one core and where their scratch lies in its memory: packed rows (the kernels' own), pattern structs, dims and
// immediates that the host writes before a call. Knows addresses only.
import { bug } from '../../../base/diagnostic.js';
import { type ExactProducts, type KernelExports, loadKernels } from '../../kernels/load.js';

/** Pattern slots: destination, up to three inputs, two scalars, reduction. */
const SLOTS = 7;
const SLOT_BYTES = 64;
const KERNEL_BYTES = 832 * 1024;
const SCRATCH_BYTES = KERNEL_BYTES + 1024;

export interface WasmCore {
  readonly kernels: KernelExports;
  /** The PE kernels for exact products. */
  readonly exact: ExactProducts;
  readonly relaxed: boolean;
  /** Scratch of the kernels. */
  readonly scratch: number;
  /** Addresses of the pattern structs. */
  readonly slots: readonly number[];
  /** Address of eight words: four counts, four steps. */
  readonly dims: number;
  /** Addresses of one word for each immediate scalar. */
  readonly immediates: readonly [number, number];
}

/** Memory whose first `bytes` bytes (a multiple of 16) are the caller's, with kernels that work on it. Errors: see loadKernels. */
export function createWasmCore(bytes: number): { readonly core: WasmCore; readonly buffer: ArrayBuffer } {
  const { kernels, exact, relaxed, memory } = loadKernels(bytes + SCRATCH_BYTES);
  if (kernels.scratchBytes() > KERNEL_BYTES) {
    throw bug(
      'E1703',
      `the kernels need ${kernels.scratchBytes()} bytes of scratch, they have ${KERNEL_BYTES}`,
    );
  }
  const structs = bytes + KERNEL_BYTES;
  const dims = structs + SLOTS * SLOT_BYTES;
  const core: WasmCore = {
    kernels,
    exact,
    relaxed,
    scratch: bytes,
    slots: Array.from({ length: SLOTS }, (_, i) => structs + i * SLOT_BYTES),
    dims,
    immediates: [dims + 32, dims + 36],
  };
  return { core, buffer: memory.buffer };
}

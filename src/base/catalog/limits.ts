// E5xxx (does not fit, exit code 5), E6xxx (verification failed, exit code 6), E7xxx (over budget, exit code 7) and warnings.
import type { Entries } from './entry.js';

export const LIMITS: Entries = {
  E5001: [
    'Host memory',
    'The machine that neffc runs on has not enough memory. Use a smaller model or batch, or a larger machine.',
  ],
  E5010: [
    'External data file too large',
    'A file of external data is larger than one buffer can be. Save the external data in several files.',
  ],
  E5101: [
    'Does not fit SBUF',
    'At one time the program needs more on-chip memory than the target has. A smaller batch or input shape, or 16-bit arithmetic (`--auto-cast all`), needs less.',
  ],
  E5102: [
    'Tensor larger than the device',
    'A tensor of the model is larger than the whole memory of the target. Use a smaller batch or shape; nothing was computed.',
  ],
  E5110: [
    'Does not fit device memory',
    'Loading the artifact on this many cores takes more memory than a chip has; the table says what takes how much. Share weights, use fewer cores, or 16-bit weights.',
  ],
  E5401: [
    'Variable too large',
    'A tensor in device memory is larger than the simulator holds in one piece. Use a smaller batch or shape.',
  ],
  E5701: [
    'Simulator memory',
    'The simulator cannot have the memory of one core. Simulate fewer cores at a time.',
  ],
  E6001: [
    'Output departs',
    "An output differs from the reference by more than the tolerance of the artifact's arithmetic. `verify --model M --layers` names the first layer that departs.",
  ],
  E6002: [
    'Layer departs',
    'The first intermediate value that differs from the source model. What comes before it agrees, so look at this operator: its types, its range, its lowering (`dump --asm --node NAME`).',
  ],
};

export const WARNINGS: Entries = {
  W2001: [
    'Batch dim becomes 1',
    'The model leaves its batch dim open, and no shape was given: it is compiled for a batch of 1. Give `--input-shape` for another.',
  ],
  W2002: [
    'Old operator set',
    'The model is written for an operator set that is older than those tested. It is compiled with the meaning of the oldest known version: check the numbers, or convert the model.',
  ],
  W3543: [
    'Input is not finite',
    "An input holds infinities or NaNs. The chip computes with them, but results of operations that pass PE may be NaN where the source's are not.",
  ],
  W4100: [
    'Host operator',
    'No engine of the chip runs an operator, so it runs on the host, which costs transfers and host time at each request. `--host-ops forbid` refuses such models.',
  ],
  W4261: [
    'No cache derived',
    'No cache of keys and values could be derived from the decoder, so each step computes all rows again. The message names the node that is in the way; docs/decode.md says what a decoder must be like.',
  ],
  W4332: [
    'State is not kept',
    'The model writes to its own state, which a compiled model does not keep from one run to the next.',
  ],
  W4333: [
    'Batch norm in training mode',
    'The model normalises with the statistics of its input. Call `eval()` before saving it if that is not meant.',
  ],
  W4334: [
    'Check left out',
    'An assertion about tensor data is not made when the compiled model runs. Inputs that would have raised give numbers instead.',
  ],
};

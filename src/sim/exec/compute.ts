// The types of the two paths that carry out instructions. Control instructions (streams, registers, DMA triggers) are the
// engine's; every other mnemonic must have an effect here, or the tables that use these types do not compile.
import type { Fields, Mnemonic } from '../../isa/table.js';
import type { Machine } from '../machine.js';

export type ControlMnemonic =
  | 'NOP'
  | 'REG_SET'
  | 'REG_ADD'
  | 'REG_LOAD'
  | 'CALL'
  | 'RET'
  | 'LOOP'
  | 'BRANCH'
  | 'DMA';
export type ComputeMnemonic = Exclude<Mnemonic, ControlMnemonic>;

/** One effect per compute instruction: changes SBUF and PSUM of `m`, or traps before it changes anything it must not. */
export type Effects = { readonly [M in ComputeMnemonic]: (i: Fields<M>, m: Machine) => void };

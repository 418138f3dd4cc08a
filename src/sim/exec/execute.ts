// Carries out one instruction's effect on memory. Time, order, semaphores and registers are the engine's; the instruction
// arrives with its register bindings already added.
import type { Instruction } from '../../isa/table.js';
import type { Machine } from '../machine.js';
import { CHECKS } from './checks.js';
import type { ComputeMnemonic } from './compute.js';
import { PLAIN } from './plain/effects.js';
import type { WasmCore } from './wasm/core.js';
import { KERNEL } from './wasm/effects.js';

type Effect = (i: Instruction, m: Machine) => void;
type KernelEffect = (i: Instruction, m: Machine, core: WasmCore) => boolean;

/** Whether an instruction has an effect here, rather than on the engine's control state. */
export function isCompute(i: Instruction): i is Instruction<ComputeMnemonic> {
  return Object.hasOwn(PLAIN, i.m);
}

/** Errors: traps E1401 to E1405 without their place (see `placed`). SBUF and PSUM may be partly written after a trap. */
export function execute(i: Instruction<ComputeMnemonic>, m: Machine): void {
  // The tables are typed by mnemonic; the union of their functions takes no argument type, hence the casts.
  (CHECKS[i.m] as Effect)(i, m);
  if (m.wasm !== undefined && (KERNEL[i.m] as KernelEffect)(i, m, m.wasm)) return;
  (PLAIN[i.m] as Effect)(i, m);
}

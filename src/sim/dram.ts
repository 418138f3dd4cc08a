// Device memory as a sparse store: one byte array per variable, allocated when first touched. Constants are views of the
// artifact's bytes, never copied and never written. Knows no instruction; bounds inside a variable are the caller's to check.
import { doesNotFit } from '../base/diagnostic.js';
import type { Variable } from '../isa/program.js';
import { trap } from './trap.js';

export interface Dram {
  readonly variables: readonly Variable[];
  /** The variable's bytes, to read. */
  bytes(variable: number): Uint8Array;
  /** The variable's bytes, to write; traps (E1406) for a constant. */
  writable(variable: number): Uint8Array;
}

/** Largest variable the simulator holds in one array. */
const LARGEST_VARIABLE = 2 ** 32;

/**
 * @param constants the artifact's constants.bin; constant variables are views of it.
 * Errors: E1401 for an unknown variable or a constant outside `constants`, E5401 for a variable over 4 GiB.
 */
export function createDram(variables: readonly Variable[], constants: Uint8Array): Dram {
  const store: (Uint8Array | undefined)[] = variables.map(() => undefined);

  function bytes(index: number): Uint8Array {
    const known = store[index];
    if (known !== undefined) return known;
    const variable = variables[index];
    if (variable === undefined) throw trap('bounds', `DRAM variable ${index} does not exist`);
    const made = variable.kind === 'constant' ? constantView(variable, constants) : allocate(variable);
    store[index] = made;
    return made;
  }

  function writable(index: number): Uint8Array {
    if (variables[index]?.kind === 'constant') {
      throw trap('constant', `write to constant ${variables[index].name} (DRAM variable ${index})`);
    }
    return bytes(index);
  }

  return { variables, bytes, writable };
}

function constantView(variable: Variable, constants: Uint8Array): Uint8Array {
  const from = variable.constantOffset ?? 0;
  if (from < 0 || from + variable.bytes > constants.length) {
    throw trap('bounds', `constant ${variable.name} lies outside the ${constants.length} constant bytes`);
  }
  return constants.subarray(from, from + variable.bytes);
}

function allocate(variable: Variable): Uint8Array {
  if (variable.bytes > LARGEST_VARIABLE) {
    throw doesNotFit(
      'E5401',
      `DRAM variable ${variable.name} takes ${variable.bytes} bytes, more than the simulator holds in one variable`,
    );
  }
  return new Uint8Array(variable.bytes);
}

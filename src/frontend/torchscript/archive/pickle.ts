// Reads one pickle into plain data. Nothing in a pickle is executed: classes come from a closed list, operations
// from a table, and what is left on the stack is checked as a whole before anybody sees it.

import { badInput } from '../../../base/diagnostic.js';
import { checkValue } from './check-value.js';
import {
  type Machine,
  malformed,
  newMachine,
  overLimit,
  PICKLE_LIMITS,
  type PickleSource,
  placeOf,
  take,
} from './machine.js';
import { OPERATIONS, PROTO, STOP } from './opcodes.js';
import type { PickleValue } from './value.js';

/**
 * Reads a pickle of protocol 2 to 4. References that the pickle shares are shared objects in the result.
 * @throws E3320 truncated, E3321 malformed, E3322 foreign class, E3323 over a limit, E3324 cyclic,
 * E3325 wrong arguments, E3326 tensor outside its storage, E4302 a class that is known and not read, and what
 * `source.storage` throws.
 */
export function readPickle(bytes: Uint8Array, source: PickleSource): PickleValue {
  const m = newMachine(bytes, source);
  checkProtocol(m);
  for (let count = 0; ; count++) {
    if (count > PICKLE_LIMITS.operations) {
      throw overLimit(m, 'too many operations', PICKLE_LIMITS.operations);
    }
    m.opAt = m.pos;
    const code = m.bytes[take(m, 1)]!;
    if (code === STOP) break;
    const run = OPERATIONS.get(code);
    if (run === undefined)
      throw malformed(m, `operation 0x${code.toString(16).padStart(2, '0')} is not used`);
    run(m);
  }
  const [root] = m.stack;
  if (root === undefined || m.stack.length !== 1) throw malformed(m, `it leaves ${m.stack.length} values`);
  return checkValue(m, root);
}

function checkProtocol(m: Machine): void {
  if (m.bytes[take(m, 1)] !== PROTO) throw malformed(m, 'it does not start with a protocol number');
  const version = m.bytes[take(m, 1)]!;
  if (version < 2 || version > 4) {
    throw badInput(
      'E3321',
      `the pickle ${m.source.member} has protocol ${version}; 2 to 4 are read`,
      placeOf(m),
    );
  }
}

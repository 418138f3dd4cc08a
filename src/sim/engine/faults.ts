// What the event-driven half of the simulator stops at: codes, and how an instruction is named in a message.
// The facts are found elsewhere; traps of effects on memory are in ../trap.ts.
import { bug, type NeffcError, type Place } from '../../base/diagnostic.js';

export const FAULTS = {
  encoding: 'E1420',
  race: 'E1421',
  unwritten: 'E1422',
  pin: 'E1423',
  accumulate: 'E1424',
  semaphore: 'E1425',
  deadlock: 'E1426',
  callDepth: 'E1427',
  watchdog: 'E1428',
  control: 'E1429',
  queue: 'E1430',
  waitValue: 'E1431',
} as const;
export type FaultKind = keyof typeof FAULTS;

/** A fault as an exception to throw. */
export function fault(kind: FaultKind, detail: string, where?: Place): NeffcError {
  return bug(FAULTS[kind], detail, where);
}

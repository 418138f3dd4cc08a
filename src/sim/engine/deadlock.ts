// The report of a deadlock: who waits for which count of whom, and why that count does not come.
import type { ProgramCode } from './code.js';
import type { Counter } from './counter.js';
import type { CoreRun, EngineRun } from './run-state.js';
import type { Semaphores } from './semaphores.js';

/** One sentence per engine that waits. */
export function describeDeadlock(
  cores: readonly CoreRun[],
  semaphores: Semaphores,
  code: ProgramCode,
): string {
  const sentences: string[] = [];
  const streams = cores.flatMap((core) => core.engines);
  for (const e of streams) {
    if (e.ended || e.step === undefined) continue;
    const { step } = e;
    const core = cores.length === 1 ? '' : `core ${e.core.index} `;
    for (const [i, wait] of step.instr.waits.entries()) {
      const value = step.waitRegisters(i).reduce((n, r) => n + (e.stream.registers[r] ?? 0), wait.value);
      const c = semaphores.counter(e.core, wait.semaphore);
      if (value <= c.count) continue;
      const at = `${code.nameOf(step.fragment)} #${step.index} ${step.instr.m}`;
      sentences.push(
        `${core}${e.engine} at ${at} waits for ${value} of semaphore ${wait.semaphore}, ${why(c, streams)}`,
      );
    }
  }
  return `deadlock: ${sentences.join('; ')}`;
}

function why(counter: Counter<EngineRun>, streams: readonly EngineRun[]): string {
  if (counter.owner < 0) return `which nobody has incremented (count ${counter.count})`;
  const owner = streams.find((e) => e.streamId === counter.owner);
  if (owner === undefined)
    return `which counts to ${counter.count} and whose queue has nothing left to transfer`;
  const state = owner.ended ? 'has ended' : 'waits too';
  return `which ${owner.engine} has brought to ${counter.count}; ${owner.engine} ${state}`;
}

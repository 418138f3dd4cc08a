// What has been proven in this process (`--checks once`): which executables ran with all checks, with which registers, and what
// loaded words made of them (branches, operands). Races and unwritten reads depend on data through these only, and through rows
// that indirect transfers choose.
import type { ProgramCode } from './code.js';
import type { Job, JobResult } from './run-state.js';

const proofs = new WeakMap<ProgramCode, Set<string>>();

function keyOf(job: Job): string {
  const registers = [...(job.registers ?? [])].map(([r, value]) => `r${r}=${value}`).join(' ');
  return `${job.executable} ${job.phase} ${registers}`;
}

/** Whether some execution of this executable with these registers is proven. */
export function isProven(code: ProgramCode, job: Job): boolean {
  return proofs.get(code)?.has(keyOf(job)) ?? false;
}

/** Whether one that went the same way is. */
export function isPathProven(code: ProgramCode, job: Job, { path }: JobResult): boolean {
  return proofs.get(code)?.has(`${keyOf(job)} path ${path}`) ?? false;
}

export function noteProof(code: ProgramCode, job: Job, { path }: JobResult): void {
  const known = proofs.get(code) ?? new Set();
  proofs.set(code, known);
  known.add(keyOf(job)).add(`${keyOf(job)} path ${path}`);
}

// Semaphores, queues and waits. Invariants: each semaphore has one incrementing stream (an engine or a queue) in each phase of
// an executable, a chip's semaphore one in the whole artifact; a queue is triggered by one engine; no wait's value comes from a
// loaded word, not even through other registers; nothing waits for a count that nobody makes.
import type { EngineName } from '../../chip/target.js';
import { type Program, SEMAPHORE_CHIP_BASE } from '../../isa/program.js';
import type { Instruction } from '../../isa/table.js';
import type { ExecutableInfo } from '../model.js';
import type { DecodedProgram, Reach } from './code.js';
import type { Report } from './finding.js';

interface Phase {
  /** `main of encoder`. */
  readonly name: string;
  /** Prefix of the names of its streams in the chip. */
  readonly core: string;
  readonly reach: readonly Reach[];
}

const PHASES = ['load', 'main'] as const;

export function checkStreams(
  program: Program,
  infos: readonly ExecutableInfo[],
  code: DecodedProgram,
  report: Report,
): void {
  const chip = new Map<number, string>();
  for (const [i, executable] of program.executables.entries()) {
    for (const phase of PHASES) {
      const name = `${phase} of ${executable.name}`;
      checkPhase({ name, core: `core ${infos[i]?.core ?? 0} `, reach: code.reach(phase, i) }, chip, report);
    }
  }
  for (const [i, executable] of program.executables.entries()) {
    for (const phase of PHASES)
      checkChipWaits(`${phase} of ${executable.name}`, code.reach(phase, i), chip, report);
  }
}

function* instructionsOf({ fragments }: Reach): Generator<Instruction> {
  for (const { instructions } of fragments) yield* instructions;
}

function checkPhase({ name, core, reach }: Phase, chip: Map<number, string>, report: Report): void {
  const owners = new Map<number, string>();
  const triggers = new Map<number, EngineName>();
  const waited = new Map<number, EngineName>();
  for (const part of reach) {
    const { engine } = part;
    const loaded = loadedRegisters(part);
    for (const instr of instructionsOf(part)) {
      if (instr.m === 'DMA') {
        const other = triggers.get(instr.queue) ?? engine;
        if (other !== engine)
          report('E3554', `${name}: ${other} and ${engine} both trigger queue ${instr.queue}`);
        triggers.set(instr.queue, engine);
      }
      if (instr.increment >= 0) {
        const stream = instr.m === 'DMA' ? `queue ${instr.queue}` : engine;
        const isChip = instr.increment >= SEMAPHORE_CHIP_BASE;
        claim(isChip ? chip : owners, instr.increment, isChip ? `${core}${stream}` : stream, name, report);
      }
      for (const [i, wait] of instr.waits.entries()) {
        const binding = instr.bindings.find((b) => b.field === `waits.${i}`);
        if (binding !== undefined && loaded.has(binding.reg)) {
          report(
            'E3556',
            `${name}, ${engine}: a wait takes register ${binding.reg}, which may hold a loaded word`,
          );
        }
        if (binding === undefined && wait.value > 0) waited.set(wait.semaphore, engine);
      }
    }
  }
  for (const [semaphore, engine] of waited) {
    if (semaphore < SEMAPHORE_CHIP_BASE && !owners.has(semaphore)) {
      report('E3553', `${name}: ${engine} waits for semaphore ${semaphore}, which nothing increments`);
    }
  }
}

function claim(
  owners: Map<number, string>,
  semaphore: number,
  stream: string,
  name: string,
  report: Report,
): void {
  const owner = owners.get(semaphore) ?? stream;
  if (owner !== stream)
    report('E3553', `${name}: ${owner} and ${stream} both increment semaphore ${semaphore}`);
  owners.set(semaphore, owner);
}

function checkChipWaits(
  name: string,
  reach: readonly Reach[],
  chip: Map<number, string>,
  report: Report,
): void {
  for (const part of reach) {
    for (const { waits } of instructionsOf(part)) {
      for (const { semaphore, value } of waits) {
        if (semaphore < SEMAPHORE_CHIP_BASE || value === 0 || chip.has(semaphore)) continue;
        report(
          'E3553',
          `${name}: ${part.engine} waits for semaphore ${semaphore} of the chip, which nothing increments`,
        );
      }
    }
  }
}

/** Registers that may hold a loaded word at some point: targets of REG_LOAD, and what REG_ADD makes of them. */
function loadedRegisters(part: Reach): Set<number> {
  const loaded = new Set<number>();
  const adds: { readonly reg: number; readonly from: readonly number[] }[] = [];
  for (const instr of instructionsOf(part)) {
    if (instr.m === 'REG_LOAD') loaded.add(instr.reg);
    if (instr.m === 'REG_ADD')
      adds.push({ reg: instr.reg, from: instr.useRegister ? [instr.source, instr.addend] : [instr.source] });
  }
  for (let before = -1; before !== loaded.size; ) {
    before = loaded.size;
    for (const { reg, from } of adds) if (from.some((r) => loaded.has(r))) loaded.add(reg);
  }
  return loaded;
}

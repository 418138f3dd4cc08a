// One execution as the checkers see it: its events in order, what each reads and writes, a log of accesses for each memory.
import { ENGINES, type Target } from '../../chip/target.js';
import { descriptorFootprint, type Footprint, footprint, type Region } from '../../isa/footprint.js';
import type { Program } from '../../isa/program.js';
import { AccessLog } from './accesses-log.js';
import { Events, type OrderProblem } from './events.js';
import { type FollowOptions, type Fragment, type Fragments, follow, type Problem } from './streams.js';

export interface ExecutionEvents {
  readonly events: Events;
  readonly problems: readonly Located[];
  readonly assumptions: ReadonlySet<string>;
}

export interface Located {
  readonly rule: Problem['rule'] | OrderProblem['rule'];
  readonly fragment: Fragment;
  readonly index: number;
  readonly message: string;
}

/** The events of one phase of an executable, in order, with what is wrong about control and semaphores. */
export function execution(
  fragments: Fragments,
  target: Target,
  kind: 'load' | 'main',
  executable: number,
  options: FollowOptions,
): ExecutionEvents {
  const followed = ENGINES.map((engine) => follow(fragments, kind, executable, engine, options));
  const events = new Events(
    followed.map((f) => f.executed),
    target,
  );
  const assumptions = new Set(followed.flatMap((f) => [...f.assumptions]));
  if (events.waitsForChip)
    assumptions.add('other cores make every increment of the chip’s semaphores that is waited for');
  const problems = [
    ...followed.flatMap((f) => f.problems),
    ...events.problems.map(
      (p): Located => ({ ...p, fragment: p.executed.fragment, index: p.executed.index }),
    ),
  ];
  return { events, problems, assumptions };
}

/** Reads and writes of an event: an instruction's own, a transfer's descriptors'; a trigger touches nothing itself. */
export function footprintsOf(events: Events, event: number): readonly Footprint[] {
  const { instruction, descriptors } = events.executed[event]!;
  if (events.stream[event]! >= ENGINES.length) return descriptors.map(descriptorFootprint);
  return instruction.m === 'DMA' ? [] : [footprint(instruction)];
}

/** A log for each memory of a core. */
export class MemoryLogs {
  private readonly logs = new Map<string, AccessLog>();
  private readonly streams: number;
  private readonly program: Program;
  private readonly target: Target;

  constructor(streams: number, program: Program, target: Target) {
    this.streams = streams;
    this.program = program;
    this.target = target;
  }

  of({ space, variable }: Region): AccessLog {
    const key = space === 'dram' ? `${variable}` : space;
    const known = this.logs.get(key);
    if (known !== undefined) return known;
    const made = new AccessLog(this.streams, memoryBytes({ space, variable }, this.program, this.target));
    this.logs.set(key, made);
    return made;
  }
}

function memoryBytes(
  { space, variable }: Pick<Region, 'space' | 'variable'>,
  program: Program,
  target: Target,
): number {
  if (space === 'sbuf') return target.sbufPartitionBytes;
  if (space === 'psum') return target.psum.banks * target.psum.bankBytes;
  return program.variables[variable]?.bytes ?? 0;
}

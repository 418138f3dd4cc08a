// The simulated device: cores with their memories, on which the executables of one program run. The public face of the simulator:
// everything a runtime does with the chip goes through here; nothing here knows artifacts, hosts or compilers.
// What stays between executions: pinned ranges of SBUF, state variables, the chips' semaphores. All else counts as unwritten.
import { type Place, usageError } from '../base/diagnostic.js';
import { COSTS, type EngineName, type Target, TICKS_PER_NS } from '../chip/target.js';
import { disassemble } from '../isa/disassemble.js';
import type { Program } from '../isa/program.js';
import { createDram, type Dram } from './dram.js';
import { ChainTracker } from './engine/chain.js';
import type { Naming } from './engine/checks.js';
import { codeOf, type FragmentName, type ProgramCode } from './engine/code.js';
import { EXACT, type Jitter, shuffled } from './engine/jitter.js';
import { isPathProven, isProven, noteProof } from './engine/proofs.js';
import type { Job, JobResult, LoadedWords } from './engine/run-state.js';
import { Shadow } from './engine/shadow.js';
import { Timeline } from './engine/timeline.js';
import type { TimelineOptions, TimelineResult } from './engine/timeline-options.js';
import { type TimelineStats, type Trace, TraceBuilder } from './engine/trace.js';
import { createMachine, type Machine } from './machine.js';

/** `once`: the first execution of each executable in the process proves what does not depend on data, later ones what does. */
export type CheckMode = 'once' | 'always' | 'off';

export interface DeviceOptions {
  readonly target: Target;
  readonly program: Program;
  /** Cores; chips are filled in order. Default 1. */
  readonly cores?: number;
  /** The artifact's constants.bin. */
  readonly constants?: Uint8Array;
  /** Which path carries out instructions; both give the same bits. Default `wasm`. */
  readonly kernels?: 'wasm' | 'plain';
  /** Default `once`. */
  readonly checks?: CheckMode;
  /** Perturbs every cost; results must not change. */
  readonly shuffleSeed?: number | undefined;
  /** One set of variables for all cores, as the stages of a pipeline need; otherwise each core has its own. */
  readonly sharedDram?: boolean;
  /** No memories: executions give times only, and words that engines load come from `loads` or `length`. */
  readonly timingOnly?: boolean;
  /** Instructions after which an execution counts as endless; default 2^31. */
  readonly watchdog?: number;
  /** Source node of an instruction, for traps. */
  readonly describe?: (fragment: FragmentName, engine: EngineName, index: number) => Place | undefined;
}

/** What to execute on a core: an executable by name or index. */
export interface Execution {
  readonly core: number;
  readonly executable: string | number;
  /** Registers the runtime sets in all engines before the start; the others are 0. */
  readonly registers?: ReadonlyMap<number, number>;
  /** Tick before which it does not start. */
  readonly earliest?: number;
  /** Words of a recorded execution, in place of memory. */
  readonly loads?: LoadedWords;
}

export interface ExecuteOptions {
  readonly trace?: boolean;
  /** Also find the longest dependence chain. */
  readonly chain?: boolean;
  /** Leave the memories alone. */
  readonly timingOnly?: boolean;
  /** Timing only, without recorded words: a branch on a loaded word is taken at its `length`-th execution; loaded words are `length`. */
  readonly length?: number;
}

export interface ExecutionResult {
  /** From 0 to the end of the last execution, in 1/28 ns. */
  readonly ticks: number;
  readonly ns: number;
  /** In the order asked for. */
  readonly jobs: readonly JobResult[];
  readonly stats: TimelineStats;
  readonly trace?: Trace;
  /** Whether all checks were made, or only those that depend on data (`once`, proven before), or none. */
  readonly checks: 'all' | 'data' | 'none';
}

const DEFAULT_WATCHDOG = 2 ** 31;

export class Device {
  private readonly o: DeviceOptions;
  private readonly code: ProgramCode;
  /** Memories of each core; made when first used. */
  private readonly machines: (Machine | undefined)[];
  private readonly jitter: Jitter;
  private readonly mode: CheckMode;
  private readonly naming: Naming;
  private readonly shadow: Shadow;
  private sharedStore: Dram | undefined;
  private chipCounts: ReadonlyMap<string, number> = new Map();

  constructor(options: DeviceOptions) {
    const { program, target, cores = 1, sharedDram = false } = options;
    if (!Number.isInteger(cores) || cores < 1)
      throw usageError('E2042', `a device needs at least one core, not ${cores}`);
    this.o = options;
    this.code = codeOf(program, target);
    this.mode = options.checks ?? 'once';
    this.jitter = options.shuffleSeed === undefined ? EXACT : shuffled(options.shuffleSeed);
    this.machines = Array.from({ length: cores }, () => undefined);
    this.naming = (core, step, queue) => {
      const { fragment, index, instr } = step;
      const where = `${fragment.engine} ${this.code.nameOf(fragment)} #${index}`;
      const prefix = cores === 1 ? '' : `core ${core} `;
      return `${prefix}${queue < 0 ? '' : `transfer of queue ${queue}, triggered by `}${where} (${disassemble(instr)})`;
    };
    this.shadow = new Shadow(program, target, cores, sharedDram, this.naming);
  }

  /** Runs the `load` fragments of all executables once, in order, on each of the cores (all, where none is named). */
  load(
    cores: readonly number[] = this.machines.map((_, core) => core),
    options: ExecuteOptions = {},
  ): ExecutionResult {
    const { executables } = this.o.program;
    const jobs = cores.flatMap((core) =>
      executables.map((_, executable): Job => ({ core, executable, phase: 'load' })),
    );
    return this.run(jobs, options);
  }

  /** Runs executions in one timeline: those of one core one after another, cores at the same time. */
  execute(executions: Execution | readonly Execution[], options: ExecuteOptions = {}): ExecutionResult {
    const list = 'core' in executions ? [executions] : executions;
    return this.run(
      list.map((e): Job => ({ ...e, executable: this.executableIndex(e.executable), phase: 'main' })),
      options,
    );
  }

  /** Puts bytes into a variable of a core. */
  writeVariable(core: number, variable: string | number, bytes: Uint8Array, offset = 0): void {
    const index = this.variableIndex(variable);
    const store = this.machine(core).dram.writable(index);
    if (offset < 0 || offset + bytes.length > store.length) {
      throw usageError(
        'E2043',
        `${bytes.length} bytes at ${offset} do not fit ${this.o.program.variables[index]?.name} of ${store.length} bytes`,
      );
    }
    store.set(bytes, offset);
    this.shadow.of(core)?.addRange(index, offset, offset + bytes.length);
  }

  /** The bytes of a variable of a core: a view, valid until the next execution. */
  readVariable(core: number, variable: string | number): Uint8Array {
    return this.machine(core).dram.bytes(this.variableIndex(variable));
  }

  /** A request starts on the core: its state counts as unwritten. */
  beginRequest(core: number): void {
    this.require(core);
    this.shadow.of(core)?.forgetState();
  }

  private require(core: number): void {
    const { length } = this.machines;
    if (!Number.isInteger(core) || core < 0 || core >= length) {
      throw usageError('E2042', `core ${core} does not exist; the device has ${length}`);
    }
  }

  private machine(core: number): Machine {
    this.require(core);
    const made = this.machines[core];
    if (made !== undefined) return made;
    const { target, program, constants = new Uint8Array(0), sharedDram, kernels } = this.o;
    if (sharedDram === true) this.sharedStore ??= createDram(program.variables, constants);
    const machine = createMachine(target, program, {
      constants,
      ...(kernels && { kernels }),
      ...(this.sharedStore && { dram: this.sharedStore }),
    });
    this.machines[core] = machine;
    return machine;
  }

  private executableIndex(executable: string | number): number {
    const { executables } = this.o.program;
    const index =
      typeof executable === 'number' ? executable : executables.findIndex((e) => e.name === executable);
    if (executables[index] !== undefined) return index;
    throw usageError(
      'E2041',
      `there is no executable ${executable}; there are ${executables.map((e) => e.name).join(', ')}`,
    );
  }

  private variableIndex(variable: string | number): number {
    const { variables } = this.o.program;
    const index = typeof variable === 'number' ? variable : variables.findIndex((v) => v.name === variable);
    if (variables[index] !== undefined) return index;
    throw usageError('E2043', `there is no variable ${variable}`);
  }

  private run(jobs: readonly Job[], options: ExecuteOptions): ExecutionResult {
    for (const job of jobs) this.require(job.core);
    const dry = options.timingOnly === true && this.o.timingOnly !== true;
    const mode = dry ? 'off' : this.mode;
    const all = mode === 'always' || (mode === 'once' && jobs.some((job) => !isProven(this.code, job)));
    const before = mode === 'once' && !all ? this.shadow.copy() : undefined;
    const trace = options.trace === true ? new TraceBuilder() : undefined;
    const memories =
      dry || this.o.timingOnly === true ? {} : { machine: (core: number) => this.machine(core) };
    const result = this.timeline(jobs, {
      ...memories,
      jitter: this.jitter,
      trace,
      chain: options.chain === true ? this.newChain() : undefined,
      length: options.length,
      ...(mode !== 'off' && this.shadow.follow(jobs, all)),
    });
    if (all) for (const [i, job] of jobs.entries()) this.noteProof(job, result.jobs[i]);
    else if (before !== undefined) this.proveNewPaths(jobs, result, before);
    if (!dry) this.chipCounts = new Map([...this.chipCounts, ...result.chipCounts]);
    return {
      ticks: result.ticks,
      ns: result.ticks / TICKS_PER_NS,
      jobs: result.jobs,
      stats: result.stats,
      checks: mode === 'off' ? 'none' : all ? 'all' : 'data',
      ...(trace && {
        trace: trace.finish(this.code.fragments.map(({ kind, index, engine }) => ({ kind, index, engine }))),
      }),
    };
  }

  private timeline(
    jobs: readonly Job[],
    options: Partial<TimelineOptions> & Pick<TimelineOptions, 'jitter'>,
  ): TimelineResult {
    const { watchdog = DEFAULT_WATCHDOG, describe } = this.o;
    return new Timeline({
      code: this.code,
      cores: this.machines.length,
      jobs,
      watchdog,
      naming: this.naming,
      describe,
      chipCounts: (chip, s) => this.chipCounts.get(`${chip} ${s}`) ?? 0,
      ...options,
    }).run();
  }

  /** Executions whose branches went a way not seen before are repeated without data, with the words they loaded, and checked. */
  private proveNewPaths(jobs: readonly Job[], result: TimelineResult, before: Shadow): void {
    const ended = jobs.map((job, i) => ({ job, outcome: result.jobs[i] }));
    if (ended.every(({ job, outcome }) => outcome === undefined || isPathProven(this.code, job, outcome)))
      return;
    const replay = ended.map(
      ({ job, outcome }): Job => (outcome === undefined ? job : { ...job, loads: outcome.loads }),
    );
    this.timeline(replay, { jitter: EXACT, ...before.follow(replay, true) });
    for (const { job, outcome } of ended) this.noteProof(job, outcome);
  }

  private noteProof(job: Job, outcome: JobResult | undefined): void {
    if (outcome !== undefined) noteProof(this.code, job, outcome);
  }

  private newChain(): ChainTracker {
    return new ChainTracker(COSTS.semaphoreHopNs * TICKS_PER_NS, this.o.sharedDram === true);
  }
}

export function createDevice(options: DeviceOptions): Device {
  return new Device(options);
}

export interface TimingOptions extends ExecuteOptions {
  /** Cores that execute it at the same time; default 1. */
  readonly cores?: number;
  /** Words that engines load, as a recorded execution gives them. */
  readonly loads?: LoadedWords;
  readonly shuffleSeed?: number;
}

/** The time of one execution from the program alone, without data and without checks. */
export function simulateTiming(
  program: Program,
  executable: string | number,
  target: Target,
  options: TimingOptions = {},
): ExecutionResult {
  const { cores = 1, loads, shuffleSeed, ...rest } = options;
  const device = createDevice({ target, program, cores, shuffleSeed, timingOnly: true, checks: 'off' });
  const executions = Array.from(
    { length: cores },
    (_, core): Execution => ({ core, executable, ...(loads && { loads }) }),
  );
  return device.execute(executions, rest);
}

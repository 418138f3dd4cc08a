// Loads an artifact on simulated cores: checks that it fits, makes the devices, runs the `load` fragments. One device a model:
// variables and pins of different models never meet. Pins belong to one model of a core at a time; choosing another pays again.
import { originFinder } from '../artifact/debug.js';
import type { Artifact } from '../artifact/model.js';
import type { ModelSignature } from '../artifact/signature.js';
import { badInput, doesNotFit, NeffcError, unsupported, usageError } from '../base/diagnostic.js';
import { COSTS, type Target, TICKS_PER_NS } from '../chip/target.js';
import {
  type CheckMode,
  createDevice,
  type Device,
  type ExecuteOptions,
  type Execution,
  type ExecutionResult,
} from '../sim/simulate.js';
import type { HostOperatorTable } from './host-operators.js';
import { type MemoryTable, memoryTable, memoryText } from './memory.js';
import { modelExecutables, modelOf, modelProgram } from './model-program.js';

export interface LoadOptions {
  /** Copies of the artifact, each on a core of its own; default 1, and one of a pipeline. */
  readonly cores?: number;
  readonly sharedWeights?: boolean;
  /** A chip other than the artifact's, e.g. with less memory. */
  readonly target?: Target;
  readonly checks?: CheckMode;
  readonly shuffleSeed?: number;
  /** Host time of an execution in us; default that of the machine. */
  readonly hostOverheadUs?: number;
  readonly hostOperators?: HostOperatorTable;
  /** Times only: no memories, no tensors. */
  readonly timingOnly?: boolean;
}

export interface LoadedModel {
  readonly signature: ModelSignature;
  readonly device: Device;
  /** Device.execute; a trap that an input value caused is bad input. Timing-only loads remember what they were asked before. */
  execute(executions: readonly Execution[], options: ExecuteOptions): ExecutionResult;
  /** How often the executable was started before, since the load. */
  nextNumber(executable: string): number;
}

export interface Loaded {
  readonly artifact: Artifact;
  readonly target: Target;
  readonly cores: number;
  readonly memory: MemoryTable;
  readonly hostOperators: HostOperatorTable;
  /** Host time of an execution, in ticks. */
  readonly hostOverhead: number;
  readonly timingOnly: boolean;
  /** Makes a model's pins those of the cores. The ticks that its `load` takes; 0 where it is loaded already. */
  select(model?: string): { readonly model: LoadedModel; readonly loadTicks: number };
}

/**
 * @throws E2042 (cores), E4510 (copies of a pipeline), E5110 with the memory table where a chip's memory is too small, E3530 where host operators are missing
 */
export function loadArtifact(artifact: Artifact, options: LoadOptions = {}): Loaded {
  const { cores = 1, sharedWeights = false, hostOperators = new Map(), timingOnly = false } = options;
  if (!Number.isInteger(cores) || cores < 1) throw usageError('E2042', `${cores} is no number of cores`);
  if (cores > 1 && artifact.header.coreCount > 1) {
    throw unsupported(
      'E4510',
      `the artifact is a pipeline of ${artifact.header.coreCount} cores; a load holds one copy of it, not ${cores}`,
    );
  }
  const target = options.target ?? artifact.manifest.target;
  const physical = cores * artifact.header.coreCount;
  const memory = memoryTable(artifact, { target, cores: physical, sharedWeights });
  requireFit(memory, physical, sharedWeights, target);
  requireOperators(artifact, hostOperators);
  const models = new Map<string, LoadedModel>();
  let current: string | undefined;

  const origin = originFinder(artifact.debug);
  const makeModel = (signature: ModelSignature): LoadedModel => {
    const indices = modelExecutables(artifact, signature.name);
    const device = createDevice({
      target,
      program: modelProgram(artifact, signature.name),
      cores: physical,
      constants: artifact.constants.bytes,
      checks: options.checks ?? 'once',
      shuffleSeed: options.shuffleSeed,
      sharedDram: artifact.header.coreCount > 1,
      timingOnly,
      describe: ({ kind, index }, engine, instruction) => {
        const found = origin(kind, kind === 'segment' ? index : (indices[index] ?? -1), engine, instruction);
        return (
          found && {
            node: found.node,
            ...(found.file !== undefined && { file: found.file }),
            ...(found.line !== undefined && { line: found.line }),
          }
        );
      },
    });
    return new ModelOnDevice(signature, device, timingOnly);
  };

  return {
    artifact,
    target,
    cores,
    memory,
    hostOperators,
    hostOverhead: Math.ceil((options.hostOverheadUs ?? COSTS.hostExecutionUs) * 1000 * TICKS_PER_NS),
    timingOnly,
    select(name) {
      const signature = modelOf(artifact, name);
      const model = models.get(signature.name) ?? makeModel(signature);
      models.set(signature.name, model);
      if (current === signature.name) return { model, loadTicks: 0 };
      current = signature.name;
      return { model, loadTicks: model.device.load().ticks };
    },
  };
}

/** Index out of range: the one trap that a value of an input alone decides. */
const INDEX_TRAP = 'E1405';

class ModelOnDevice implements LoadedModel {
  readonly signature: ModelSignature;
  readonly device: Device;
  private readonly numbers = new Map<string, number>();
  /** Results of timing-only executions, which depend on what is executed alone. */
  private readonly known: Map<string, ExecutionResult> | undefined;

  constructor(signature: ModelSignature, device: Device, timingOnly: boolean) {
    this.signature = signature;
    this.device = device;
    this.known = timingOnly ? new Map() : undefined;
  }

  execute(executions: readonly Execution[], options: ExecuteOptions): ExecutionResult {
    // Executions that count on chip semaphores differ from one time to the next.
    const repeats = executions.every((e) => (e.registers?.size ?? 0) === 0);
    const key =
      repeats && this.known && JSON.stringify([executions.map((e) => [e.core, e.executable]), options]);
    const known = key && this.known?.get(key);
    if (known) return known;
    try {
      const result = this.device.execute(executions, options);
      if (key) this.known?.set(key, result);
      return result;
    } catch (error) {
      const fact = error instanceof NeffcError ? error.diagnostics[0] : undefined;
      if (fact?.code !== INDEX_TRAP) throw error;
      throw badInput('E3544', `an input value leads outside a table: ${fact.message}`, fact.where);
    }
  }

  nextNumber(executable: string): number {
    const number = this.numbers.get(executable) ?? 0;
    this.numbers.set(executable, number + 1);
    return number;
  }
}

function requireFit(memory: MemoryTable, cores: number, sharedWeights: boolean, target: Target): void {
  const full = memory.chips.find((c) => c.total > c.capacity);
  if (full === undefined) return;
  const perChip = Math.min(cores, target.coresPerChip);
  const constants = memory.rows.filter((r) => r.chip === full.chip).reduce((n, r) => n + r.constants, 0);
  const helps = [
    ...(!sharedWeights && perChip > 1 && constants > 0
      ? [`--shared-weights frees ${Math.floor((constants * (perChip - 1)) / perChip)} bytes`]
      : []),
    ...(perChip > 1 ? ['fewer cores'] : []),
    '16-bit weights (--auto-cast all) halve the constants',
  ];
  throw doesNotFit(
    'E5110',
    `chip ${full.chip} of ${target.name} has ${full.capacity} bytes of memory; the load needs ${full.total}, ${full.total - full.capacity} more\n${memoryText(memory)}`,
    {},
    helps.join('; '),
  );
}

function requireOperators({ manifest }: Artifact, table: HostOperatorTable): void {
  const missing = [...new Set(manifest.hostOperators.map((o) => o.op))].filter((op) => !table.has(op));
  if (missing.length === 0) return;
  throw badInput(
    'E3530',
    `the artifact needs host operators that this runtime does not have: ${missing.join(', ')}`,
    {},
    'run it with a neffc that has them, or compile with --host-ops forbid',
  );
}

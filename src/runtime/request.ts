// One request: the model's host program, step by step, on all cores at once, each with the same inputs. With data it gives
// outputs, without (a timing-only load) it gives times, and the caller says how loops end. Times never depend on data otherwise.
import type { HostStep } from '../artifact/host-program.js';
import type { Bucket, ModelSignature, TensorPlace } from '../artifact/signature.js';
import { badInput, bug, type Diagnostic, type NeffcError, usageError } from '../base/diagnostic.js';
import { equalTensors, type HostTensor, readElement, shapeText } from '../base/tensor.js';
import { TICKS_PER_NS } from '../chip/target.js';
import type { Executable } from '../isa/program.js';
import type { Execution, ExecutionResult } from '../sim/simulate.js';
import { HostClock, type HostEvent } from './host-clock.js';
import { fromStorage, storedBytes, toStorage } from './host-tensors.js';
import { HostValues } from './host-values.js';
import type { Loaded, LoadedModel } from './load.js';
import type { MemoryTable } from './memory.js';

export interface RequestOptions {
  /** Needed where the artifact holds several. */
  readonly model?: string;
  /** Also keep what the engines and queues did. */
  readonly trace?: boolean;
  /** Also find each execution's longest dependence chain. */
  readonly chain?: boolean;
  /** Timing-only loads: how loops end. */
  readonly timing?: RequestTiming;
}

export interface RequestTiming {
  /** Rounds of each `while`; default all. */
  readonly rounds?: number;
  /** Executions of a loop that runs on the device; default as the device's own limit says. */
  readonly length?: number;
  /** Default: the largest. */
  readonly bucket?: string;
}

export interface RequestMetrics {
  readonly latency_ns: number;
  readonly executions: readonly {
    readonly name: string;
    readonly kind: Executable['kind'];
    readonly count: number;
  }[];
  readonly host: {
    readonly to_device_bytes: number;
    readonly from_device_bytes: number;
    /** All but the model's own inputs and final outputs. */
    readonly between_steps_bytes: number;
  };
  readonly memory: MemoryTable;
}

export interface RequestResult {
  /** In signature order; empty for timing-only loads. */
  readonly outputs: ReadonlyMap<string, HostTensor>;
  readonly metrics: RequestMetrics;
  /** The bucket that ran, where there are several. */
  readonly bucket?: string;
  /** Ticks of the model's `load`, where this request had to make it; not part of the latency. */
  readonly loadTicks: number;
  readonly events: readonly HostEvent[];
  /** Executions in order; event number i of kind `execute` is run i. */
  readonly runs: readonly { readonly executable: string; readonly result: ExecutionResult }[];
  readonly warnings: readonly Diagnostic[];
}

type Direction = 'to-device' | 'from-device';

/**
 * Runs one request.
 * @param inputs by name; an input with a fill value may be missing
 * @throws E2520, E2521 (models, inputs by name), E3541..E3544 (input tensors), E14xx (traps)
 */
export function runRequest(
  loaded: Loaded,
  inputs: ReadonlyMap<string, HostTensor>,
  options: RequestOptions = {},
): RequestResult {
  const { model, loadTicks } = loaded.select(options.model);
  return new Request(loaded, model, options).run(inputs, loadTicks);
}

class Request {
  private readonly loaded: Loaded;
  private readonly model: LoadedModel;
  private readonly options: RequestOptions;
  private readonly clock: HostClock;
  private readonly values = new HostValues();
  private readonly counts = new Map<string, number>();
  private readonly flagged = new Set<number>();
  private readonly runs: { executable: string; result: ExecutionResult }[] = [];
  /** Bytes of each input's first transfer and each output's last: those that are not between steps. */
  private readonly ends: Readonly<Record<Direction, Map<string, number>>> = {
    'to-device': new Map(),
    'from-device': new Map(),
  };
  private bucket: Bucket | undefined;
  /** Tensors of the host program that are no ports, those of the bucket first. */
  private own: readonly TensorPlace[] = [];

  constructor(loaded: Loaded, model: LoadedModel, options: RequestOptions) {
    this.loaded = loaded;
    this.model = model;
    this.options = options;
    const sharing = Math.min(loaded.cores, loaded.target.coresPerChip);
    this.clock = new HostClock(loaded.target, sharing, loaded.hostOverhead);
  }

  run(inputs: ReadonlyMap<string, HostTensor>, loadTicks: number): RequestResult {
    const { loaded, clock, signature } = this;
    if (!loaded.timingOnly) this.values.takeInputs(signature.inputs, inputs);
    for (const core of this.copies()) this.model.device.beginRequest(core);
    const program = loaded.artifact.host[signature.program];
    if (program === undefined) throw badInput('E3520', `there is no host program ${signature.program}`);
    this.own = program.tensors;
    this.steps(program.steps);
    clock.flush('from-device');
    const { 'to-device': to, 'from-device': from } = clock.moved;
    const own = [this.ends['to-device'], this.ends['from-device']].flatMap((m) => [...m.values()]);
    return {
      outputs: loaded.timingOnly ? new Map() : this.values.outputs((this.bucket ?? signature).outputs),
      metrics: {
        latency_ns: clock.now / TICKS_PER_NS,
        executions: [...this.counts].map(([name, count]) => ({
          name,
          kind: this.executable(name).kind,
          count,
        })),
        host: {
          to_device_bytes: to,
          from_device_bytes: from,
          between_steps_bytes: to + from - own.reduce((a, b) => a + b, 0),
        },
        memory: loaded.memory,
      },
      ...(this.bucket && { bucket: this.bucket.name }),
      loadTicks,
      events: clock.events,
      runs: this.runs,
      warnings: this.values.warnings,
    };
  }

  private get signature(): ModelSignature {
    return this.model.signature;
  }

  /** First core of each copy of the artifact. */
  private copies(): number[] {
    const stages = this.loaded.artifact.header.coreCount;
    return Array.from({ length: this.loaded.cores }, (_, copy) => copy * stages);
  }

  /** The tensor that a step names: a port of the side that it moves to or from, or one of the program's own. */
  private place(name: string, direction: Direction): TensorPlace & { readonly variable: number } {
    const { inputs, outputs } = this.bucket ?? this.signature;
    const ports = direction === 'to-device' ? inputs : outputs;
    const place = [...ports, ...this.own].find((t) => t.name === name);
    if (place?.variable === undefined)
      throw badInput('E3520', `the host program moves ${name}, which is no tensor on the device`);
    return { ...place, variable: place.variable };
  }

  private executable(name: string): Executable {
    const found = this.loaded.artifact.program.executables.find((e) => e.name === name);
    if (found === undefined) throw badInput('E3520', `the host program starts ${name}, which does not exist`);
    return found;
  }

  private steps(steps: readonly HostStep[]): void {
    for (const step of steps) {
      switch (step.op) {
        case 'put':
          this.put(step.tensor, step.from ?? step.tensor);
          break;
        case 'get':
          this.get(step.tensor);
          break;
        case 'execute':
          this.execute(step.executable, step.stages ?? []);
          break;
        case 'while':
          this.loop(step);
          break;
        case 'pick':
          this.pick(step);
          break;
        case 'call':
          this.call(step.operator);
          break;
        default:
          step satisfies never;
      }
    }
  }

  private put(name: string, from: string): void {
    const place = this.place(name, 'to-device');
    const bytes = storedBytes(place);
    this.clock.move('to-device', name, bytes);
    const isInput = this.signature.inputs.some((p) => p.name === from);
    if (isInput && !this.ends['to-device'].has(from)) this.ends['to-device'].set(from, bytes);
    if (this.loaded.timingOnly) return;
    const stored = toStorage(place, this.values.get(from));
    for (const core of this.copies()) this.model.device.writeVariable(core, place.variable, stored);
  }

  private get(name: string): void {
    const place = this.place(name, 'from-device');
    const bytes = storedBytes(place);
    this.clock.move('from-device', name, bytes);
    const isOutput = (this.bucket ?? this.signature).outputs.some(
      (p) => p.name === name || p.crop?.some((c) => c.by === name),
    );
    if (isOutput) this.ends['from-device'].set(name, bytes);
    if (!this.loaded.timingOnly) this.values.set(name, this.read(place));
  }

  /** A tensor from the device; all cores must agree. */
  private read(place: TensorPlace & { readonly variable: number }): HostTensor {
    const { device } = this.model;
    const first = fromStorage(place, device.readVariable(0, place.variable));
    for (const core of this.copies().slice(1)) {
      if (!equalTensors(first, fromStorage(place, device.readVariable(core, place.variable)))) {
        throw bug('E1523', `core ${core} and core 0 give different ${place.name} for the same request`);
      }
    }
    return first;
  }

  private execute(name: string, stages: readonly string[]): void {
    const { clock, model, options, loaded } = this;
    clock.flush('from-device');
    clock.flush('to-device');
    const names = [name, ...stages];
    const length = loaded.timingOnly ? options.timing?.length : undefined;
    const result = model.execute(
      names.flatMap((executable) => this.executionsOf(executable)),
      {
        trace: options.trace === true,
        chain: options.chain === true,
        ...(length !== undefined && { length }),
      },
    );
    clock.execute(names.join(' '), result.ticks);
    for (const executable of names) this.counts.set(executable, (this.counts.get(executable) ?? 0) + 1);
    this.runs.push({ executable: name, result });
  }

  /** An executable on its core of each copy, with the registers that count its executions. */
  private executionsOf(name: string): Execution[] {
    const { artifact } = this.loaded;
    const index = artifact.program.executables.findIndex((e) => e.name === name);
    const info = artifact.executables[index];
    if (info === undefined) throw badInput('E3520', `the host program starts ${name}, which does not exist`);
    for (const variable of info.flags) this.flagged.add(variable);
    const number = this.model.nextNumber(name);
    const registers = new Map(info.registers.map(({ register, step }) => [register, number * step]));
    return this.copies().map((core) => ({ core: core + info.core, executable: name, registers }));
  }

  private loop({ flag, rounds }: Extract<HostStep, { op: 'while' }>): void {
    const place = this.place(flag, 'from-device');
    let left = this.options.timing?.rounds ?? Number.POSITIVE_INFINITY;
    for (const { times, steps } of rounds) {
      for (let i = 0; i < times; i++) {
        if (this.flagged.has(place.variable) && this.isSet(place, left)) return;
        left--;
        this.steps(steps);
      }
    }
  }

  /** Reads a flag, in one transfer with what else was fetched since the last execution. */
  private isSet(place: TensorPlace & { readonly variable: number }, left: number): boolean {
    this.clock.move('from-device', place.name, storedBytes(place));
    this.clock.flush('from-device');
    if (this.loaded.timingOnly) return left <= 0;
    const value = this.read(place);
    this.values.set(place.name, value);
    return Number(readElement(value, 0)) !== 0;
  }

  private pick({ by, cases }: Extract<HostStep, { op: 'pick' }>): void {
    const { buckets } = this.signature;
    const bucketOf = (name: string): Bucket | undefined => buckets.find((b) => b.name === name);
    const fits = (name: string): boolean =>
      by.every(({ input, axis }) => {
        const dim = bucketOf(name)?.inputs.find((p) => p.name === input)?.shape[axis];
        return dim !== undefined && this.values.get(input).shape[axis] === dim;
      });
    const { timingOnly } = this.loaded;
    const wanted = this.options.timing?.bucket ?? cases.at(-1)?.bucket;
    const chosen = cases.find(({ bucket }) => (timingOnly ? bucket === wanted : fits(bucket)));
    if (chosen === undefined) throw this.noBucket(by, timingOnly ? wanted : undefined);
    this.bucket = bucketOf(chosen.bucket);
    this.own = [...chosen.tensors, ...this.own];
    this.steps(chosen.steps);
  }

  private noBucket(by: Extract<HostStep, { op: 'pick' }>['by'], wanted: string | undefined): NeffcError {
    const names = this.signature.buckets.map((b) => b.name).join(', ');
    if (wanted !== undefined) return usageError('E2522', `there is no bucket ${wanted}; there are ${names}`);
    const given = by.map(({ input }) => `${input} is ${shapeText(this.values.get(input).shape)}`);
    return badInput(
      'E3545',
      `no bucket has the shapes of the inputs: ${given.join(', ')}; there are ${names}`,
      {},
      'give a tensor of the shape of a bucket, or an image, which --preprocess fits to one by resize or pad',
    );
  }

  private call(index: number): void {
    const { artifact, hostOperators, timingOnly } = this.loaded;
    const operator = artifact.manifest.hostOperators[index];
    const run = operator && hostOperators.get(operator.op);
    if (operator === undefined)
      throw badInput('E3520', `the host program calls host operator ${index}, which does not exist`);
    this.clock.flush('from-device');
    this.clock.work(operator.node, operator.modelledNs);
    if (timingOnly || run === undefined) return;
    const results = run(
      operator.inputs.map((input) => this.values.operand(input, artifact.constants)),
      operator,
    );
    for (const [i, name] of operator.outputs.entries()) {
      const result = results[i];
      if (result === undefined)
        throw bug('E1524', `host operator ${operator.op} gave ${results.length} results`);
      this.values.set(name, result);
    }
  }
}

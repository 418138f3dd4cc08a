// The map of the backend: plan, lower, choose residency, schedule, allocate, synchronise, emit. Nothing else knows the order.
import { doesNotFit } from '../base/diagnostic.js';
import type { Target } from '../chip/target.js';
import type { Constant } from '../ir/constant.js';
import type { Graph, Node } from '../ir/graph.js';
import type { DmaDescriptor } from '../isa/operands.js';
import type { Executable, Pin, Variable } from '../isa/program.js';
import { allocateMemory, type Memory } from './allocate/memory.js';
import { emitFragment, type EmittedFragment } from './emit/emit.js';
import type { Buffer, Step } from './lower/buffer.js';
import { lower, type LoweredProgram } from './lower/lower.js';
import { planGraph } from './plan/plan.js';
import { chooseResidency, type Residency } from './plan/residency.js';
import { dependencesOf } from './schedule/dependences.js';
import { schedule, type Schedule } from './schedule/schedule.js';
import { synchronise, type Ordered } from './sync/sync.js';

export interface BackendOptions {
  readonly kind: Executable['kind'];
  readonly name: string;
  /** 0..3: how far the scheduler looks. */
  readonly level: number;
  /** Called as each stage ends, with what `--dump-after STAGE` prints. */
  readonly onStage?: (stage: Stage, data: unknown) => void;
}
export const STAGES = ['plan', 'lower', 'schedule', 'allocate', 'sync', 'emit'] as const;
export type Stage = (typeof STAGES)[number];

/** A port of the model: which variable holds it. */
export interface CompiledPort {
  readonly name: string;
  readonly variable: number;
  readonly dtype: Graph['body']['params'][number]['type']['dtype'];
  readonly shape: readonly number[];
}

export interface CompiledExecutable {
  readonly executable: Executable;
  readonly variables: readonly Variable[];
  /** By variable number: the constant whose bytes it holds. */
  readonly constants: ReadonlyMap<number, Constant>;
  readonly inputs: readonly CompiledPort[];
  readonly outputs: readonly CompiledPort[];
  readonly main: EmittedFragment;
  readonly load: EmittedFragment;
  readonly origins: readonly Node[];
  readonly residency: Residency;
  readonly memory: Memory;
  readonly estimatedTicks: number;
  /** Moves of elements between layouts, operands and results of the model apart. */
  readonly copies: { readonly count: number; readonly bytes: number };
}

export function compileGraph(graph: Graph, target: Target, options: BackendOptions): CompiledExecutable {
  const stage = options.onStage ?? (() => undefined);
  const plan = planGraph(graph);
  stage('plan', plan);
  const program = lower(graph, plan, target);
  stage('lower', program);
  const placed = place(program, target, options);
  stage('schedule', placed.order);
  stage('allocate', placed.memory);
  const { residency, memory, order, queues, banks } = placed;

  const variables: Variable[] = [];
  const constants = new Map<number, Constant>();
  const numbers = numberVariables(program, memory, variables, constants);
  const addresses = {
    offset: (b: Buffer): number => (b.space === 'psum' ? (banks.get(b) ?? 0) * target.psum.bankBytes : memory.offset(b)),
    variable: (b: Buffer): number => numbers.get(b) ?? 0,
  };
  const table: DmaDescriptor[] = [];
  const loadOrdered = inProgramOrder(residency.load, target);
  const loadStreams = synchronise(loadOrdered);
  const mainOrdered = withReuse(residency.main, order, queues, placed.before, memory, banks);
  const mainStreams = synchronise(mainOrdered);
  stage('sync', mainStreams);
  const load = emitFragment(loadStreams, residency.load, loadOrdered.map((o) => o.queue), addresses, table);
  const main = emitFragment(mainStreams, order.map((i) => residency.main[i] as Step), mainOrdered.map((o) => o.queue), addresses, table);
  stage('emit', main);
  const pins: Pin[] = residency.pinned.map((b) => ({ start: b.start, parts: b.parts, base: memory.offset(b), bytes: b.bytes }));
  const port = (p: LoweredProgram['inputs'][number]): CompiledPort => ({
    name: p.name, variable: numbers.get(p.buffer) ?? 0, dtype: p.value.type.dtype, shape: p.value.type.shape as readonly number[],
  });
  return {
    executable: { name: options.name, kind: options.kind, load: load.code, main: main.code, descriptors: table, pins },
    variables, constants, inputs: program.inputs.map(port), outputs: program.outputs.map(port),
    main, load, origins: program.origins, residency, memory, estimatedTicks: placed.ticks, copies: program.copies,
  };
}

interface Placed {
  readonly residency: Residency;
  readonly order: readonly number[];
  readonly queues: Int16Array;
  readonly banks: Schedule['banks'];
  readonly before: readonly (readonly number[])[];
  readonly memory: Memory;
  readonly ticks: number;
}

/** Shares of SBUF given to pins, then how far loads run ahead, tried until everything has an address. */
const ATTEMPTS: readonly { readonly pins: number; readonly ahead: number }[] = [
  { pins: 1, ahead: 0.9 }, { pins: 0.8, ahead: 0.9 }, { pins: 0.6, ahead: 0.85 }, { pins: 0.4, ahead: 0.8 }, { pins: 0.2, ahead: 0.7 },
  { pins: 0, ahead: 0.6 }, { pins: 0, ahead: 0.3 }, { pins: 0, ahead: 0 },
];

function place(program: LoweredProgram, target: Target, options: BackendOptions): Placed {
  const capacity = target.sbufPartitionBytes;
  const window = [1, 64, 192, 512][options.level] ?? 192;
  let needed = 0;
  let previousPins = -1;
  for (const attempt of ATTEMPTS) {
    const working = peakBytes(program);
    const pinBytes = Math.max(0, Math.min(capacity * attempt.pins, capacity - working * 1.05));
    const residency = chooseResidency(program, Math.floor(pinBytes));
    if (residency.pinnedBytes === previousPins && attempt.ahead === 0.9) continue;
    previousPins = residency.pinnedBytes;
    const deps = dependencesOf(residency.main);
    const free = capacity - residency.pinnedBytes;
    const s = schedule(residency.main, deps, target, { sbufBytes: free * attempt.ahead, window });
    const memory = allocateMemory(residency, s, deps.accesses, program, target);
    if (memory.fits) return { residency, order: s.order, queues: s.queues, banks: s.banks, before: deps.before, memory, ticks: s.ticks };
    needed = memory.needed;
  }
  throw doesNotFit(
    'E5101',
    `the program needs ${needed} bytes of each SBUF partition at one time, ${target.name} has ${capacity}`,
    {},
    'a smaller batch or input shape, or 16-bit arithmetic (--auto-cast all), needs less',
  );
}

/** Most bytes of a partition that buffers other than weights take at one time, in program order. */
function peakBytes(program: LoweredProgram): number {
  const last = new Map<Buffer, number>();
  const first = new Map<Buffer, number>();
  program.steps.forEach((s, i) => {
    for (const b of buffersOf(s)) {
      if (b.space !== 'sbuf' || b.weight) continue;
      last.set(b, i);
      if (!first.has(b)) first.set(b, i);
    }
  });
  const change = new Float64Array(program.steps.length + 1);
  for (const [b, i] of first) {
    change[i] = (change[i] ?? 0) + b.bytes;
    const end = (last.get(b) ?? i) + 1;
    change[end] = (change[end] ?? 0) - b.bytes;
  }
  let live = 0;
  let peak = 0;
  for (const c of change) {
    live += c;
    peak = Math.max(peak, live);
  }
  return peak;
}

function buffersOf(step: Step): Buffer[] {
  const found: Buffer[] = [];
  for (const v of Object.values(step.instruction)) {
    if (typeof v === 'object' && v !== null && 'buffer' in v) found.push((v as { buffer: Buffer }).buffer);
  }
  for (const d of step.descriptors ?? []) found.push(d.src.buffer, d.dst.buffer, ...(d.indexBuffer ? [d.indexBuffer] : []));
  return found;
}

/** Load fragments keep program order; transfers take the queues in turn. */
function inProgramOrder(steps: readonly Step[], target: Target): Ordered[] {
  const deps = dependencesOf(steps);
  let turn = 0;
  return steps.map((step, i) => ({
    step,
    before: deps.before[i] ?? [],
    queue: step.instruction.m === 'DMA' ? turn++ % target.dma.queues : -1,
  }));
}

/** The scheduled order, with what reuse of addresses adds to the dependences: the first accesses of a buffer follow the last of those whose place it takes. */
function withReuse(
  steps: readonly Step[], order: readonly number[], queues: Int16Array, before: readonly (readonly number[])[], memory: Memory, banks: Schedule['banks'],
): Ordered[] {
  const position = new Int32Array(order.length);
  order.forEach((i, at) => {
    position[i] = at;
  });
  const predecessors = memory.predecessors(banks);
  const lastUses = new Map<Buffer, number[]>();
  const ordered: Ordered[] = [];
  order.forEach((i, at) => {
    const step = steps[i] as Step;
    const needed = new Set<number>((before[i] ?? []).map((p) => position[p] as number));
    for (const b of buffersOf(step)) {
      for (const old of predecessors.get(b) ?? []) for (const p of lastUses.get(old) ?? []) needed.add(p);
    }
    ordered.push({ step, before: [...needed].filter((p) => p < at), queue: queues[i] ?? -1 });
    const seen = new Set(buffersOf(step));
    for (const b of seen) {
      const list = lastUses.get(b);
      if (list === undefined) lastUses.set(b, [at]);
      else list.push(at);
    }
  });
  return ordered;
}

/** Inputs, outputs and constants are variables of their own; scratch shares one, where the allocator put it. */
function numberVariables(program: LoweredProgram, memory: Memory, variables: Variable[], constants: Map<number, Constant>): Map<Buffer, number> {
  const numbers = new Map<Buffer, number>();
  const add = (b: Buffer, v: Variable): void => {
    numbers.set(b, variables.length);
    variables.push(v);
  };
  for (const p of program.inputs) add(p.buffer, { name: p.name, kind: 'input', bytes: p.buffer.bytes });
  for (const p of program.outputs) add(p.buffer, { name: p.name, kind: 'output', bytes: p.buffer.bytes });
  for (const [b, constant] of program.constants) {
    constants.set(variables.length, constant);
    add(b, { name: b.name, kind: 'constant', bytes: b.bytes });
  }
  const scratch = variables.length;
  variables.push({ name: 'scratch', kind: 'scratch', bytes: memory.scratchBytes });
  for (const b of program.buffers) if (b.space === 'dram' && b.variable === 'scratch') numbers.set(b, scratch);
  return numbers;
}


// The sections of a decoding loop: the prologue that fills the residents, one step that updates them in place, and what
// moves them between executables and to the host. Residents keep one place on chip through all sections of an executable.
import type { Graph, Node, Value } from '../../ir/graph.js';
import { elementCount } from '../../ir/type.js';
import { CHIP_DTYPE_BYTES } from '../../isa/operands.js';
import type { Buffer, Section } from '../lower/buffer.js';
import type { Builder } from '../lower/builder.js';
import { LowerContext, type Plan } from '../lower/context.js';
import { elementBits, fill } from '../lower/kernels/shape.js';
import { defaultPartition } from '../lower/layout.js';
import { input, lowerNodes, output, type Port, usePositions } from '../lower/lower.js';
import { laneAxes, move } from '../lower/move.js';
import { dramView, type View, viewShape } from '../lower/view.js';
import type { WeightPool } from '../lower/weight-pool.js';
import { planGraph } from '../plan/plan.js';
import { type LoopSpec, stepGraphs } from './spec.js';

/** A carried value or context: its place on chip and its variables in DRAM. */
export interface Resident {
  readonly name: string;
  readonly view: View;
  /** State variable that holds it between executables. */
  readonly state: Buffer;
  /** Variables it passes through the host in, where states do not stay on the device. */
  readonly toDevice: Buffer;
  readonly fromDevice: Buffer;
  readonly bytes: number;
}

export interface LoopSections {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly flag: Buffer;
  /** The word of the flag on chip, for sequencers. */
  readonly flagWord: View;
  readonly residents: readonly Resident[];
  readonly origins: readonly Node[];
  readonly sections: Readonly<Record<SectionName, Section>>;
  /** How many sections the steps have: one that serves all, or one each. */
  readonly stepSections: number;
}
export const SECTION_NAMES = [
  'prologue',
  'step',
  'store',
  'storeStates',
  'load',
  'finish',
  'sendAll',
  'sendStates',
  'receive',
] as const;
export type SectionName = (typeof SECTION_NAMES)[number] | `step ${number}`;

/** The section of a step that has a graph of its own. */
export const stepSection = (step: number): SectionName => (step === 0 ? 'step' : `step ${step}`);

/** Share of SBUF that residents may take; larger ones live in DRAM. */
const RESIDENT_SHARE = 0.4;

/** Several loops are lowered into one program: into the same builder and pool. Origins count from `firstOrigin`. */
export function lowerLoop(spec: LoopSpec, b: Builder, pool: WeightPool, firstOrigin: number): LoopSections {
  b.startGraph();
  const firstBuffer = b.buffers.length;
  const graphs = stepGraphs(spec);
  const contextOf = (graph: Graph, plan: Plan): LowerContext =>
    new LowerContext(b, plan, usePositions(graph), pool);
  const stepPlan = (graph: Graph): Plan => ({ ...planGraph(graph), indicesInRange: true });
  const firstPlan = stepPlan(spec.step);
  const first = contextOf(spec.step, firstPlan);
  const residents = makeResidents(b, first, spec, firstPlan);
  const flagBuffer = b.buffer('dram', 'flag', 1, 4, { variable: 'output' });
  const flagWord = b.sbuf('flag', 'i32', [1], [], undefined, { resident: true });

  let inputs: Port[] = [];
  const prologue = b.collect(() => {
    const c = contextOf(spec.prologue, planGraph(spec.prologue));
    inputs = spec.prologue.body.params.map((v) => input(c, v));
    lowerNodes(c, spec.prologue, firstOrigin);
    spec.params.forEach((p, i) => {
      const r = residents[i] as Resident;
      const start = p.role === 'context' ? { result: p.result } : p.start;
      if ('result' in start) {
        const v = spec.prologue.body.results[start.result] as Value;
        move(b, r.view, c.place(v), c.mayCrossPe(v));
      } else fill(c, r.view, elementBits(start.value, r.view.dtype));
    });
    fill(c, flagWord, 0);
  });
  let origin = firstOrigin + spec.prologue.body.nodes.length;
  const steps = graphs.map((graph) =>
    b.collect(() => {
      const c = graph === spec.step ? first : contextOf(graph, stepPlan(graph));
      const { params, nodes, results } = graph.body;
      params.forEach((v, i) => {
        c.define(v, (residents[i] as Resident).view);
      });
      lowerNodes(c, graph, origin);
      origin += nodes.length;
      spec.params.forEach((p, i) => {
        if (p.role !== 'state') return;
        const v = results[p.next] as Value;
        move(b, (residents[i] as Resident).view, c.place(v), c.mayCrossPe(v));
      });
      move(b, flagWord, c.place(results[spec.flag] as Value), false);
    }),
  );
  let outputs: Port[] = [];
  const finish = b.collect(() => {
    const c = contextOf(spec.finish, planGraph(spec.finish));
    spec.finish.body.params.forEach((v, i) => {
      c.define(v, (residents[spec.finishParams[i] ?? 0] as Resident).view);
    });
    lowerNodes(c, spec.finish, origin);
    outputs = spec.finish.body.results.map((v, i) => output(c, v, spec.finish.outputNames[i] ?? v.name));
    b.dma(dramView(flagBuffer, 'i32', [1]), flagWord);
  });
  const between = (
    toDram: boolean,
    which: (i: number) => boolean,
    variable: (r: Resident) => Buffer,
  ): Section['steps'] =>
    b.collect(() => {
      residents.forEach((r, i) => {
        if (!which(i) || r.view.space === 'dram') return;
        const held = packedView(variable(r), r.view);
        if (toDram) b.dma(held, r.view);
        else b.dma(r.view, held);
      });
      if (!toDram) b.memset(flagWord, 0);
    });
  const all = (): boolean => true;
  const states = (i: number): boolean => spec.params[i]?.role === 'state';
  const kept = b.buffers.slice(firstBuffer).filter((x) => x.resident);
  const section = (name: SectionName, steps: Section['steps'], times: number): Section => ({
    name,
    steps,
    times,
    residents: kept,
  });
  return {
    inputs,
    outputs,
    flag: flagBuffer,
    flagWord,
    residents,
    origins: [spec.prologue, ...graphs, spec.finish].flatMap(({ body }) => body.nodes),
    stepSections: steps.length,
    sections: {
      prologue: section('prologue', prologue, 1),
      ...Object.fromEntries(steps.map((own, k) => [stepSection(k), section(stepSection(k), own, 1)])),
      step: section('step', steps[0] ?? [], steps.length > 1 ? 1 : spec.maxSteps),
      store: section(
        'store',
        between(true, all, (r) => r.state),
        1,
      ),
      storeStates: section(
        'storeStates',
        between(true, states, (r) => r.state),
        1,
      ),
      load: section(
        'load',
        between(false, all, (r) => r.state),
        1,
      ),
      finish: section('finish', finish, 1),
      sendAll: section(
        'sendAll',
        between(true, all, (r) => r.fromDevice),
        1,
      ),
      sendStates: section(
        'sendStates',
        between(true, states, (r) => r.fromDevice),
        1,
      ),
      receive: section(
        'receive',
        between(false, all, (r) => r.toDevice),
        1,
      ),
    },
  };
}

/** Places of the step's params: on chip in the layout the step wants them in, while there is room. */
function makeResidents(b: Builder, c: LowerContext, spec: LoopSpec, plan: Plan): Resident[] {
  let left = b.target.sbufPartitionBytes * RESIDENT_SHARE;
  return spec.step.body.params.map((v, i) => {
    const shape = c.shape(v);
    const dtype = c.dtype(v);
    const partition = plan.wanted.get(v) ?? defaultPartition(shape);
    const bytes = elementCount(shape) * CHIP_DTYPE_BYTES[dtype];
    const variable = (kind: 'state' | 'input' | 'output', suffix: string): Buffer =>
      b.buffer('dram', `${v.name}${suffix}`, 1, bytes, { variable: kind });
    const state = variable('state', '');
    const onChip = c.bytesPerPartition(v, partition);
    const view =
      onChip <= left
        ? b.sbuf(v.name, dtype, shape, partition, undefined, { resident: true })
        : dramView(state, dtype, shape);
    if (view.space === 'sbuf') left -= onChip;
    return {
      name: `${i}.${v.name}`,
      view,
      state,
      toDevice: variable('input', '.in'),
      fromDevice: variable('output', '.out'),
      bytes,
    };
  });
}

/** The variable's bytes in the order of the chip layout (partitions, then elements), so that rows are long. */
function packedView(buffer: Buffer, like: View): View {
  const lanes = laneAxes(like);
  const shape = viewShape(like);
  const free = shape
    .map((_, i) => i)
    .filter((i) => !lanes.includes(i))
    .sort((x, y) => Math.abs(like.axes[y]?.f ?? 0) - Math.abs(like.axes[x]?.f ?? 0));
  let f = 1;
  const axes = shape.map((n) => ({ n, p: 0, f: 0 }));
  for (const i of [...lanes, ...free].reverse()) {
    axes[i] = { n: shape[i] ?? 1, p: 0, f };
    f *= shape[i] ?? 1;
  }
  return { space: 'dram', dtype: like.dtype, panels: [buffer], axes, p0: 0, f0: 0 };
}

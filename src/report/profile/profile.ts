// The profile of a request: where its modelled time goes, against the bounds that no schedule beats. From a timing-only request with
// trace and chain; figures of several executions add up, those of several cores are the first core's.
import type { Artifact } from '../../artifact/model.js';
import { ENGINES, type EngineName, TICKS_PER_NS } from '../../chip/target.js';
import type { VariableKind } from '../../isa/program.js';
import type { Loaded } from '../../runtime/load.js';
import type { MemoryTable } from '../../runtime/memory.js';
import { modelOf, modelProgram } from '../../runtime/model-program.js';
import type { RequestResult } from '../../runtime/request.js';
import type { StallCause } from '../../sim/engine/trace.js';
import type { ExecutionResult } from '../../sim/simulate.js';
import { type LayerProfile, LayerSums } from './layers.js';
import { type Occupancy, occupancyOf } from './occupancy.js';
import { TracedCode } from './traced-code.js';

/** Time below which an execution cannot fall, by what would have to be faster, in ns. */
export interface Bounds {
  readonly pe_ns: number;
  readonly act_ns: number;
  readonly dve_ns: number;
  readonly pool_ns: number;
  /** All bytes and rows, spread evenly over the queues. */
  readonly dma_ns: number;
  readonly dram_ns: number;
  /** Longest chain of dependent results at stated latencies. */
  readonly chain_ns: number;
}
const BOUNDS = [
  'pe_ns',
  'act_ns',
  'dve_ns',
  'pool_ns',
  'dma_ns',
  'dram_ns',
  'chain_ns',
] as const satisfies readonly (keyof Bounds)[];

export interface EngineProfile {
  readonly engine: EngineName;
  readonly instructions: number;
  readonly busy_ns: number;
  /** Of the time on the device. */
  readonly utilisation: number;
  readonly stalls_ns: Readonly<Record<StallCause, number>>;
}

export interface Profile {
  readonly target: string;
  /** Where the model has several. */
  readonly bucket?: string;
  readonly latency_ns: number;
  /** Time on the device alone. */
  readonly device_ns: number;
  readonly load_ns: number;
  readonly executions: readonly {
    readonly name: string;
    readonly kind: string;
    readonly count: number;
    readonly ns: number;
  }[];
  readonly bounds: Bounds;
  /** Sum over executions of the largest bound of each. */
  readonly bound_ns: number;
  /** device_ns / bound_ns. */
  readonly over_bound: number;
  readonly engines: readonly EngineProfile[];
  readonly dma: {
    readonly transfers: number;
    readonly rows: number;
    readonly bytes: number;
    readonly dram_bytes: number;
    /** Inputs, outputs, state and constants that are not pinned, each once. */
    readonly compulsory_bytes: number;
  };
  /** Of the execution that fills SBUF most. */
  readonly memory: Occupancy & { readonly device: MemoryTable };
  readonly layers: readonly LayerProfile[];
}

const ns = (ticks: number): number => ticks / TICKS_PER_NS;

function boundsOf({ stats }: ExecutionResult, queues: number): Bounds {
  const busy = (engine: EngineName): number =>
    ns(stats.engines.find((e) => e.core === 0 && e.engine === engine)?.busy ?? 0);
  const dma = stats.queues.filter((q) => q.core === 0).reduce((n, q) => n + q.busy, 0);
  return {
    pe_ns: busy('pe'),
    act_ns: busy('act'),
    dve_ns: busy('dve'),
    pool_ns: busy('pool'),
    dma_ns: ns(dma) / queues,
    dram_ns: ns(stats.dram.find((d) => d.chip === 0)?.busy ?? 0),
    chain_ns: ns(stats.chain ?? 0),
  };
}

const largest = (bounds: Bounds): number => Math.max(...BOUNDS.map((key) => bounds[key]));

/** Executions that are one and the same result, with how often it happened. */
function distinctRuns(
  runs: RequestResult['runs'],
): { readonly executable: string; readonly result: ExecutionResult; readonly times: number }[] {
  const times = new Map<ExecutionResult, number>();
  for (const { result } of runs) times.set(result, (times.get(result) ?? 0) + 1);
  return [...times].map(([result, count]) => ({
    executable: runs.find((r) => r.result === result)?.executable ?? '',
    result,
    times: count,
  }));
}

const COMPULSORY: ReadonlySet<VariableKind> = new Set(['input', 'output', 'state', 'constant']);

/** Bytes of the variables that the executables that ran, and the segments that they call, move, each counted once. */
function compulsoryBytes(
  artifact: Artifact,
  model: string,
  code: TracedCode,
  ran: ReadonlySet<string>,
): number {
  const program = modelProgram(artifact, model);
  const touched = new Set<number>();
  const segments = new Set<number>();
  const mains = program.executables.flatMap((e, index) => (ran.has(e.name) ? [index] : []));
  const visit = (kind: 'main' | 'segment', index: number): void => {
    for (const engine of ENGINES) {
      const { instructions, descriptors } = code.fragment({ kind, index, engine });
      for (const i of instructions) {
        if (i.m === 'CALL') segments.add(i.segment);
        if (i.m !== 'DMA') continue;
        for (const { src, dst } of descriptors.slice(i.first, i.first + i.count))
          for (const side of [src, dst]) if (side.space === 'dram') touched.add(side.variable);
      }
    }
  };
  for (const index of mains) visit('main', index);
  for (const index of segments) visit('segment', index);
  const moved = [...touched].flatMap((v) => program.variables[v] ?? []).filter((v) => COMPULSORY.has(v.kind));
  // Constants of equal content share their bytes.
  const places = new Map(
    moved.map((v, i) => [v.kind === 'constant' ? `constant ${v.constantOffset}` : `${v.kind} ${i}`, v.bytes]),
  );
  return [...places.values()].reduce((a, b) => a + b, 0);
}

/** @param result of a timing-only request with trace and chain */
export function profileOf(loaded: Loaded, result: RequestResult, model?: string): Profile {
  const { artifact, target } = loaded;
  const { name } = modelOf(artifact, model);
  const code = new TracedCode(artifact, name);
  const runs = distinctRuns(result.runs);
  const sum = (of: (r: ExecutionResult) => number): number =>
    runs.reduce((n, r) => n + r.times * of(r.result), 0);
  const layers = new LayerSums(code);
  for (const { result: r, times } of runs) if (r.trace !== undefined) layers.add(r.trace, times);
  const occupancies = runs.flatMap((r) =>
    r.result.trace === undefined ? [] : [occupancyOf(r.result.trace, code, r.executable, target)],
  );
  const device = sum((r) => r.ns);
  const bound = sum((r) => largest(boundsOf(r, target.dma.queues)));
  const queues = (of: (q: ExecutionResult['stats']['queues'][number]) => number): number =>
    sum((r) => r.stats.queues.filter((q) => q.core === 0).reduce((n, q) => n + of(q), 0));
  const bounds = Object.fromEntries(
    BOUNDS.map((key) => [key, sum((r) => boundsOf(r, target.dma.queues)[key])]),
  ) as unknown as Bounds;
  const executable = (named: string) =>
    runs.filter((r) => r.executable === named).reduce((n, r) => n + r.times * r.result.ns, 0);
  return {
    target: target.name,
    ...(result.bucket !== undefined && { bucket: result.bucket }),
    latency_ns: result.metrics.latency_ns,
    device_ns: device,
    load_ns: ns(result.loadTicks),
    executions: result.metrics.executions.map((e) => ({ ...e, ns: executable(e.name) })),
    bounds,
    bound_ns: bound,
    over_bound: bound === 0 ? 1 : device / bound,
    engines: ENGINES.map((engine) => engineProfile(engine, sum, device)),
    dma: {
      transfers: queues((q) => q.transfers),
      rows: queues((q) => q.rows),
      bytes: queues((q) => q.bytes),
      dram_bytes: queues((q) => q.dramBytes),
      compulsory_bytes: compulsoryBytes(
        artifact,
        name,
        code,
        new Set(result.metrics.executions.map((e) => e.name)),
      ),
    },
    memory: { ...fullest(occupancies), device: loaded.memory },
    layers: layers.layers(target),
  };
}

const STALLS = ['semaphore', 'operand', 'port', 'stationary'] as const satisfies readonly StallCause[];

function engineProfile(
  engine: EngineName,
  sum: (of: (r: ExecutionResult) => number) => number,
  device: number,
): EngineProfile {
  const stats = (r: ExecutionResult) => r.stats.engines.find((e) => e.core === 0 && e.engine === engine);
  const busy = ns(sum((r) => stats(r)?.busy ?? 0));
  return {
    engine,
    instructions: sum((r) => stats(r)?.instructions ?? 0),
    busy_ns: busy,
    utilisation: device === 0 ? 0 : busy / device,
    stalls_ns: Object.fromEntries(
      STALLS.map((cause) => [cause, ns(sum((r) => stats(r)?.stalls[cause] ?? 0))]),
    ) as EngineProfile['stalls_ns'],
  };
}

const EMPTY: Occupancy = {
  sbuf: { peak_bytes: 0, capacity_bytes: 0 },
  psum: { peak_bytes: 0, capacity_bytes: 0 },
  pinned_bytes: 0,
};

function fullest(occupancies: readonly Occupancy[]): Occupancy {
  return occupancies.reduce((most, o) => (o.sbuf.peak_bytes >= most.sbuf.peak_bytes ? o : most), EMPTY);
}

// The readable pipeline: file -> graph -> passes -> backend -> artifact. Each step is a named stage that the caller may watch.

import { ConstantStore } from '../artifact/constants.js';
import type { ArtifactDraft } from '../artifact/model.js';
import type { BackendOptions, CompiledExecutable } from '../backend/compile.js';
import { type Diagnostic, EXIT, NeffcError, usageError } from '../base/diagnostic.js';
import { ENGINES, type EngineName, type Target, TICKS_PER_NS } from '../chip/target.js';
import type { Graph } from '../ir/graph.js';
import type { Program } from '../isa/program.js';
import { type PassOptions, PIPELINE } from '../passes/pipeline.js';
import { type PassRun, runPipeline } from '../passes/run.js';
import { simulateTiming } from '../sim/simulate.js';
import { assemble, type CompiledBucket, type FixedInput } from './assemble.js';
import { distinctWarnings, type ShapeBucket } from './buckets.js';
import { requireCapacity } from './capacity.js';
import { compileChips } from './compile-chips.js';
import {
  hostWarnings,
  isEvaluable,
  type RefusedNode,
  refusedByKernel,
  refusedByType,
  refuseHostOperators,
} from './host/plan.js';
import { stagesOf, withHostOutputs } from './host/stages.js';
import { loadModel, type ModelInputs } from './load-model.js';

export interface CompileOptions extends ModelInputs {
  readonly target: Target;
  readonly autoCast: 'none' | 'matmult' | 'all';
  readonly autoCastType: 'bf16' | 'fp16';
  readonly hostOps: 'allow' | 'forbid';
  /** Ascending sets of shapes to compile for, each in place of `inputShapes`. */
  readonly buckets?: readonly ShapeBucket[];
  /** Steps per input name or position. */
  readonly preprocess: ReadonlyMap<string, string>;
  readonly level: number;
  readonly passes?: Partial<PassOptions>;
  readonly backend?: Pick<BackendOptions, 'depthwise'>;
  /** Called as each stage ends, with what it made. */
  readonly onStage?: (stage: string, data?: unknown) => void;
  /** Told of the graph as it stands: what a reproducer of a later failure needs. */
  readonly onGraph?: (graph: Graph) => void;
  /** Told what each pass did. */
  readonly onPasses?: (runs: readonly PassRun[]) => void;
}

export interface ExecutableReport {
  readonly name: string;
  readonly kind: string;
  /** Where there are several sets of shapes. */
  readonly bucket?: string;
  readonly instructions: Readonly<Record<EngineName | 'dma' | 'executed' | 'stored', number>>;
  readonly modelled: { readonly cycles: number; readonly ns: number };
}

/** What the closing report and `--json` print, timing and memory of the process apart. */
export interface CompileReport {
  readonly target: string;
  readonly executables: readonly ExecutableReport[];
  readonly constants: { readonly bytes: number; readonly unique_bytes: number };
  readonly copies: { readonly count: number; readonly bytes: number };
  readonly host_operators: readonly {
    readonly op: string;
    readonly node: string;
    readonly modelled_ns: number;
  }[];
  readonly warnings: readonly Diagnostic[];
}

export interface CompileResult {
  readonly draft: ArtifactDraft;
  readonly report: CompileReport;
  readonly graph: Graph;
}

/** A model as the backend takes it. */
export interface PreparedModel {
  /** The file's name without folder and ending. */
  readonly name: string;
  readonly graph: Graph;
  /** Names of the source's inputs, in order; those with known values are no parameters of the graph any more. */
  readonly inputOrder: readonly string[];
  readonly fixed: readonly FixedInput[];
  readonly warnings: readonly Diagnostic[];
}

/** Compiles the model at `path` (read by its content) into an artifact to write. */
export function compileModel(path: string, options: CompileOptions): CompileResult {
  const { buckets = [] } = options;
  if (buckets.length < 2) return compilePrepared(prepareModel(path, options), options);
  const prepared = buckets.map(
    ({ name, inputShapes }): PreparedBucket => ({
      bucket: name,
      model: prepareModel(path, { ...options, inputShapes }),
    }),
  );
  return compileBuckets(prepared, options);
}

/** From the file to the graph after all passes. */
export function prepareModel(path: string, options: CompileOptions): PreparedModel {
  const stage = options.onStage ?? (() => undefined);
  const { target, autoCast, autoCastType, level } = options;
  const source = loadModel(path, options);
  options.onGraph?.(source.graph);
  requireInputs(source.graph, options.preprocess, path);
  stage('import', source.graph);
  const narrow = autoCastType === 'fp16' ? 'f16' : autoCastType;
  const { graph, runs } = runPipeline(source.graph, PIPELINE, {
    target,
    autoCast,
    narrow,
    level,
    ...options.passes,
  });
  options.onGraph?.(graph);
  options.onPasses?.(runs);
  stage('passes', graph);
  return {
    name: source.name,
    graph: withHostOutputs(withoutFixed(graph, source.fixed)),
    inputOrder: graph.body.params.map((v) => v.name),
    fixed: source.fixed,
    warnings: source.diagnostics,
  };
}

/** @throws E2010 where `--preprocess` names an input that there is not */
function requireInputs({ body }: Graph, preprocess: CompileOptions['preprocess'], file: string): void {
  const names = body.params.map((v) => v.name);
  const unknown = [...preprocess.keys()].find(
    (key) => !names.includes(key) && !(/^\d+$/.test(key) && Number(key) < names.length),
  );
  if (unknown === undefined) return;
  throw usageError(
    'E2010',
    `the model has no input '${unknown}' to preprocess`,
    { file },
    `Its inputs are ${names.map((n, i) => `${i}: ${n}`).join(', ')}.`,
  );
}

/** The graph without the parameters that nothing reads, since their values are known. */
function withoutFixed(graph: Graph, fixed: readonly FixedInput[]): Graph {
  const names = new Set(fixed.map((f) => f.name));
  return { ...graph, body: { ...graph.body, params: graph.body.params.filter((v) => !names.has(v.name)) } };
}

/** A model as the backend takes it, at the shapes of one bucket. */
interface PreparedBucket {
  /** Empty where there is one set of shapes. */
  readonly bucket: string;
  readonly model: PreparedModel;
}

/** From such a graph to the artifact. What no engine runs becomes host operators, or is refused. */
export function compilePrepared(prepared: PreparedModel, options: CompileOptions): CompileResult {
  return compileBuckets([{ bucket: '', model: prepared }], options);
}

function compileBuckets(buckets: readonly PreparedBucket[], options: CompileOptions): CompileResult {
  const refused = buckets.map(({ model }) => {
    requireCapacity(model.graph, options.target);
    return refusedByType(model.graph);
  });
  requireHost(refused.flat(), options);
  try {
    return compileStages(buckets, refused, options);
  } catch (error) {
    if (!(error instanceof NeffcError) || error.exitCode !== EXIT.unsupported) throw error;
    // A kernel refused: find all nodes that theirs refuse, and do without those.
    const known = new Set(refused.flat().map((r) => r.node));
    const more = buckets.map(({ model }) =>
      refusedByKernel(model.graph, options.target).filter((r) => !known.has(r.node)),
    );
    if (more.flat().length === 0) throw error;
    const all = refused.map((list, i) => [...list, ...(more[i] ?? [])]);
    requireHost(all.flat(), options);
    return compileStages(buckets, all, options);
  }
}

function requireHost(refused: readonly RefusedNode[], { hostOps }: CompileOptions): void {
  refuseHostOperators(hostOps === 'forbid' ? refused : refused.filter((r) => !isEvaluable(r.node)));
}

/** `refused`: the nodes of each bucket that go to the host. */
function compileStages(
  buckets: readonly PreparedBucket[],
  refused: readonly (readonly RefusedNode[])[],
  options: CompileOptions,
): CompileResult {
  const onStage = options.onStage ?? (() => undefined);
  const { target } = options;
  const staged = buckets.map(({ bucket, model }, i) => ({
    bucket,
    model,
    stages: stagesOf(model.graph, new Set(refused[i]?.map((r) => r.node))),
  }));
  const compiled = compileChips(staged, options);
  const store = new ConstantStore();
  const named = staged.map(({ bucket, model }, i): CompiledBucket => {
    const { graph, inputOrder, fixed } = model;
    return { bucket, stages: compiled[i] ?? [], graph, inputOrder, fixed };
  });
  const largest = (buckets.at(-1) as PreparedBucket).model;
  const draft = assemble(named, store, { ...options, name: largest.name });
  onStage('constants');
  const executables = named.flatMap(({ bucket, stages }) =>
    stages.flatMap((made) =>
      'compiled' in made
        ? [
            {
              ...reportExecutable(draft.program, made.compiled, target),
              ...(bucket !== '' && { bucket }),
            },
          ]
        : [],
    ),
  );
  onStage('timing');
  const programs = new Set(compiled.flat().flatMap((made) => ('program' in made ? [made.program] : [])));
  const copies = [...programs].map((p) => p.copies);
  const report: CompileReport = {
    target: target.name,
    executables,
    constants: { bytes: store.addedBytes, unique_bytes: store.byteLength },
    copies: {
      count: copies.reduce((n, c) => n + c.count, 0),
      bytes: copies.reduce((n, c) => n + c.bytes, 0),
    },
    host_operators: draft.manifest.hostOperators.map((o) => ({
      op: o.op,
      node: o.node,
      modelled_ns: o.modelledNs,
    })),
    warnings: distinctWarnings([
      ...buckets.flatMap((b) => b.model.warnings),
      ...refused.flatMap(hostWarnings),
    ]),
  };
  return { draft, report, graph: largest.graph };
}

/** Instructions and the modelled time of an executable, by the simulator without data. */
function reportExecutable(program: Program, compiled: CompiledExecutable, target: Target): ExecutableReport {
  const { name } = compiled.executable;
  const counts = Object.fromEntries(ENGINES.map((e) => [e, compiled.main.instructions[e].length])) as Record<
    EngineName,
    number
  >;
  const stored = ENGINES.reduce(
    (n, e) => n + compiled.main.instructions[e].length + compiled.load.instructions[e].length,
    0,
  );
  const executed = ENGINES.reduce((n, e) => n + counts[e], 0);
  const dma = ENGINES.reduce(
    (n, e) => n + compiled.main.instructions[e].filter((i) => i.m === 'DMA').length,
    0,
  );
  const timing = simulateTiming(program, name, target);
  const cycles = Math.ceil((timing.ticks * target.clockMhz.pe) / (TICKS_PER_NS * 1000));
  return {
    name,
    kind: compiled.executable.kind,
    instructions: { ...counts, dma, executed, stored },
    modelled: { cycles, ns: timing.ns },
  };
}

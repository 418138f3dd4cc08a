// The readable pipeline: file -> graph -> passes -> backend -> artifact. Each step is a named stage that the caller may watch.

import { ConstantStore } from '../artifact/constants.js';
import type { ArtifactDraft, ExecutableInfo } from '../artifact/model.js';
import type { ModelSignature } from '../artifact/signature.js';
import { type BackendOptions, type CompiledExecutable, compileGraph } from '../backend/compile.js';
import type { Diagnostic } from '../base/diagnostic.js';
import { ENGINES, type EngineName, type Target, TICKS_PER_NS } from '../chip/target.js';
import type { Graph } from '../ir/graph.js';
import { printGraph } from '../ir/print.js';
import type { Program, Variable } from '../isa/program.js';
import { constantBytes } from '../ops/evaluate.js';
import { type PassOptions, PIPELINE } from '../passes/pipeline.js';
import { type PassRun, runPipeline } from '../passes/run.js';
import { simulateTiming } from '../sim/simulate.js';
import { debugInfo } from './debug-info.js';
import { type InputShapes, loadModel } from './load-model.js';
import { requireKernels } from './supported.js';
import { VERSION } from './version.js';

export interface CompileOptions {
  readonly target: Target;
  readonly autoCast: 'none' | 'matmult' | 'all';
  readonly autoCastType: 'bf16' | 'fp16';
  readonly inputShapes: InputShapes;
  readonly hostOps: 'allow' | 'forbid';
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
  readonly instructions: Readonly<Record<EngineName | 'dma' | 'executed' | 'stored', number>>;
  readonly modelled: { readonly cycles: number; readonly ns: number };
}

/** What the closing report and `--json` print, timing and memory of the process apart. */
export interface CompileReport {
  readonly target: string;
  readonly executables: readonly ExecutableReport[];
  readonly constants: { readonly bytes: number; readonly unique_bytes: number };
  readonly copies: { readonly count: number; readonly bytes: number };
  readonly host_operators: readonly string[];
  readonly warnings: readonly Diagnostic[];
}

export interface CompileResult {
  readonly draft: ArtifactDraft;
  readonly report: CompileReport;
  readonly graph: Graph;
  readonly compiled: CompiledExecutable;
}

/** A model as the backend takes it. */
export interface PreparedModel {
  /** The file's name without folder and ending. */
  readonly name: string;
  readonly graph: Graph;
  readonly warnings: readonly Diagnostic[];
}

/** Compiles the model at `path` (read by its content) into an artifact to write. */
export function compileModel(path: string, options: CompileOptions): CompileResult {
  return compilePrepared(prepareModel(path, options), options);
}

/** From the file to a graph of operators that engines have kernels for. */
export function prepareModel(path: string, options: CompileOptions): PreparedModel {
  const stage = options.onStage ?? (() => undefined);
  const { target, autoCast, autoCastType, level } = options;
  const source = loadModel(path, options.inputShapes);
  options.onGraph?.(source.graph);
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
  if (options.passes?.stopAfter === undefined) requireKernels(graph);
  return { name: source.name, graph, warnings: source.diagnostics };
}

/** From such a graph to the artifact. */
export function compilePrepared(
  { name, graph, warnings }: PreparedModel,
  options: CompileOptions,
): CompileResult {
  const stage = options.onStage ?? (() => undefined);
  const { target } = options;
  const compiled = compileGraph(graph, target, {
    kind: 'graph',
    name: 'main',
    level: options.level,
    ...options.backend,
    check: options.passes?.verifyEach === true,
    onStage: stage,
  });
  const { variables, store } = placeConstants(compiled);
  stage('constants');
  const program: Program = {
    variables,
    segments: [],
    segmentDescriptors: [],
    executables: [compiled.executable],
  };
  const draft = assemble(name, graph, compiled, program, store, options);
  const executables = program.executables.map((e) => reportExecutable(program, e.name, compiled, target));
  stage('timing');
  const report: CompileReport = {
    target: target.name,
    executables,
    constants: { bytes: store.addedBytes, unique_bytes: store.byteLength },
    copies: compiled.copies,
    host_operators: [],
    warnings,
  };
  return { draft, report, graph, compiled };
}

/** Gives every constant variable its place in constants.bin; equal contents share one. */
function placeConstants(compiled: CompiledExecutable): { variables: Variable[]; store: ConstantStore } {
  const store = new ConstantStore();
  const variables = compiled.variables.map((v, i): Variable => {
    const constant = compiled.constants.get(i);
    if (constant === undefined) return v;
    const entry = store.add(() => constantBytes(constant), {
      name: v.name,
      dtype: constant.dtype,
      shape: constant.shape,
    });
    return { ...v, constantOffset: entry.offset, bytes: entry.bytes };
  });
  return { variables, store };
}

function assemble(
  name: string,
  graph: Graph,
  compiled: CompiledExecutable,
  program: Program,
  store: ConstantStore,
  options: CompileOptions,
): ArtifactDraft {
  const steps = (v: string, i: number): string | undefined =>
    options.preprocess.get(v) ?? options.preprocess.get(String(i));
  const place = (p: CompiledExecutable['inputs'][number]) => ({
    name: p.name,
    dtype: p.dtype,
    shape: p.shape,
    variable: p.variable,
  });
  const model: ModelSignature = {
    name,
    inputs: compiled.inputs.map((p, i) => {
      const preprocess = steps(p.name, i);
      return { ...place(p), ...(preprocess !== undefined && { preprocess }) };
    }),
    outputs: compiled.outputs.map(place),
    buckets: [],
    executables: ['main'],
    program: 'main',
    precision: options.autoCast === 'none' ? 'fp32' : options.autoCastType,
  };
  const info: ExecutableInfo = {
    reads: compiled.inputs.map((p) => p.variable),
    writes: compiled.outputs.map((p) => p.variable),
    flags: [],
    states: [],
    registers: [],
    core: 0,
  };
  return {
    name,
    manifest: {
      compiler: `neffc ${VERSION}`,
      target: options.target,
      options: { autoCast: options.autoCast, autoCastType: options.autoCastType, level: options.level },
      models: [model],
      hostOperators: [],
    },
    host: {
      main: {
        tensors: [],
        steps: [
          ...compiled.inputs.map((p) => ({ op: 'put' as const, tensor: p.name })),
          { op: 'execute', executable: 'main' },
          ...compiled.outputs.map((p) => ({ op: 'get' as const, tensor: p.name })),
        ],
      },
    },
    program,
    executables: [info],
    debug: debugInfo(compiled),
    constants: store,
    graphText: printGraph(graph, constantBytes),
  };
}

/** Instructions and the modelled time of an executable, by the simulator without data. */
function reportExecutable(
  program: Program,
  name: string,
  compiled: CompiledExecutable,
  target: Target,
): ExecutableReport {
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

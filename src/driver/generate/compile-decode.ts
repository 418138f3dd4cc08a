// The pipeline of models that generate: recognised source -> one step (derived, or padded) -> loop -> backend -> artifact.
// Everything up to the backend is the same for all variants and made once.

import type { ArtifactDraft } from '../../artifact/model.js';
import { type CompiledLoop, compileLoop } from '../../backend/decode/compile-loop.js';
import type { LoopShape } from '../../backend/decode/spec.js';
import { type Diagnostic, unsupported, usageError, warning } from '../../base/diagnostic.js';
import { ENGINES, type EngineName, TICKS_PER_NS } from '../../chip/target.js';
import { decodeStream } from '../../isa/codec.js';
import type { Program } from '../../isa/program.js';
import { deriveStep, paddedStep } from '../../passes/decode/derive.js';
import type { DecodeSource, Generation, Refusal, StepProgram } from '../../passes/decode/model.js';
import { runPasses } from '../../passes/pipeline.js';
import { simulateTiming } from '../../sim/simulate.js';
import type { CompileOptions, CompileReport, ExecutableReport } from '../compile.js';
import type { RecognisedDecode } from '../decode/request.js';
import { refusedByType, refuseHostOperators } from '../host/plan.js';
import { VERSION } from '../version.js';
import { type LoopDescription, loopArtifact } from './loop-artifact.js';
import { loopSpec, type PreparedLoop } from './loop-spec.js';

export type LoopOptions = Pick<
  CompileOptions,
  'target' | 'autoCast' | 'autoCastType' | 'preprocess' | 'level' | 'passes' | 'onStage' | 'onGraph'
>;

/** A recognised model with its step, ready to be built in any shape. */
export interface PreparedDecode {
  readonly name: string;
  readonly recognised: RecognisedDecode;
  readonly generation: Generation;
  readonly loop: PreparedLoop;
  readonly incremental: boolean;
  /** What was proven, assumed or refused, one sentence each. */
  readonly notes: readonly string[];
  readonly warnings: readonly Diagnostic[];
}

/** @throws E4260 where neither a step nor a padded decoder can be proven right */
export function prepareDecode(
  name: string,
  recognised: RecognisedDecode,
  incremental: 'auto' | 'off',
  options: LoopOptions,
): PreparedDecode {
  const stage = options.onStage ?? (() => undefined);
  const { source } = recognised;
  stage('recognise');
  const chosen = stepOf(source, incremental);
  stage('derive');
  const prepare = (graph: Parameters<typeof runPasses>[0]) => {
    const { target, autoCast, autoCastType, level } = options;
    const done = runPasses(graph, { target, autoCast, autoCastType, level, ...options.passes });
    options.onGraph?.(done);
    return done;
  };
  const loop = loopSpec(chosen.program, source.generation, recognised.outputs, prepare);
  for (const graph of [loop.spec.prologue, loop.spec.step, loop.spec.finish])
    refuseHostOperators(refusedByType(graph));
  stage('passes');
  return {
    name,
    recognised,
    generation: source.generation,
    loop,
    incremental: chosen.program.incremental,
    notes: [...recognised.notes, ...chosen.program.notes, ...chosen.notes],
    warnings: [...recognised.diagnostics, ...chosen.warnings],
  };
}

interface Chosen {
  readonly program: StepProgram;
  readonly notes: readonly string[];
  readonly warnings: readonly Diagnostic[];
}

/** One row a step where that is proven (and wanted), else all rows; a source that carries its state is a step as it is. */
function stepOf(source: DecodeSource, incremental: 'auto' | 'off'): Chosen {
  if (incremental === 'off' && source.kind === 'prefix') {
    const padded = paddedStep(source);
    if ('program' in padded) return { program: padded.program, notes: [], warnings: [] };
    throw unprovable(padded.refusal);
  }
  const derived = deriveStep(source);
  if ('program' in derived) return { program: derived.program, notes: [], warnings: [] };
  const { refusal } = derived;
  const padded = derived.padded ?? (source.kind === 'prefix' ? programOf(paddedStep(source)) : undefined);
  if (padded === undefined) throw unprovable(refusal);
  const why = warning(
    'W4261',
    `no cache of keys and values can be derived, each step recomputes all rows: ${refusalText(refusal)}`,
    refusal.node === '' ? {} : { node: refusal.node },
    'see docs/decode.md for what a decoder must be like',
  );
  return { program: padded, notes: [`full recomputation: ${refusalText(refusal)}`], warnings: [why] };
}

const programOf = (made: ReturnType<typeof paddedStep>): StepProgram | undefined =>
  'program' in made ? made.program : undefined;
const refusalText = (r: Refusal): string => `${r.op === '' ? '' : `${r.op}: `}${r.reason}`;

function unprovable(refusal: Refusal): Error {
  return unsupported(
    'E4260',
    `a step of the decoding loop cannot be proven to depend only on the tokens before it: ${refusalText(refusal)}`,
    refusal.node === '' ? {} : { node: refusal.node },
    'export a decoder with a causal mask, or with its own cache (past keys and values)',
  );
}

export interface BuiltDecode {
  readonly draft: ArtifactDraft;
  readonly report: CompileReport;
  readonly program: Program;
  readonly compiled: CompiledLoop;
}

/** Builds one shape of the loop. @throws E2040 (shape against target or steps) */
export function buildDecode(p: PreparedDecode, shape: LoopShape, options: LoopOptions): BuiltDecode {
  const stage = options.onStage ?? (() => undefined);
  const { target } = options;
  if (shape.kind === 'device-loop' && !target.branches) {
    throw usageError(
      'E2040',
      `--decode device-loop: the sequencers of ${target.name} do not branch`,
      {},
      'use unrolled or partitioned, or another target',
    );
  }
  const compiled = compileLoop(p.loop.spec, shape, target, {
    level: options.level,
    check: options.passes?.verifyEach === true,
  });
  stage('backend');
  const description: LoopDescription = {
    name: p.name,
    inputs: p.recognised.inputs,
    preprocess: (name, position) => options.preprocess.get(name) ?? options.preprocess.get(String(position)),
    generation: p.generation,
    finish: p.loop.finish,
    shape,
    incremental: p.incremental,
    notes: p.notes,
    precision: options.autoCast === 'none' ? 'fp32' : options.autoCastType,
    compiler: `neffc ${VERSION}`,
    options: {
      autoCast: options.autoCast,
      autoCastType: options.autoCastType,
      level: options.level,
      decode: shape.kind,
    },
    target,
  };
  const { draft, program, store } = loopArtifact(compiled, description);
  stage('constants');
  const report: CompileReport = {
    target: target.name,
    executables: compiled.executables.map((e) =>
      executableReport(e.executable.name, e.executable.kind, program, compiled, shape, options),
    ),
    constants: { bytes: store.addedBytes, unique_bytes: store.byteLength },
    copies: compiled.copies,
    host_operators: [],
    warnings: p.warnings,
  };
  stage('timing');
  return { draft, report, program, compiled };
}

/** Instructions of an executable, those of the step counted as often as it is called, and its modelled time at full length. */
function executableReport(
  name: string,
  kind: string,
  program: Program,
  compiled: CompiledLoop,
  shape: LoopShape,
  options: LoopOptions,
): ExecutableReport {
  const { target } = options;
  const own = program.executables.find((e) => e.name === name);
  const calls = callsOf(name, compiled, shape);
  const counts = {} as Record<EngineName, number>;
  let dma = 0;
  let stored = 0;
  for (const e of ENGINES) {
    const main = decodeStream(own?.main[e] ?? new Uint8Array());
    const step = decodeStream(program.segments[0]?.code[e] ?? new Uint8Array());
    counts[e] = main.length + calls * step.length;
    dma += main.filter((i) => i.m === 'DMA').length + calls * step.filter((i) => i.m === 'DMA').length;
    stored +=
      main.length + decodeStream(own?.load[e] ?? new Uint8Array()).length + (calls > 0 ? step.length : 0);
  }
  const executed = ENGINES.reduce((n, e) => n + counts[e], 0);
  const timing = simulateTiming(
    program,
    name,
    target,
    shape.kind === 'device-loop' ? { length: compiled.maxSteps } : {},
  );
  const cycles = Math.ceil((timing.ticks * target.clockMhz.pe) / (TICKS_PER_NS * 1000));
  return {
    name,
    kind,
    instructions: { ...counts, dma, executed, stored },
    modelled: { cycles, ns: timing.ns },
  };
}

function callsOf(name: string, compiled: CompiledLoop, shape: LoopShape): number {
  if (shape.kind === 'unrolled' || shape.kind === 'device-loop') return compiled.maxSteps;
  if (shape.kind === 'split') return name === 'decoder' ? 1 : 0;
  const at = shape.ends.findIndex((end) => name === `decoder_${end}`);
  return at < 0 ? 0 : (shape.ends[at] ?? 0) - (shape.ends[at - 1] ?? 0);
}

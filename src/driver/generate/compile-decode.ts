// The pipeline of models that generate: recognised source -> one step (derived, or padded) -> loop -> backend -> artifact.
// Everything up to the backend is the same for all variants and made once.

import type { ArtifactDraft } from '../../artifact/model.js';
import { type CompiledLoop, type CompiledLoops, compileLoops } from '../../backend/decode/compile-loop.js';
import { type LoopShape, stepGraphs } from '../../backend/decode/spec.js';
import { type Diagnostic, unsupported, usageError, warning } from '../../base/diagnostic.js';
import { ENGINES, type EngineName, TICKS_PER_NS } from '../../chip/target.js';
import { decodeStream } from '../../isa/codec.js';
import type { Executable, Program } from '../../isa/program.js';
import { deriveStep, paddedStep } from '../../passes/decode/derive.js';
import { exactSteps } from '../../passes/decode/exact.js';
import { fixedStep } from '../../passes/decode/fixed-length.js';
import type {
  DecodeSource,
  Generation,
  PrefixSource,
  Refusal,
  StepProgram,
} from '../../passes/decode/model.js';
import { runPasses } from '../../passes/pipeline.js';
import { simulateTiming } from '../../sim/simulate.js';
import { bucketSuffix } from '../bucket-signature.js';
import { distinctWarnings } from '../buckets.js';
import type { CompileOptions, CompileReport, ExecutableReport } from '../compile.js';
import type { RecognisedDecode } from '../decode/request.js';
import { refusedByType, refuseHostOperators } from '../host/plan.js';
import { VERSION } from '../version.js';
import { type LoopDescription, loopArtifact } from './loop-artifact.js';
import { loopSpec, type PreparedLoop } from './loop-spec.js';

export type LoopOptions = Pick<
  CompileOptions,
  | 'target'
  | 'autoCast'
  | 'autoCastType'
  | 'preprocess'
  | 'level'
  | 'passes'
  | 'onStage'
  | 'onGraph'
  | 'buckets'
>;

/** What is asked of the step. */
export interface StepWishes {
  readonly incremental: 'auto' | 'off';
  /** Whether the outputs get the scores of each step, to compare numbers and not only tokens. */
  readonly outputLogits?: boolean;
}

/** A recognised model with its step, ready to be built in any shape. */
export interface PreparedDecode {
  readonly name: string;
  /** Empty where there is one set of input shapes. */
  readonly bucket: string;
  /** The same model at the shapes of the smaller buckets, ascending; this one is of the largest. */
  readonly smaller: readonly PreparedDecode[];
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
  { incremental, outputLogits }: StepWishes,
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
  const loop = loopSpec(chosen.program, source.generation, recognised.outputs, prepare, {
    peFp32: options.target.peFp32,
    keepLogits: outputLogits === true,
  });
  for (const graph of [loop.spec.prologue, ...stepGraphs(loop.spec), loop.spec.finish])
    refuseHostOperators(refusedByType(graph));
  stage('passes');
  return {
    name,
    bucket: '',
    smaller: [],
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

/**
 * One row a step where that is proven (and wanted), else all rows: up to the maximum where later tokens are proven not to
 * matter or the decoder is of that length anyway, else so many as there are tokens. A source that carries its state is a step as it is.
 */
function stepOf(source: DecodeSource, incremental: 'auto' | 'off'): Chosen {
  if (incremental === 'off' && source.kind === 'prefix') {
    const padded = paddedStep(source);
    if ('program' in padded) return { program: padded.program, notes: [], warnings: [] };
    return recomputed(allRows(source), padded.refusal);
  }
  const derived = deriveStep(source);
  if ('program' in derived) return { program: derived.program, notes: [], warnings: [] };
  const { refusal, padded } = derived;
  if (padded !== undefined) return recomputed(padded, refusal);
  if (source.kind === 'carried') throw unprovable(refusal);
  return recomputed(allRows(source), refusal);
}

const allRows = (source: PrefixSource): StepProgram | undefined => fixedStep(source) ?? exactSteps(source);

function recomputed(program: StepProgram | undefined, refusal: Refusal): Chosen {
  if (program === undefined) throw unprovable(refusal);
  const how = program.later === undefined ? '' : ', at its own number of tokens';
  const why = warning(
    'W4261',
    `no cache of keys and values can be derived, each step recomputes all rows${how}: ${refusalText(refusal)}`,
    refusal.node === '' ? {} : { node: refusal.node },
    'see docs/decode.md for what a decoder must be like',
  );
  return { program, notes: [`full recomputation${how}: ${refusalText(refusal)}`], warnings: [why] };
}

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
  readonly compiled: CompiledLoops;
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
  if (shape.kind === 'device-loop' && p.loop.spec.later !== undefined) {
    throw unsupported(
      'E4262',
      `--decode device-loop needs one step for all tokens, and here each step is another program: ${p.notes.at(-1) ?? ''}`,
      {},
      'use unrolled, partitioned or split',
    );
  }
  const buckets = [...p.smaller, p];
  const compiled = compileLoops(
    buckets.map(({ loop, bucket }) => ({ spec: loop.spec, shape, suffix: bucketSuffix(bucket) })),
    target,
    { level: options.level, check: options.passes?.verifyEach === true },
  );
  stage('backend');
  const description: LoopDescription = {
    name: p.name,
    buckets: buckets.map(({ bucket, recognised, loop }) => ({
      bucket,
      inputs: recognised.inputs,
      finish: loop.finish,
    })),
    preprocess: (name, position) => options.preprocess.get(name) ?? options.preprocess.get(String(position)),
    generation: p.generation,
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
    executables: compiled.loops.flatMap((loop, i) =>
      loop.executables.map(({ executable }) =>
        executableReport(executable, program, loop, shape, buckets[i]?.bucket ?? '', options),
      ),
    ),
    constants: { bytes: store.addedBytes, unique_bytes: store.byteLength },
    copies: compiled.copies,
    host_operators: [],
    warnings: distinctWarnings(buckets.flatMap((b) => b.warnings)),
  };
  stage('timing');
  return { draft, report, program, compiled };
}

/** Instructions of an executable, those of the step counted as often as it is called, and its modelled time at full length. */
function executableReport(
  { name, kind, main, load }: Executable,
  program: Program,
  loop: CompiledLoop,
  shape: LoopShape,
  bucket: string,
  options: LoopOptions,
): ExecutableReport {
  const { target } = options;
  const segment = program.segments[loop.segment];
  const calls =
    segment === undefined
      ? 0
      : callsOf(name.slice(0, name.length - bucketSuffix(bucket).length), loop, shape);
  const counts = {} as Record<EngineName, number>;
  let dma = 0;
  let stored = 0;
  for (const e of ENGINES) {
    const own = decodeStream(main[e]);
    const step = decodeStream(segment?.code[e] ?? new Uint8Array());
    counts[e] = own.length + calls * step.length;
    dma += own.filter((i) => i.m === 'DMA').length + calls * step.filter((i) => i.m === 'DMA').length;
    stored += own.length + decodeStream(load[e]).length + (calls > 0 ? step.length : 0);
  }
  const executed = ENGINES.reduce((n, e) => n + counts[e], 0);
  const timing = simulateTiming(
    program,
    name,
    target,
    shape.kind === 'device-loop' ? { length: loop.maxSteps } : {},
  );
  const cycles = Math.ceil((timing.ticks * target.clockMhz.pe) / (TICKS_PER_NS * 1000));
  return {
    name,
    kind,
    ...(bucket !== '' && { bucket }),
    instructions: { ...counts, dma, executed, stored },
    modelled: { cycles, ns: timing.ns },
  };
}

function callsOf(name: string, loop: CompiledLoop, shape: LoopShape): number {
  if (shape.kind === 'unrolled' || shape.kind === 'device-loop') return loop.maxSteps;
  if (shape.kind === 'split') return name === 'decoder' ? 1 : 0;
  const at = shape.ends.findIndex((end) => name === `decoder_${end}`);
  return at < 0 ? 0 : (shape.ends[at] ?? 0) - (shape.ends[at - 1] ?? 0);
}

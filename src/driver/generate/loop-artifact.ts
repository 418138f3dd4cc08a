// The artifact of a decoding loop: host program, signature and executables of each shape.
import { ConstantStore } from '../../artifact/constants.js';
import type { HostProgram, HostStep } from '../../artifact/host-program.js';
import type { JsonRecord } from '../../artifact/json.js';
import type { ArtifactDraft, ExecutableInfo } from '../../artifact/model.js';
import type { TensorPlace } from '../../artifact/signature.js';
import type { CompiledLoop, CompiledLoops, LoopExecutable } from '../../backend/decode/compile-loop.js';
import type { LoopShape } from '../../backend/decode/spec.js';
import type { Target } from '../../chip/target.js';
import type { Program, Variable } from '../../isa/program.js';
import { passingBytes } from '../../ops/evaluate.js';
import type { Generation } from '../../passes/decode/model.js';
import { type BucketParts, bucketSuffix, joinBuckets } from '../bucket-signature.js';
import type { DecodeInput } from '../decode/request.js';
import type { FinishGraph } from './finish-graph.js';
import { loopDebugInfo } from './loop-debug.js';

/** The loop at one set of input shapes. */
export interface LoopBucket {
  /** Empty where there is one set of shapes. */
  readonly bucket: string;
  readonly inputs: readonly DecodeInput[];
  readonly finish: FinishGraph;
}

export interface LoopDescription {
  readonly name: string;
  /** In the order of the compiled loops. */
  readonly buckets: readonly LoopBucket[];
  readonly preprocess: (name: string, position: number) => string | undefined;
  readonly generation: Generation;
  readonly shape: LoopShape;
  readonly incremental: boolean;
  readonly notes: readonly string[];
  readonly precision: string;
  readonly compiler: string;
  readonly options: JsonRecord;
  readonly target: Target;
}

export interface LoopArtifact {
  readonly draft: ArtifactDraft;
  readonly program: Program;
  readonly store: ConstantStore;
}

export function loopArtifact(compiled: CompiledLoops, d: LoopDescription): LoopArtifact {
  const store = new ConstantStore();
  const variables = compiled.variables.map((v, i): Variable => {
    const constant = compiled.constants.get(i);
    if (constant === undefined) return v;
    const entry = store.add(constant.cache ?? (() => passingBytes(constant)), {
      name: v.name,
      dtype: constant.dtype,
      shape: constant.shape,
    });
    return { ...v, constantOffset: entry.offset, bytes: entry.bytes };
  });
  const executables = compiled.loops.flatMap((loop) => loop.executables);
  const program: Program = {
    variables,
    segments: compiled.segments,
    segmentDescriptors: compiled.segmentDescriptors,
    executables: executables.map((e) => e.executable),
  };
  const { program: host, ...ports } = joinBuckets(
    d.buckets.map((bucket, i) => partsOf(compiled.loops[i] as CompiledLoop, bucket, d)),
  );
  const draft: ArtifactDraft = {
    name: d.name,
    manifest: {
      compiler: d.compiler,
      target: d.target,
      options: d.options,
      models: [
        {
          name: d.name,
          ...ports,
          executables: executables.map((e) => e.executable.name),
          program: 'main',
          precision: d.precision,
          decode: describe(d),
        },
      ],
      hostOperators: [],
    },
    host: { main: host },
    program,
    executables: compiled.loops.flatMap((loop) =>
      loop.executables.map((e) => executableInfo(e, loop, compiled.variables)),
    ),
    debug: loopDebugInfo(compiled),
    constants: store,
  };
  return { draft, program, store };
}

/** Ports and host program of a bucket. */
function partsOf(
  loop: CompiledLoop,
  { bucket, inputs, finish }: LoopBucket,
  d: LoopDescription,
): BucketParts {
  const counts = new Set(finish.cropped.map((c) => c.by));
  const places = loop.outputs.map(({ name, dtype, shape, variable }) => ({ name, dtype, shape, variable }));
  const { steps, tensors } = hostSteps(loop, d.shape, bucketSuffix(bucket));
  return {
    name: bucket,
    inputs: loop.inputs.map((p, i) => {
      const preprocess = d.preprocess(p.name, i);
      const fill = inputs[i]?.fill;
      return {
        name: p.name,
        dtype: p.dtype,
        shape: p.shape,
        variable: p.variable,
        ...(preprocess !== undefined && { preprocess }),
        ...(fill !== undefined && { fill }),
      };
    }),
    outputs: places
      .filter((p) => !counts.has(p.name))
      .map((p) => {
        const crop = finish.cropped.filter((c) => c.output === p.name).map(({ axis, by }) => ({ axis, by }));
        return { ...p, ...(crop.length > 0 && { crop }) };
      }),
    program: { tensors: [...places.filter((p) => counts.has(p.name)), ...tensors], steps },
  };
}

function describe(d: LoopDescription): JsonRecord {
  const { generation: g, shape } = d;
  return {
    schema: 1,
    variant: shape.kind,
    incremental: d.incremental,
    max_steps: g.maxSteps,
    batch: g.batch,
    bos: g.bos,
    eos: [...g.eos],
    pad: g.pad,
    ...(shape.kind === 'partitioned' && { partitions: [...shape.ends] }),
    ...(shape.kind === 'split' && { resident_state: shape.resident }),
    notes: [...d.notes],
  };
}

function executableInfo(
  e: LoopExecutable,
  loop: CompiledLoop,
  variables: readonly Variable[],
): ExecutableInfo {
  const whole = (v: number): [number, number][] => [[0, variables[v]?.bytes ?? 0]];
  const states = [...new Set([...e.statesIn, ...e.statesOut])].map((variable) => ({
    variable,
    entry: e.statesIn.includes(variable) ? whole(variable) : [],
    exit: whole(variable),
  }));
  return {
    reads: e.reads,
    writes: e.writes,
    flags: e.writes.includes(loop.flag) ? [loop.flag] : [],
    states,
    registers: [],
    core: 0,
  };
}

/** What the host does for a request, and the tensors it moves that are no inputs or outputs of the model. */
function hostSteps(loop: CompiledLoop, shape: LoopShape, suffix: string): HostProgram {
  const execute = (name: string): HostStep => ({ op: 'execute', executable: `${name}${suffix}` });
  const put = loop.inputs.map((p): HostStep => ({ op: 'put', tensor: p.name }));
  const get = loop.outputs.map((p): HostStep => ({ op: 'get', tensor: p.name }));
  const flag: TensorPlace = { name: 'flag', dtype: 'i32', shape: [1], variable: loop.flag };
  if (shape.kind === 'unrolled' || shape.kind === 'device-loop') {
    return { steps: [...put, execute('main'), ...get], tensors: [] };
  }
  const encode: HostStep[] = [...put, execute('encoder')];
  if (shape.kind === 'partitioned') {
    const rounds = shape.ends.map((end) => ({
      times: 1,
      steps: [execute(`decoder_${end}`), ...get],
    }));
    return { steps: [...encode, { op: 'while', flag: 'flag', rounds }], tensors: [flag] };
  }
  const decoders = loop.executables.filter((e) => e.executable.kind === 'decoder');
  const rounds = (before: readonly HostStep[], after: readonly HostStep[]) =>
    decoders.map(({ executable: { name } }) => ({
      times: loop.maxSteps / decoders.length,
      steps: [...before, { op: 'execute' as const, executable: name }, ...after],
    }));
  if (shape.resident)
    return {
      steps: [...encode, { op: 'while', flag: 'flag', rounds: rounds([], get) }],
      tensors: [flag],
    };
  const out = (name: string): string => `${name}.out`;
  const tensors = loop.carried.flatMap((c): TensorPlace[] => {
    const storage = c.dtype === 'i64' ? ({ dtype: 'i32' } as const) : { dtype: c.dtype };
    return [
      { name: `${c.name}.in`, ...storage, shape: c.shape, variable: c.toDevice },
      { name: out(c.name), ...storage, shape: c.shape, variable: c.fromDevice },
    ];
  });
  const receive = loop.carried.map((c): HostStep => ({ op: 'get', tensor: out(c.name) }));
  const send = loop.carried.map((c): HostStep => ({ op: 'put', tensor: `${c.name}.in`, from: out(c.name) }));
  const back = loop.carried
    .filter((c) => c.role === 'state')
    .map((c): HostStep => ({ op: 'get', tensor: out(c.name) }));
  return {
    steps: [...encode, ...receive, { op: 'while', flag: 'flag', rounds: rounds(send, [...back, ...get]) }],
    tensors: [flag, ...tensors],
  };
}

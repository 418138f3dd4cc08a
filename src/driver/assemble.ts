// Compiled stages to the artifact: one program of all executables, one store of all constants, the signature, and the host program
// that runs the stages in order. Variables of an executable are numbered from 0 when it is compiled, and moved behind those before it.
import type { ConstantStore } from '../artifact/constants.js';
import type { HostProgram, HostStep } from '../artifact/host-program.js';
import type { ArtifactDraft, ExecutableInfo, HostOperator } from '../artifact/model.js';
import type { InputPort, OutputPort, TensorPlace } from '../artifact/signature.js';
import type { CompiledExecutable, CompiledPort, CompiledProgram } from '../backend/compile.js';
import { shapeText } from '../base/tensor.js';
import type { Target } from '../chip/target.js';
import type { Constant } from '../ir/constant.js';
import { constantText } from '../ir/constant-text.js';
import { constantOf, type Graph, type Value } from '../ir/graph.js';
import { printGraph } from '../ir/print.js';
import type { TensorType } from '../ir/type.js';
import type { DmaDescriptor, DmaSide } from '../isa/operands.js';
import type { Executable, Program, Variable } from '../isa/program.js';
import { constantBytes, passingBytes } from '../ops/evaluate.js';
import { joinBuckets } from './bucket-signature.js';
import { debugInfo } from './debug-info.js';
import { hostOperator } from './host/operator-record.js';
import type { Stage } from './host/stages.js';
import { VERSION } from './version.js';

/** A stage with what it became. */
export type CompiledStage =
  | {
      readonly stage: Extract<Stage, { kind: 'chip' }>;
      readonly program: CompiledProgram;
      readonly compiled: CompiledExecutable;
    }
  | { readonly stage: Extract<Stage, { kind: 'host' }> };

/** An input of the source that was given its value when the model was compiled. */
export interface FixedInput {
  readonly name: string;
  readonly type: TensorType;
  readonly sha256: string;
}

/** A model at one set of input shapes. */
export interface CompiledBucket {
  /** Empty where there is one set of shapes. */
  readonly bucket: string;
  readonly stages: readonly CompiledStage[];
  /** The graph that all stages make up. */
  readonly graph: Graph;
  /** Names of the source's inputs, in order. */
  readonly inputOrder: readonly string[];
  readonly fixed: readonly FixedInput[];
}

export interface AssembleOptions {
  readonly name: string;
  readonly target: Target;
  readonly autoCast: string;
  readonly autoCastType: string;
  readonly level: number;
  /** Steps per input name or position. */
  readonly preprocess: ReadonlyMap<string, string>;
}

interface Placed {
  readonly stage: Extract<Stage, { kind: 'chip' }>;
  readonly compiled: CompiledExecutable;
  readonly firstVariable: number;
}

/** @param buckets ascending; one where there is one set of shapes */
export function assemble(
  buckets: readonly CompiledBucket[],
  store: ConstantStore,
  options: AssembleOptions,
): ArtifactDraft {
  const variables: Variable[] = [];
  const firstVariables = new Map<CompiledProgram, number>();
  const named = new Set(
    buckets.flatMap(({ graph }) =>
      graph.body.nodes.flatMap((node) => node.inputs.flatMap((v) => constantOf(v) ?? [])),
    ),
  );
  const placed = buckets.map(({ stages }) =>
    stages.flatMap((made): Placed[] => {
      if (!('compiled' in made)) return [];
      const firstVariable = firstVariables.get(made.program) ?? variables.length;
      if (!firstVariables.has(made.program)) {
        firstVariables.set(made.program, firstVariable);
        variables.push(...placeConstants(made.program, store, named));
      }
      return [{ stage: made.stage, compiled: made.compiled, firstVariable }];
    }),
  );
  const all = placed.flat();
  const program: Program = {
    variables,
    segments: [],
    segmentDescriptors: [],
    executables: all.map(renumbered),
  };
  const operators: HostOperator[] = [];
  const joined = joinBuckets(
    buckets.map((bucket, i) => ({
      name: bucket.bucket,
      ...portsOf(bucket, placed[i] ?? [], options.preprocess),
      program: hostProgram(bucket, placed[i] ?? [], operators, store),
    })),
  );
  const largest = buckets.at(-1) as CompiledBucket;
  return {
    name: options.name,
    manifest: {
      compiler: `neffc ${VERSION}`,
      target: options.target,
      options: { autoCast: options.autoCast, autoCastType: options.autoCastType, level: options.level },
      models: [
        {
          name: options.name,
          inputs: joined.inputs,
          outputs: joined.outputs,
          buckets: joined.buckets,
          executables: all.map((p) => p.compiled.executable.name),
          program: 'main',
          precision: options.autoCast === 'none' ? 'fp32' : options.autoCastType,
        },
      ],
      hostOperators: operators,
    },
    host: { main: joined.program },
    program,
    executables: all.map(executableInfo),
    debug: debugInfo([...firstVariables.keys()]),
    constants: store,
    graphText: printGraph(largest.graph, constantBytes),
  };
}

function storeConstant(store: ConstantStore, constant: Constant, name: string) {
  return store.add(constant.cache ?? (() => passingBytes(constant)), {
    name,
    dtype: constant.dtype,
    shape: constant.shape,
  });
}

/**
 * Gives every constant variable its place in constants.bin; equal contents share one. The constants of the graph behind it get
 * their text at once, while their bytes are at hand.
 */
function placeConstants(
  compiled: CompiledProgram,
  store: ConstantStore,
  named: ReadonlySet<Constant>,
): Variable[] {
  return compiled.variables.map((v, i): Variable => {
    const constant = compiled.constants.get(i);
    if (constant === undefined) return v;
    const entry = storeConstant(store, constant, v.name);
    for (const behind of namedBehind(constant, named)) constantText(behind, constantBytes);
    return { ...v, constantOffset: entry.offset, bytes: entry.bytes };
  });
}

function* namedBehind(c: Constant, named: ReadonlySet<Constant>): Generator<Constant> {
  if (named.has(c)) yield c;
  else if (c.recipe.kind === 'apply') for (const input of c.recipe.inputs) yield* namedBehind(input, named);
}

function renumbered({ compiled: { executable }, firstVariable }: Placed): Executable {
  if (firstVariable === 0) return executable;
  const side = (s: DmaSide): DmaSide =>
    s.space === 'dram' ? { ...s, variable: s.variable + firstVariable } : s;
  const descriptors = executable.descriptors.map((d): DmaDescriptor => {
    const { indirect } = d;
    const moved =
      indirect?.space === 'dram' ? { ...indirect, variable: indirect.variable + firstVariable } : indirect;
    return { ...d, src: side(d.src), dst: side(d.dst), ...(moved && { indirect: moved }) };
  });
  return { ...executable, descriptors };
}

function executableInfo({ compiled, firstVariable }: Placed): ExecutableInfo {
  const numbers = (ports: readonly CompiledPort[]): number[] => ports.map((p) => p.variable + firstVariable);
  return {
    reads: numbers(compiled.inputs),
    writes: numbers(compiled.outputs),
    flags: [],
    states: [],
    registers: [],
    core: 0,
  };
}

/** The port's tensor on the device. */
function placeOf(port: CompiledPort, firstVariable: number, name = port.name): TensorPlace {
  return { name, dtype: port.dtype, shape: port.shape, variable: port.variable + firstVariable };
}

const isWhole = (placed: readonly Placed[]): boolean =>
  placed.length === 1 && placed[0]?.stage.name === 'main';

/** Inputs and outputs of the model, of the source's types; their variables where one executable is all there is. */
function portsOf(
  { graph, fixed, inputOrder }: CompiledBucket,
  placed: readonly Placed[],
  preprocess: AssembleOptions['preprocess'],
): { readonly inputs: readonly InputPort[]; readonly outputs: readonly OutputPort[] } {
  const whole = isWhole(placed) ? placed[0] : undefined;
  const input = (name: string, position: number): InputPort[] => {
    const steps = preprocess.get(name) ?? preprocess.get(String(position));
    const own = steps === undefined ? {} : { preprocess: steps };
    const known = fixed.find((f) => f.name === name);
    if (known !== undefined)
      return [
        { name, dtype: known.type.dtype, shape: known.type.shape as readonly number[], fixed: known.sha256 },
      ];
    const port = whole?.compiled.inputs.find((p) => p.name === name);
    if (whole !== undefined && port !== undefined) return [{ ...placeOf(port, whole.firstVariable), ...own }];
    const param = graph.body.params.find((p) => p.name === name);
    return param === undefined
      ? []
      : [{ name, dtype: param.type.dtype, shape: param.type.shape as readonly number[], ...own }];
  };
  const output = (value: Value, i: number): OutputPort => {
    const name = graph.outputNames[i] ?? value.name;
    for (const { compiled, firstVariable } of placed) {
      const port = whole === undefined ? compiled.outputs.find((p) => p.name === name) : compiled.outputs[i];
      if (port !== undefined) return placeOf(port, firstVariable);
    }
    return { name, dtype: value.type.dtype, shape: value.type.shape as readonly number[] };
  };
  return { inputs: inputOrder.flatMap(input), outputs: graph.body.results.map(output) };
}

/** Stages in order: values are put under names of their own where there are several executables, and fetched under theirs. */
function hostProgram(
  { stages, graph }: CompiledBucket,
  placed: readonly Placed[],
  operators: HostOperator[],
  store: ConstantStore,
): HostProgram {
  const names = new Map<Value, string>(graph.body.params.map((v) => [v, v.name]));
  for (const { stage } of stages)
    for (const { name, value } of stage.outputs) if (!names.has(value)) names.set(value, name);
  const outputs = new Set(graph.outputNames);
  const tensors: TensorPlace[] = [];
  const steps: HostStep[] = [];
  const whole = isWhole(placed);
  for (const { stage } of stages) {
    if (stage.kind === 'host') {
      const constant = (c: Constant): number => {
        storeConstant(store, c, `operand of ${stage.node.op} ${shapeText(c.shape)}`);
        return store.index.length - 1;
      };
      steps.push({ op: 'call', operator: operators.length });
      operators.push(
        hostOperator(
          stage.node,
          stage.outputs.map((o) => o.name),
          (v) => names.get(v) ?? '',
          constant,
        ),
      );
      continue;
    }
    const own = placed.find((p) => p.stage === stage);
    for (const [i, { name }] of stage.inputs.entries()) {
      const port = own?.compiled.inputs[i];
      if (whole || port === undefined || own === undefined) steps.push({ op: 'put', tensor: name });
      else {
        tensors.push(placeOf(port, own.firstVariable, `${stage.name}.${name}`));
        steps.push({ op: 'put', tensor: `${stage.name}.${name}`, from: name });
      }
    }
    steps.push({ op: 'execute', executable: own?.compiled.executable.name ?? stage.name });
    for (const [i, { name }] of stage.outputs.entries()) {
      const port = own?.compiled.outputs[i];
      if (!whole && !outputs.has(name) && port !== undefined && own !== undefined)
        tensors.push(placeOf(port, own.firstVariable));
      steps.push({ op: 'get', tensor: name });
    }
  }
  return { tensors, steps };
}

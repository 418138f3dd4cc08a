// For tests of the backend: graphs compiled to bytes with every check on, run on the simulated chip, compared with the graph's
// own evaluators; and bytes changed in one place.
import { type CompiledExecutable, type CompiledProgram, compileGraphs } from '../../src/backend/compile.js';
import { createRandom } from '../../src/base/random.js';
import { fromNumbers, type HostTensor, toNumbers } from '../../src/base/tensor.js';
import { ENGINES, type EngineName, type Target } from '../../src/chip/target.js';
import type { Graph } from '../../src/ir/graph.js';
import { decodeStream, encode } from '../../src/isa/codec.js';
import type { Code, Executable, Program, Variable } from '../../src/isa/program.js';
import type { Instruction } from '../../src/isa/table.js';
import { constantBytes } from '../../src/ops/evaluate.js';
import { createDevice, type DeviceOptions } from '../../src/sim/simulate.js';

export interface Built {
  readonly compiled: CompiledProgram & CompiledExecutable;
  readonly program: Program;
  readonly constants: Uint8Array;
}

/** @param check off where a test wants to see what the compile itself makes */
export function build(graph: Graph, target: Target, check = true): Built {
  const made = compileGraphs([{ name: 'main', graph }], target, { kind: 'graph', level: 2, check });
  const compiled = { ...made, ...(made.executables[0] as CompiledExecutable) };
  let end = 0;
  const parts: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  const variables = compiled.variables.map((v, i): Variable => {
    const constant = compiled.constants.get(i);
    if (constant === undefined) return v;
    const at = end;
    const bytes = constantBytes(constant);
    parts.push({ at, bytes });
    end += Math.ceil(bytes.length / 64) * 64;
    return { ...v, constantOffset: at };
  });
  const constants = new Uint8Array(end);
  for (const { at, bytes } of parts) constants.set(bytes, at);
  const program = { variables, segments: [], segmentDescriptors: [], executables: [compiled.executable] };
  return { compiled, program, constants };
}

/** The bytes of the outputs. @throws the simulator's traps: all checks are on */
export function run(
  { compiled, program, constants }: Built,
  target: Target,
  inputs: readonly HostTensor[],
  options: Pick<DeviceOptions, 'shuffleSeed' | 'kernels'> = {},
): Uint8Array[] {
  const device = createDevice({ target, program, constants, checks: 'always', ...options });
  device.load();
  for (const [i, port] of compiled.inputs.entries()) {
    const tensor = inputs[i];
    if (tensor !== undefined) device.writeVariable(0, port.variable, tensor.data);
  }
  device.execute({ core: 0, executable: 0 });
  return compiled.outputs.map((port) => device.readVariable(0, port.variable).slice());
}

/** Values for the params of a graph: small floats, and integers in 0 .. 2. */
export function inputsOf(graph: Graph, seed: number): HostTensor[] {
  const random = createRandom(seed);
  return graph.body.params.map(({ type }) => {
    const shape = type.shape.map(Number);
    const count = shape.reduce((n, d) => n * d, 1);
    const isFloat = type.dtype.startsWith('f') || type.dtype === 'bf16';
    const values = Array.from({ length: count }, () =>
      isFloat ? random.between(-2, 2) : random.integer(0, 2),
    );
    return fromNumbers(type.dtype, shape, values);
  });
}

/** The first element outside of the tolerance, as a sentence; undefined where all are within. */
export function difference(
  want: HostTensor,
  bytes: Uint8Array,
  tolerance: { readonly relative: number; readonly absolute: number },
): string | undefined {
  const expected = toNumbers(want);
  const got = toNumbers({ ...want, data: bytes.slice(0, want.data.length) });
  let scale = 0;
  for (const e of expected) if (Number.isFinite(Number(e))) scale = Math.max(scale, Math.abs(Number(e)));
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [Number(got[i]), Number(expected[i])];
    if (
      Object.is(a, e) ||
      a === e ||
      Math.abs(a - e) <= tolerance.absolute * scale + tolerance.relative * Math.abs(e)
    )
      continue;
    return `[${i}] is ${a}, not ${e} (${want.dtype} [${want.shape}])`;
  }
  return undefined;
}

/** The program with one engine's code of its only executable changed. */
export function withCode(
  program: Program,
  kind: 'load' | 'main',
  engine: EngineName,
  change: (code: Instruction[]) => readonly Instruction[],
): Program {
  const executable = program.executables[0] as Executable;
  const code: Code = {
    ...executable[kind],
    [engine]: encode(change(decodeStream(executable[kind][engine]))),
  };
  return { ...program, executables: [{ ...executable, [kind]: code }] };
}

/** The program without one wait. */
export function withoutWait(
  program: Program,
  kind: 'load' | 'main',
  engine: EngineName,
  index: number,
  wait: number,
): Program {
  return withCode(program, kind, engine, (code) =>
    code.map((x, i) =>
      i === index ? ({ ...x, waits: x.waits.filter((_, k) => k !== wait) } as Instruction) : x,
    ),
  );
}

/** Instructions of an executable's main fragment that satisfy a condition. */
export function find(
  program: Program,
  condition: (x: Instruction) => boolean,
): { engine: EngineName; index: number; instruction: Instruction }[] {
  return ENGINES.flatMap((engine) =>
    decodeStream((program.executables[0] as Executable).main[engine]).flatMap((instruction, index) =>
      condition(instruction) ? [{ engine, index, instruction }] : [],
    ),
  );
}

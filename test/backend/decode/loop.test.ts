// Decoding loops in all their shapes: steps in a shared segment, counts in registers, on inf2 a loop that a loaded word ends. Every
// artifact passes the checker and gives what the graphs say; a wait of the segment taken away is found by checker and simulator.
import { describe, expect, it } from 'vitest';
import {
  type CompiledLoop,
  type CompiledLoops,
  compileLoops,
} from '../../../src/backend/decode/compile-loop.js';
import type { LoopShape, LoopSpec } from '../../../src/backend/decode/spec.js';
import { checkProgram } from '../../../src/backend/sync/check.js';
import { neededWaits } from '../../../src/backend/sync/needed-waits.js';
import { NeffcError } from '../../../src/base/diagnostic.js';
import { createRandom } from '../../../src/base/random.js';
import { fromNumbers, type HostTensor, toNumbers } from '../../../src/base/tensor.js';
import { INF1, INF2 } from '../../../src/chip/builtin.js';
import type { Target } from '../../../src/chip/target.js';
import { bytesConstant, type Constant } from '../../../src/ir/constant.js';
import { constantOf, type Graph, type Value } from '../../../src/ir/graph.js';
import { tensorType } from '../../../src/ir/type.js';
import { decodeStream, encode } from '../../../src/isa/codec.js';
import type { Program, Segment } from '../../../src/isa/program.js';
import type { Instruction } from '../../../src/isa/table.js';
import { GraphBuilder } from '../../../src/ops/build.js';
import { constantBytes } from '../../../src/ops/evaluate.js';
import { interpretGraph } from '../../../src/ops/interpret.js';
import { createDevice } from '../../../src/sim/simulate.js';
import { difference } from '../harness.js';

const STEPS = 6;
/** The step after which the flag is set. */
const LAST = 4;

/** context = x W; h' = tanh(h V + context); n' = n + 1; flag: n' = LAST. `each`: a graph for each step, over the same weights. */
function spec(each = false): LoopSpec {
  const random = createRandom(3);
  const weights = (b: GraphBuilder, ...shape: number[]): Value => {
    const values = Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () =>
      random.between(-0.3, 0.3),
    );
    return b.constant(bytesConstant('f32', shape, new Uint8Array(values.buffer)));
  };
  const first = new GraphBuilder('prologue');
  const x = first.input('x', tensorType('f32', [4, 24]));
  const prologue = first.finish([first.one('matmul', [x, weights(first, 24, 32)])], ['context']);
  const kernel = weights(new GraphBuilder('kernel'), 32, 32);
  const stepGraph = (firstId: number): Graph => {
    const b = new GraphBuilder('step', firstId);
    const context = b.input('context', tensorType('f32', [4, 32]));
    const h = b.input('h', tensorType('f32', [4, 32]));
    const n = b.input('n', tensorType('i32', [1]));
    // Equal, and another object in each graph.
    const own = b.constant({ ...(constantOf(kernel) as Constant) });
    const next = b.one('tanh', [b.one('add', [b.one('matmul', [h, own]), context])]);
    const count = b.one('add', [n, b.scalar('i32', 1)]);
    const flag = b.one('cast', [b.one('eq', [count, b.scalar('i32', LAST)])], { to: 'i32' });
    return b.finish([next, count, flag], ['next', 'count', 'flag']);
  };
  const end = new GraphBuilder('finish', 2000);
  const finish = end.finish([end.one('neg', [end.input('state', tensorType('f32', [4, 32]))])], ['y']);
  return {
    prologue,
    step: stepGraph(1000),
    ...(each && { later: Array.from({ length: STEPS - 1 }, (_, k) => stepGraph(3000 + 100 * k)) }),
    finish,
    finishParams: [1],
    flag: 2,
    maxSteps: STEPS,
    params: [
      { role: 'context', result: 0 },
      { role: 'state', next: 0, start: { value: 0 } },
      { role: 'state', next: 1, start: { value: 0 } },
    ],
  };
}

/** What the graphs say after so many steps. */
function reference(x: HostTensor, steps: number): HostTensor {
  const { prologue, step, finish } = spec();
  const [context] = interpretGraph(prologue, [x]) as [HostTensor];
  let h = fromNumbers('f32', [4, 32], new Array(128).fill(0));
  let n = fromNumbers('i32', [1], [0]);
  for (let k = 0; k < steps; k++) [h, n] = interpretGraph(step, [context, h, n]) as [HostTensor, HostTensor];
  return interpretGraph(finish, [h])[0] as HostTensor;
}

interface Loop {
  readonly compiled: CompiledLoop & CompiledLoops;
  readonly program: Program;
  readonly constants: Uint8Array;
}

function loopOf(shape: LoopShape, target: Target, each = false): Loop {
  const made = compileLoops([{ spec: spec(each), shape, suffix: '' }], target, { level: 2, check: true });
  const compiled = { ...made, ...(made.loops[0] as CompiledLoop) };
  const parts: Uint8Array[] = [];
  let end = 0;
  const variables = compiled.variables.map((v, i) => {
    const constant = compiled.constants.get(i);
    if (constant === undefined) return v;
    const bytes = new Uint8Array(Math.ceil(constantBytes(constant).length / 64) * 64);
    bytes.set(constantBytes(constant));
    parts.push(bytes);
    end += bytes.length;
    return { ...v, constantOffset: end - bytes.length };
  });
  const { segments, segmentDescriptors } = compiled;
  const program = {
    variables,
    segments,
    segmentDescriptors,
    executables: compiled.executables.map((e) => e.executable),
  };
  return { compiled, program, constants: Buffer.concat(parts) };
}

/** Runs these executables one after another; carried tensors that pass through the host are passed on. */
function execute(
  { compiled, program, constants }: Loop,
  target: Target,
  x: HostTensor,
  names: readonly string[],
  shuffleSeed?: number,
): Uint8Array {
  const device = createDevice({ target, program, constants, checks: 'always', shuffleSeed });
  device.load();
  device.writeVariable(0, compiled.inputs[0]!.variable, x.data);
  for (const name of names) {
    device.execute({ core: 0, executable: name });
    for (const c of compiled.carried) {
      const index = program.executables.findIndex((e) => e.name === name);
      if (compiled.executables[index]!.writes.includes(c.fromDevice))
        device.writeVariable(0, c.toDevice, device.readVariable(0, c.fromDevice).slice());
    }
  }
  return device.readVariable(0, compiled.outputs[0]!.variable).slice();
}

const x = fromNumbers(
  'f32',
  [4, 24],
  Array.from({ length: 96 }, (_, i) => ((i * 7) % 13) / 13 - 0.5),
);
const once = Array.from({ length: STEPS }, () => 'decoder');

const SHAPES: readonly (readonly [
  name: string,
  shape: LoopShape,
  target: Target,
  order: readonly string[],
  steps: number,
])[] = [
  ['unrolled', { kind: 'unrolled' }, INF1, ['main'], STEPS],
  ['unrolled', { kind: 'unrolled' }, INF2, ['main'], STEPS],
  ['loop on the chip', { kind: 'device-loop' }, INF2, ['main'], LAST],
  [
    'partitioned',
    { kind: 'partitioned', ends: [2, STEPS] },
    INF1,
    ['encoder', 'decoder_2', 'decoder_6'],
    STEPS,
  ],
  ['split, states on the device', { kind: 'split', resident: true }, INF1, ['encoder', ...once], STEPS],
  ['split, states through the host', { kind: 'split', resident: false }, INF2, ['encoder', ...once], STEPS],
];

describe.each(SHAPES)('%s', (_, shape, target, order, steps) => {
  const loop = loopOf(shape, target);

  it('passes the checker and gives what the graphs say, under any timing', () => {
    expect(checkProgram(loop.program, target, { lengths: [1, 2, LAST, STEPS] }).violations).toEqual([]);
    const got = execute(loop, target, x, order);
    expect(difference(reference(x, steps), got, { relative: 1e-4, absolute: 1e-5 })).toBeUndefined();
    expect(toNumbers(reference(x, steps)).some((v) => Number(v) !== 0)).toBe(true);
    for (let seed = 1; seed <= 3; seed++) expect(execute(loop, target, x, order, seed)).toEqual(got);
  });

  it('needs the waits of the segment that are called needed', () => {
    const index = loop.program.executables.length - 1;
    const waits = neededWaits(loop.program, target, index).filter(
      (w) => w.fragment.kind === 'segment' && w.need === 'needed',
    );
    expect(waits.length).toBeGreaterThan(2);
    for (const { fragment, index: at, wait } of waits) {
      const [segment] = loop.program.segments as [Segment];
      const code = decodeStream(segment.code[fragment.engine]).map((i, k) =>
        k === at ? withoutWait(i, wait) : i,
      );
      const changed = { ...segment, code: { ...segment.code, [fragment.engine]: encode(code) } };
      const program = { ...loop.program, segments: [changed] };
      const found = checkProgram(program, target, { lengths: [LAST] }).violations;
      expect(found.map((v) => v.rule)).toContain('race');
      expect(() => execute({ ...loop, program }, target, x, order)).toThrow(NeffcError);
    }
  });
});

describe.each([
  ['unrolled', { kind: 'unrolled' }, INF1, ['main']],
  ['partitioned', { kind: 'partitioned', ends: [2, STEPS] }, INF2, ['encoder', 'decoder_2', 'decoder_6']],
  [
    'split',
    { kind: 'split', resident: false },
    INF2,
    ['encoder', ...Array.from({ length: STEPS }, (_, k) => `decoder_${k + 1}`)],
  ],
] as const)('%s, each step with a graph of its own', (_, shape, target, order) => {
  it('gives what the graphs say, and has the weights once', () => {
    const loop = loopOf(shape, target, true);
    expect(checkProgram(loop.program, target).violations).toEqual([]);
    const got = execute(loop, target, x, order);
    expect(difference(reference(x, STEPS), got, { relative: 1e-4, absolute: 1e-5 })).toBeUndefined();
    expect(loop.compiled.constants.size).toBe(loopOf(shape, target).compiled.constants.size);
    expect(loop.program.segments).toEqual([]);
  });
});

/** A wait for 0 without a register is no wait. */
function withoutWait(i: Instruction, wait: number): Instruction {
  const waits = i.waits.map((w, k) => (k === wait ? { ...w, value: 0 } : w));
  return { ...i, waits, bindings: i.bindings.filter((b) => b.field !== `waits.${wait}`) } as Instruction;
}

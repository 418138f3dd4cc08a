// The spec of lowered programs: what lowering makes fulfils it, and each rule finds what it is for.
import { describe, expect, it } from 'vitest';
import type { Buffer, Step } from '../../../src/backend/lower/buffer.js';
import { checkLowered } from '../../../src/backend/lower/check.js';
import { type LoweredProgram, lower } from '../../../src/backend/lower/lower.js';
import { planGraph } from '../../../src/backend/plan/plan.js';
import { INF1, INF2 } from '../../../src/chip/builtin.js';
import type { Instruction } from '../../../src/isa/table.js';
import { PROGRAMS } from '../programs.js';

function lowered(name: string): LoweredProgram {
  const graph = PROGRAMS[name]!();
  return lower(graph, planGraph(graph), INF2);
}

const rules = (p: LoweredProgram, target = INF2): string[] =>
  [...new Set(checkLowered(p, target).map((f) => f.rule))].sort();

it.each(Object.keys(PROGRAMS))('%s fulfils it', (name) => {
  expect(checkLowered(lowered(name), INF2)).toEqual([]);
});

describe('each rule', () => {
  const p = lowered('mlp');
  const steps = p.sections[0]!.steps;
  const withSteps = (change: (steps: Step[]) => Step[]): LoweredProgram => ({
    ...p,
    sections: [{ ...p.sections[0]!, steps: change([...steps]) }],
  });
  const edited = (at: number, change: (s: Step) => Step): LoweredProgram =>
    withSteps((list) => list.map((s, i) => (i === at ? change(s) : s)));
  const field = (s: Step, name: string, value: unknown): Step => ({
    ...s,
    instruction: { ...s.instruction, [name]: value } as Instruction,
  });
  const indexOf = (m: Instruction['m']): number => steps.findIndex((s) => s.instruction.m === m);
  const matmul = indexOf('MATMUL');
  const transfer = indexOf('DMA');
  type Operand = {
    readonly buffer: Buffer;
    readonly base: number;
    readonly start: number;
    readonly parts: number;
  };
  const operand = (at: number, name: string): Operand =>
    (steps[at]!.instruction as unknown as Record<string, Operand>)[name]!;

  it('an instruction of another target', () => {
    expect(rules(p, INF1)).toContain('pe-types');
  });

  it('an instruction on an engine that lacks it', () => {
    expect(rules(edited(matmul, (s) => ({ ...s, engine: 'act' })))).toContain('engine');
  });

  it('waits or an increment before their time', () => {
    expect(rules(edited(matmul, (s) => field(s, 'increment', 3)))).toEqual(['envelope']);
  });

  it('a node that does not exist', () => {
    expect(rules(edited(matmul, (s) => ({ ...s, origin: 99 })))).toEqual(['origin']);
  });

  it('a transfer of an engine that computes, or of nothing', () => {
    expect(rules(edited(transfer, (s) => ({ ...s, engine: 'act' })))).toEqual(['dma']);
    expect(rules(edited(transfer, (s) => ({ ...s, descriptors: [] })))).toContain('dma');
  });

  it('an operand beyond its buffer', () => {
    const moving = operand(matmul, 'moving');
    expect(
      rules(edited(matmul, (s) => field(s, 'moving', { ...moving, base: moving.buffer.bytes }))),
    ).toEqual(['inside']);
  });

  it('a buffer that is not listed', () => {
    const moving = operand(matmul, 'moving');
    expect(
      rules(edited(matmul, (s) => field(s, 'moving', { ...moving, buffer: { ...moving.buffer } }))),
    ).toContain('buffers');
  });

  it('bytes read before they are written', () => {
    expect(rules(withSteps((list) => list.filter((_, i) => i !== transfer)))).toContain('unwritten');
    expect(rules(withSteps((list) => list.slice(-1)))).toContain('unwritten');
  });

  it('an accumulation without start', () => {
    expect(rules(edited(matmul, (s) => field(s, 'start', false)))).toContain('unwritten');
  });

  it('an output that is not written to its end', () => {
    expect(rules(withSteps((list) => list.slice(0, -1)))).toEqual(['output']);
  });

  it('a constant or a weight overwritten', () => {
    const weight = p.weights[0]!.buffers[0]!;
    const target = steps.findIndex(
      (s) =>
        s.instruction.m === 'ACTIVATE' || s.instruction.m === 'TENSOR_SCALAR' || s.instruction.m === 'COPY',
    );
    const dst = operand(target, 'dst');
    const over = {
      ...dst,
      buffer: weight,
      start: 0,
      parts: 1,
      base: 0,
      counts: [1, 1, 1, 1],
      strides: [0, 0, 0, 0],
    };
    expect(rules(edited(target, (s) => field(s, 'dst', over)))).toContain('weight');
    const constant = [...p.constants.keys()].sort((a, b) => b.bytes - a.bytes)[0]!;
    const toConstant = (s: Step): Step => ({
      ...s,
      descriptors: s.descriptors!.map((d) => ({ ...d, dst: { ...d.src, buffer: constant } })),
    });
    expect(rules(edited(transfer, toConstant))).toContain('constant');
  });

  it('a buffer larger than its memory', () => {
    const buffers = p.buffers.map((b) => (b.space === 'psum' ? { ...b, bytes: 2 * INF2.psum.bankBytes } : b));
    expect(rules({ ...p, buffers })).toContain('buffers');
  });
});

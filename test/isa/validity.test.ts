import { describe, expect, it } from 'vitest';
import { INF1, INF2 } from '../../src/chip/builtin.js';
import type { EngineName, Target } from '../../src/chip/target.js';
import { assemble, assembleDescriptors } from '../../src/isa/assemble.js';
import { checkDescriptor, DESCRIPTOR_RULES } from '../../src/isa/rules-descriptor.js';
import type { Instruction } from '../../src/isa/table.js';
import { checkInstruction, RULES } from '../../src/isa/validity.js';

const f32 = (parts: string, n: number): string => `sbuf.f32[${parts}]+0x0{${n}:1}`;
const copy = (dst: string, src = dst): string => `COPY dst=${dst} src=${src}`;
const matmul = ({
  dst = 'psum.f32[0:64]+0x0{256:1}',
  stationary = 'sbuf.bf16[0:128]+0x0{64:1}',
  moving = 'sbuf.bf16[0:128]+0x0{256:1}',
}): string => `MATMUL dst=${dst} stationary=${stationary} moving=${moving} start`;
const select =
  'AFFINE_SELECT dst=sbuf.f32[0:32]+0x0{16:1} src=sbuf.f32[0:32]+0x0{16:1} compare=ge base=0 perPartition=1 steps=0,0,0,-1';
const shift = (type: string): string =>
  `TENSOR_SCALAR op0=shl op1=bypass dst=sbuf.${type}[0:32]+0x0 src=sbuf.${type}[0:32]+0x0 s0=2i`;
const reduce = (axes: number): string =>
  `REDUCE op=add dst=${f32('0:32', 8)} src=sbuf.f32[0:32]+0x0{8x4:4,1} axes=${axes}`;

interface Case {
  readonly good: string;
  readonly bad: string;
  readonly engine?: EngineName;
  readonly target?: Target;
  /** Where the bad one differs by target or engine. */
  readonly badEngine?: EngineName;
  readonly badTarget?: Target;
}

/** One good and one bad instruction of each rule; the bad one breaks that rule and no other. */
const CASES: Readonly<Record<string, Case>> = {
  engine: { good: select, bad: select, badTarget: INF2, target: INF1 },
  branches: { good: 'LOOP reg=0 back=4', bad: 'LOOP reg=0 back=4', badTarget: INF1 },
  semaphores: { good: 'NOP wait 255>=1,319>=1 inc 0', bad: 'NOP wait 320>=1' },
  registers: { good: 'REG_SET reg=31 value=0', bad: 'REG_SET reg=32 value=0' },
  bindings: { good: 'NOP wait 1>=0 bind waits.0=r3', bad: 'NOP wait 1>=0 bind waits.1=r3' },
  ranges: { good: 'CALL segment=65535', bad: 'CALL segment=65536' },
  queue: { good: 'DMA queue=15 first=0 count=1', bad: 'DMA queue=15 first=0 count=0' },
  'partition-range': { good: copy(f32('96:128', 8)), bad: copy(f32('128:136', 8)) },
  'partition-start': { good: copy(f32('64:128', 8)), bad: copy(f32('32:128', 8)) },
  'partition-bytes': { good: copy('psum.f32[0:128]+0x0{4096:1}'), bad: copy('psum.f32[0:128]+0x4{4096:1}') },
  alignment: { good: copy('sbuf.bf16[0:1]+0x2'), bad: copy('sbuf.f32[0:1]+0x2') },
  'row-length': { good: copy('sbuf.u8[0:1]+0x0{2x32768:0,1}'), bad: copy('sbuf.u8[0:1]+0x0{3x32768:0,1}') },
  lanes: { good: copy(f32('32:64', 8)), bad: copy(f32('32:64', 8), f32('64:96', 8)) },
  i64: {
    good: copy('sbuf.i64[0:1]+0x0', 'sbuf.i32[0:1]+0x0'),
    bad: copy('sbuf.i64[0:1]+0x0', 'sbuf.f32[0:1]+0x0'),
  },
  'bit-operations': { good: shift('i32'), bad: shift('f32') },
  exact: { good: `${copy('sbuf.i8[0:1]+0x0')} exact`, bad: `${copy('sbuf.f32[0:1]+0x0')} exact` },
  'word-load': {
    good: 'REG_LOAD reg=1 variable=0 partition=127 offset=8',
    bad: 'REG_LOAD reg=1 variable=0 partition=128 offset=8',
  },
  'row-lengths': { good: copy(f32('0:32', 8)), bad: copy(f32('0:32', 8), f32('0:32', 9)) },
  'pe-operands': { good: matmul({}), bad: matmul({ moving: 'sbuf.bf16[0:64]+0x0{256:1}' }), engine: 'pe' },
  'pe-size': {
    good: matmul({}),
    bad: matmul({ moving: 'sbuf.bf16[0:128]+0x0{513:1}', dst: 'psum.f32[0:64]+0x0{513:0}' }),
    engine: 'pe',
  },
  'pe-types': {
    good: matmul({ stationary: 'sbuf.f32[0:128]+0x0{64:1}', moving: 'sbuf.f32[0:128]+0x0{256:1}' }),
    bad: matmul({ stationary: 'sbuf.f32[0:128]+0x0{64:1}', moving: 'sbuf.f32[0:128]+0x0{256:1}' }),
    engine: 'pe',
    badTarget: INF1,
  },
  'psum-bank': {
    good: matmul({ dst: 'psum.f32[0:64]+0x400{256:1}' }),
    bad: matmul({ dst: 'psum.f32[0:64]+0x404{256:1}' }),
    engine: 'pe',
  },
  'reduce-axes': { good: reduce(1), bad: reduce(0).replace('{8:1}', '{32:1}') },
  transpose: {
    good: `TRANSPOSE32 dst=${f32('32:48', 20)} src=${f32('0:20', 16)}`,
    bad: `TRANSPOSE32 dst=${f32('32:47', 20)} src=${f32('0:20', 16)}`,
  },
  'transpose-types': {
    good: `TRANSPOSE32 dst=${f32('0:64', 96)} src=${f32('0:64', 96)}`,
    bad: `TRANSPOSE32 dst=sbuf.i32[0:64]+0x0{96:1} src=${f32('0:64', 96)}`,
  },
  'index-types': {
    good: `MAX_INDEX dst=sbuf.u32[0:32]+0x0{8:1} values=${f32('0:32', 8)} src=${f32('0:32', 50)}`,
    bad: `MAX_INDEX dst=sbuf.f32[0:32]+0x0{8:1} values=${f32('0:32', 8)} src=${f32('0:32', 50)}`,
  },
  'partition-reduce': {
    good: `PARTITION_REDUCE op=add dst=${f32('0:1', 8)} src=${f32('0:128', 8)}`,
    bad: `PARTITION_REDUCE op=add dst=${f32('32:33', 8)} src=${f32('0:128', 8)}`,
    engine: 'pool',
  },
};

function brokenBy(line: string, target: Target, engine: EngineName): string[] {
  const [instr] = assemble(line);
  return [...new Set(checkInstruction(instr as Instruction, target, engine).map((v) => v.rule))];
}

describe('checkInstruction', () => {
  it('has a case for every rule', () => {
    expect(Object.keys(CASES)).toEqual(Object.keys(RULES));
  });

  it.each(Object.entries(CASES))(
    '%s',
    (rule, { good, bad, engine = 'dve', target = INF2, badEngine, badTarget }) => {
      expect(brokenBy(good, target, engine)).toEqual([]);
      expect(brokenBy(bad, badTarget ?? target, badEngine ?? engine)).toEqual([rule]);
    },
  );

  it('reports all violations, each with its operand and the rule’s text', () => {
    const [instr] = assemble(copy('sbuf.f32[33:64]+0x2{8:1}', 'sbuf.f32[0:31]+0x30000{9:1}'));
    const found = checkInstruction(instr as Instruction, INF2, 'pe');
    expect(found.map((v) => `${v.rule} ${v.field}`)).toEqual([
      'engine engine',
      'partition-start dst',
      'partition-bytes src',
      'alignment dst',
      'lanes src',
      'row-lengths src',
    ]);
    expect(found[3]?.message).toBe('dst is f32 at byte 2. A base is a multiple of its element’s bytes.');
  });

  it('leaves what a register decides to execution', () => {
    const line = 'COPY dst=sbuf.f32[0:32]+0x2{9000:1} src=sbuf.f32[0:32]+0xfffffff0{8:1}';
    expect(brokenBy(`${line} bind dst.base=r1,src.base=r2,dst.counts.3=r3`, INF2, 'dve')).toEqual([]);
  });

  it('accepts iota and affine select on DVE only where there is no POOL', () => {
    expect(brokenBy(select, INF1, 'pool')).toEqual(['engine']);
    expect(brokenBy(select, INF2, 'pool')).toEqual([]);
  });
});

const good = '4B src=dram:0+0x0{8x16:64,4} dst=sbuf@3+0x0{8x16:p2,4}';
const DESCRIPTORS: Readonly<Record<string, readonly string[]>> = {
  'dma-elements': [good, '4B src=dram:0+0x0{8x16:64,4} dst=sbuf@3+0x0{8x15:p2,4}'],
  'dma-sides': [good, '4B src=dram:0@1+0x0{8x16:64,4} dst=sbuf@3+0x0{8x16:p2,4}'],
  'dma-bounds': [
    good,
    good.replace('@3', '@114'),
    good.replace('0+0x0{', '0+0x4{'),
    good.replace('@3+0x0', '@3+0x30000'),
  ],
  'dma-constant': [
    good.replace('dst=sbuf@3+0x0{8x16:p2,4}', 'dst=dram:0+0x0{128:4}'),
    good.replace('dst=sbuf@3+0x0{8x16:p2,4}', 'dst=dram:1+0x0{128:4}'),
  ],
  'dma-indirect': [`${good} gather=sbuf@0+0x0 bound=1`, `${good} gather=sbuf@0+0x0 bound=0`],
};

describe('checkDescriptor', () => {
  const variables = [
    { bytes: 512, kind: 'scratch' },
    { bytes: 512, kind: 'constant' },
  ] as const;
  const broken = (line: string): string[] =>
    assembleDescriptors(line).flatMap((d) => checkDescriptor(d, INF2, variables).map((v) => v.rule));

  it('has a case for every rule', () => {
    expect(Object.keys(DESCRIPTORS)).toEqual(Object.keys(DESCRIPTOR_RULES));
  });

  it.each(Object.entries(DESCRIPTORS))('%s', (rule, [accepted = '', ...refused]) => {
    expect(broken(accepted)).toEqual([]);
    for (const line of refused) expect(broken(line)).toContain(rule);
  });
});

// Times worked out by hand, in ticks of 1/28 ns. On inf2 a cycle takes 10 ticks on PE, 20 on ACT and POOL, 25 on DVE.
import { describe, expect, it } from 'vitest';
import { INF1, INF2 } from '../../../src/chip/builtin.js';
import type { Target } from '../../../src/chip/target.js';
import { createDevice, simulateTiming, type TimingOptions } from '../../../src/sim/simulate.js';
import { buildProgram, type ProgramText } from '../../helpers/program-builder.js';

const HOP = 50 * 28;
const CONTROL = 20 * 28;
const LATENCY = 1300 * 28;
/** 64 elements in each partition at a byte offset. */
const at = (offset: number, space = 'sbuf', elements = 64): string =>
  `${space}.f32[0:128]+${offset}{${elements}:1}`;

function time(text: ProgramText, options: TimingOptions = {}, target: Target = INF2) {
  return simulateTiming(buildProgram(text), 0, target, options);
}

describe('engines', () => {
  it('issues back to back and ends when the last result is readable', () => {
    const { ticks, stats } = time({
      main: { dve: `MEMSET dst=${at(0)} bits=0\nMEMSET dst=${at(256)} bits=0` },
    });
    expect(ticks).toBe(2 * 64 * 25 + 160 * 25);
    expect(stats.engines[2]).toMatchObject({ engine: 'dve', instructions: 2, busy: 3200 });
  });

  it('stalls on its own operands until they are readable, and only then', () => {
    const { ticks, stats } = time({
      main: {
        dve: `MEMSET dst=${at(0)} bits=0\nCOPY dst=${at(512)} src=${at(0)}\nCOPY dst=${at(1024)} src=${at(0)}`,
      },
    });
    expect(ticks).toBe(5600 + 1600 + 1600 + 4000);
    expect(stats.engines[2]?.stalls.operand).toBe(4000);
  });

  it('lets another engine go one hop after the result is readable', () => {
    const { ticks, stats } = time({
      main: { dve: `MEMSET dst=${at(0)} bits=0 inc 2`, act: `COPY dst=${at(512)} src=${at(0)} wait 2>=1` },
    });
    expect(ticks).toBe(5600 + HOP + 64 * 20 + 160 * 20);
    expect(stats.engines[1]?.stalls.semaphore).toBe(5600 + HOP);
  });

  it('a wait that is long over costs nothing', () => {
    const slow = 'NOP\n'.repeat(20);
    const { ticks } = time({
      main: {
        dve: `MEMSET dst=${at(0)} bits=0 inc 2`,
        act: `${slow}COPY dst=${at(512)} src=${at(0)} wait 2>=1`,
      },
    });
    expect(ticks).toBe(20 * CONTROL + 64 * 20 + 160 * 20);
  });

  it('fires the increment of a NOP after the results before it are readable', () => {
    const { ticks } = time({ main: { dve: `MEMSET dst=${at(0)} bits=0\nNOP inc 2`, sp: 'NOP wait 2>=1' } });
    expect(ticks).toBe(1600 + 4000 + HOP + CONTROL);
  });
});

describe('ports', () => {
  it('DVE and POOL take turns in SBUF, DVE first in a tie', () => {
    const { ticks, stats } = time({
      main: { dve: `MEMSET dst=${at(0)} bits=0`, pool: `MEMSET dst=${at(256)} bits=0` },
    });
    expect(ticks).toBe(1600 + 64 * 20 + 160 * 20);
    expect(stats.engines[3]?.stalls.port).toBe(1600);
  });

  it('DVE and ACT take turns in PSUM but not in SBUF', () => {
    const text = (space: string): ProgramText => ({
      main: {
        act: `COPY dst=${at(0)} src=${at(0, space)}`,
        dve: `COPY dst=${at(512)} src=${at(0, space)}`,
      },
    });
    expect(time(text('psum')).ticks).toBe(64 * 20 + 1600 + 4000);
    expect(time(text('sbuf')).ticks).toBe(1600 + 4000);
  });
});

describe('PE', () => {
  const matmul = (columns: number, more = ''): string =>
    `MATMUL dst=psum.f32[0:128]+0{${columns}:1} stationary=sbuf.bf16[0:128]+0{128:1} moving=sbuf.bf16[0:128]+512{${columns}:1} start ${more}`;

  it('shows the first stationary load and hides the next', () => {
    const { ticks, stats } = time({ main: { pe: `${matmul(512)}\n${matmul(256)}` } });
    expect(ticks).toBe(320 + 5120 + 2560 + 1280);
    expect(stats.engines[0]?.stalls.stationary).toBe(320);
  });

  it('shows the part of a load that its wait delays', () => {
    // The NOP fires at 5600 ticks, is seen at 7000; the first matmul ends at 5440.
    const sp = 'NOP\n'.repeat(9);
    const { ticks } = time({
      main: { pe: `${matmul(512)}\n${matmul(512, 'wait 4>=1')}`, sp: `${sp}NOP inc 4` },
    });
    expect(ticks).toBe(5600 + HOP + 320 + 5120 + 1280);
  });

  it('hides no load behind anything but a matmul', () => {
    const { ticks } = time({ main: { pe: `${matmul(512)}\nNOP\n${matmul(512)}` } });
    expect(ticks).toBe(320 + 5120 + CONTROL + 320 + 5120 + 1280);
  });
});

describe('control', () => {
  it('loops, branches and calls at 20 ns each', () => {
    const { ticks, stats } = time({
      segments: [{ sp: 'NOP\nRET' }],
      main: {
        sp: 'REG_SET reg=0 value=3\nCALL segment=0\nLOOP reg=0 back=1\nBRANCH compare=eq reg=0 value=0 forward=1\nNOP\nNOP',
      },
    });
    // SET, 3 x (CALL, NOP, RET, LOOP), BRANCH over one NOP, NOP
    expect(stats.instructions).toBe(1 + 12 + 2);
    expect(ticks).toBe(15 * CONTROL);
  });

  it('adds registers to wait values and patterns', () => {
    const dve = `REG_SET reg=1 value=1\nREG_ADD reg=2 source=1 value=0 useRegister addend=1
      MEMSET dst=sbuf.f32[0:128]+0{62:1} bits=0 inc 2 bind dst.counts.3=r2\nMEMSET dst=${at(256)} bits=0 inc 2`;
    const { ticks } = time({ main: { dve, sp: 'REG_SET reg=7 value=1\nNOP wait 2>=1 bind waits.0=r7' } });
    expect(ticks).toBe(2 * CONTROL + 3200 + 4000 + HOP + CONTROL);
  });

  it('takes branches on loaded words from a length, or from recorded words', () => {
    const sp = `REG_SET reg=0 value=9\nREG_LOAD reg=1 variable=0 partition=0 offset=0
      BRANCH compare=ne reg=1 value=0 forward=1\nLOOP reg=0 back=2`;
    const body = (length: number): number => 1 + 3 * length - 1;
    expect(time({ main: { sp } }, { length: 4 }).stats.instructions).toBe(body(4));
    const loads = { pe: [], act: [], dve: [], pool: [], sp: [0, 0, 1] };
    expect(time({ main: { sp } }, { loads }).stats.instructions).toBe(body(3));
  });
});

describe('DMA', () => {
  const variables = [{ name: 'w', kind: 'constant', bytes: 1 << 20, constantOffset: 0 }] as const;
  /** `rows` rows of 1 KiB into as many partitions at `offset`. */
  const rows = (rows: number, offset: number): string =>
    `4B src=dram:0+0x0{${rows}x256:1024,4} dst=sbuf@0+0x${offset.toString(16)}{${rows}x256:p1,4}`;
  const trigger = (queue: number, first: number, more = ''): string =>
    `DMA queue=${queue} first=${first} count=1 ${more}\n`;
  const row = (target: Target): number => 27 * 28 + Math.ceil((1024 * 28e9) / target.dma.bytesPerSecond);

  it('pipelines the latency: a queue’s next rows start behind the last', () => {
    const text = {
      variables,
      descriptors: `${rows(8, 0)}\n${rows(4, 1024)}`,
      main: { sp: trigger(0, 0) + trigger(0, 1, 'inc 8'), pe: 'NOP wait 8>=1' },
    };
    const { ticks, stats } = time(text);
    expect(ticks).toBe(CONTROL + LATENCY + 12 * row(INF2) + HOP + CONTROL);
    expect(stats).toMatchObject({
      dmaBytes: 12288,
      dramBytes: 12288,
      queues: [{ transfers: 2, rows: 12, busy: 12 * row(INF2) }],
    });
  });

  it('starts at the later of latency and queue', () => {
    const idle = 'NOP\n'.repeat(200);
    const text = { variables, descriptors: rows(8, 0), main: { sp: trigger(0, 0) + idle + trigger(0, 0) } };
    expect(time(text).ticks).toBe(202 * CONTROL + LATENCY + 8 * row(INF2));
  });

  it('leaves the DRAM alone where it is fast enough', () => {
    const text = {
      variables,
      descriptors: `${rows(8, 0)}\n${rows(8, 1024)}`,
      main: { sp: trigger(0, 0) + trigger(1, 1) },
    };
    expect(time(text).ticks).toBe(2 * CONTROL + LATENCY + 8 * row(INF2));
  });

  it('serves rows of all cores in order of start, ties by core, then queue', () => {
    // A DRAM at 1 GB/s: a row of 1 KiB takes 28672 ticks, longer than on its queue. Two cores alternate.
    const slow: Target = { ...INF1, dram: { ...INF1.dram, bytesPerSecond: 1e9 } };
    const text = { variables, descriptors: rows(4, 0), main: { sp: trigger(0, 0) } };
    const served = 1024 * 28;
    const { ticks, jobs, stats } = time(text, { cores: 2 }, slow);
    expect(jobs.map((j) => j.end)).toEqual([7, 8].map((n) => CONTROL + LATENCY + n * served));
    expect(stats.dram[0]?.busy).toBe(8 * served);
    expect(ticks).toBe(jobs[1]?.end);
    // Cores on two chips do not meet.
    const apart = time(text, { cores: 2 }, { ...slow, coresPerChip: 1 });
    expect(apart.ticks).toBe(CONTROL + LATENCY + 4 * served);
  });

  it('keeps a row on its queue until the DRAM has served it', () => {
    // DRAM at the rate of a queue, two queues: the second waits a row of DRAM, then each finds it free when its 27 ns are over.
    const target: Target = { ...INF2, dram: { ...INF2.dram, bytesPerSecond: INF2.dma.bytesPerSecond } };
    const served = Math.ceil((1024 * 28e9) / 17e9);
    const text = {
      variables,
      descriptors: `${rows(1, 0)}\n${rows(1, 1024)}`,
      main: { sp: trigger(0, 0), act: trigger(1, 1) },
    };
    expect(time(text, {}, target).ticks).toBe(CONTROL + LATENCY + 2 * served);
  });

  it('a trigger waits for the results its transfer reads', () => {
    const text: ProgramText = {
      variables: [{ name: 'y', kind: 'output', bytes: 4096 }],
      descriptors: '4B src=sbuf@0+0x0{4x64:p1,4} dst=dram:0+0x0{256:4}',
      main: { dve: `MEMSET dst=${at(0)} bits=0\n${trigger(0, 0)}` },
    };
    const line = 27 * 28 + Math.ceil((256 * 28e9) / 17e9);
    expect(time(text).ticks).toBe(5600 + CONTROL + LATENCY + 4 * line);
  });
});

describe('what a timeline leaves', () => {
  const program = buildProgram({
    main: {
      dve: `MEMSET dst=${at(0)} bits=0 inc 2\nMEMSET dst=${at(256)} bits=0`,
      act: `COPY dst=${at(512)} src=${at(0)} wait 2>=1`,
    },
  });

  it('traces slices with their causes', () => {
    const { trace } = simulateTiming(program, 'main', INF2, { trace: true });
    expect(trace?.length).toBe(4);
    const slices = Array.from({ length: 4 }, (_, i) => [
      trace?.lane[i],
      trace?.kind[i],
      trace?.start[i],
      trace?.end[i],
    ]);
    expect(slices).toEqual([
      [2, 0, 0, 1600],
      [1, 2, 0, 7000],
      [2, 0, 1600, 3200],
      [1, 0, 7000, 8280],
    ]);
  });

  it('finds the longest dependence chain', () => {
    const { stats, ticks } = simulateTiming(program, 'main', INF2, { chain: true });
    expect(stats.chain).toBe(5600 + HOP + 1280 + 3200);
    expect(stats.chain).toBe(ticks);
  });

  it('runs the executions of a core one after another', () => {
    const device = createDevice({ target: INF2, program, checks: 'always', cores: 2 });
    const { jobs } = device.execute([
      { core: 0, executable: 'main' },
      { core: 0, executable: 'main' },
      { core: 1, executable: 'main', earliest: 100 },
    ]);
    expect(jobs.map((j) => j.start)).toEqual([0, 11480, 100]);
    expect(jobs.map((j) => j.end)).toEqual([11480, 22960, 11580]);
  });
});

// What programs compute does not depend on time: shuffled costs give the same bytes. State, cores and chips.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INF2 } from '../../../src/chip/builtin.js';
import { createDevice, simulateTiming } from '../../../src/sim/simulate.js';
import { buildProgram } from '../../helpers/program-builder.js';

const bytes = (values: readonly number[]): Uint8Array => new Uint8Array(new Float32Array(values).buffer);
const floats = (data: Uint8Array): number[] => [...new Float32Array(data.slice().buffer)];

/** Doubles x four times in a loop: load, DVE adds into ACT's buffer and back, store. */
const doubling = buildProgram({
  variables: [
    { name: 'x', kind: 'input', bytes: 512 },
    { name: 'y', kind: 'output', bytes: 512 },
  ],
  descriptors:
    '4B src=dram:0+0x0{128:4} dst=sbuf@0+0x0{128x1:p1,4}\n4B src=sbuf@0+0x0{128x1:p1,4} dst=dram:1+0x0{128:4}',
  segments: [
    {
      dve: 'TENSOR_TENSOR op=add dst=sbuf.f32[0:128]+4{1:1} a=sbuf.f32[0:128]+0{1:1} b=sbuf.f32[0:128]+0{1:1} wait 1>=0,8>=1 bind waits.0=r1 inc 2\nREG_ADD reg=1 source=1 value=1 addend=0\nRET',
      act: 'REG_ADD reg=1 source=1 value=1 addend=0\nCOPY dst=sbuf.f32[0:128]+0{1:1} src=sbuf.f32[0:128]+4{1:1} wait 2>=0 bind waits.0=r1 inc 1\nRET',
    },
  ],
  main: {
    sp: 'DMA queue=0 first=0 count=1 inc 8\nDMA queue=1 first=1 count=1 wait 1>=4',
    dve: 'REG_SET reg=0 value=4\nCALL segment=0\nLOOP reg=0 back=1',
    act: 'REG_SET reg=0 value=4\nCALL segment=0\nLOOP reg=0 back=1',
  },
});

describe('results', () => {
  const input = Array.from({ length: 128 }, (_, i) => i / 4);

  it('computes', () => {
    const device = createDevice({ target: INF2, program: doubling, checks: 'always' });
    device.writeVariable(0, 'x', bytes(input));
    const first = device.execute({ core: 0, executable: 'main' });
    expect(floats(device.readVariable(0, 'y'))).toEqual(input.map((v) => v * 16));
    // Time needs no data, and checks cost none.
    expect(simulateTiming(doubling, 'main', INF2).ticks).toBe(first.ticks);
    expect(device.execute({ core: 0, executable: 'main' }, { timingOnly: true }).ticks).toBe(first.ticks);
  });

  it('gives the same bytes under shuffled timing', () => {
    const ticks = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const device = createDevice({ target: INF2, program: doubling, checks: 'always', shuffleSeed: seed });
      device.writeVariable(0, 'x', bytes(input));
      ticks.add(device.execute({ core: 0, executable: 'main' }).ticks);
      expect(floats(device.readVariable(0, 'y'))).toEqual(input.map((v) => v * 16));
      const again = createDevice({
        target: INF2,
        program: doubling,
        checks: 'off',
        shuffleSeed: seed,
        timingOnly: true,
      });
      ticks.add(again.execute({ core: 0, executable: 'main' }).ticks);
    }
    expect(ticks.size).toBe(20);
  });

  it('reads the words that decide on the device, and repeats them without data', () => {
    // n counts down in DRAM through SBUF; the loop ends when it is 0.
    const program = buildProgram({
      variables: [{ name: 'n', kind: 'input', bytes: 4 }],
      descriptors: '4B src=dram:0+0x0{1:4} dst=sbuf@0+0x0{1:4}',
      main: {
        sp: 'DMA queue=0 first=0 count=1 inc 8',
        dve: `NOP wait 8>=1\nREG_SET reg=0 value=100
          TENSOR_SCALAR op0=subtract op1=bypass dst=sbuf.i32[0:1]+0{1:1} src=sbuf.i32[0:1]+0{1:1} s0=1i s1=0i
          REG_LOAD reg=1 variable=0 partition=0 offset=0\nBRANCH compare=le reg=1 value=0 forward=1\nLOOP reg=0 back=3`,
      },
    });
    const device = createDevice({ target: INF2, program, checks: 'always' });
    device.writeVariable(0, 'n', new Uint8Array([5, 0, 0, 0]));
    const real = device.execute({ core: 0, executable: 'main' });
    expect(real.jobs[0]?.loads.dve).toEqual([4, 3, 2, 1, 0]);
    expect(simulateTiming(program, 'main', INF2, { length: 5 }).ticks).toBe(real.ticks);
    expect(simulateTiming(program, 'main', INF2, { loads: real.jobs[0]!.loads }).ticks).toBe(real.ticks);
  });
});

describe('cores', () => {
  // Core 0 writes a tensor in shared device memory and counts the chip's semaphore up; core 1 waits for it.
  const program = buildProgram({
    variables: [
      { name: 'between', kind: 'scratch', bytes: 512 },
      { name: 'y', kind: 'output', bytes: 512 },
    ],
    executables: {
      first: {
        descriptors: '4B src=sbuf@0+0x0{128x1:p1,4} dst=dram:0+0x0{128:4}',
        main: {
          dve: 'MEMSET dst=sbuf.i32[0:128]+0{1:1} bits=77 inc 2',
          sp: 'DMA queue=0 first=0 count=1 wait 2>=1 inc 256',
        },
      },
      second: {
        descriptors: '4B src=dram:0+0x0{128:4} dst=dram:1+0x0{128:4}',
        main: { sp: 'DMA queue=0 first=0 count=1 wait 256>=0 bind waits.0=r9' },
      },
    },
  });
  const stages = (n: number, wait = n) => [
    { core: 0, executable: 'first' },
    { core: 1, executable: 'second', registers: new Map([[9, wait]]) },
  ];

  it('of a chip meet through its semaphores, which are never reset', () => {
    const device = createDevice({ target: INF2, program, checks: 'always', cores: 2, sharedDram: true });
    const { jobs } = device.execute(stages(1));
    expect(jobs[1]!.end).toBeGreaterThan(jobs[0]!.end);
    expect(new Int32Array(device.readVariable(1, 'y').slice().buffer).every((v) => v === 77)).toBe(true);
    expect(device.execute(stages(2)).jobs.map((j) => j.end)).toEqual(jobs.map((j) => j.end));
    expect(() => device.execute(stages(3, 4))).toThrow(
      /E1426.*core 1 sp.*waits for 4 of semaphore 256, which counts to 3/,
    );
  });

  it('race on shared device memory where the second stage does not wait', () => {
    const device = createDevice({ target: INF2, program, checks: 'always', cores: 2, sharedDram: true });
    expect(() => device.execute(stages(1, 0))).toThrow(/E142[12]: core [01]/);
  });

  it('have their own variables otherwise', () => {
    const device = createDevice({ target: INF2, program, checks: 'always', cores: 2 });
    device.writeVariable(1, 'between', new Uint8Array(512).fill(3));
    expect(device.readVariable(0, 'between').every((b) => b === 0)).toBe(true);
  });
});

describe('random programs', () => {
  const SEMAPHORE = { act: 1, dve: 2, pool: 3 } as const;
  type Name = keyof typeof SEMAPHORE;
  const COLUMNS = 70;
  const slot = (k: number): string => `sbuf.i32[0:32]+${k * 4 * COLUMNS}{${COLUMNS}:1}`;
  const step = fc.record({ engine: fc.constantFrom<Name>('act', 'dve', 'pool'), a: fc.nat(), b: fc.nat() });

  /** Instruction i writes slot i + 1 from earlier slots (slot 0 is 3s) and waits for what other engines wrote; the last slot is stored. */
  function write(steps: readonly { engine: Name; a: number; b: number }[]) {
    const text: Record<Name, string[]> = { act: [], dve: [`MEMSET dst=${slot(0)} bits=3 inc 2`], pool: [] };
    const made: { engine: Name; count: number }[] = [{ engine: 'dve', count: 1 }];
    const values = [3];
    const waitFor = (slots: readonly number[], engine?: Name): string => {
      const counts = new Map<Name, number>();
      for (const k of slots) {
        const { engine: other, count } = made[k]!;
        if (other !== engine) counts.set(other, Math.max(counts.get(other) ?? 0, count));
      }
      return counts.size === 0
        ? ''
        : `wait ${[...counts].map(([e, count]) => `${SEMAPHORE[e]}>=${count}`).join(',')}`;
    };
    for (const [i, { engine, a, b }] of steps.entries()) {
      const [x, y] = [a % (i + 1), b % (i + 1)];
      const copies = engine === 'act';
      const body = copies ? `COPY src=${slot(x)}` : `TENSOR_TENSOR op=add a=${slot(x)} b=${slot(y)}`;
      const wait = waitFor(copies ? [x] : [x, y], engine);
      text[engine].push(`${body} dst=${slot(i + 1)} ${wait} inc ${SEMAPHORE[engine]}`);
      made.push({ engine, count: text[engine].length });
      values.push(copies ? values[x]! : (values[x]! + values[y]!) | 0);
    }
    const sp = `DMA queue=0 first=0 count=1 ${waitFor([steps.length])}`;
    const lines = Object.entries(text).map(([engine, list]) => [engine, list.join('\n')]);
    const program = buildProgram({
      variables: [{ name: 'y', kind: 'output', bytes: 4 * COLUMNS }],
      descriptors: `4B src=sbuf@31+0x${(steps.length * 4 * COLUMNS).toString(16)}{${COLUMNS}:4} dst=dram:0+0x0{${COLUMNS}:4}`,
      main: { ...Object.fromEntries(lines), sp },
    });
    return { program, last: values.at(-1) };
  }

  it('pass all checks, give the right bytes at any timing, and take no less than their bounds', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(), (steps, seed) => {
        const { program, last } = write(steps);
        for (const shuffleSeed of [undefined, seed]) {
          const device = createDevice({ target: INF2, program, checks: 'always', shuffleSeed });
          const { stats, ticks } = device.execute({ core: 0, executable: 0 }, { chain: true });
          expect([...new Int32Array(device.readVariable(0, 'y').slice().buffer)]).toEqual(
            new Array(COLUMNS).fill(last),
          );
          if (shuffleSeed !== undefined) continue;
          expect(ticks).toBeGreaterThanOrEqual(stats.chain ?? Number.NaN);
          for (const { busy } of stats.engines) expect(ticks).toBeGreaterThanOrEqual(busy);
        }
      }),
      { numRuns: 40 },
    );
  });
});

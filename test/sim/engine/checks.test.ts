// Traps of the event-driven simulator: each program is right but for one thing.
import { describe, expect, it } from 'vitest';
import { NeffcError } from '../../../src/base/diagnostic.js';
import { INF1, INF2 } from '../../../src/chip/builtin.js';
import { type CheckMode, createDevice } from '../../../src/sim/simulate.js';
import { buildProgram, type ProgramText } from '../../helpers/program-builder.js';

const at = (offset: number, space = 'sbuf', dims = '64:1'): string =>
  `${space}.f32[0:128]+${offset}{${dims}}`;

function run(text: ProgramText, checks: CheckMode = 'always'): string {
  const device = createDevice({ target: INF2, program: buildProgram(text), checks, watchdog: 10_000 });
  try {
    device.load();
    device.execute({ core: 0, executable: 0 });
  } catch (error) {
    if (error instanceof NeffcError) return error.message;
    throw error;
  }
  return 'good';
}

describe('data races', () => {
  const pair = (wait: string, second: string): ProgramText => ({
    main: { dve: `MEMSET dst=${at(0)} bits=0 inc 2`, act: `NOP\n${second} ${wait}` },
  });

  it('finds a removed wait, whichever way round the two run', () => {
    const reads = `COPY dst=${at(512)} src=${at(0)}`;
    expect(run(pair('wait 2>=1', reads))).toBe('good');
    const race = run({ main: { dve: `MEMSET dst=${at(0)} bits=0`, act: `${'NOP\n'.repeat(30)}${reads}` } });
    expect(race).toBe(
      'E1421: act main main #30 (COPY dst=sbuf.f32[0:128]+0x200{64:1} src=sbuf.f32[0:128]+0x0{64:1}): reads sbuf partitions 0..127, ' +
        'bytes 0..255 while dve main main #0 (MEMSET dst=sbuf.f32[0:128]+0x0{64:1} bits=0) writes sbuf partitions 0..127, bytes 0..255; no wait orders the two',
    );
    const sooner = run({
      main: {
        dve: `MEMSET dst=${at(512)} bits=0\nMEMSET dst=${at(0)} bits=0`,
        act: `COPY dst=${at(512)} src=${at(512)} wait 5>=1`,
        sp: 'NOP inc 5',
      },
    });
    expect(sooner).toMatch(/^E1421: act/);
  });

  it('a wait orders what came before the increment, not what comes after', () => {
    const act = `COPY dst=${at(512)} src=${at(0)} wait 2>=1`;
    expect(run({ main: { dve: `MEMSET dst=${at(0)} bits=0\nNOP inc 2`, act } })).toBe('good');
    expect(
      run({ main: { dve: `NOP inc 2\nMEMSET dst=${at(0)} bits=0`, act: `${'NOP\n'.repeat(30)}${act}` } }),
    ).toMatch(/^E1421/);
  });

  it('order passes on through a third engine', () => {
    const text = (wait: string): ProgramText => ({
      main: {
        dve: `MEMSET dst=${at(0)} bits=0 inc 2`,
        sp: `NOP wait 2>=1 inc 4`,
        act: `${'NOP\n'.repeat(30)}COPY dst=${at(512)} src=${at(0)} ${wait}`,
      },
    });
    expect(run(text('wait 4>=1'))).toBe('good');
    expect(run(text(''))).toMatch(/^E1421/);
  });

  it('even and odd columns do not meet, nor do other partitions', () => {
    const write = (base: number, parts: string): string =>
      `MEMSET dst=sbuf.f32[${parts}]+${base}{32:2} bits=0`;
    const both = (a: string, b: string): string => run({ main: { dve: a, pool: b } });
    expect(both(write(0, '0:128'), write(4, '0:128'))).toBe('good');
    expect(both(write(0, '0:64'), write(0, '64:128'))).toBe('good');
    expect(both(write(0, '0:64'), write(8, '32:64'))).toMatch(/^E1421/);
  });

  it('a queue’s transfers are events of their own: after the trigger, before who waits for them', () => {
    const text = (act: string, after: string): ProgramText => ({
      variables: [{ name: 'x', kind: 'input', bytes: 32768 }],
      descriptors: '4B src=dram:0+0x0{128x64:256,4} dst=sbuf@0+0x0{128x64:p1,4}',
      main: { sp: `DMA queue=0 first=0 count=1 inc 8\n${after}`, act },
    });
    const late = 'NOP\n'.repeat(4000);
    expect(run(text(`COPY dst=${at(512)} src=${at(0)} wait 8>=1`, ''))).toBe('good');
    expect(run(text(`${late}COPY dst=${at(512)} src=${at(0)}`, ''))).toMatch(
      /^E1421: act.*while transfer of queue 0, triggered by sp main main #0/,
    );
    // A later instruction of the triggering engine is not after the transfer.
    expect(run(text(`${late}COPY dst=${at(512)} src=${at(0)} wait 4>=1`, 'NOP inc 4'))).toMatch(/^E1421/);
  });

  it('an engine that overwrites what another still reads', () => {
    const text = (wait: string): ProgramText => ({
      main: {
        dve: `MEMSET dst=${at(0)} bits=0 inc 2\n${'NOP\n'.repeat(30)}MEMSET dst=${at(0)} bits=1 ${wait}`,
        act: `COPY dst=${at(512)} src=${at(0)} wait 2>=1 inc 1`,
      },
    });
    expect(run(text('wait 1>=1'))).toBe('good');
    expect(run(text(''))).toMatch(/^E1421: dve.*writes.*while act.*reads/);
  });
});

describe('unwritten memory', () => {
  it('of SBUF, by partition and byte', () => {
    const text = (parts: string): ProgramText => ({
      main: { dve: `MEMSET dst=sbuf.f32[${parts}]+0{64:1} bits=0\nCOPY dst=${at(512)} src=${at(0)}` },
    });
    expect(run(text('0:128'))).toBe('good');
    expect(run(text('0:64'))).toMatch(/^E1422.*of which partition 64 byte 0 was not written/);
  });

  it('piece by piece is written as well', () => {
    const dve = `MEMSET dst=${at(4, 'sbuf', '32:2')} bits=0\nMEMSET dst=${at(0, 'sbuf', '32:2')} bits=0\nCOPY dst=${at(512)} src=${at(0)}`;
    expect(run({ main: { dve } })).toBe('good');
    expect(run({ main: { dve: dve.replace('32:2} bits=0\nMEMSET', '31:2} bits=0\nMEMSET') } })).toMatch(
      /partition 0 byte 252/,
    );
  });

  it('of scratch and state; state stays written until the next request', () => {
    const text: ProgramText = {
      variables: [{ name: 'kv', kind: 'state', bytes: 256 }],
      executables: {
        fill: {
          descriptors: '4B src=sbuf@0+0x0{64:4} dst=dram:0+0x0{64:4}',
          main: { dve: `MEMSET dst=${at(0)} bits=7\nDMA queue=0 first=0 count=1` },
        },
        use: {
          descriptors: '4B src=dram:0+0x0{64:4} dst=sbuf@0+0x0{64:4}',
          main: { sp: 'DMA queue=0 first=0 count=1' },
        },
      },
    };
    for (const checks of ['always', 'once'] as const) {
      const device = createDevice({ target: INF2, program: buildProgram(text), checks });
      expect(() => device.execute({ core: 0, executable: 'use' })).toThrow(/E1422.*kv bytes 0..255/);
      for (let round = 0; round < 2; round++) {
        device.execute({ core: 0, executable: 'fill' });
        const { checks: made } = device.execute({ core: 0, executable: 'use' });
        expect(made).toBe(checks === 'always' || round === 0 ? 'all' : 'data');
        device.beginRequest(0);
      }
      expect(() => device.execute({ core: 0, executable: 'use' })).toThrow(/E1422/);
    }
  });

  it('PSUM that no start has written', () => {
    const matmul = (more: string): string =>
      `MATMUL dst=psum.f32[0:32]+0{64:1} stationary=sbuf.bf16[0:32]+0{32:1} moving=sbuf.bf16[0:32]+0{64:1} ${more}`;
    const text = (first: string): ProgramText => ({
      main: {
        dve: 'MEMSET dst=sbuf.bf16[0:32]+0{64:1} bits=0 inc 2',
        pe: `${matmul(first)} wait 2>=1\n${matmul('')}`,
      },
    });
    expect(run(text('start'))).toBe('good');
    expect(run(text(''))).toMatch(/^E1424: pe main main #0/);
  });
});

describe('pins', () => {
  const text = (main: string): ProgramText => ({
    load: { dve: `MEMSET dst=${at(0)} bits=5` },
    pins: [{ start: 0, parts: 128, base: 0, bytes: 256 }],
    main: { dve: main },
  });

  it('stay written, and read-only', () => {
    expect(run(text(`COPY dst=${at(256)} src=${at(0)}`))).toBe('good');
    expect(run(text(`MEMSET dst=${at(128)} bits=0`))).toMatch(/^E1423.*where main has pinned data/);
  });
});

describe('control', () => {
  it('reports a deadlock: who waits for which count of whom', () => {
    const message = run({
      main: { dve: 'NOP wait 1>=1 inc 2', act: 'NOP inc 1 wait 2>=2', pe: 'NOP wait 9>=1' },
    });
    expect(message).toBe(
      'E1426: deadlock: pe at main main #0 NOP waits for 1 of semaphore 9, which nobody has incremented (count 0); ' +
        'act at main main #0 NOP waits for 2 of semaphore 2, which nobody has incremented (count 0); ' +
        'dve at main main #0 NOP waits for 1 of semaphore 1, which nobody has incremented (count 0)',
    );
    expect(run({ main: { dve: 'NOP inc 2', act: 'NOP wait 2>=2' } })).toMatch(
      /waits for 2 of semaphore 2, which dve has brought to 1; dve has ended$/,
    );
  });

  it('a semaphore has one incrementing stream, a queue one triggering engine', () => {
    expect(run({ main: { dve: 'NOP inc 2', act: 'NOP inc 2' } })).toMatch(
      /^E1425.*incremented by act and by dve/,
    );
    const descriptors =
      '4B src=dram:0+0x0{4:4} dst=sbuf@0+0x0{4:4}\n4B src=dram:0+0x0{4:4} dst=sbuf@0+0x40{4:4}';
    const variables = [{ name: 'x', kind: 'input', bytes: 16 }] as const;
    expect(
      run({
        variables,
        descriptors,
        main: { sp: 'DMA queue=3 first=0 count=1', pe: 'DMA queue=3 first=1 count=1' },
      }),
    ).toMatch(/^E1430/);
  });

  it('stops calls too deep, code without RET and endless loops', () => {
    expect(run({ segments: [{ sp: 'CALL segment=0\nRET' }], main: { sp: 'CALL segment=0' } })).toMatch(
      /^E1427: sp segment s0 #0/,
    );
    expect(run({ segments: [{ sp: 'NOP' }], main: { sp: 'CALL segment=0' } })).toMatch(
      /^E1429.*ends without RET/,
    );
    expect(run({ main: { sp: 'REG_SET reg=0 value=5\nLOOP reg=0 back=1' } })).toMatch(/^E1428/);
  });

  it('refuses what the target cannot run and bytes that do not decode', () => {
    expect(run({ main: { sp: `MEMSET dst=${at(0)} bits=0` } })).toMatch(/^E1420/);
    const device = createDevice({ target: INF1, program: buildProgram({ main: { pool: 'NOP' } }) });
    expect(() => device.execute({ core: 0, executable: 0 })).toThrow(/E1420.*lacks/);
    const program = buildProgram({});
    const main = { ...program.executables[0]!.main, sp: new Uint8Array([255, 0, 0, 0, 0, 0, 0, 0]) };
    const broken = { ...program, executables: [{ ...program.executables[0]!, main }] };
    expect(() => createDevice({ target: INF2, program: broken }).execute({ core: 0, executable: 0 })).toThrow(
      /E1420.*opcode/,
    );
  });

  it('a wait value does not derive from a REG_LOAD', () => {
    const sp =
      'REG_LOAD dram reg=3 variable=0 partition=0 offset=0\nREG_ADD reg=4 source=3 value=1 addend=0\nNOP wait 9>=0 bind waits.0=r4';
    expect(run({ variables: [{ name: 'n', kind: 'input', bytes: 4 }], main: { sp } })).toMatch(/^E1431/);
  });
});

describe('checks once', () => {
  it('proves anew when branches on data go another way', () => {
    // Word 0: nothing happens. Word 1: DVE and POOL write the same bytes.
    const guarded = `REG_LOAD dram reg=0 variable=0 partition=0 offset=0\nBRANCH compare=eq reg=0 value=0 forward=1\nMEMSET dst=${at(0)} bits=1`;
    const program = buildProgram({
      variables: [{ name: 'n', kind: 'input', bytes: 4 }],
      main: { dve: guarded, pool: guarded },
    });
    const device = createDevice({ target: INF2, program });
    expect(device.execute({ core: 0, executable: 0 }).checks).toBe('all');
    expect(device.execute({ core: 0, executable: 0 }).checks).toBe('data');
    device.writeVariable(0, 'n', new Uint8Array([1, 0, 0, 0]));
    expect(() => device.execute({ core: 0, executable: 0 })).toThrow(/E1421/);
  });
});

// The proof from encoded bytes: small programs that are right but for one thing, then compiled programs changed in one place, where
// the checker and the simulator, which share nothing, must agree.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkProgram, type Violation } from '../../../src/backend/sync/check.js';
import { NeffcError } from '../../../src/base/diagnostic.js';
import { INF2 } from '../../../src/chip/builtin.js';
import type { Ap } from '../../../src/isa/operands.js';
import type { Program } from '../../../src/isa/program.js';
import type { Instruction } from '../../../src/isa/table.js';
import { buildProgram, type ProgramText } from '../../helpers/program-builder.js';
import { type Built, build, find, inputsOf, run, withCode } from '../harness.js';
import { PROGRAMS } from '../programs.js';

const at = (offset: number, dims = '64:1', parts = '0:128'): string =>
  `sbuf.f32[${parts}]+${offset}{${dims}}`;
const fill = (offset: number, more = ''): string => `MEMSET dst=${at(offset)} bits=0 ${more}`;
const copy = (to: number, from: number, more = ''): string => `COPY dst=${at(to)} src=${at(from)} ${more}`;
const toChip = '4B src=dram:0+0x0{128x64:256,4} dst=sbuf@0+0x0{128x64:p1,4}';
const x = { name: 'x', kind: 'input', bytes: 32768 } as const;

const check = (text: ProgramText): readonly Violation[] => checkProgram(buildProgram(text), INF2).violations;
const rules = (text: ProgramText): string[] => check(text).map((v) => v.rule);

describe('programs that are right', () => {
  const good: Record<string, ProgramText> = {
    'a wait between engines': { main: { dve: fill(0, 'inc 2'), act: copy(512, 0, 'wait 2>=1') } },
    'a wait through a third engine': {
      main: { dve: fill(0, 'inc 2'), sp: 'NOP wait 2>=1 inc 4', act: copy(512, 0, 'wait 4>=1') },
    },
    'one engine alone': { main: { dve: `${fill(0)}\n${copy(512, 0)}\n${fill(0)}` } },
    'columns that do not meet': {
      main: { dve: `MEMSET dst=${at(0, '32:2')} bits=0`, pool: `MEMSET dst=${at(4, '32:2')} bits=0` },
    },
    'partitions that do not meet': {
      main: {
        dve: `MEMSET dst=${at(0, '64:1', '0:64')} bits=0`,
        pool: `MEMSET dst=${at(0, '64:1', '64:128')} bits=0`,
      },
    },
    'a transfer and who waits for it': {
      variables: [x],
      descriptors: toChip,
      main: { sp: 'DMA queue=0 first=0 count=1 inc 8', act: copy(512, 0, 'wait 8>=1') },
    },
    'two transfers of one queue': {
      variables: [x, { name: 'y', kind: 'output', bytes: 32768 }],
      descriptors: `${toChip}\n4B src=sbuf@0+0x0{128x64:p1,4} dst=dram:1+0x0{128x64:256,4}`,
      main: { sp: 'DMA queue=0 first=0 count=1\nDMA queue=0 first=1 count=1' },
    },
    'pins that load fills': {
      load: { dve: fill(0) },
      pins: [{ start: 0, parts: 128, base: 0, bytes: 256 }],
      main: { dve: copy(512, 0) },
    },
    'a segment, with its counts in registers': {
      segments: [
        {
          dve: `${copy(512, 0, 'wait 1>=0 bind waits.0=r1 inc 2')}\nREG_ADD reg=1 source=1 value=1 addend=0\nRET`,
          act: `REG_ADD reg=1 source=1 value=1 addend=0\n${copy(0, 512, 'wait 2>=0 bind waits.0=r1 inc 1')}\nRET`,
        },
      ],
      load: {},
      main: {
        dve: `${fill(0)}\nREG_SET reg=0 value=4\nCALL segment=0\nLOOP reg=0 back=1`,
        act: 'REG_SET reg=0 value=4\nCALL segment=0\nLOOP reg=0 back=1',
      },
    },
    'a branch on a word of memory, whichever way it goes': {
      variables: [{ name: 'flag', kind: 'input', bytes: 4 }],
      main: {
        dve: `REG_SET reg=0 value=9\nREG_LOAD dram reg=1 variable=0 partition=0 offset=0
          BRANCH compare=ne reg=1 value=0 forward=1\nLOOP reg=0 back=2\n${fill(0)}`,
      },
    },
  };
  it.each(Object.entries(good))('%s', (_, text) => {
    expect(check(text)).toEqual([]);
  });
});

describe('each rule', () => {
  const bad: Record<string, readonly [rule: string, text: ProgramText]> = {
    'no wait': ['race', { main: { dve: fill(0), act: `NOP\n${copy(512, 0)}` } }],
    'a wait for an increment before the write': [
      'race',
      { main: { dve: `NOP inc 2\n${fill(0)}`, act: copy(512, 0, 'wait 2>=1') } },
    ],
    'an operand overwritten while it is read': [
      'race',
      { main: { dve: `${fill(0, 'inc 2')}\n${fill(0)}`, act: copy(512, 0, 'wait 2>=1') } },
    ],
    'a trigger is not its transfer': [
      'race',
      {
        variables: [x],
        descriptors: toChip,
        main: { sp: 'DMA queue=0 first=0 count=1\nNOP inc 4', act: copy(512, 0, 'wait 4>=1') },
      },
    ],
    'bytes of some partitions never written': [
      'unwritten',
      { main: { dve: `MEMSET dst=${at(0, '64:1', '0:64')} bits=0\n${copy(512, 0)}` } },
    ],
    'every other column never written': [
      'unwritten',
      { main: { dve: `MEMSET dst=${at(0, '32:2')} bits=0\n${copy(512, 0)}` } },
    ],
    'scratch of an execution before': [
      'unwritten',
      {
        variables: [{ ...x, kind: 'scratch' }],
        descriptors: toChip,
        main: { sp: 'DMA queue=0 first=0 count=1' },
      },
    ],
    'a pin overwritten': [
      'pin',
      {
        load: { dve: fill(0) },
        pins: [{ start: 0, parts: 128, base: 0, bytes: 256 }],
        main: { dve: fill(128) },
      },
    ],
    'a constant overwritten': [
      'invalid',
      {
        variables: [{ ...x, kind: 'constant' }],
        descriptors: '4B src=sbuf@0+0x0{64:4} dst=dram:0+0x0{64:4}',
        main: { dve: fill(0, 'inc 2'), sp: 'DMA queue=0 first=0 count=1 wait 2>=1' },
      },
    ],
    'an access outside of its memory': ['invalid', { main: { dve: fill(INF2.sbufPartitionBytes - 8) } }],
    'a count that is never made': ['wait-total', { main: { dve: 'NOP inc 2', act: 'NOP wait 2>=2' } }],
    'a semaphore of two engines': ['semaphore-owner', { main: { dve: 'NOP inc 2', act: 'NOP inc 2' } }],
    'a queue of two engines': [
      'queue-owner',
      {
        variables: [x],
        descriptors: toChip,
        main: { sp: 'DMA queue=0 first=0 count=1 inc 8', act: 'DMA queue=0 first=0 count=1 wait 8>=1' },
      },
    ],
    'descriptors that do not exist': ['descriptors', { main: { sp: 'DMA queue=0 first=0 count=1' } }],
    'a segment that does not exist': ['control', { main: { dve: 'CALL segment=3' } }],
    'a return to nowhere': ['control', { main: { dve: 'RET' } }],
    'a segment without return': ['control', { segments: [{ dve: 'NOP' }], main: { dve: 'CALL segment=0' } }],
    'a segment that calls itself': [
      'control',
      { segments: [{ dve: 'CALL segment=0\nRET' }], main: { dve: 'CALL segment=0' } },
    ],
    'a jump out of the fragment': ['control', { main: { dve: 'REG_SET reg=0 value=2\nLOOP reg=0 back=9' } }],
    'a wait for a word of memory': [
      'loaded-wait',
      {
        variables: [{ name: 'n', kind: 'input', bytes: 4 }],
        main: {
          sp: 'REG_LOAD dram reg=3 variable=0 partition=0 offset=0\nREG_ADD reg=4 source=3 value=1 addend=0\nNOP wait 9>=0 bind waits.0=r4',
        },
      },
    ],
    'a race in the last of three rounds of a loop': [
      'race',
      {
        main: {
          dve: `REG_SET reg=0 value=3\nMEMSET dst=sbuf.f32[0:128]+0{1:1} bits=0 bind dst.base=r2\nREG_ADD reg=2 source=2 value=4 addend=0\nLOOP reg=0 back=2`,
          act: 'ACTIVATE func=copy dst=sbuf.f32[0:128]+8{1:1} src=sbuf.f32[0:128]+8{1:1} scale=1 bias=0 alpha=0',
        },
      },
    ],
  };
  it.each(Object.entries(bad))('%s', (_, [rule, text]) => {
    expect(rules(text)).toContain(rule);
  });

  it('two engines that wait for each other, and who waits for them', () => {
    const text = {
      main: {
        dve: 'NOP wait 1>=1 inc 2',
        act: 'NOP wait 2>=1 inc 1',
        pe: 'NOP wait 2>=1',
        sp: fill(0).replace(/.*/, 'NOP'),
      },
    };
    expect(check(text).map((v) => `${v.rule} ${v.engine} ${v.index}`)).toEqual([
      'deadlock pe 0',
      'deadlock act 0',
      'deadlock dve 0',
    ]);
  });

  it('code that does not decode', () => {
    const program = buildProgram({ main: { dve: fill(0) } });
    const [executable] = program.executables;
    const main = { ...executable?.main, dve: new Uint8Array([0, 0, 0, 0, 0, 1, 0, 0]) };
    const damaged = { ...program, executables: [{ ...executable, main }] } as unknown as Program;
    expect(checkProgram(damaged, INF2).violations.map((v) => v.rule)).toEqual(['decode']);
  });

  it('reports all violations, each at its instruction with both sides', () => {
    const found = check({
      main: { dve: `${fill(0)}\n${fill(256)}`, act: `${copy(512, 0)}\n${copy(512, 256)}` },
    });
    expect(found.filter((v) => v.rule === 'race').map((v) => `${v.engine} ${v.index}`)).toEqual([
      'dve 0',
      'dve 1',
    ]);
    expect(found[0]?.message).toMatch(
      /^reads sbuf partitions 0..127, bytes 0..255, of which partition 0 byte 0 was not written before$/,
    );
    expect(found.find((v) => v.rule === 'race')).toMatchObject({
      phase: 'main',
      at: 'dve main main #0 (MEMSET dst=sbuf.f32[0:128]+0x0{64:1} bits=0)',
      message:
        'writes sbuf partitions 0..127, bytes 0..255 while act main main #0 (COPY dst=sbuf.f32[0:128]+0x200{64:1} ' +
        'src=sbuf.f32[0:128]+0x0{64:1}) reads sbuf partitions 0..127, bytes 0..255; no wait orders the two',
    });
  });

  it('says what it takes for granted', () => {
    const chip = checkProgram(buildProgram({ main: { dve: 'NOP wait 256>=1' } }), INF2);
    expect(chip.violations).toEqual([]);
    expect(chip.assumptions).toEqual([
      'other cores make every increment of the chip’s semaphores that is waited for',
    ]);
    const dve =
      'REG_LOAD dram reg=1 variable=0 partition=0 offset=0\nBRANCH compare=ne reg=1 value=0 forward=1\nNOP';
    const loaded = checkProgram(
      buildProgram({ variables: [{ name: 'n', kind: 'input', bytes: 4 }], main: { dve } }),
      INF2,
    );
    expect(loaded.assumptions[0]).toBe(
      'dve main main #1 (BRANCH compare=ne reg=1 value=0 forward=1) is taken at execution 1, a loaded word decides',
    );
  });
});

describe('compiled programs changed in one place', () => {
  const built = Object.entries(PROGRAMS).map(([name, graphOf]) => {
    const graph = graphOf();
    return { name, made: build(graph, INF2), inputs: inputsOf(graph, 3) };
  });
  const fails = (made: Built, program: Program, inputs: ReturnType<typeof inputsOf>): boolean => {
    try {
      run({ ...made, program }, INF2, inputs);
    } catch (error) {
      if (error instanceof NeffcError) return true;
      throw error;
    }
    return false;
  };
  const faulty = (program: Program): boolean => checkProgram(program, INF2).violations.length > 0;

  it.each(built)('$name: a wait value raised beyond all increments is found', ({ made }) => {
    for (const { engine, index } of find(made.program, (i) => i.waits.length > 0)) {
      const program = withCode(made.program, 'main', engine, (code) =>
        code.map((i, k) =>
          k === index
            ? ({ ...i, waits: [{ ...i.waits[0], value: 1e6 }, ...i.waits.slice(1)] } as Instruction)
            : i,
        ),
      );
      expect(checkProgram(program, INF2).violations.map((v) => v.rule)).toContain('wait-total');
    }
  });

  it.each(built)(
    '$name: a dropped increment is found, or waited for longer than needed',
    ({ made, inputs }) => {
      const outputs = run(made, INF2, inputs);
      for (const { engine, index } of find(made.program, (i) => i.increment >= 0)) {
        const program = withCode(made.program, 'main', engine, (code) =>
          code.map((i, k) => (k === index ? { ...i, increment: -1 } : i)),
        );
        const found = faulty(program);
        expect(fails(made, program, inputs)).toBe(found);
        if (!found) expect(run({ ...made, program }, INF2, inputs)).toEqual(outputs);
      }
    },
  );

  it.each(built)(
    '$name: neighbours of an engine swapped: checker and simulator agree',
    ({ made, inputs }) => {
      for (const { engine, index } of find(made.program, () => true)) {
        if (index % 3 !== 1) continue;
        const program = withCode(made.program, 'main', engine, (code) => {
          const swapped = [...code];
          [swapped[index - 1], swapped[index]] = [code[index] as Instruction, code[index - 1] as Instruction];
          return swapped;
        });
        expect(fails(made, program, inputs), `${engine} ${index}`).toBe(faulty(program));
      }
    },
  );

  it('an operand moved elsewhere: checker and simulator agree', () => {
    fc.assert(
      fc.property(
        fc.nat(built.length - 1),
        fc.nat(),
        fc.constantFrom(-256, -64, -4, 4, 64, 4096),
        (one, choice, by) => {
          const { made, inputs } = built[one]!;
          const sites = find(made.program, (i) => 'dst' in i);
          const { engine, index } = sites[choice % sites.length]!;
          const program = withCode(made.program, 'main', engine, (code) =>
            code.map((i, k) => {
              if (k !== index || !('dst' in i)) return i;
              const dst = i.dst as Ap;
              return { ...i, dst: { ...dst, base: Math.max(0, dst.base + by) } } as Instruction;
            }),
          );
          expect(fails(made, program, inputs)).toBe(faulty(program));
        },
      ),
      { numRuns: 150, seed: 5 },
    );
  });
});

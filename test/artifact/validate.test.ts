// The validator: what is sound passes, each broken invariant is reported with its code.
import { describe, expect, it } from 'vitest';
import type { ConstantStore } from '../../src/artifact/constants.js';
import { printHostProgram } from '../../src/artifact/host-program.js';
import type { ArtifactDraft } from '../../src/artifact/model.js';
import { readArtifact } from '../../src/artifact/read.js';
import { validateArtifact } from '../../src/artifact/validate/validate.js';
import { artifactBytes } from '../../src/artifact/write.js';
import { type CodeText, code } from '../helpers/program-builder.js';
import { graphDraft, loopDraft, put } from './sample.js';

const read = (draft: ArtifactDraft) => readArtifact(artifactBytes(draft), { file: 'a.neff' });
const problems = (draft: ArtifactDraft): string[] =>
  validateArtifact(read(draft)).map((d) => `${d.code} ${d.message}`);

/** The graph with the main code of its executable replaced. */
function withMain(
  text: CodeText,
  more: Partial<ArtifactDraft['program']['executables'][number]> = {},
): ArtifactDraft {
  const draft = graphDraft();
  const [executable] = draft.program.executables;
  const main = {
    ...executable!.main,
    ...Object.fromEntries(Object.keys(text).map((e) => [e, code(text)[e as 'sp']])),
  };
  const program = { ...draft.program, executables: [{ ...executable!, main, ...more }] };
  return { ...draft, program, debug: { origins: [], streams: [] } };
}

function withHost(draft: ArtifactDraft, steps: ArtifactDraft['host'][string]['steps']): ArtifactDraft {
  const [[name, program]] = Object.entries(draft.host) as [[string, ArtifactDraft['host'][string]]];
  return { ...draft, host: { [name]: { ...program, steps } } };
}

it('finds nothing wrong with sound artifacts', () => {
  expect(problems(graphDraft())).toEqual([]);
  expect(problems(loopDraft())).toEqual([]);
  expect(problems(loopDraft([3, 4]))).toEqual([]);
});

describe('finds, in code', () => {
  it.each<[string, CodeText, RegExp]>([
    [
      'an operand outside',
      { dve: 'MEMSET dst=sbuf.i32[0:128]+0x30000{1:1} bits=0 inc 2' },
      /^E3551 main of main, dve #0.*rule/,
    ],
    [
      'a descriptor that does not exist',
      { sp: 'DMA queue=0 first=2 count=2 inc 8' },
      /^E3557 .*there are 3 descriptors/,
    ],
    ['a segment that does not exist', { dve: 'CALL segment=1' }, /^E3557 .*there are 1 segments/],
    ['RET outside a segment', { dve: 'RET' }, /^E3557 .*RET outside/],
    ['a loop out of its fragment', { dve: 'LOOP reg=0 back=1' }, /^E3557 .*leaves/],
    [
      'two streams on one semaphore',
      { dve: 'CALL segment=0\nNOP inc 8' },
      /^E3553 .*queue 0 and dve|^E3553 .*dve and queue 0/,
    ],
    ['a wait for nobody', { act: 'NOP wait 77>=1' }, /^E3553 .*act waits for semaphore 77/],
    [
      'two engines on one queue',
      { act: 'DMA queue=1 first=1 count=1' },
      /^E3554 .*act and sp|^E3554 .*queue 1/,
    ],
    [
      'a write to a pin',
      { dve: 'CALL segment=0\nMEMSET dst=sbuf.i32[0:1]+64{1:1} bits=0' },
      /^E3555 .*writes a pin of main/,
    ],
    [
      'a wait on a loaded word',
      {
        act: 'REG_LOAD reg=3 variable=0 partition=0 offset=0\nREG_ADD reg=4 source=3 value=1 addend=0\nNOP wait 2>=0 bind waits.0=r4',
      },
      /^E3556 .*register 4/,
    ],
  ])('%s', (_, text, message) => {
    expect(problems(withMain(text)).some((p) => message.test(p))).toBe(true);
  });

  it('bytes that do not decode', () => {
    const draft = withMain({});
    const [executable] = draft.program.executables;
    const main = { ...executable!.main, pe: new Uint8Array(16).fill(0xee) };
    expect(
      problems({ ...draft, program: { ...draft.program, executables: [{ ...executable!, main }] } }),
    ).toContainEqual(expect.stringMatching(/^E3550 main of main, pe/));
  });

  it('a descriptor outside its variable', () => {
    const draft = graphDraft();
    const variables = draft.program.variables.map((v) => (v.name === 'y' ? { ...v, bytes: 256 } : v));
    expect(problems({ ...draft, program: { ...draft.program, variables } })).toContainEqual(
      expect.stringMatching(/^E3552 descriptor 1 of main/),
    );
  });

  it('a segment that calls itself', () => {
    const draft = graphDraft();
    const segments = [{ name: 'endless', code: code({ dve: 'CALL segment=0\nRET' }) }];
    expect(
      problems({ ...draft, program: { ...draft.program, segments }, debug: { origins: [], streams: [] } }),
    ).toContainEqual(expect.stringMatching(/^E3557 calls in .* nest/));
  });
});

describe('finds, in host programs', () => {
  const execute = { op: 'execute', executable: 'main' } as const;
  const get = { op: 'get', tensor: 'y' } as const;
  it.each<[string, ArtifactDraft['host'][string]['steps'], string]>([
    ['an input that was not put', [execute, get], 'E3521'],
    ['an output nobody wrote', [put('x'), get], 'E3521'],
    ['an output without value', [put('x'), execute], 'E3521'],
    ['a tensor that does not exist', [put('z'), put('x'), execute, get], 'E3520'],
    [
      'an executable that does not exist',
      [put('x'), execute, { op: 'execute', executable: 'other' }, get],
      'E3520',
    ],
    ['a host operator that does not exist', [put('x'), execute, get, { op: 'call', operator: 0 }], 'E3520'],
  ])('%s', (_, steps, wanted) => {
    expect(problems(withHost(graphDraft(), steps)).map((p) => p.slice(0, 5))).toContain(wanted);
  });

  it('state that is not valid at entry', () => {
    const { steps } = loopDraft().host.loop!;
    expect(problems(withHost(loopDraft(), steps.slice(1)))).toContainEqual(
      expect.stringMatching(/^E3521 .*state count/),
    );
  });

  it('a flag that its rounds do not set, or that is no word', () => {
    const draft = loopDraft();
    const executables = draft.executables.map((e) => ({ ...e, flags: [] }));
    expect(problems({ ...draft, executables })).toContainEqual(
      expect.stringMatching(/^E3522 .*declares the flag/),
    );
    const tensors = [{ name: 'finished', dtype: 'f32', shape: [], variable: 2 }] as const;
    const host = { loop: { ...draft.host.loop!, tensors } };
    expect(problems({ ...draft, host })).toContainEqual(expect.stringMatching(/^E3522 .*int32/));
  });

  it('a value that a loop may not have given', () => {
    const { steps } = loopDraft().host.loop!;
    const twice = [...steps.slice(0, 2), { op: 'execute', executable: 'step' } as const, ...steps.slice(2)];
    expect(problems(withHost(loopDraft(), twice))).toContainEqual(
      expect.stringMatching(/^E3521 .*output total has no value/),
    );
  });
});

it('finds constants that are not what their index says', () => {
  const draft = graphDraft();
  const { index, byteLength } = draft.constants;
  const bytes = Buffer.concat([...draft.constants.chunks()]);
  const with_ = (change: Partial<ConstantStore>) =>
    problems({ ...draft, constants: { index, byteLength, chunks: () => [bytes], ...change } });
  expect(with_({})).toEqual([]);
  const changed = Buffer.from(bytes);
  changed[0] = 9;
  expect(with_({ chunks: () => [changed] })).toContainEqual(
    expect.stringMatching(/^E3558 the content of constant w/),
  );
  expect(with_({ index: index.map((e) => ({ ...e, offset: e.offset + 1 })) })).toContainEqual(
    expect.stringMatching(/^E3558/),
  );
  expect(with_({ index: [] })).toContainEqual(expect.stringMatching(/^E3558 constants.bin has 515/));
});

it('finds origins that do not count the instructions', () => {
  const draft = graphDraft();
  const streams = draft.debug.streams.map((s) => ({ ...s, runs: [7, 3] }));
  expect(
    problems({ ...draft, debug: { ...draft.debug, streams } }).filter((p) => p.startsWith('E3559')),
  ).toHaveLength(8);
});

it('prints host programs', () => {
  expect(printHostProgram(loopDraft([3, 4]).host.loop!)).toBe(`execute start
put n
while finished == 0 max 3 {
  execute step
  get total
} then max 4 {
  execute step
  get total
}
`);
});

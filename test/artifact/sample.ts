// A small artifact with everything the format has: constants with padding, segments, pins, state, a loop, two models.
import { ConstantStore } from '../../src/artifact/constants.js';
import type { HostStep } from '../../src/artifact/host-program.js';
import type { ArtifactDraft, ExecutableInfo } from '../../src/artifact/model.js';
import { INF2 } from '../../src/chip/builtin.js';
import { buildProgram } from '../helpers/program-builder.js';

const COPY_IN = '4B src=dram:0+0x0{128:4} dst=sbuf@0+0x0{128x1:p1,4}';
const COPY_OUT = '4B src=sbuf@0+0x0{128x1:p1,4} dst=dram:1+0x0{128:4}';

export const NO_INFO: ExecutableInfo = {
  reads: [],
  writes: [],
  flags: [],
  states: [],
  registers: [],
  core: 0,
};

/** y = x + x through SBUF; a constant is pinned by `load`. */
export function graphDraft(): ArtifactDraft {
  const constants = new ConstantStore();
  const weight = constants.add(new Uint8Array(new Float32Array(128).fill(3).buffer), {
    name: 'w',
    dtype: 'f32',
    shape: [128],
    recipe: { source: 'w' },
  });
  constants.add(() => Uint8Array.of(1, 2, 3), { name: 'odd', dtype: 'u8', shape: [3] });
  constants.add(new Uint8Array(new Float32Array(128).fill(3).buffer), {
    name: 'same',
    dtype: 'i32',
    shape: [2, 64],
  });
  const program = buildProgram({
    variables: [
      { name: 'x', kind: 'input', bytes: 512 },
      { name: 'y', kind: 'output', bytes: 512 },
      { name: 'w', kind: 'constant', bytes: 512, constantOffset: weight.offset },
    ],
    descriptors: `${COPY_IN}\n${COPY_OUT}\n4B src=dram:2+0x0{128:4} dst=sbuf@0+0x40{128x1:p1,4}`,
    segments: [
      {
        dve: 'TENSOR_TENSOR op=add dst=sbuf.f32[0:128]+0{1:1} a=sbuf.f32[0:128]+0{1:1} b=sbuf.f32[0:128]+64{1:1} wait 8>=1 inc 2\nRET',
      },
    ],
    load: { sp: 'DMA queue=0 first=2 count=1' },
    main: {
      sp: 'DMA queue=0 first=0 count=1 inc 8\nDMA queue=1 first=1 count=1 wait 2>=1 inc 9',
      dve: 'CALL segment=0',
    },
    pins: [{ start: 0, parts: 128, base: 64, bytes: 4 }],
  });
  const port = { dtype: 'f32', shape: [128] } as const;
  return {
    name: 'sample',
    manifest: {
      compiler: 'neffc 0.1.0',
      target: INF2,
      options: { autoCast: 'none' },
      models: [
        {
          name: 'sample',
          inputs: [{ name: 'x', ...port, variable: 0 }],
          outputs: [{ name: 'y', ...port, variable: 1 }],
          buckets: [],
          executables: ['main'],
          program: 'sample',
          precision: 'fp32',
        },
      ],
      hostOperators: [],
    },
    host: {
      sample: {
        tensors: [],
        steps: [put('x'), { op: 'execute', executable: 'main' }, { op: 'get', tensor: 'y' }],
      },
    },
    program,
    executables: [{ ...NO_INFO, reads: [0], writes: [1] }],
    constants,
    debug: {
      origins: [{ node: 'add_1', op: 'Add', file: 'model.py', line: 3 }],
      streams: [
        { fragment: 'main', index: 0, engine: 'sp', runs: [2, 0] },
        { fragment: 'main', index: 0, engine: 'dve', runs: [1, 0] },
        { fragment: 'segment', index: 0, engine: 'dve', runs: [2, 0] },
        { fragment: 'load', index: 0, engine: 'sp', runs: [1, 0] },
      ],
    },
    graphText: 'graph sample {}\n',
  };
}

export function put(tensor: string): HostStep {
  return { op: 'put', tensor };
}

/**
 * A loop over two executables: `start` sets the state `count` to 0, `step` adds 1 to it, sets `finished` where it has reached
 * input `n` (i64 on the host, i32 on the device), and gives `count` as output `total`. `rounds` of at most so many steps.
 */
export function loopDraft(rounds: readonly number[] = [10]): ArtifactDraft {
  const word = (variable: number, offset: number): string =>
    `4B src=dram:${variable}+0x0{1:4} dst=sbuf@0+0x${offset.toString(16)}{1:4}`;
  const back = (variable: number, offset: number): string =>
    `4B src=sbuf@0+0x${offset.toString(16)}{1:4} dst=dram:${variable}+0x0{1:4}`;
  const program = buildProgram({
    variables: [
      { name: 'n', kind: 'input', bytes: 4 },
      { name: 'count', kind: 'state', bytes: 4 },
      { name: 'finished', kind: 'output', bytes: 4 },
      { name: 'total', kind: 'output', bytes: 4 },
    ],
    executables: {
      start: {
        descriptors: back(1, 0),
        main: {
          dve: 'MEMSET dst=sbuf.i32[0:1]+0{1:1} bits=0 inc 2',
          sp: 'DMA queue=0 first=0 count=1 wait 2>=1',
        },
      },
      step: {
        descriptors: [word(1, 0), word(0, 4), back(1, 0), back(2, 8), back(3, 0)].join('\n'),
        main: {
          sp: `DMA queue=0 first=0 count=1 inc 8\nDMA queue=1 first=1 count=1 inc 9
            DMA queue=0 first=2 count=1 wait 2>=1\nDMA queue=1 first=3 count=2 wait 2>=2`,
          dve: `TENSOR_SCALAR op0=add op1=bypass dst=sbuf.i32[0:1]+0{1:1} src=sbuf.i32[0:1]+0{1:1} s0=1i s1=0i wait 8>=1 inc 2
            TENSOR_TENSOR op=ge dst=sbuf.i32[0:1]+8{1:1} a=sbuf.i32[0:1]+0{1:1} b=sbuf.i32[0:1]+4{1:1} wait 9>=1 inc 2`,
        },
      },
    },
  });
  const scalar = { shape: [] } as const;
  const whole = [[0, 4]] as const;
  return {
    ...graphDraft(),
    name: 'loop',
    manifest: {
      compiler: 'neffc 0.1.0',
      target: INF2,
      options: {},
      models: [
        {
          name: 'loop',
          inputs: [{ name: 'n', dtype: 'i64', storage: 'i32', ...scalar, variable: 0 }],
          outputs: [{ name: 'total', dtype: 'i64', storage: 'i32', ...scalar, variable: 3 }],
          buckets: [],
          executables: ['start', 'step'],
          program: 'loop',
          precision: 'fp32',
          decode: { schema: 1, variant: 'split', maxSteps: 10 },
        },
      ],
      hostOperators: [],
    },
    host: {
      loop: {
        tensors: [{ name: 'finished', dtype: 'i32', ...scalar, variable: 2 }],
        steps: [
          { op: 'execute', executable: 'start' },
          put('n'),
          {
            op: 'while',
            flag: 'finished',
            rounds: rounds.map((times) => ({
              times,
              steps: [
                { op: 'execute', executable: 'step' },
                { op: 'get', tensor: 'total' },
              ],
            })),
          },
        ],
      },
    },
    program,
    executables: [
      { ...NO_INFO, states: [{ variable: 1, entry: [], exit: whole }] },
      {
        ...NO_INFO,
        reads: [0],
        writes: [2, 3],
        flags: [2],
        states: [{ variable: 1, entry: whole, exit: whole }],
      },
    ],
    constants: new ConstantStore(),
    debug: { origins: [], streams: [] },
  };
}

/** y = x copied in DRAM, for rows of 64 or of 128 words: a bucket each. */
export function bucketDraft(): ArtifactDraft {
  const widths = [64, 128];
  const program = buildProgram({
    variables: widths.flatMap((w) => [
      { name: `x${w}`, kind: 'input', bytes: 4 * w } as const,
      { name: `y${w}`, kind: 'output', bytes: 4 * w } as const,
    ]),
    executables: Object.fromEntries(
      widths.map((w, i) => [
        `copy${w}`,
        {
          descriptors: `4B src=dram:${2 * i}+0x0{${w}:4} dst=dram:${2 * i + 1}+0x0{${w}:4}`,
          main: { sp: 'DMA queue=0 first=0 count=1' },
        },
      ]),
    ),
  });
  const port = (name: string, width: number | string, variable?: number) => ({
    name,
    dtype: 'f32' as const,
    shape: [1, width],
    ...(variable !== undefined && { variable }),
  });
  return {
    ...loopDraft(),
    name: 'buckets',
    manifest: {
      ...loopDraft().manifest,
      models: [
        {
          name: 'buckets',
          inputs: [port('x', 'W')],
          outputs: [port('y', 'W')],
          buckets: widths.map((w, i) => ({
            name: `w${w}`,
            inputs: [port('x', w, 2 * i)],
            outputs: [port('y', w, 2 * i + 1)],
          })),
          executables: widths.map((w) => `copy${w}`),
          program: 'buckets',
          precision: 'fp32',
        },
      ],
    },
    host: {
      buckets: {
        tensors: [],
        steps: [
          {
            op: 'pick',
            by: [{ input: 'x', axis: 1 }],
            cases: widths.map((w) => ({
              bucket: `w${w}`,
              tensors: [],
              steps: [put('x'), { op: 'execute', executable: `copy${w}` }, { op: 'get', tensor: 'y' }],
            })),
          },
        ],
      },
    },
    program,
    executables: widths.map((_, i) => ({ ...NO_INFO, reads: [2 * i], writes: [2 * i + 1] })),
  };
}

/** The graph and the loop in one artifact. */
export function twoModels(): ArtifactDraft {
  const graph = graphDraft();
  const loop = loopDraft();
  const base = graph.program.variables.length;
  const move = (v: number): number => v + base;
  const [model] = loop.manifest.models;
  const ports = <P extends { readonly variable?: number }>(list: readonly P[]): P[] =>
    list.map((p) => ({ ...p, ...(p.variable !== undefined && { variable: move(p.variable) }) }));
  const side = <S extends { readonly space: string; readonly variable: number }>(s: S): S =>
    s.space === 'dram' ? { ...s, variable: move(s.variable) } : s;
  return {
    ...graph,
    name: 'both',
    manifest: {
      ...graph.manifest,
      models: [
        ...graph.manifest.models,
        { ...model!, inputs: ports(model!.inputs), outputs: ports(model!.outputs) },
      ],
    },
    host: {
      ...graph.host,
      loop: { ...loop.host.loop!, tensors: ports(loop.host.loop!.tensors) },
    },
    program: {
      ...graph.program,
      variables: [...graph.program.variables, ...loop.program.variables],
      executables: [
        ...graph.program.executables,
        ...loop.program.executables.map((e) => ({
          ...e,
          descriptors: e.descriptors.map((d) => ({ ...d, src: side(d.src), dst: side(d.dst) })),
        })),
      ],
    },
    executables: [
      ...graph.executables,
      ...loop.executables.map((e) => ({
        ...e,
        reads: e.reads.map(move),
        writes: e.writes.map(move),
        flags: e.flags.map(move),
        states: e.states.map((s) => ({ ...s, variable: move(s.variable) })),
      })),
    ],
  };
}

/** Two stages on two cores: `first` copies x to DRAM that both share and counts the chip's semaphore, `second` copies it to y. */
export function pipelineDraft(): ArtifactDraft {
  const copy = (from: number, to: number): string =>
    `4B src=dram:${from}+0x0{128:4} dst=dram:${to}+0x0{128:4}`;
  const program = buildProgram({
    variables: [
      { name: 'x', kind: 'input', bytes: 512 },
      { name: 'between', kind: 'scratch', bytes: 512 },
      { name: 'y', kind: 'output', bytes: 512 },
    ],
    executables: {
      first: { descriptors: copy(0, 1), main: { sp: 'DMA queue=0 first=0 count=1 inc 256' } },
      second: {
        descriptors: copy(1, 2),
        main: { sp: 'DMA queue=0 first=0 count=1 wait 256>=1 bind waits.0=r9' },
      },
    },
  });
  const port = { dtype: 'i32', shape: [128] } as const;
  return {
    ...loopDraft(),
    name: 'pipeline',
    manifest: {
      ...loopDraft().manifest,
      models: [
        {
          name: 'pipeline',
          inputs: [{ name: 'x', ...port, variable: 0 }],
          outputs: [{ name: 'y', ...port, variable: 2 }],
          buckets: [],
          executables: ['first', 'second'],
          program: 'pipeline',
          precision: 'fp32',
        },
      ],
    },
    host: {
      pipeline: {
        tensors: [],
        steps: [
          put('x'),
          { op: 'execute', executable: 'first', stages: ['second'] },
          { op: 'get', tensor: 'y' },
        ],
      },
    },
    program,
    executables: [
      { ...NO_INFO, reads: [0] },
      { ...NO_INFO, writes: [2], registers: [{ register: 9, step: 1 }], core: 1 },
    ],
  };
}

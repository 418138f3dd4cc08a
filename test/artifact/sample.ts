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

// Small TorchScript decoders for tests: an archive whose `weight` is a table [V, D] of a random vocabulary, and what a loop of
// `forward` computes, run part by part as the frontend takes it apart.
import { createRandom } from '../../src/base/random.js';
import { type HostTensor, toNumbers } from '../../src/base/tensor.js';
import { readTorchArchive, type TorchArchive } from '../../src/frontend/torchscript/archive/read.js';
import type { LoopPart, LoopSite } from '../../src/frontend/torchscript/loop-site.js';
import { interpretGraph } from '../../src/ops/interpret.js';
import { pk } from './pickle-writer.js';
import { tinyArchive } from './torch-archive.js';

export const VOCABULARY = 24;
export const WIDTH = 6;

const HEAD = `class Tiny(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
`;

/** `body` is the text of the methods, indented by two. */
export function decoderArchive(body: string, seed = 1): TorchArchive {
  const random = createRandom(seed);
  const table = Float32Array.from({ length: VOCABULARY * WIDTH }, () => random.between(-1, 1));
  const weight = pk.tensor('0', table.length, [VOCABULARY, WIDTH], [WIDTH, 1]);
  const bytes = tinyArchive({
    'code/__torch__.py': HEAD + body,
    version: '9\n',
    'data.pkl': pk.file(pk.object('__torch__.Tiny', pk.dict({ weight, training: pk.bool(false) }))),
    'data/0': new Uint8Array(table.buffer),
  });
  return readTorchArchive(bytes, { file: 'decoder.pt' });
}

/** The outputs of a program with a loop: its parts one after the other. */
export function runLoop(site: LoopSite, inputs: readonly HostTensor[]): readonly HostTensor[] {
  let state = new Map<string, HostTensor>();
  const run = ({ graph, inputs: names, outputs }: LoopPart, given: readonly HostTensor[]) => {
    const results = interpretGraph(
      graph,
      names.length === 0 || given.length > 0 ? given : names.map((name) => state.get(name) as HostTensor),
    );
    state = new Map([...state, ...outputs.map((name, i) => [name, results[i] as HostTensor] as const)]);
    return results;
  };
  run(site.prologue, inputs);
  for (let t = 0; ; t++) {
    const step = site.step(t);
    const results = run(step, []);
    const goesOn = step.again === 'computed' ? toNumbers(results[0] as HostTensor)[0] !== 0 : step.again;
    if (!goesOn) return run(site.epilogue(t + 1), []);
  }
}

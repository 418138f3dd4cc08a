// The step with selection: tokens, lengths and the flag are those of a loop that looks at the scores on the host.
import { expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.js';
import { fromNumbers, type HostTensor, toNumbers, zeros } from '../../../src/base/tensor.js';
import { interpretGraph } from '../../../src/ops/interpret.js';
import { verifyGraph } from '../../../src/ops/verify.js';
import { deriveStep, paddedStep } from '../../../src/passes/decode/derive.js';
import { greedyStep } from '../../../src/passes/decode/greedy.js';
import type { Generation, PrefixSource } from '../../../src/passes/decode/model.js';
import { decoderOf, MEMORY, transformer, VOCABULARY, WIDTH } from './made-decoders.js';

const STEPS = 9;
const BATCH = 3;

function onHost(source: PrefixSource, memory: HostTensor, g: Generation) {
  const rows: number[][] = Array.from({ length: BATCH }, () => [g.bos]);
  const lengths = new Array<number>(BATCH).fill(0);
  const ended = new Array<boolean>(BATCH).fill(false);
  for (let t = 0; t < STEPS; t++) {
    const input = fromNumbers('i64', [BATCH, t + 1], rows.flat());
    const logits = toNumbers(interpretGraph(source.decoderAt(t + 1), [input, memory])[0] as HostTensor);
    for (const [n, row] of rows.entries()) {
      const scores = [...logits.slice(n * VOCABULARY, (n + 1) * VOCABULARY)];
      const banned = t === 0 ? [...g.suppressed, ...g.suppressedFirst] : g.suppressed;
      for (const token of banned) scores[token] = -Infinity;
      const token = g.forced.get(t) ?? scores.indexOf(Math.max(...scores));
      row.push(ended[n] ? g.pad : token);
      if (!ended[n]) lengths[n] = t + 1;
      ended[n] ||= g.eos.includes(token);
    }
  }
  return { tokens: rows.flatMap((row) => row.slice(1)), lengths, ended };
}

it.each(['incremental', 'padded'])('chooses as the host would, %s', (kind) => {
  let ends = 0;
  for (let seed = 1; seed <= 6; seed++) {
    const made = decoderOf((m, tokens, memory) => transformer(m, tokens, memory), {
      steps: STEPS,
      batch: BATCH,
    });
    const generation: Generation = {
      ...made.generation,
      eos: [1, 5, 8, 9],
      suppressed: seed % 2 === 0 ? [4, 7] : [],
      suppressedFirst: seed % 3 === 0 ? [2, 5] : [],
      forced: new Map(seed === 4 ? [[1, 3]] : []),
    };
    const source = { ...made, generation };
    const derived = kind === 'padded' ? paddedStep(source) : deriveStep(source);
    if (!('program' in derived)) throw new Error(derived.refusal.reason);
    const { program } = derived;
    const { graph, contexts, states } = greedyStep(program, generation);
    for (const g of [graph, program.step, program.prologue]) expect(verifyGraph(g)).toEqual([]);
    expect(graph.body.params.length).toBe(2 + contexts + states + 3);
    const random = createRandom(seed);
    const values = Array.from({ length: BATCH * MEMORY * WIDTH }, () => 3 * random.normal());
    const memory = fromNumbers('f32', [BATCH, MEMORY, WIDTH], values);
    const context = interpretGraph(program.prologue, [memory]);
    const carried = (list: readonly HostTensor[]): HostTensor[] => [...list];
    let token = fromNumbers('i64', [BATCH, 1], new Array<number>(BATCH).fill(generation.bos));
    let position = fromNumbers('i64', [1], [0]);
    let rest = carried([
      ...program.states.map((s) => zeros(s.dtype, s.shape)),
      zeros('i32', [BATCH]),
      zeros('i32', [BATCH]),
      fromNumbers('i32', [BATCH, STEPS], new Array<number>(BATCH * STEPS).fill(generation.pad)),
    ]);
    let flag = 0;
    for (let t = 0; t < STEPS && flag === 0; t++) {
      const results = carried(interpretGraph(graph, [token, position, ...context, ...rest]));
      flag = toNumbers(results.pop() as HostTensor)[0] as number;
      token = results.shift() as HostTensor;
      position = results.shift() as HostTensor;
      rest = results;
    }
    const wanted = onHost(source, memory, generation);
    const [finished, length, tokens] = rest.slice(-3).map((t) => [...toNumbers(t)]);
    expect(tokens).toEqual(wanted.tokens);
    expect(length).toEqual(wanted.lengths);
    expect(finished?.map((x) => x === 1)).toEqual(wanted.ended);
    expect(flag === 1).toBe(wanted.ended.every((x) => x));
    ends += wanted.ended.filter((x) => x).length;
  }
  expect(ends).toBeGreaterThan(0);
});

// Runs a step program by interpretation, and the decoder it was made from, on the same random tokens.
import { createRandom } from '../../../src/base/random.js';
import { elementCount, fromNumbers, type HostTensor, toNumbers, zeros } from '../../../src/base/tensor.js';
import type { Graph } from '../../../src/ir/graph.js';
import { interpretGraph } from '../../../src/ops/interpret.js';
import { declarationOf } from '../../../src/ops/table.js';
import type { DecodeSource, Generation, StepProgram } from '../../../src/passes/decode/model.js';

/** The first step of `compared` at which the logits differ. */
export function mismatch(
  source: DecodeSource,
  program: StepProgram,
  compared: readonly number[],
  seed = 7,
): string | undefined {
  const random = createRandom(seed);
  const inputs = source.prologue.body.params.map(({ type }): HostTensor => {
    const shape = type.shape as readonly number[];
    const draw = type.dtype === 'f32' ? () => random.normal() : () => 1;
    return fromNumbers(type.dtype, shape, Array.from({ length: elementCount(shape) }, draw));
  });
  const made = interpretGraph(program.prologue, inputs);
  const old = interpretGraph(source.prologue, inputs);
  const pick = (results: readonly HostTensor[], index: number): HostTensor => results[index] as HostTensor;
  const contexts = program.context.map((i) => pick(made, i));
  const own = source.context.map((i) => pick(old, i));
  let states: readonly HostTensor[] = program.states.map((s) =>
    s.start.kind === 'zeros' ? zeros(s.dtype, s.shape) : pick(made, s.start.result),
  );
  let carried: readonly HostTensor[] = [];
  if (source.kind === 'carried')
    carried = source.states.map((s, i) => {
      if (s.start.kind === 'prologue') return pick(old, s.start.result);
      const type = source.stepAt(source.promptLength).body.params[1 + own.length + i]?.type;
      return zeros(s.dtype, (type?.shape ?? []) as readonly number[]);
    });
  const { batch } = source.generation;
  const prompt = source.prompt && toNumbers(pick(old, source.prompt.result));
  const given = source.prompt?.length ?? 0;
  const column = (c: number): number[] =>
    Array.from({ length: batch }, (_, n) => prompt?.[n * given + c] ?? 0);
  const tokens = Array.from({ length: Math.max(0, given - 1) }, (_, c) => column(c));
  for (let t = 0; t <= Math.max(...compared); t++) {
    const vocabulary = program.step.body.results[0]?.type.shape[1] as number;
    const drawn = Array.from({ length: batch }, () => random.integer(0, vocabulary - 1));
    tokens.push(t === 0 && given > 0 ? column(given - 1) : drawn);
    const token = fromNumbers('i64', [batch, 1], tokens.at(-1) as number[]);
    const [logits, ...next] = interpretGraph(program.later?.[t - 1] ?? program.step, [
      token,
      fromNumbers('i64', [1], [t]),
      ...contexts,
      ...states,
    ]);
    states = next;
    let wanted: HostTensor | undefined;
    if (source.kind === 'carried') {
      [wanted, ...carried] = interpretGraph(source.stepAt(source.promptLength + t), [
        token,
        ...own,
        ...carried,
      ]);
    } else if (compared.includes(t)) {
      const rows = Array.from({ length: batch }, (_, n) => tokens.map((step) => step[n] as number)).flat();
      const input = fromNumbers('i64', [batch, tokens.length], rows);
      [wanted] = interpretGraph(source.decoderAt(tokens.length), [input, ...own]);
    }
    if (wanted === undefined || !compared.includes(t)) continue;
    const [a, b] = [toNumbers(logits as HostTensor), toNumbers(wanted)];
    const scale = Math.max(...b.map(Math.abs));
    for (const [i, x] of a.entries()) {
      const off = Math.abs(x - (b[i] ?? 0));
      if (!(off <= 1e-4 * scale)) return `step ${t}, logit ${i}: ${x}, not ${b[i]}`;
    }
  }
  return undefined;
}

export function graphFlops(graph: Graph): number {
  return graph.body.nodes.reduce((sum, node) => {
    const cost = declarationOf(node.op).cost?.(
      node.inputs.map((v) => v.type),
      node.outputs.map((v) => v.type),
      node.attrs,
    );
    return sum + (cost?.flops ?? 0);
  }, 0);
}

/** Work of all steps with the prologue's share, and of recomputing the decoder at the greatest length at each. */
export function stepFlops(program: StepProgram, { maxSteps }: Generation): number {
  return graphFlops(program.prologue) + maxSteps * graphFlops(program.step);
}
export function decoderFlops(source: DecodeSource): number {
  if (source.kind !== 'prefix') return 0;
  let sum = 0;
  for (let length = 1; length <= source.generation.maxSteps; length++)
    sum += graphFlops(source.decoderAt(length));
  return sum;
}

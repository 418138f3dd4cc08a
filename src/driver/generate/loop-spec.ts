// From a step program to what the backend compiles: the greedy step, the prologue and the finish, each through the passes.
import type { LoopSpec, StepParam } from '../../backend/decode/spec.js';
import type { Graph } from '../../ir/graph.js';
import { greedyStep } from '../../passes/decode/greedy.js';
import type { Generation, StepProgram } from '../../passes/decode/model.js';
import { fuseRowAttention } from '../../passes/decode/row-attention.js';
import { rewriteRows } from '../../passes/decode/row-graph.js';
import type { OutputRule } from '../decode/request.js';
import { type FinishGraph, finishGraph } from './finish-graph.js';

export interface PreparedLoop {
  readonly spec: LoopSpec;
  readonly finish: FinishGraph;
}

/** `peFp32`: whether the target's PE multiplies fp32; `keepLogits`: the outputs get the scores of each step. */
export interface LoopChoices {
  readonly peFp32: boolean;
  readonly keepLogits?: boolean;
}

/** `prepare` runs the passes on a graph. */
export function loopSpec(
  program: StepProgram,
  generation: Generation,
  outputs: readonly OutputRule[],
  prepare: (graph: Graph) => Graph,
  { peFp32, keepLogits = false }: LoopChoices,
): PreparedLoop {
  const greedy = greedyStep(program, generation, keepLogits);
  const { contexts, states, logits } = greedy;
  const firstState = 2 + contexts;
  const state = (next: number, start: Extract<StepParam, { role: 'state' }>['start']): StepParam => ({
    role: 'state',
    next,
    start,
  });
  const params: StepParam[] = [
    state(0, program.firstToken === undefined ? { value: generation.bos } : { result: program.firstToken }),
    state(1, { value: 0 }),
    ...program.context.map((result): StepParam => ({ role: 'context', result })),
    ...program.states.map((s, i) =>
      state(2 + i, s.start.kind === 'zeros' ? { value: 0 } : { result: s.start.result }),
    ),
    state(2 + states, { value: 0 }),
    state(3 + states, { value: 0 }),
    state(4 + states, { value: generation.pad }),
    ...(logits === undefined ? [] : [state(5 + states, { value: 0 })]),
  ];
  const finished = firstState + states;
  const stepOf = (graph: Graph): Graph => rewriteRows(fuseRowAttention(prepare(graph), peFp32));
  const finish = finishGraph(outputs, generation, logits);
  return {
    spec: {
      prologue: prepare(program.prologue),
      step: stepOf(greedy.graph),
      ...(program.later && {
        later: program.later.map((step) =>
          stepOf(greedyStep({ ...program, step }, generation, keepLogits).graph),
        ),
      }),
      params,
      flag: greedy.graph.body.results.length - 1,
      finish: prepare(finish.graph),
      finishParams: finish.graph.body.params.map((_, i) => finished + i),
      maxSteps: generation.maxSteps,
    },
    finish,
  };
}

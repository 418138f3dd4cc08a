// Steps of a decoder whose rows change when tokens are appended, or of which nothing is proven: each computes the decoder at
// exactly the tokens so far, so each is a graph of its own. Nothing is assumed, for this is what the source means.
import { NeffcError } from '../../base/diagnostic.js';
import type { Graph, Value } from '../../ir/graph.js';
import { tensorType } from '../../ir/type.js';
import { GraphBuilder } from '../../ops/build.js';
import type { PrefixSource, StepProgram } from './model.js';
import { Continuation, copyValues } from './prologue.js';

/** Undefined where the decoder is not valid at some number of tokens that decoding comes through. */
export function exactSteps(source: PrefixSource): StepProgram | undefined {
  const { batch, maxSteps } = source.generation;
  const first = source.prompt?.length ?? 1;
  if (source.shortest > first) return undefined;
  const columns = first + maxSteps - 1;
  const steps: Graph[] = [];
  for (let t = 0; t < maxSteps; t++) {
    const decoder = decoderAt(source, first + t);
    if (decoder === undefined) return undefined;
    steps.push(stepOf(decoder, batch, columns, first + t));
  }
  const [step, ...later] = steps;
  if (step === undefined) return undefined;
  return {
    ...tokenBuffer(source, columns),
    context: source.context,
    step,
    later,
    incremental: false,
    notes: [],
  };
}

function decoderAt(source: PrefixSource, length: number): Graph | undefined {
  try {
    return source.decoderAt(length);
  } catch (e) {
    if (e instanceof NeffcError) return undefined;
    throw e;
  }
}

/** The decoder at `length` tokens: those of the buffer, and this step's, which the buffer gets. */
function stepOf(decoder: Graph, batch: number, columns: number, length: number): Graph {
  const b = new GraphBuilder('step');
  const token = b.input('token', tensorType('i64', [batch, 1]));
  b.input('position', tensorType('i64', [1]));
  const [, ...contexts] = decoder.body.params;
  const given = contexts.map((v) => b.input(v.name, v.type));
  const buffer = b.input('tokens so far', tensorType('i64', [batch, columns]));
  const cut = (start: number, size: number): Value =>
    b.one('slice', [buffer], { starts: [0, start], sizes: [batch, size], steps: [1, 1] });
  const seen = length === 1 ? token : b.one('concat', [cut(0, length - 1), token], { axis: 1 });
  const after =
    length === columns ? seen : b.one('concat', [seen, cut(length, columns - length)], { axis: 1 });
  const values = decoder.body.params.map((v, i) => [v, i === 0 ? seen : (given[i - 1] as Value)] as const);
  const [logits] = copyValues(b, decoder.body.results.slice(0, 1), new Map(values)) as [Value];
  b.origin = [];
  return b.finish([logits, after], ['logits', 'tokens so far']);
}

/**
 * The source's prologue, and the buffer of tokens as the only state; of a prompt the last token is the first step's, and the others
 * begin the buffer.
 */
export function tokenBuffer(
  source: PrefixSource,
  columns: number,
): Pick<StepProgram, 'prologue' | 'states' | 'firstToken'> {
  const { batch } = source.generation;
  const state = { name: 'tokens so far', dtype: 'i64' as const, shape: [batch, columns] };
  const { prologue, prompt } = source;
  if (prompt === undefined) return { prologue, states: [{ ...state, start: { kind: 'zeros' } }] };
  const go = new Continuation(prologue);
  const tokens = go.result(prompt.result);
  const high = [0, columns - prompt.length];
  const buffer = go.builder.one('pad', [tokens], { low: [0, 0], high, mode: 'constant', value: 0 });
  const starts = [0, prompt.length - 1];
  const last = go.builder.one('slice', [tokens], { starts, sizes: [batch, 1], steps: [1, 1] });
  const { results } = prologue.body;
  return {
    prologue: go.finish([...results, buffer, last], [...prologue.outputNames, 'tokens so far', 'token']),
    states: [{ ...state, start: { kind: 'prologue', result: results.length } }],
    firstToken: results.length + 1,
  };
}

// What a model's outputs are, made from the rows of tokens when a loop has ended: the conventions of the source (start token,
// padding, layout, what a length counts) as a small graph that the chip runs.
import { unsupported } from '../../base/diagnostic.js';
import { fromNumbers } from '../../base/tensor.js';
import { bytesConstant } from '../../ir/constant.js';
import type { Graph, Value } from '../../ir/graph.js';
import { type TensorType, tensorType } from '../../ir/type.js';
import { GraphBuilder } from '../../ops/build.js';
import type { Generation } from '../../passes/decode/model.js';
import type { OutputRule } from '../decode/request.js';

/** An output whose axis ends at a number of columns that another result holds. */
export interface CroppedOutput {
  readonly output: string;
  readonly axis: number;
  /** Result (one int32 word) with the count. */
  readonly by: string;
}

export interface FinishGraph {
  /**
   * params [finished i32 [N], length i32 [N], tokens i32 [N, T]], then the buffer of logits [N, T, V] where it is kept; results
   * the outputs and the counts that crops name, at last the logits.
   */
  readonly graph: Graph;
  readonly cropped: readonly CroppedOutput[];
}

interface Rows {
  readonly b: GraphBuilder;
  readonly finished: Value;
  readonly length: Value;
  readonly tokens: Value;
  /** i32 [1]: steps that ran, the longest row. */
  readonly steps: Value;
  readonly generation: Generation;
}

export function finishGraph(
  rules: readonly OutputRule[],
  generation: Generation,
  logits?: TensorType,
): FinishGraph {
  const { batch, maxSteps } = generation;
  const b = new GraphBuilder('finish');
  const finished = b.input('finished', tensorType('i32', [batch]));
  const length = b.input('length', tensorType('i32', [batch]));
  const tokens = b.input('tokens', tensorType('i32', [batch, maxSteps]));
  const kept = logits && b.input('logits', logits);
  const steps = b.one('reduce_max', [length], { axes: [0], keep: true });
  const rows: Rows = { b, finished, length, tokens, steps, generation };
  const results: Value[] = [];
  const names: string[] = [];
  const cropped: CroppedOutput[] = [];
  for (const rule of rules) {
    const made = OUTPUTS[rule.kind](rows, rule as never);
    results.push(made.value);
    names.push(rule.name);
    if (made.crop === undefined) continue;
    const by = `${rule.name}#count`;
    results.push(made.crop.count);
    names.push(by);
    cropped.push({ output: rule.name, axis: made.crop.axis, by });
  }
  if (kept !== undefined) {
    results.push(kept);
    names.push(freeName('logits', names));
  }
  return { graph: b.finish(results, names), cropped };
}

/** The name, with as many underscores as make it another one than those of the source's outputs. */
function freeName(name: string, taken: readonly string[]): string {
  return taken.includes(name) ? freeName(`${name}_`, taken) : name;
}

interface Made {
  readonly value: Value;
  readonly crop?: { readonly axis: number; readonly count: Value };
}

type Maker<K extends OutputRule['kind']> = (r: Rows, rule: Extract<OutputRule, { kind: K }>) => Made;

const OUTPUTS: { readonly [K in OutputRule['kind']]: Maker<K> } = {
  tokens: (r, rule) => {
    const { b, generation } = r;
    const { batch, maxSteps, bos } = generation;
    const columns = iota(b, maxSteps);
    const ran = b.one('lt', [columns, r.steps]);
    let value = b.one('where', [ran, r.tokens, int(b, rule.unused)]);
    if (rule.withStart)
      value = b.one('concat', [b.one('broadcast', [int(b, bos)], { shape: [batch, 1] }), value], { axis: 1 });
    const have = maxSteps + (rule.withStart ? 1 : 0);
    const want = rule.columns === 'steps' ? have : rule.columns;
    if (want > have)
      value = b.one('pad', [value], {
        low: [0, 0],
        high: [0, want - have],
        mode: 'constant',
        value: rule.unused,
      });
    if (want < have) value = b.one('slice', [value], { starts: [0, 0], sizes: [batch, want], steps: [1, 1] });
    value = b.one('cast', [value], { to: rule.dtype });
    if (rule.layout === 'columns') value = b.one('transpose', [value], { perm: [1, 0] });
    if (rule.layout === 'flat') value = b.one('reshape', [value], { shape: [want] });
    if (rule.columns !== 'steps') return { value };
    const count = rule.withStart ? b.one('add', [r.steps, int(b, 1)]) : r.steps;
    return { value, crop: { axis: rule.layout === 'rows' ? 1 : 0, count } };
  },
  length: (r, rule) => {
    const { b, generation } = r;
    const { batch, maxSteps } = generation;
    let value = r.length;
    if (rule.except !== undefined) {
      const within = b.one('lt', [iota(b, maxSteps), b.one('reshape', [r.length], { shape: [batch, 1] })]);
      const counted = b.one('and', [within, b.one('ne', [r.tokens, int(b, rule.except)])]);
      value = b.one('reduce_sum', [b.one('cast', [counted], { to: 'i32' })], { axes: [1], keep: false });
    }
    if (!rule.countsEnd) value = b.one('sub', [value, r.finished]);
    if (rule.offset !== 0) value = b.one('add', [value, int(b, rule.offset)]);
    const shape = { rows: [batch], column: [batch, 1], scalar: [] }[rule.layout];
    return { value: b.one('cast', [b.one('reshape', [value], { shape })], { to: rule.dtype }) };
  },
  steps: (r, rule) => {
    const value = rule.offset === 0 ? r.steps : r.b.one('add', [r.steps, int(r.b, rule.offset)]);
    return {
      value: r.b.one('cast', [r.b.one('reshape', [value], { shape: rule.shape })], { to: rule.dtype }),
    };
  },
  ended: (r, rule) => ({
    value: r.b.one('cast', [r.b.one('reshape', [r.finished], { shape: rule.shape })], { to: rule.dtype }),
  }),
  prologue: (_r, rule) => {
    throw unsupported(
      'E4250',
      `output '${rule.name}' does not depend on the decoding loop`,
      {},
      'compile the encoder by itself for it',
    );
  },
};

function iota(b: GraphBuilder, n: number): Value {
  return b.constant(
    bytesConstant(
      'i32',
      [1, n],
      fromNumbers(
        'i32',
        [1, n],
        Array.from({ length: n }, (_, i) => i),
      ).data,
    ),
  );
}

const int = (b: GraphBuilder, value: number): Value => b.scalar('i32', value);

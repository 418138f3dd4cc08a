// Which rule gives an output behind a decoding loop. The part of the model behind the loop is run on states of decodings that
// differ in what matters (rows that end early, at the limit, or not at all; padding tokens that were chosen), and the first
// rule that gives all of its results is the output's.
import { equalTensors, fromNumbers, type HostTensor } from '../../base/tensor.js';
import type { Generation } from '../../passes/decode/model.js';
import type { Decoded } from './loop-leaves.js';
import type { OutputRule } from './request.js';

/** What the output was for a decoding. */
export interface OutputSample {
  readonly decoded: Decoded;
  readonly tensor: HostTensor;
}

/** A rule over the tokens. */
export type TokenRule = Exclude<OutputRule, { kind: 'prologue' }>;

export function ruleOf(
  name: string,
  samples: readonly OutputSample[],
  generation: Generation,
  special: readonly number[],
): TokenRule | undefined {
  const [first] = samples;
  if (first === undefined) return undefined;
  return candidates(name, first.tensor, samples, generation, special).find((rule) =>
    samples.every(({ decoded, tensor }) => equalTensors(applyRule(rule, decoded, generation), tensor)),
  );
}

function candidates(
  name: string,
  { dtype, shape }: HostTensor,
  samples: readonly OutputSample[],
  { batch, pad }: Generation,
  special: readonly number[],
): readonly TokenRule[] {
  const rules: TokenRule[] = [];
  const layouts = [
    { layout: 'rows', is: shape.length === 2 && shape[0] === batch, axis: 1 },
    { layout: 'columns', is: shape.length === 2 && shape[1] === batch, axis: 0 },
    { layout: 'flat', is: shape.length === 1 && batch === 1, axis: 0 },
  ] as const;
  for (const { layout, is, axis } of layouts) {
    if (!is) continue;
    const lengths = new Set(samples.map(({ tensor }) => tensor.shape[axis] ?? 0));
    const [only] = lengths;
    for (const withStart of [false, true]) {
      const common = { kind: 'tokens', name, dtype, withStart, layout } as const;
      rules.push({ ...common, columns: 'steps', unused: pad });
      if (lengths.size === 1 && only !== undefined)
        for (const unused of unusedValues(samples, pad)) rules.push({ ...common, columns: only, unused });
    }
  }
  const count = shape.reduce((n, dim) => n * dim, 1);
  const layout = shape.length === 0 ? 'scalar' : shape.length === 2 ? 'column' : 'rows';
  if (count === batch && (shape.length < 2 || shape[1] === 1) && (shape.length > 0 || batch === 1)) {
    for (const except of new Set([undefined, pad, ...special]))
      for (const countsEnd of [true, false])
        for (const offset of [0, 1])
          rules.push({ kind: 'length', name, dtype, offset, countsEnd, except, layout });
    rules.push({ kind: 'ended', name, dtype, shape });
  }
  if (count === 1) for (const offset of [0, 1, -1]) rules.push({ kind: 'steps', name, dtype, offset, shape });
  return rules;
}

/** What may stand where no step wrote: the pad token, or what stands last in some sample. */
function unusedValues(samples: readonly OutputSample[], pad: number): readonly number[] {
  const shortest = [...samples].sort((a, b) => a.decoded.count - b.decoded.count)[0];
  const bytes = shortest?.tensor;
  if (bytes === undefined || bytes.data.length === 0) return [pad];
  const view = new DataView(bytes.data.buffer, bytes.data.byteOffset, bytes.data.byteLength);
  const last =
    bytes.dtype === 'i64'
      ? Number(view.getBigInt64(bytes.data.length - 8, true))
      : bytes.dtype === 'i32'
        ? view.getInt32(bytes.data.length - 4, true)
        : pad;
  return [...new Set([pad, last])];
}

/** The output that a rule gives. */
export function applyRule(
  rule: TokenRule,
  { steps, lengths, ended, count }: Decoded,
  { batch, bos }: Generation,
): HostTensor {
  switch (rule.kind) {
    case 'tokens': {
      const columns = [...(rule.withStart ? [new Array<number>(batch).fill(bos)] : []), ...steps];
      const length = rule.columns === 'steps' ? columns.length : rule.columns;
      const token = (c: number, n: number): number => columns[c]?.[n] ?? rule.unused;
      const shape =
        rule.layout === 'rows' ? [batch, length] : rule.layout === 'columns' ? [length, batch] : [length];
      const at = (i: number) =>
        rule.layout === 'columns'
          ? token(Math.floor(i / batch), i % batch)
          : token(i % length, Math.floor(i / length));
      return fromNumbers(
        rule.dtype,
        shape,
        Array.from({ length: batch * length }, (_, i) => at(i)),
      );
    }
    case 'length': {
      const value = lengths.map((n, row) => {
        const own = steps.slice(0, n - (ended[row] && !rule.countsEnd ? 1 : 0)).map((tokens) => tokens[row]);
        return own.filter((token) => token !== rule.except).length + rule.offset;
      });
      return fromNumbers(
        rule.dtype,
        rule.layout === 'rows' ? [batch] : rule.layout === 'column' ? [batch, 1] : [],
        value,
      );
    }
    case 'steps':
      return fromNumbers(rule.dtype, rule.shape, [count + rule.offset]);
    case 'ended':
      return fromNumbers(
        rule.dtype,
        rule.shape,
        ended.map((one) => (one ? 1 : 0)),
      );
  }
}

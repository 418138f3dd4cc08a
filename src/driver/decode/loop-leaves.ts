// What the integers are that a decoding loop carries: tokens so far, the last token, flags of finished rows, lengths,
// counters. A meaning is a function from what has been decoded to the tensor; a leaf has the first meaning that gives its
// value at every moment that was run. The same functions then make the state at any other moment.
import type { DType } from '../../base/dtype.js';
import { elementCount, equalTensors, fromNumbers, type HostTensor, toNumbers } from '../../base/tensor.js';
import type { LoopState } from './loop-step.js';

/** What has been decoded when an iteration starts. */
export interface Decoded {
  /** Iterations that ran. */
  readonly count: number;
  /** [step][row] tokens as the loop records them: finished rows padded. */
  readonly steps: readonly (readonly number[])[];
  /** Tokens of each row, its end counted. */
  readonly lengths: readonly number[];
  readonly ended: readonly boolean[];
}

/** Tokens along an axis of a tensor: those of the start first. */
export interface Columns {
  readonly kind: 'columns';
  readonly dtype: DType;
  /** `rows` [N, T], `columns` [T, N], `flat` [T] of the only row. */
  readonly layout: 'rows' | 'columns' | 'flat';
  /** [column][row] tokens before the first one chosen. */
  readonly start: readonly (readonly number[])[];
  /** Columns of a buffer of fixed length, and what those hold that are not written; undefined where it grows. */
  readonly fixed: { readonly length: number; readonly fill: number } | undefined;
}

export type Meaning =
  | Columns
  | {
      readonly kind: 'last';
      readonly dtype: DType;
      readonly shape: readonly number[];
      readonly start: readonly number[];
    }
  | {
      readonly kind: 'counter';
      readonly dtype: DType;
      readonly shape: readonly number[];
      readonly base: readonly number[];
      readonly step: readonly number[];
    }
  | {
      readonly kind: 'ended';
      readonly dtype: DType;
      readonly shape: readonly number[];
      readonly values: readonly [no: number, yes: number];
    }
  | {
      readonly kind: 'all ended';
      readonly dtype: DType;
      readonly shape: readonly number[];
      readonly values: readonly [no: number, yes: number];
    }
  | {
      readonly kind: 'length';
      readonly dtype: DType;
      readonly shape: readonly number[];
      readonly offset: number;
      readonly countsEnd: boolean;
    };

/** The tensor that a leaf of this meaning holds. */
export function tensorOfMeaning(m: Meaning, d: Decoded): HostTensor {
  switch (m.kind) {
    case 'columns':
      return columnsTensor(m, d);
    case 'last':
      return fromNumbers(m.dtype, m.shape, [...(d.steps.at(-1) ?? m.start)]);
    case 'counter':
      return fromNumbers(
        m.dtype,
        m.shape,
        m.base.map((value, i) => value + d.count * (m.step[i] ?? 0)),
      );
    case 'ended':
      return fromNumbers(
        m.dtype,
        m.shape,
        d.ended.map((ended) => m.values[ended ? 1 : 0]),
      );
    case 'all ended':
      return fromNumbers(m.dtype, m.shape, [m.values[d.ended.every((ended) => ended) ? 1 : 0]]);
    case 'length':
      return fromNumbers(
        m.dtype,
        m.shape,
        d.lengths.map((n, row) => n + m.offset - (!m.countsEnd && d.ended[row] ? 1 : 0)),
      );
  }
}

function columnsTensor({ dtype, layout, start, fixed }: Columns, { steps, ended }: Decoded): HostTensor {
  const columns = [...start, ...steps];
  const batch = ended.length;
  const missing = fixed === undefined ? 0 : fixed.length - columns.length;
  for (let i = 0; i < missing; i++) columns.push(new Array<number>(batch).fill(fixed?.fill ?? 0));
  const length = fixed?.length ?? columns.length;
  const shape = layout === 'rows' ? [batch, length] : layout === 'columns' ? [length, batch] : [length];
  const at = (i: number): number =>
    layout === 'columns'
      ? (columns[Math.floor(i / batch)]?.[i % batch] ?? 0)
      : (columns[i % length]?.[Math.floor(i / length)] ?? 0);
  return fromNumbers(
    dtype,
    shape,
    Array.from({ length: batch * length }, (_, i) => at(i)),
  );
}

/** The token that a tensor of columns holds for a row at a step. */
export function tokenIn(
  { layout, start }: Columns,
  tensor: HostTensor,
  step: number,
  row: number,
): number | undefined {
  const column = start.length + step;
  const [first = 1, second = 1] = tensor.shape;
  const index =
    layout === 'rows' ? row * second + column : layout === 'columns' ? column * second + row : column;
  return column < (layout === 'rows' ? second : first) ? toNumbers(tensor)[index] : undefined;
}

/** A moment of a run: what has been decoded, and the state that the loop's own bookkeeping gave. */
export interface Logged {
  readonly decoded: Decoded;
  readonly state: LoopState;
}

/** The meaning of a leaf that agrees with all moments; undefined where none does. The first moments are of a run's start. */
export function meaningOf(name: string, log: readonly Logged[]): Meaning | undefined {
  const seen = log.flatMap(({ decoded, state }) => {
    const tensor = state.get(name);
    return tensor === undefined ? [] : [{ decoded, tensor }];
  });
  const [first] = seen;
  if (first === undefined) return undefined;
  return hypotheses(seen).find((m) => seen.every(({ decoded, tensor }) => fits(m, decoded, tensor)));
}

function fits(m: Meaning, decoded: Decoded, tensor: HostTensor): boolean {
  // A buffer that is full has no place for another token.
  if (m.kind === 'columns' && m.fixed !== undefined && m.start.length + decoded.steps.length > m.fixed.length)
    return false;
  return equalTensors(tensorOfMeaning(m, decoded), tensor);
}

interface Seen {
  readonly decoded: Decoded;
  readonly tensor: HostTensor;
}

function hypotheses(seen: readonly Seen[]): readonly Meaning[] {
  const [first] = seen;
  const second = seen.find(({ decoded }) => decoded.count === 1);
  if (first === undefined) return [];
  const { tensor, decoded } = first;
  const { dtype, shape } = tensor;
  const values = [...toNumbers(tensor)];
  const batch = decoded.ended.length;
  const found: Meaning[] = [];
  if (second !== undefined) {
    const after = toNumbers(second.tensor);
    found.push({
      kind: 'counter',
      dtype,
      shape,
      base: values,
      step: values.map((value, i) => (after[i] ?? value) - value),
    });
  }
  found.push(...columnHypotheses(tensor, values, batch, second?.tensor));
  if (elementCount(shape) === batch) {
    found.push({ kind: 'last', dtype, shape, start: values });
    const ended = seen.find((one) => one.decoded.ended.includes(true));
    const row = ended?.decoded.ended.indexOf(true) ?? 0;
    const yes = ended === undefined ? 1 - (values[0] ?? 0) : (toNumbers(ended.tensor)[row] ?? 1);
    found.push({ kind: 'ended', dtype, shape, values: [values[0] ?? 0, yes] });
    for (const countsEnd of [true, false])
      found.push({ kind: 'length', dtype, shape, offset: values[0] ?? 0, countsEnd });
  }
  if (elementCount(shape) === 1) {
    const all = seen.find((one) => one.decoded.ended.every((ended) => ended));
    found.push({
      kind: 'all ended',
      dtype,
      shape,
      values: [values[0] ?? 0, all === undefined ? 1 : (toNumbers(all.tensor)[0] ?? 1)],
    });
  }
  return found;
}

/** Ways to read a tensor as tokens: where it grows, or what part of it is written first. */
function columnHypotheses(
  { dtype, shape }: HostTensor,
  values: readonly number[],
  batch: number,
  second: HostTensor | undefined,
): readonly Columns[] {
  const found: Columns[] = [];
  const layouts = [
    { layout: 'rows', is: shape.length === 2 && shape[0] === batch, length: shape[1] ?? 0 },
    { layout: 'columns', is: shape.length === 2 && shape[1] === batch, length: shape[0] ?? 0 },
    { layout: 'flat', is: shape.length === 1 && batch === 1, length: shape[0] ?? 0 },
  ] as const;
  for (const { layout, is, length } of layouts) {
    if (!is) continue;
    const column = (c: number) =>
      Array.from(
        { length: batch },
        (_, n) => values[layout === 'columns' ? c * batch + n : n * length + c] ?? 0,
      );
    const grows = second !== undefined && elementCount(second.shape) !== values.length;
    const all = Array.from({ length }, (_, c) => column(c));
    if (grows) found.push({ kind: 'columns', dtype, layout, start: all, fixed: undefined });
    else {
      for (let c = 0; c < length; c++) {
        const fill = all[c]?.[0] ?? 0;
        const isUniform = all.slice(c).every((tokens) => tokens.every((token) => token === fill));
        if (isUniform)
          found.push({ kind: 'columns', dtype, layout, start: all.slice(0, c), fixed: { length, fill } });
      }
    }
  }
  return found;
}

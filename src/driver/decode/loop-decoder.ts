// The decoder inside a loop: the scores of an iteration as a graph of the tokens so far (or of the last one and the carried
// states). What the loop's bookkeeping carries is made from the tokens by its meaning; flags and lengths are those of rows
// that have not ended, for the scores of the others are not looked at.
import { fromNumbers } from '../../base/tensor.js';
import { Emitter } from '../../frontend/onnx/emit.js';
import type { Graph, Node, Value } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import { type Rewriter, rewriteGraph } from '../../ops/rewrite.js';
import { sliceOfConcat, sliceOfSlice } from '../../passes/slices.js';
import { buildGraph, constantValue, copyPart, named } from './graph-parts.js';
import { type Columns, type Meaning, tensorOfMeaning } from './loop-leaves.js';
import { type LoopBehaviour, plainDecoding, stateAt } from './loop-run.js';
import { runBookkeeping, type StepParts } from './loop-step.js';
import { loopNotUnderstood } from './refusals.js';
import { rowAt } from './wired-decoder.js';

export interface LoopDecoder {
  readonly file: string;
  readonly behaviour: LoopBehaviour;
  /** [column][row] tokens that rows start with. */
  readonly start: readonly (readonly number[])[];
  readonly contextNames: readonly string[];
  readonly stateNames: readonly string[];
}

/** Params [tokens i64 [N, L] or the last token [N, 1], ...context kept, ...states], results [scores [N, V], ...states]. */
export function loopDecoder(
  d: LoopDecoder,
  parts: StepParts,
  t: number,
  keep: (index: number) => boolean,
  onlyLast: boolean,
): Graph {
  const { behaviour, file } = d;
  const { batch } = behaviour;
  const length = onlyLast ? 1 : d.start.length + t;
  const kept = d.contextNames.filter((_, i) => keep(i));
  const params = [
    named('tokens', 'i64', [batch, length]),
    ...kept.flatMap((name) => typedAs(name, parts.context.get(name))),
    ...d.stateNames.flatMap((name) => typedAs(name, parts.floats.get(name))),
  ];
  const graph = buildGraph(`decoder.${t + 1}`, params, (b, [tokens, ...given]) => {
    const e = new Emitter(b);
    const known = new Map<Value, Value>();
    const know = (inner: Value | undefined, outer: Value | undefined): void => {
      if (inner !== undefined && outer !== undefined) known.set(inner, outer);
    };
    kept.forEach((name, i) => {
      know(parts.context.get(name), given[i]);
    });
    d.stateNames.forEach((name, i) => {
      know(parts.floats.get(name), given[kept.length + i]);
    });
    for (const [name, param] of parts.bookkept) {
      const meaning = behaviour.meanings.get(name);
      if (meaning !== undefined && tokens !== undefined)
        know(param, leafValue(e, meaning, param, tokens, d, t, onlyLast));
    }
    const after = d.stateNames
      .map((name) => parts.next.get(name) ?? parts.floats.get(name))
      .filter((v) => v !== undefined);
    const [scores, ...states] = copyPart(b, parts.step.graph, known, [parts.scores, ...after]);
    const row = rowAt(
      e,
      scores as Value,
      { batch, tokens: rowsOf(parts), past: 0 },
      chosenPosition(parts, behaviour, t, file),
      file,
    );
    return [['scores', row] as const, ...states.map((v, i) => [d.stateNames[i] ?? '', v] as const)];
  });
  return rewriteGraph(graph, tokensAlone);
}

/** A loop that reads no more of its buffer than the tokens so far reads the tokens. */
function tokensAlone(node: Node, rw: Rewriter): readonly Value[] | undefined {
  if (node.op !== 'slice') return undefined;
  const made = sliceOfSlice(node, rw) ?? sliceOfConcat(node, rw);
  return made && [made];
}

function typedAs(name: string, v: Value | undefined) {
  return v === undefined ? [] : [{ name, type: v.type }];
}

/** Positions of a row that have scores. */
function rowsOf({ scores }: StepParts): number {
  const shape = staticShape(scores.type) ?? [];
  return shape.length === 3 ? (shape[1] ?? 1) : 1;
}

/** The position whose choice is the next token, where the arg-max is taken at all of them. */
function chosenPosition(
  parts: StepParts,
  { meanings, batch, plain }: LoopBehaviour,
  t: number,
  file: string,
): number {
  const length = rowsOf(parts);
  const chosen = (staticShape(parts.choice.type) ?? []).reduce((n, dim) => n * dim, 1) / batch;
  if (length === 1 || chosen === 1) return length - 1;
  const state = stateAt(meanings, plainDecoding(batch, t, plain));
  const tokens = new Array<number>(batch).fill(plain);
  const other = new Array<number>(batch).fill(plain + 1);
  const text = (position: number) =>
    JSON.stringify(
      [...runBookkeeping(parts, state, tokens, { position, tokens: other }).state].map(([name, x]) => [
        name,
        [...x.data],
      ]),
    );
  const usual = text(-1);
  const order = [t, length - 1, ...Array.from({ length }, (_, i) => i)].filter(
    (position) => position < length,
  );
  const position = order.find((one) => text(one) !== usual);
  if (position === undefined)
    throw loopNotUnderstood('no position of the arg-max is the next token', { file });
  return position;
}

/** A carried integer as it is for rows with these tokens that have not ended. */
function leafValue(
  e: Emitter,
  m: Meaning,
  param: Value,
  tokens: Value,
  d: LoopDecoder,
  t: number,
  onlyLast: boolean,
): Value {
  const { batch } = d.behaviour;
  const shape = staticShape(param.type) ?? [];
  const [, length = 1] = staticShape(tokens.type) ?? [];
  if (m.kind === 'last') return e.reshape(e.cast(e.slice(tokens, 1, length - 1, 1), m.dtype), shape);
  if (m.kind !== 'columns')
    return constantValue(e.builder, tensorOfMeaning(m, plainDecoding(batch, t, d.behaviour.plain)));
  const rows = onlyLast ? lastColumn(e, m, tokens, t, batch) : allColumns(e, m, tokens, d.start);
  const filled = withUnused(e, m, rows, shape, batch);
  const turned = m.layout === 'columns' ? e.transpose(filled, [1, 0]) : filled;
  return e.reshape(turned, shape);
}

/** [N, columns] of the leaf: the tokens, with the leaf's own start where that is another. */
function allColumns(e: Emitter, m: Columns, tokens: Value, start: readonly (readonly number[])[]): Value {
  const own = e.cast(tokens, m.dtype);
  const [, length = 1] = staticShape(tokens.type) ?? [];
  const same =
    m.start.length <= start.length &&
    m.start.every((column, i) =>
      column.every((token, n) => token === start[start.length - m.start.length + i]?.[n]),
    );
  if (same) return e.slice(own, 1, start.length - m.start.length, length - start.length + m.start.length);
  return e.concat([startColumns(e, m), e.slice(own, 1, start.length, length - start.length)], 1);
}

function startColumns(e: Emitter, m: Columns): Value {
  const batch = m.start[0]?.length ?? 1;
  const values = Array.from(
    { length: batch * m.start.length },
    (_, i) => m.start[i % m.start.length]?.[Math.floor(i / m.start.length)] ?? 0,
  );
  return constantValue(e.builder, fromNumbers(m.dtype, [batch, m.start.length], values));
}

/** The last token at its place; what stands before it is not read, which is checked (loop.ts). */
function lastColumn(e: Emitter, m: Columns, tokens: Value, t: number, batch: number): Value {
  const before = m.start.length + t - 1;
  const own = e.cast(tokens, m.dtype);
  if (before < 0) return e.filled(m.dtype, [batch, 0], 0);
  return before === 0 ? own : e.concat([e.filled(m.dtype, [batch, before], m.start[0]?.[0] ?? 0), own], 1);
}

function withUnused(e: Emitter, m: Columns, rows: Value, shape: readonly number[], batch: number): Value {
  const [, have = 0] = staticShape(rows.type) ?? [];
  const want = m.layout === 'rows' ? (shape[1] ?? have) : (shape[0] ?? have);
  return want > have
    ? e.concat([rows, e.filled(m.dtype, [batch, want - have], m.fixed?.fill ?? 0)], 1)
    : rows;
}

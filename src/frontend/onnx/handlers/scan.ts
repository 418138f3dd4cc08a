// Scan: a body run over the elements of sequences, unrolled, for the length of a sequence is known.
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import type { Item } from '../items.js';
import { countNodes } from '../order.js';
import type { OnnxGraph } from '../proto/model.js';
import { stack, tensorsOnly, UNROLLED_NODES } from './control.js';

interface ScanParts {
  readonly body: OnnxGraph;
  readonly states: readonly Item[];
  readonly sequences: readonly Value[];
  readonly inputAxes: readonly number[];
  readonly inputReversed: readonly boolean[];
  readonly outputAxes: readonly number[];
  readonly outputReversed: readonly boolean[];
}

function scanParts(c: NodeContext, first: number): ScanParts {
  const body = c.attributes.graph('body');
  const count = c.attributes.int('num_scan_inputs');
  const operands = c.operands.slice(first).map((_, i) => c.item(i + first));
  if (count < 1 || count > operands.length)
    throw c.bad(`it has ${operands.length} operands, of which ${count} are scanned`);
  const states = operands.slice(0, operands.length - count);
  const sequences = tensorsOnly(c, operands.slice(states.length));
  const outputs = body.outputs.length - states.length;
  if (outputs < 0 || body.inputs.length !== operands.length)
    throw c.bad(
      `its body has ${body.inputs.length} inputs and ${body.outputs.length} outputs for ${operands.length} operands`,
    );
  const ints = (name: string, length: number) =>
    c.attributes.ints(
      name,
      Array.from({ length }, () => 0),
    );
  return {
    body,
    states,
    sequences,
    inputAxes: ints('scan_input_axes', count),
    inputReversed: ints(c.version < 9 ? 'directions' : 'scan_input_directions', count).map((d) => d === 1),
    outputAxes: ints('scan_output_axes', outputs),
    outputReversed: ints('scan_output_directions', outputs).map((d) => d === 1),
  };
}

const scan: Handler = (c): readonly Item[] => runScan(c, scanParts(c, 0));

function runScan(c: NodeContext, parts: ScanParts): readonly Item[] {
  const { body, sequences } = parts;
  const axes = sequences.map((x, i) => c.axis(parts.inputAxes[i] ?? 0, c.rank(x)));
  const [first] = sequences;
  if (first === undefined) throw c.bad('it has no sequence to scan');
  const steps = c.dim(first, axes[0] ?? 0);
  if (steps * countNodes(body) > 10 * UNROLLED_NODES)
    throw c.refuse(`${steps} steps of ${countNodes(body)} nodes are too many to unroll`);
  const names = c.subgraphs.captured([body]);
  let states = parts.states;
  const rows: Value[][] = parts.outputAxes.map(() => []);
  for (let t = 0; t < steps; t++) {
    const elements = sequences.map((x, i) =>
      c.pick(x, axes[i] ?? 0, parts.inputReversed[i] ? steps - 1 - t : t),
    );
    const inputs: readonly Item[] = [...states, ...elements];
    const bound = new Map([
      ...names,
      ...body.inputs.map((input, k) => [input.name, inputs[k] as Item] as const),
    ]);
    const results = c.subgraphs.run(body, bound);
    states = results.slice(0, states.length);
    for (const [k, row] of tensorsOnly(c, results.slice(states.length)).entries()) rows[k]?.push(row);
  }
  if (steps === 0) throw c.refuse('it scans a sequence of no elements');
  const stacked = rows.map((list, k) => {
    const rank = c.rank(list[0] as Value) + 1;
    const ordered = parts.outputReversed[k] ? [...list].reverse() : list;
    return stack(c, ordered, c.axis(parts.outputAxes[k] ?? 0, rank));
  });
  return [...states, ...stacked];
}

/** Version 8 scans every sample of a batch for itself, axis 1 of the sequences, and stacks the results. */
const batchedScan: Handler = (c): readonly Item[] => {
  if (c.has(0)) throw c.refuse('sequence lengths are not supported');
  const parts = scanParts(c, 1);
  const [sample] = parts.sequences;
  if (sample === undefined) throw c.bad('it has no sequence to scan');
  const batch = c.dim(sample, 0);
  const results = Array.from({ length: c.bounded(batch) }, (_, n) =>
    tensorsOnly(
      c,
      runScan(c, {
        ...parts,
        states: tensorsOnly(c, parts.states).map((x) => c.pick(x, 0, n)),
        sequences: parts.sequences.map((x) => c.pick(x, 0, n)),
      }),
    ),
  );
  return (results[0] ?? []).map((_, k) =>
    stack(
      c,
      results.map((list) => list[k] as Value),
    ),
  );
};

export const SCAN: HandlerTable = {
  Scan: { 8: batchedScan, 9: scan },
};

// Sequences and optionals: they exist only at import, so their length and presence are known and every operator on them is
// resolved to the tensors it concerns.
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import { type Item, isValue, type Sequence } from '../items.js';

function sequenceAt(c: NodeContext, index: number): Sequence {
  const item = c.item(index);
  if (isValue(item) || item.kind !== 'sequence') throw c.bad(`input ${index} is no sequence`);
  return item;
}

const sequence = (elements: readonly Item[]): Sequence => ({ kind: 'sequence', elements });

/** A position in a sequence of this length, from the end where negative; the last one, or its end, by default. */
function positionAt(c: NodeContext, index: number, length: number, fallback: number): number {
  const given = c.knownInts(index, 'the position in the sequence')?.[0] ?? fallback;
  const at = given < 0 ? given + length : given;
  if (at < 0 || at > length) throw c.bad(`position ${given} is not within a sequence of ${length}`);
  return at;
}

const sequenceInsert: Handler = (c) => {
  const { elements } = sequenceAt(c, 0);
  const at = positionAt(c, 2, elements.length, elements.length);
  return sequence([...elements.slice(0, at), c.item(1), ...elements.slice(at)]);
};

const sequenceErase: Handler = (c) => {
  const { elements } = sequenceAt(c, 0);
  const at = positionAt(c, 1, elements.length, elements.length - 1);
  return sequence(elements.filter((_, i) => i !== at));
};

const sequenceElement: Handler = (c) => {
  const { elements } = sequenceAt(c, 0);
  const found = elements[positionAt(c, 1, elements.length, 0)];
  if (found === undefined) throw c.bad(`the sequence has only ${elements.length} elements`);
  return found;
};

const concatFromSequence: Handler = (c) => {
  const values = sequenceAt(c, 0).elements.filter(isValue);
  const [first] = values;
  if (first === undefined) throw c.bad('the sequence is empty');
  const isNew = c.attributes.flag('new_axis');
  const axis = c.axis(c.attributes.int('axis'), c.rank(first) + (isNew ? 1 : 0));
  return c.concat(isNew ? values.map((value) => c.unsqueeze(value, [axis])) : values, axis);
};

/** Elements of the longest sequence that a tensor is split into. */
const MOST_PIECES = 4096;

/** Pieces of the sizes given, or of one size with a smaller last one; of one element without that axis by default. */
const splitToSequence: Handler = (c) => {
  const x = c.input(0);
  const axis = c.axisAttribute(x, 0);
  const total = c.dim(x, axis);
  const given = c.optional(1);
  const sizes = c.knownInts(1, 'the sizes');
  if (given !== undefined && c.rank(given) > 0) return sequence(c.split(x, axis, sizes ?? []));
  const each = sizes?.[0] ?? 1;
  const count = c.bounded(Math.ceil(total / each));
  if (count > MOST_PIECES) throw c.refuse(`a sequence of ${count} pieces is too long`);
  const even = Array.from({ length: count }, (_, i) => Math.min(each, total - i * each));
  const pieces = c.split(x, axis, even);
  const keepsAxis = given !== undefined || c.attributes.flag('keepdims', true);
  return sequence(keepsAxis ? pieces : pieces.map((piece) => c.squeeze(piece, [axis])));
};

/** The body once an element; further operands that are tensors go to every run. */
const sequenceMap: Handler = (c): readonly Item[] => {
  const body = c.attributes.graph('body');
  const names = c.subgraphs.captured([body]);
  const operands = c.operands.map((_, i) => c.item(i));
  const { elements } = sequenceAt(c, 0);
  const runs = elements.map((_, i) => {
    const inputs = operands.map((item) =>
      !isValue(item) && item.kind === 'sequence' ? item.elements[i] : item,
    );
    const bound = new Map(names);
    for (const [k, input] of body.inputs.entries()) {
      const item = inputs[k];
      if (item === undefined) throw c.bad('its sequences are not of one length');
      bound.set(input.name, item);
    }
    return c.subgraphs.run(body, bound);
  });
  return body.outputs.map((_, k) => sequence(runs.map((results) => results[k] as Item)));
};

const optional: Handler = (c) => ({ kind: 'optional', element: c.operands[0] });

const isPresent = (item: Item | undefined): boolean =>
  item !== undefined && (isValue(item) || item.kind !== 'optional' || item.element !== undefined);

const optionalGetElement: Handler = (c) => {
  const item = c.item(0);
  if (isValue(item) || item.kind !== 'optional') return item;
  if (item.element === undefined) throw c.bad('the optional is empty');
  return item.element;
};

export const SEQUENCES: HandlerTable = {
  ConcatFromSequence: concatFromSequence,
  Optional: optional,
  OptionalGetElement: optionalGetElement,
  OptionalHasElement: (c): Value => c.scalar('bool', isPresent(c.operands[0]) ? 1 : 0),
  SequenceAt: sequenceElement,
  SequenceConstruct: (c) => sequence(c.operands.map((_, i) => c.item(i))),
  SequenceEmpty: () => sequence([]),
  SequenceErase: sequenceErase,
  SequenceInsert: sequenceInsert,
  SequenceLength: (c): Value => c.scalar('i64', sequenceAt(c, 0).elements.length),
  SequenceMap: sequenceMap,
  SplitToSequence: splitToSequence,
};

// The last look at an unpickled value: no cycle, no depth beyond the limit, no walk longer than the limit,
// no bare class or storage left over, typed lists of their type. Iterative, since the value is not yet known to be shallow.

import { badInput } from '../../../base/diagnostic.js';
import { type Machine, malformed, overLimit, PICKLE_LIMITS, placeOf, type StackValue } from './machine.js';
import type { PickleValue } from './value.js';

interface Measure {
  readonly depth: number;
  /** Nodes when shared parts are counted each time they occur. */
  readonly nodes: number;
}

interface Frame {
  readonly value: StackValue;
  readonly children: Iterator<StackValue>;
  depth: number;
  nodes: number;
}

const LEAF: Measure = { depth: 0, nodes: 1 };

/** Returns `root` as a finished value. @throws E3321, E3323, E3324. */
export function checkValue(m: Machine, root: StackValue): PickleValue {
  const done = new Map<StackValue, Measure | 'open'>();
  const frames: Frame[] = [];
  visit(m, root, done, frames);
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const next = frame.children.next();
    if (!next.done) {
      const measure = visit(m, next.value, done, frames);
      if (measure !== undefined) include(frame, measure);
      continue;
    }
    frames.pop();
    finish(m, frame.value);
    const measure = { depth: frame.depth, nodes: frame.nodes };
    if (measure.nodes > PICKLE_LIMITS.expanded) {
      throw overLimit(m, 'shared parts written out are too large', PICKLE_LIMITS.expanded);
    }
    done.set(frame.value, measure);
    const parent = frames.at(-1);
    if (parent !== undefined) include(parent, measure);
  }
  return root as PickleValue;
}

function include(frame: Frame, child: Measure): void {
  frame.depth = Math.max(frame.depth, child.depth + 1);
  frame.nodes += child.nodes;
}

/**
 * What can only be said once the pickle has run to its end, since a memo entry may be changed until then:
 * the element type of a typed list, the attributes of an object.
 */
function finish(m: Machine, value: StackValue): void {
  if (value.kind === 'list' && value.element !== undefined) {
    const { element } = value;
    if (value.items.some((item) => item.kind !== element)) {
      throw badInput('E3325', `a list of ${element} in ${m.source.member} holds something else`, placeOf(m));
    }
  }
  if (value.kind === 'object' && value.state.kind === 'dict') {
    const attributes = new Map<string, StackValue>();
    for (const [key, item] of value.state.entries) if (typeof key === 'string') attributes.set(key, item);
    if (attributes.size === value.state.entries.size) value.attributes = attributes;
  }
}

/** The measure of a value seen before or of a leaf; otherwise opens a frame for it. */
function visit(
  m: Machine,
  value: StackValue,
  done: Map<StackValue, Measure | 'open'>,
  frames: Frame[],
): Measure | undefined {
  if (value.kind === 'class' || value.kind === 'storage') {
    throw malformed(m, `a bare ${value.kind} is part of the value`);
  }
  const children = childrenOf(value);
  if (children === undefined) return LEAF;
  const known = done.get(value);
  if (known === 'open') {
    throw badInput(
      'E3324',
      `the pickle ${m.source.member} contains a ${value.kind} that contains itself`,
      placeOf(m),
    );
  }
  const depth = frames.length + (known?.depth ?? 0) + 1;
  if (depth > PICKLE_LIMITS.depth) throw overLimit(m, 'values are nested too deep', PICKLE_LIMITS.depth);
  if (known !== undefined) return known;
  done.set(value, 'open');
  frames.push({ value, children: children[Symbol.iterator](), depth: 0, nodes: 1 });
  return undefined;
}

function childrenOf(value: StackValue): Iterable<StackValue> | undefined {
  switch (value.kind) {
    case 'list':
    case 'tuple':
    case 'set':
      return value.items;
    case 'dict':
      return value.entries.values();
    case 'object':
      return [value.state];
    case 'enum':
      return [value.value];
    default:
      return undefined;
  }
}

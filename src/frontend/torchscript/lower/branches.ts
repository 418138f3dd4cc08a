// `if` on tensor data. Both branches are interpreted from the same state, each apart; then their states are joined: what they
// leave different becomes the results of an `if` of the graph, or of a `where` where no branch computes anything. A branch
// that only raises is not taken: the check is dropped with a warning.

import type { Value } from '../../../ir/graph.js';
import type { Stmt } from '../code/ast.js';
import type { Frame } from './frame.js';
import type { Item } from './items.js';
import { type Journal, type Mutable, type State, setState, stateOf } from './journal.js';
import { type Completion, type Machine, Raised } from './machine.js';
import { type Later, mergeItems, mergeStorage, type Sides, type Slots } from './merge.js';
import { reachable } from './reach.js';
import { closedRegion, freeValues, type Stretch, stretch } from './regions.js';
import type { TensorItem } from './tensor-item.js';

type IfStmt = Extract<Stmt, { kind: 'if' }>;

/** What a branch left. */
interface Outcome {
  readonly variables: ReadonlyMap<string, Item>;
  /** States at the end of what it changed. */
  readonly states: ReadonlyMap<Mutable, State>;
  /** Values of the tensors that its variables and changes name. */
  readonly values: ReadonlyMap<TensorItem, Value>;
}

export function branchOnData(m: Machine, frame: Frame, stmt: IfStmt, condition: Value): Completion {
  const before = new Map(frame.variables);
  const outer = m.c.journal;
  const initial: Journal = new Map();
  const old = reachable(m);
  const branches = [stmt.body, stmt.orElse].map((body) => {
    m.c.journal = new Map();
    try {
      return stretch(m.c, () => runBranch(m, frame, before, body));
    } catch (error) {
      if (error instanceof Raised) return error;
      throw error;
    } finally {
      for (const [x, state] of m.c.journal) {
        if (old.has(x) && !initial.has(x)) initial.set(x, state);
        setState(x, state);
      }
      frame.variables = new Map(before);
      m.c.journal = outer;
    }
  });
  const [yes, no] = branches as [Stretch<Outcome> | Raised, Stretch<Outcome> | Raised];
  if (yes instanceof Raised && no instanceof Raised) throw yes;
  if (yes instanceof Raised || no instanceof Raised) {
    const raised = yes instanceof Raised ? yes : (no as Raised);
    m.c.warn(
      'W4334',
      `a check of tensor data is not made when the compiled model runs; where it fails the model raises '${raised.message}'`,
    );
    return m.execute(frame, yes instanceof Raised ? stmt.orElse : stmt.body);
  }
  for (const x of initial.keys()) m.c.touch(x);
  join(m, frame, condition, yes, no, initial);
  return undefined;
}

function runBranch(
  m: Machine,
  frame: Frame,
  before: ReadonlyMap<string, Item>,
  body: readonly Stmt[],
): Outcome {
  const end = m.execute(frame, body);
  if (end !== undefined) throw m.c.refuse('E4343', `a ${end.kind} depends on the values of tensors`);
  const states = new Map([...(m.c.journal ?? new Map<Mutable, State>()).keys()].map((x) => [x, stateOf(x)]));
  const values = new Map<TensorItem, Value>();
  for (const [name, item] of frame.variables) if (before.get(name) !== item) realize(m, item, values);
  for (const state of states.values()) for (const item of itemsOf(state)) realize(m, item, values);
  return { variables: new Map(frame.variables), states, values };
}

function itemsOf(state: State): readonly Item[] {
  if (state.kind === 'list') return state.items;
  if (state.kind === 'dict') return [...state.entries.values()];
  return state.kind === 'object' ? [...state.attributes.values()] : [];
}

/** Takes the values of the tensors in an item while their branch is open. */
function realize(m: Machine, item: Item, values: Map<TensorItem, Value>): void {
  if (item.kind === 'tensor' && item.storage.stale === undefined) values.set(item, m.c.value(item));
  else if (item.kind === 'list' || item.kind === 'tuple') for (const x of item.items) realize(m, x, values);
  else if (item.kind === 'dict') for (const x of item.entries.values()) realize(m, x, values);
}

function join(
  m: Machine,
  frame: Frame,
  condition: Value,
  yes: Stretch<Outcome>,
  no: Stretch<Outcome>,
  initial: Journal,
): void {
  const pairs: [Value, Value][] = [];
  let results: readonly Value[] = [];
  const slots: Slots = {
    slot: (a, b) => pairs.push([a, b]) - 1,
    value: (slot) => results[slot] as Value,
  };
  const sides: Sides = {
    yes: (t) => yes.result.values.get(t) ?? m.c.value(t),
    no: (t) => no.result.values.get(t) ?? m.c.value(t),
  };
  const later: (() => void)[] = [];
  for (const name of new Set([...yes.result.variables.keys(), ...no.result.variables.keys()])) {
    const [a, b] = [yes.result.variables.get(name), no.result.variables.get(name)];
    const merged: Later =
      a === undefined || b === undefined
        ? () => ({ kind: 'absent', why: `'${name}' is given a value in one branch only` })
        : mergeItems(m.c, slots, sides, a, b);
    later.push(() => frame.variables.set(name, merged()));
  }
  for (const [x, before] of initial)
    later.push(
      mergeState(m, slots, sides, x, yes.result.states.get(x) ?? before, no.result.states.get(x) ?? before),
    );
  results = chosen(m, condition, yes, no, pairs);
  for (const set of later) set();
}

/** One value of each pair: by a `where` where nothing was computed, else by an `if`. */
function chosen(
  m: Machine,
  condition: Value,
  yes: Stretch<Outcome>,
  no: Stretch<Outcome>,
  pairs: readonly [Value, Value][],
): readonly Value[] {
  if (pairs.length === 0) return [];
  if (yes.nodes.length === 0 && no.nodes.length === 0)
    return pairs.map(([a, b]) => choice(m, condition, a, b));
  const [left, right] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
  const captures = [...new Set([...freeValues(yes.nodes, left), ...freeValues(no.nodes, right)])];
  const regions = [
    closedRegion(m.c, yes.nodes, left, [], captures),
    closedRegion(m.c, no.nodes, right, [], captures),
  ];
  return m.c.builder.node('if', [condition, ...captures], {}, { regions });
}

function choice(m: Machine, condition: Value, a: Value, b: Value): Value {
  if (a.type.dtype === 'bool' && a.type.shape.length === 0) {
    const [p, q] = [m.c.constantScalar(a), m.c.constantScalar(b)];
    if (p?.value === true && q?.value === false) return condition;
    if (p?.value === false && q?.value === true) return m.c.one('not', [condition]);
    if (p?.value === false) return m.c.one('and', [m.c.one('not', [condition]), b]);
    if (q?.value === false) return m.c.one('and', [condition, a]);
  }
  return m.c.one('where', [condition, a, b]);
}

function mergeState(m: Machine, slots: Slots, sides: Sides, x: Mutable, a: State, b: State): () => void {
  if (a.kind === 'storage' && b.kind === 'storage') {
    if (a.stale !== undefined || b.stale !== undefined)
      return () => setState(x, a.stale === undefined ? b : a);
    return mergeStorage(slots, x as Parameters<typeof mergeStorage>[1], a.value, b.value);
  }
  if (a.kind === 'list' && b.kind === 'list') {
    if (a.items.length !== b.items.length)
      throw m.c.refuse('E4343', 'the length of a list depends on the values of tensors');
    const parts = a.items.map((item, i) => mergeItems(m.c, slots, sides, item, b.items[i] as Item));
    return () => setState(x, { kind: 'list', items: parts.map((part) => part()) });
  }
  const [p, q] = [mapOf(a), mapOf(b)];
  const parts = [...new Set([...p.keys(), ...q.keys()])].map((key) => {
    const [left, right] = [p.get(key), q.get(key)];
    const merged: Later =
      left === undefined || right === undefined
        ? () => ({ kind: 'absent', why: `'${key}' is there in one branch only` })
        : mergeItems(m.c, slots, sides, left, right);
    return [key, merged] as const;
  });
  return () => {
    const items = parts.map(([key, part]) => [key, part()] as const);
    if (a.kind === 'dict') setState(x, { kind: 'dict', entries: new Map(items) });
    else setState(x, { kind: 'object', attributes: new Map(items as (readonly [string, Item])[]) });
  };
}

function mapOf(state: State): ReadonlyMap<string | bigint | number | boolean, Item> {
  if (state.kind === 'dict') return state.entries;
  return state.kind === 'object' ? state.attributes : new Map();
}

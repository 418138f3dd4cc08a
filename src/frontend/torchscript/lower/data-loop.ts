// A loop that tensor data ends, as a loop of the graph. What its body changes is found by interpreting it: first from the
// state as it is, then from a state in which everything that changed is a parameter, until nothing else changes. Values whose
// shape or structure changes from one iteration to the next cannot be carried: E4320.
import { EXIT, NeffcError } from '../../../base/diagnostic.js';
import type { Region, Value } from '../../../ir/graph.js';
import { tensorType } from '../../../ir/type.js';
import { truthOf } from '../aten/scalars.js';
import type { Frame } from './frame.js';
import { type Item, isConstant } from './items.js';
import { type Journal, type Mutable, setState } from './journal.js';
import type { WhileStmt } from './loop-policy.js';
import { DYNAMIC_TYPES, type ScalarArg } from './lowering.js';
import { type Machine, Raised } from './machine.js';
import { reachable } from './reach.js';
import { closedRegion, freeValues, stretch } from './regions.js';
import type { Storage, TensorItem } from './tensor-item.js';

/** Thrown with E4320: which loop it is that cannot be a loop of the graph. */
export class DecodeLoop {
  readonly stmt: WhileStmt;
  readonly error: NeffcError;
  constructor(stmt: WhileStmt, error: NeffcError) {
    this.stmt = stmt;
    this.error = error;
  }
}

/** Carried: a variable of the frame, or the content of a storage. */
type Carried = { readonly name: string } | { readonly storage: Storage };

interface Iteration {
  readonly condition: Value;
  /** Next value of each carried one. */
  readonly next: readonly Value[];
  /** Changes found that are not carried yet. */
  readonly found: readonly Carried[];
}

export function dataLoop(m: Machine, frame: Frame, stmt: WhileStmt, condition: Value): void {
  const noted = m.problems.length;
  const refuse = (why: string): DecodeLoop => {
    const refusal = m.c.refuse(
      'E4320',
      `a loop whose end depends on tensor data ${why}`,
      'a decoding loop compiles with --decode',
    );
    // What is not supported inside may be so only because the iteration is not known here.
    const inside = m.problems.splice(noted);
    return new DecodeLoop(stmt, new NeffcError([...refusal.diagnostics, ...inside], EXIT.unsupported));
  };
  let carried: readonly Carried[] = [];
  for (;;) {
    const initial = carried.map((x) => carriedValue(m, frame, x));
    const params = initial.map((v) => m.c.builder.param(v.type, ''));
    const body = apart(m, frame, () => {
      carried.forEach((x, i) => {
        give(m, frame, x, params[i] as Value);
      });
      return iterate(m, frame, stmt, carried, refuse);
    });
    const { found, next, condition: again } = body.result;
    if (found.length > 0) {
      carried = [...carried, ...found];
      continue;
    }
    if (m.problems.length > noted) throw refuse('computes what is not supported in it');
    for (const [i, v] of next.entries())
      if (!sameType(v, params[i] as Value)) throw refuse('changes the shape or type of what it carries');
    const results = build(m, condition, initial, params, [again, ...next], body.nodes);
    carried.forEach((x, i) => {
      give(m, frame, x, results[i] as Value);
    });
    return;
  }
}

const sameType = (a: Value, b: Value): boolean => {
  const [p, q] = [tensorType(a.type.dtype, a.type.shape), b.type];
  return (
    p.dtype === q.dtype && p.shape.length === q.shape.length && p.shape.every((d, i) => d === q.shape[i])
  );
};

/** Runs `build` and takes back all it changed. */
function apart<T>(m: Machine, frame: Frame, build: () => T) {
  const before = new Map(frame.variables);
  const outer = m.c.journal;
  const own: Journal = new Map();
  m.c.journal = own;
  try {
    return stretch(m.c, build);
  } finally {
    for (const [x, state] of own) setState(x, state);
    frame.variables = before;
    m.c.journal = outer;
  }
}

/** One iteration from the state at hand. */
function iterate(
  m: Machine,
  frame: Frame,
  stmt: WhileStmt,
  carried: readonly Carried[],
  refuse: (why: string) => DecodeLoop,
): Iteration {
  const start = new Map(frame.variables);
  const states = new Map(m.c.journal);
  const old = reachable(m);
  try {
    const end = m.execute(frame, stmt.body);
    if (end !== undefined) throw refuse(`is left by ${end.kind}`);
  } catch (error) {
    if (error instanceof Raised) throw refuse(`raises '${error.message}'`);
    throw error;
  }
  const truth = truthOf(m.c, m.evaluate(frame, stmt.test));
  const condition = truth.kind === 'dynamic' ? truth.value : m.c.builder.scalar('bool', truth.value ? 1 : 0);
  const found: Carried[] = [];
  for (const [name, item] of frame.variables) {
    const was = start.get(name);
    if (was === undefined || was === item) continue;
    if (isConstant(was) && isConstant(item) && was.kind === item.kind && was.value === item.value) continue;
    if (!carriable(was, item))
      throw refuse(`changes '${name}', which is a ${was.kind}, in shape or structure`);
    if (!carried.some((x) => 'name' in x && x.name === name)) found.push({ name });
  }
  for (const x of (m.c.journal ?? new Map<Mutable, unknown>()).keys()) {
    if (states.has(x) || !old.has(x)) continue;
    if ('kind' in x) throw refuse(`changes a ${x.kind} that it did not make`);
    if (!carried.some((y) => 'storage' in y && y.storage === x)) found.push({ storage: x });
  }
  const next = found.length > 0 ? [] : carried.map((x) => carriedValue(m, frame, x));
  return { condition, next, found };
}

function carriable(a: Item, b: Item): boolean {
  if (a.kind === 'tensor' && b.kind === 'tensor')
    return (
      a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((n, i) => n === b.shape[i])
    );
  return isScalar(a) && isScalar(b);
}

const isScalar = (item: Item): item is ScalarArg & Item => isConstant(item) || item.kind === 'dynamic';

function carriedValue(m: Machine, frame: Frame, x: Carried): Value {
  if ('storage' in x) return x.storage.value;
  const item = frame.variables.get(x.name) as TensorItem | (ScalarArg & Item);
  if (item.kind === 'tensor') return m.c.value(item);
  return m.c.scalarValue(item, DYNAMIC_TYPES[item.kind === 'dynamic' ? item.type : item.kind]);
}

/** Puts a value in the place of a carried one. */
function give(m: Machine, frame: Frame, x: Carried, value: Value): void {
  if ('storage' in x) {
    m.c.touch(x.storage);
    x.storage.value = value;
    x.storage.version++;
    return;
  }
  const item = frame.variables.get(x.name) as Item;
  if (item.kind === 'tensor') frame.variables.set(x.name, m.c.fresh(value, { rowMajor: false }));
  else {
    const type = item.kind === 'dynamic' ? item.type : (item.kind as 'bool' | 'int' | 'float');
    frame.variables.set(x.name, { kind: 'dynamic', type, value });
  }
}

function build(
  m: Machine,
  condition: Value,
  initial: readonly Value[],
  params: readonly Value[],
  results: readonly Value[],
  nodes: Region['nodes'],
): readonly Value[] {
  const captures = freeValues(nodes, results).filter((v) => !params.includes(v));
  const iteration = m.c.builder.param(tensorType('i64', []), '');
  const going = m.c.builder.param(tensorType('bool', []), '');
  const region = closedRegion(m.c, nodes, results, [iteration, going, ...params], captures);
  // As many iterations as the condition allows.
  const trip = m.c.builder.scalar('i64', 2 ** 53 - 1);
  return m.c.builder.node(
    'loop',
    [trip, condition, ...initial, ...captures],
    { carried: params.length, scans: 0 },
    { regions: [region] },
  );
}

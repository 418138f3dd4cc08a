// Which waits of an executable carry its correctness: a wait is needed if, taken away alone, it leaves two conflicting accesses
// without an order. All conflicts of the program are found once; then each wait is taken away and what happens before what is
// computed anew, from its instruction on, as far as anything changes.
import type { Target } from '../../chip/target.js';
import type { Program } from '../../isa/program.js';
import type { Access } from './accesses-log.js';
import { type Events, joinRow } from './events.js';
import { execution, footprintsOf, MemoryLogs } from './execution.js';
import { type Fragment, Fragments } from './streams.js';

/**
 * `needed`: without it there is a race. `data`: without it there is a race where row numbers or loaded words of some values occur.
 * `redundant`: other waits order everything.
 */
export type Need = 'needed' | 'data' | 'redundant';

export interface ClassifiedWait {
  readonly fragment: Fragment;
  /** Of the instruction in its fragment, and of the wait among the instruction's. */
  readonly index: number;
  readonly wait: number;
  readonly need: Need;
  /** The two accesses that it alone orders, as text. */
  readonly race?: readonly [string, string];
}

/** Rounds of a loop that a loaded word ends: enough for every wait between two rounds to matter. */
const ROUNDS = 3;

/** Every wait that is executed in the phase of an executable, in order of its first execution. Waits for 0 order nothing. */
export function neededWaits(
  program: Program,
  target: Target,
  executable: number,
  kind: 'load' | 'main' = 'main',
): ClassifiedWait[] {
  const { events } = execution(new Fragments(program), target, kind, executable, { length: ROUNDS });
  const certain = conflictsOf(events, program, target, (a) => a.region.certain);
  const possible = conflictsOf(events, program, target, () => true);
  const uses = new Map<
    string,
    { fragment: Fragment; index: number; wait: number; places: [event: number, maker: number][] }
  >();
  for (const { event, wait, maker } of events.waits) {
    const { fragment, index } = events.executed[event]!;
    const key = `${fragment.kind} ${fragment.index} ${fragment.engine} ${index} ${wait}`;
    const use = uses.get(key) ?? { fragment, index, wait, places: [] };
    use.places.push([event, maker]);
    uses.set(key, use);
  }
  const graph = new OrderGraph(events);
  return [...uses.values()].map(({ fragment, index, wait, places }) => {
    const changed = graph.without(places);
    const race = unordered(events, changed, certain);
    const perhaps = race ?? unordered(events, changed, possible);
    const need: Need = race !== undefined ? 'needed' : perhaps !== undefined ? 'data' : 'redundant';
    return {
      fragment,
      index,
      wait,
      need,
      ...(perhaps && { race: [events.text(perhaps[0]), events.text(perhaps[1])] as const }),
    };
  });
}

/** By event: for each other stream the latest event that conflicts with it. */
function conflictsOf(
  events: Events,
  program: Program,
  target: Target,
  counts: (a: Access) => boolean,
): number[][] {
  const logs = new MemoryLogs(events.streams, program, target);
  const from0 = new Int32Array(events.streams);
  const found: number[][] = [];
  for (let event = 0; event < events.length; event++) {
    const latest = new Set<number>();
    const stream = events.stream[event]!;
    for (const { reads, writes } of footprintsOf(events, event)) {
      for (const write of [false, true]) {
        for (const region of write ? writes : reads) {
          if (region.space === 'dram' && program.variables[region.variable]?.kind === 'constant') continue;
          const access: Access = { event, number: events.number[event]!, stream, write, region };
          if (!counts(access)) continue;
          const log = logs.of(region);
          for (const other of log.conflicts(access, from0, 0, counts)) latest.add(other.event);
          log.add(access);
        }
      }
    }
    found.push([...latest]);
  }
  return found;
}

/** Rows of the clock that differ from those of the program as it is, by event. */
type Changed = ReadonlyMap<number, Int32Array>;

function unordered(
  events: Events,
  changed: Changed,
  conflicts: readonly (readonly number[])[],
): readonly [number, number] | undefined {
  for (const [event, row] of changed) {
    for (const other of conflicts[event] ?? [])
      if (row[events.stream[other]!]! < events.number[other]!) return [other, event];
  }
  return undefined;
}

class OrderGraph {
  private readonly events: Events;
  /** Makers of the increments that each event waits for, and events right behind it. */
  private readonly makers: number[][];
  private readonly after: number[][];

  constructor(events: Events) {
    this.events = events;
    this.makers = Array.from({ length: events.length }, () => []);
    this.after = Array.from({ length: events.length }, () => []);
    for (const { event, maker } of events.waits) this.makers[event]!.push(maker);
    for (let event = 0; event < events.length; event++) {
      for (const a of events.direct[event]!) this.after[a]!.push(event);
      for (const a of this.makers[event]!) this.after[a]!.push(event);
    }
  }

  /** What changes where these events do not wait for these makers. Events are taken by number, so each is computed once. */
  without(places: readonly (readonly [event: number, maker: number])[]): Changed {
    const { events } = this;
    const { clock, streams, stream, number } = events;
    const dropped = new Map<number, number[]>();
    for (const [event, maker] of places) dropped.set(event, [...(dropped.get(event) ?? []), maker]);
    const due = new Set(dropped.keys());
    const changed = new Map<number, Int32Array>();
    for (let event = Math.min(...due); due.size > 0; event++) {
      if (!due.delete(event)) continue;
      const row = new Int32Array(streams);
      const gone = [...(dropped.get(event) ?? [])];
      const kept = this.makers[event]!.filter((m) => {
        const i = gone.indexOf(m);
        if (i >= 0) gone.splice(i, 1);
        return i < 0;
      });
      for (const a of [...events.direct[event]!, ...kept]) {
        const from = changed.get(a);
        if (from === undefined) joinRow(row, 0, clock, a * streams, streams);
        else joinRow(row, 0, from, 0, streams);
        row[stream[a]!] = Math.max(row[stream[a]!]!, number[a]!);
      }
      if (row.every((n, s) => n === clock[event * streams + s])) continue;
      changed.set(event, row);
      for (const b of this.after[event]!) due.add(b);
    }
    return changed;
  }
}

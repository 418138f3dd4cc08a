// Many requests, some in flight: what `profile --requests N --in-flight K` reports. A request's own timeline is known; here the
// requests share the core, the link in each direction and the host, one request at a time on each. The next request's inputs
// and the last one's outputs move while one executes; the host time of an execution belongs to the core.
import { usageError } from '../base/diagnostic.js';
import { TICKS_PER_NS } from '../chip/target.js';
import { EVENT_KINDS, type EventKind, type HostEvent } from './host-clock.js';

export interface ThroughputOptions {
  readonly requests: number;
  /** Requests of one core between their first and last event at the same time. */
  readonly inFlight: number;
  /** Cores that each run as many at the same time; their events already share what they share. */
  readonly cores: number;
}

export interface Throughput {
  readonly requestsPerSecond: number;
  /** From a request's first event to its last, by request, in ns. */
  readonly latenciesNs: readonly number[];
  readonly totalNs: number;
  /** Share of the time that each is in use. */
  readonly busy: Readonly<Record<EventKind, number>>;
}

/**
 * The timeline of equal requests, given the events of one. Requests take each resource in order of arrival, ties by number.
 * @throws E2523 where a count is not positive
 */
export function throughput(events: readonly HostEvent[], options: ThroughputOptions): Throughput {
  const { requests, inFlight, cores } = options;
  for (const count of [requests, inFlight, cores]) {
    if (!Number.isInteger(count) || count < 1)
      throw usageError('E2523', `${count} is no number of requests or cores`);
  }
  const free = new Map<EventKind, number>();
  const used = new Map<EventKind, number>();
  const starts = new Float64Array(requests);
  const ends = new Float64Array(requests);
  const active = new Map<number, { next: number; ready: number }>();
  let admitted = 0;
  const admit = (at: number): void => {
    if (admitted === requests) return;
    active.set(admitted, { next: 0, ready: at });
    starts[admitted++] = at;
  };
  for (let i = 0; i < inFlight; i++) admit(0);
  while (active.size > 0) {
    const [request, state] = earliest(active);
    const event = events[state.next];
    if (event === undefined) {
      ends[request] = state.ready;
      active.delete(request);
      admit(state.ready);
      continue;
    }
    const ticks = event.end - event.start;
    state.ready = Math.max(state.ready, free.get(event.kind) ?? 0) + ticks;
    state.next++;
    free.set(event.kind, state.ready);
    used.set(event.kind, (used.get(event.kind) ?? 0) + ticks);
  }
  const total = ends.reduce((a, b) => Math.max(a, b), 0);
  const share = (kind: EventKind): number => (total === 0 ? 0 : (used.get(kind) ?? 0) / total);
  return {
    requestsPerSecond: total === 0 ? 0 : (requests * cores * TICKS_PER_NS * 1e9) / total,
    latenciesNs: Array.from(ends, (end, i) => (end - (starts[i] ?? 0)) / TICKS_PER_NS),
    totalNs: total / TICKS_PER_NS,
    busy: Object.fromEntries(EVENT_KINDS.map((kind) => [kind, share(kind)])) as Record<EventKind, number>,
  };
}

type Active = ReadonlyMap<number, { next: number; ready: number }>;

/** The request that is ready first; there are as many as are in flight. */
function earliest(active: Active): [number, { next: number; ready: number }] {
  let found: [number, { next: number; ready: number }] | undefined;
  for (const entry of active) if (found === undefined || entry[1].ready < found[1].ready) found = entry;
  return found as [number, { next: number; ready: number }];
}

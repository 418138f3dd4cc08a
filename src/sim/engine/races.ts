// Data races by happens-before. Streams are the engines and DMA queues of all cores of a timeline; an event of a stream is an
// instruction or a transfer. Event a happens before b where a's number is within what b's stream knows of a's stream.
//   - program order in an engine; a queue's transfers one after another, each after the trigger that named it;
//   - a wait for value v happens after the event that made the v-th increment, and all that happened before that.
// Two accesses race if they share a byte, one writes, and neither happens before the other. Each access is compared with those
// earlier-simulated ones of other streams that do not happen before it: the tail of each stream's log, by the order of its numbers.
// Nothing here depends on time: any order of simulation that respects happens-before finds a race if there is one.
import type { Region } from '../../isa/footprint.js';
import { overlaps } from '../../isa/overlap.js';

/** What a stream knew when it made an increment or a trigger: events of all streams, and its own number. */
export interface Mark {
  readonly stream: number;
  readonly event: number;
  /** Never written after it is shared. */
  readonly known: Int32Array;
}

/** An access that races with the one asked about; `origin` is what was recorded with it. */
export interface Conflict<O> {
  readonly stream: number;
  readonly region: Region;
  readonly written: boolean;
  readonly origin: O;
}

/** Accesses to SBUF and PSUM meet within a core; accesses to DRAM wherever device memory is shared. */
type LogKind = 'sbuf' | 'psum' | 'dram';

/** Entries whose hull is kept as one, so that a long tail is skipped in strides. */
const CHUNK = 32;
/** Logs are cut down to what can still race each time this many accesses came. */
const PRUNE_EVERY = 1 << 16;

class Log<O> {
  private events: number[] = [];
  private regions: Region[] = [];
  private origins: O[] = [];
  /** Hulls of whole chunks. */
  private chunkLo: number[] = [];
  private chunkHi: number[] = [];
  /** Number of the last event in the log. */
  last = 0;

  add(event: number, region: Region, origin: O): void {
    const { lo, hi } = region;
    const chunk = this.events.length >> 5;
    if (chunk === this.chunkLo.length) {
      this.chunkLo.push(lo);
      this.chunkHi.push(hi);
    } else {
      this.chunkLo[chunk] = Math.min(this.chunkLo[chunk]!, lo);
      this.chunkHi[chunk] = Math.max(this.chunkHi[chunk]!, hi);
    }
    this.events.push(event);
    this.regions.push(region);
    this.origins.push(origin);
    this.last = event;
  }

  /** Index of the latest access after event `known` that shares a byte with the region; -1 for none. */
  meeting(region: Region, known: number): number {
    const { events, regions, chunkLo, chunkHi } = this;
    for (let i = events.length - 1; i >= 0 && events[i]! > known; i--) {
      const chunk = i >> 5;
      if (chunkLo[chunk]! >= region.hi || chunkHi[chunk]! <= region.lo) i = chunk * CHUNK;
      else if (overlaps(regions[i]!, region)) return i;
    }
    return -1;
  }

  conflict(stream: number, written: boolean, i: number): Conflict<O> {
    return { stream, written, region: this.regions[i]!, origin: this.origins[i]! };
  }

  /** Drops all accesses up to event `known`. */
  prune(known: number): void {
    const { events, regions, origins } = this;
    let keep = 0;
    while (keep < events.length && events[keep]! <= known) keep++;
    if (keep === 0) return;
    this.events = [];
    this.regions = [];
    this.origins = [];
    this.chunkLo = [];
    this.chunkHi = [];
    for (let i = keep; i < events.length; i++) this.add(events[i]!, regions[i]!, origins[i]!);
  }
}

type Logs<O> = Readonly<Record<LogKind, { readonly reads: Log<O>; readonly writes: Log<O> }>>;
const newLogs = <O>(): Logs<O> => ({
  sbuf: { reads: new Log(), writes: new Log() },
  psum: { reads: new Log(), writes: new Log() },
  dram: { reads: new Log(), writes: new Log() },
});

export class RaceDetector<O> {
  private readonly streams: number;
  private readonly perCore: number;
  private readonly sharedDram: boolean;
  /** Events so far of each stream. */
  private readonly events: Int32Array;
  /** What each stream knows; replaced, never changed, since marks share it. */
  private readonly known: Int32Array[];
  private readonly logs: Logs<O>[];
  private sincePrune = 0;

  /** Stream s belongs to core floor(s / perCore). @param sharedDram whether the cores use one device memory */
  constructor(cores: number, perCore: number, sharedDram: boolean) {
    this.streams = cores * perCore;
    this.perCore = perCore;
    this.sharedDram = sharedDram;
    this.events = new Int32Array(this.streams);
    this.known = Array.from({ length: this.streams }, () => new Int32Array(this.streams));
    this.logs = Array.from({ length: this.streams }, () => newLogs<O>());
  }

  /** The stream comes to its next event. */
  event(stream: number): void {
    this.events[stream]!++;
  }

  mark(stream: number): Mark {
    return { stream, event: this.events[stream]!, known: this.known[stream]! };
  }

  /** From here on the stream's events happen after the marked one. */
  join(stream: number, mark: Mark): void {
    const known = this.known[stream]!;
    if (mark.stream === stream || known[mark.stream]! >= mark.event) return;
    const joined = known.slice();
    for (let s = 0; s < joined.length; s++) if (mark.known[s]! > joined[s]!) joined[s] = mark.known[s]!;
    joined[mark.stream] = mark.event;
    this.known[stream] = joined;
  }

  /** All streams of a core know all of them: an execution ends, the next begins. */
  synchronise(core: number): void {
    const first = core * this.perCore;
    for (let t = first; t < first + this.perCore; t++) {
      for (let s = first; s < first + this.perCore; s++) if (s !== t) this.join(t, this.mark(s));
    }
    for (let s = first; s < first + this.perCore; s++)
      this.logs[s] = this.sharedDram ? this.logs[s]! : newLogs();
  }

  /** Records an access of the stream's current event; gives an access that it races with. */
  access(stream: number, region: Region, written: boolean, origin: O): Conflict<O> | undefined {
    const known = this.known[stream]!;
    const kind = region.space;
    const all = kind === 'dram' && this.sharedDram;
    const first = all ? 0 : stream - (stream % this.perCore);
    const end = all ? this.streams : first + this.perCore;
    for (let s = first; s < end; s++) {
      if (s === stream) continue;
      const { reads, writes } = this.logs[s]![kind];
      const after = known[s]!;
      if (writes.last > after) {
        const i = writes.meeting(region, after);
        if (i >= 0) return writes.conflict(s, true, i);
      }
      if (written && reads.last > after) {
        const i = reads.meeting(region, after);
        if (i >= 0) return reads.conflict(s, false, i);
      }
    }
    const own = this.logs[stream]![kind];
    (written ? own.writes : own.reads).add(this.events[stream]!, region, origin);
    this.sincePrune++;
    return undefined;
  }

  /** Whether it is time to call `prune`. */
  get full(): boolean {
    return this.sincePrune >= PRUNE_EVERY;
  }

  /**
   * Forgets accesses that happen before everything still to come.
   * @param alive marks of all streams and pending triggers from which further events can come
   */
  prune(alive: readonly Mark[]): void {
    this.sincePrune = 0;
    for (let s = 0; s < this.streams; s++) {
      let known = Infinity;
      for (const mark of alive) known = Math.min(known, mark.stream === s ? mark.event : mark.known[s]!);
      for (const { reads, writes } of Object.values(this.logs[s]!)) {
        reads.prune(known);
        writes.prune(known);
      }
    }
  }
}

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

/** An access in a log; `origin` names the instruction or transfer for the message. */
export interface Access<O> {
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
  private accesses: Access<O>[] = [];
  /** Hulls of whole chunks. */
  private chunkLo: number[] = [];
  private chunkHi: number[] = [];
  /** Number of the last event in the log. */
  last = 0;

  add(event: number, access: Access<O>): void {
    const { lo, hi } = access.region;
    const chunk = this.events.length >> 5;
    this.chunkLo[chunk] = Math.min(this.chunkLo[chunk] ?? lo, lo);
    this.chunkHi[chunk] = Math.max(this.chunkHi[chunk] ?? hi, hi);
    this.events.push(event);
    this.accesses.push(access);
    this.last = event;
  }

  /** The latest access after event `known` that shares a byte with the region. */
  meeting(region: Region, known: number): Access<O> | undefined {
    const { events, accesses, chunkLo, chunkHi } = this;
    for (let i = events.length - 1; i >= 0 && events[i]! > known; i--) {
      const chunk = i >> 5;
      if (chunkLo[chunk]! >= region.hi || chunkHi[chunk]! <= region.lo) {
        i = chunk * CHUNK;
        continue;
      }
      const other = accesses[i]!;
      if (overlaps(other.region, region)) return other;
    }
    return undefined;
  }

  /** Drops all accesses up to event `known`. */
  prune(known: number): void {
    if ((this.events[0] ?? Infinity) > known) return;
    const { events, accesses } = this;
    const keep = events.findIndex((e) => e > known);
    this.events = [];
    this.accesses = [];
    this.chunkLo = [];
    this.chunkHi = [];
    if (keep < 0) return;
    for (let i = keep; i < events.length; i++) this.add(events[i]!, accesses[i]!);
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
    for (let s = first; s < first + this.perCore; s++) this.logs[s] = this.sharedDram ? this.logs[s]! : newLogs();
  }

  /** Records an access of the stream's current event; gives an access that it races with. */
  access(stream: number, access: Access<O>): Access<O> | undefined {
    const { region, written } = access;
    const known = this.known[stream]!;
    const kind = region.space;
    const core = Math.floor(stream / this.perCore);
    const all = kind === 'dram' && this.sharedDram;
    const first = all ? 0 : core * this.perCore;
    const end = all ? this.streams : first + this.perCore;
    for (let s = first; s < end; s++) {
      if (s === stream) continue;
      const { reads, writes } = this.logs[s]![kind];
      const after = known[s]!;
      if (writes.last > after) {
        const other = writes.meeting(region, after);
        if (other !== undefined) return other;
      }
      if (written && reads.last > after) {
        const other = reads.meeting(region, after);
        if (other !== undefined) return other;
      }
    }
    const own = this.logs[stream]![kind];
    (written ? own.writes : own.reads).add(this.events[stream]!, access);
    this.sincePrune++;
    return undefined;
  }

  /**
   * Whether it is time to call `prune`.
   */
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

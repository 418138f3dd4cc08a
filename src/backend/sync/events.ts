// The events of an execution and what happens before what, from the streams of all engines. Events are the instructions of the
// engines and the transfers of the DMA queues. Event a happens before b
//   - in an engine: where it comes first; a transfer: after its trigger and after the queue's transfers before it;
//   - where b waits for value v of a semaphore and a is the event that makes its v-th increment,
// and through others. Each event has a row of the clock: for each stream the number of its events that happen before.
// Events are numbered in one order that respects all of this; any such order would do, since streams are in order by themselves
// and each semaphore is counted up by one of them. Engines that wait for ever are reported, and what they would do is left out.
import { ENGINES, type Target } from '../../chip/target.js';
import { SEMAPHORE_CHIP_BASE } from '../../isa/program.js';
import { type Executed, placeText, streamCount } from './streams.js';

export interface OrderProblem {
  readonly rule: 'deadlock' | 'wait-total' | 'semaphore-owner' | 'queue-owner';
  readonly executed: Executed;
  readonly message: string;
}

export interface WaitUse {
  readonly event: number;
  /** Place among the waits of its instruction. */
  readonly wait: number;
  /** Event that makes the increment waited for. */
  readonly maker: number;
}

/** Counts of a semaphore: what made each increment. */
interface Counter {
  readonly stream: number;
  readonly events: number[];
}

export class Events {
  readonly streams: number;
  /** By event: its instruction, for transfers the trigger. */
  readonly executed: Executed[] = [];
  readonly stream: number[] = [];
  /** Number in its stream, from 1. */
  readonly number: number[] = [];
  /** Events right before it: the one before it in its stream, for a transfer also its trigger. */
  readonly direct: (readonly number[])[] = [];
  readonly waits: WaitUse[] = [];
  readonly problems: OrderProblem[] = [];
  /** Whether an engine waits for a semaphore of the chip, which other cores count. */
  waitsForChip = false;
  /** Rows of all events, one behind another. */
  readonly clock: Int32Array;
  private readonly counters = new Map<number, Counter>();
  private readonly last: number[];

  constructor(perEngine: readonly (readonly Executed[])[], target: Target) {
    this.streams = streamCount(target);
    this.last = new Array(this.streams).fill(-1);
    const total = perEngine.reduce(
      (n, list) => n + list.length + list.filter((x) => x.instruction.m === 'DMA').length,
      0,
    );
    this.clock = new Int32Array(total * this.streams);
    this.checkOwners(perEngine);
    this.order(perEngine);
  }

  get length(): number {
    return this.stream.length;
  }

  /** Whether event a, which has a lower number, happens before b. */
  before(a: number, b: number): boolean {
    const s = this.stream[a]!;
    return s === this.stream[b] || this.clock[b * this.streams + s]! >= this.number[a]!;
  }

  text(event: number): string {
    const { fragment, index } = this.executed[event]!;
    const queue = this.stream[event]! - ENGINES.length;
    return `${queue < 0 ? '' : `transfer of queue ${queue}, triggered by `}${placeText(fragment, index)}`;
  }

  /** Each semaphore is counted up by one stream, each queue is triggered by one engine. */
  private checkOwners(perEngine: readonly (readonly Executed[])[]): void {
    const owners = new Map<number, number>();
    const triggers = new Map<number, number>();
    const others = new Set<string>();
    const claim = (owned: Map<number, number>, what: string, key: number, by: number, x: Executed): void => {
      const owner = owned.get(key) ?? by;
      owned.set(key, owner);
      if (owner === by || others.has(`${what} ${key} ${by}`)) return;
      others.add(`${what} ${key} ${by}`);
      const semaphore = what === 'semaphore';
      this.problems.push({
        rule: semaphore ? 'semaphore-owner' : 'queue-owner',
        executed: x,
        message: `${what} ${key} is ${semaphore ? 'incremented' : 'triggered'} by ${streamName(by)} and by ${streamName(owner)}`,
      });
    };
    perEngine.forEach((list, e) => {
      for (const x of list) {
        const { instruction } = x;
        const stream = instruction.m === 'DMA' ? ENGINES.length + instruction.queue : e;
        if (instruction.m === 'DMA') claim(triggers, 'queue', instruction.queue, e, x);
        if (instruction.increment >= 0) claim(owners, 'semaphore', instruction.increment, stream, x);
      }
    });
  }

  /** Takes the engines in turn, each as far as it gets. */
  private order(perEngine: readonly (readonly Executed[])[]): void {
    const next = perEngine.map(() => 0);
    for (let moved = true; moved; ) {
      moved = false;
      perEngine.forEach((list, e) => {
        for (let x = list[next[e]!]; x !== undefined && this.isOpen(x); x = list[next[e]!]) {
          this.issue(e, x);
          next[e]!++;
          moved = true;
        }
      });
    }
    const blocked = perEngine.flatMap((list, e) => list[next[e]!] ?? []);
    for (const x of blocked) this.reportBlocked(x, perEngine);
  }

  private isOpen({ instruction }: Executed): boolean {
    return instruction.waits.every(
      (w) => w.semaphore >= SEMAPHORE_CHIP_BASE || this.count(w.semaphore) >= w.value,
    );
  }

  private count(semaphore: number): number {
    return this.counters.get(semaphore)?.events.length ?? 0;
  }

  private issue(e: number, x: Executed): void {
    const { instruction } = x;
    const made: [wait: number, maker: number][] = [];
    for (const [i, { semaphore, value }] of instruction.waits.entries()) {
      if (semaphore >= SEMAPHORE_CHIP_BASE) this.waitsForChip = true;
      else if (value > 0) made.push([i, this.counters.get(semaphore)!.events[value - 1]!]);
    }
    const event = this.add(
      e,
      x,
      this.last[e]! < 0 ? [] : [this.last[e]!],
      made.map(([, maker]) => maker),
    );
    for (const [wait, maker] of made) this.waits.push({ event, wait, maker });
    let maker = event;
    if (instruction.m === 'DMA') {
      const queue = ENGINES.length + instruction.queue;
      if (queue >= this.streams) return;
      const before = this.last[queue]!;
      maker = this.add(queue, x, before < 0 ? [event] : [before, event], []);
    }
    if (instruction.increment >= 0) this.increment(instruction.increment, maker);
  }

  private add(stream: number, x: Executed, direct: readonly number[], joined: readonly number[]): number {
    const event = this.stream.length;
    this.executed.push(x);
    this.stream.push(stream);
    this.direct.push(direct);
    this.number.push(this.last[stream]! < 0 ? 1 : this.number[this.last[stream]!]! + 1);
    this.last[stream] = event;
    for (const a of direct) this.join(event, a);
    for (const a of joined) this.join(event, a);
    return event;
  }

  private join(event: number, a: number): void {
    const { clock, streams } = this;
    joinRow(clock, event * streams, clock, a * streams, streams);
    const at = event * streams + this.stream[a]!;
    clock[at] = Math.max(clock[at]!, this.number[a]!);
  }

  private increment(semaphore: number, maker: number): void {
    const counter = this.counters.get(semaphore);
    if (counter === undefined) this.counters.set(semaphore, { stream: this.stream[maker]!, events: [maker] });
    else counter.events.push(maker);
  }

  private reportBlocked(x: Executed, perEngine: readonly (readonly Executed[])[]): void {
    for (const { semaphore, value } of x.instruction.waits) {
      if (semaphore >= SEMAPHORE_CHIP_BASE || this.count(semaphore) >= value) continue;
      const total = perEngine.flat().filter((y) => y.instruction.increment === semaphore).length;
      const counted = `semaphore ${semaphore}, which gets to ${this.count(semaphore)}`;
      if (value > total) {
        this.problems.push({
          rule: 'wait-total',
          executed: x,
          message: `waits for ${value} of ${counted}; it has ${total} increments in all`,
        });
      } else
        this.problems.push({
          rule: 'deadlock',
          executed: x,
          message: `waits for ${value} of ${counted}, since its stream waits too`,
        });
    }
  }
}

export function joinRow(into: Int32Array, at: number, from: Int32Array, start: number, length: number): void {
  for (let s = 0; s < length; s++) if (from[start + s]! > into[at + s]!) into[at + s] = from[start + s]!;
}

export function streamName(stream: number): string {
  return ENGINES[stream] ?? `queue ${stream - ENGINES.length}`;
}

// The host's side of a request's timeline: transfers over the link, executions with the host time each one costs, host
// operators. What moves before an execution is one transfer, what is fetched after it another; each costs a fixed time and its
// bytes at the link's rate, which the cores of a chip share. Ticks of 1/28 ns, as on the device.
import { COSTS, type Target, TICKS_PER_NS } from '../chip/target.js';

export const EVENT_KINDS = ['to-device', 'execute', 'from-device', 'host-operator'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** A slice of host time. An execution's begins with its host time; the device starts at `deviceStart`. */
export interface HostEvent {
  readonly kind: EventKind;
  /** Tensors moved, the executable, or the host operator. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** Of a transfer, for one core. */
  readonly bytes: number;
  readonly deviceStart?: number;
}

const TRANSFER_TICKS = COSTS.hostTransferUs * 1000 * TICKS_PER_NS;

interface Pending {
  bytes: number;
  readonly names: string[];
}

export class HostClock {
  readonly events: HostEvent[] = [];
  /** Now, in ticks since the request began. */
  now = 0;
  readonly moved = { 'to-device': 0, 'from-device': 0 };
  private readonly pending: Readonly<Record<'to-device' | 'from-device', Pending>> = {
    'to-device': { bytes: 0, names: [] },
    'from-device': { bytes: 0, names: [] },
  };
  private readonly ticksPerByte: number;
  private readonly overhead: number;

  /** @param sharing cores that move the same bytes over one link at the same time @param overhead ticks of host work an execution */
  constructor(target: Target, sharing: number, overhead: number) {
    this.ticksPerByte = (sharing * TICKS_PER_NS * 1e9) / target.hostLinkBytesPerSecond;
    this.overhead = overhead;
  }

  /** Adds a tensor to the next transfer of that direction. */
  move(direction: 'to-device' | 'from-device', name: string, bytes: number): void {
    const pending = this.pending[direction];
    pending.bytes += bytes;
    pending.names.push(name);
    this.moved[direction] += bytes;
  }

  /** The transfer of all tensors added since the last one, if there are any. */
  flush(direction: 'to-device' | 'from-device'): void {
    const pending = this.pending[direction];
    const { bytes, names } = pending;
    if (names.length === 0) return;
    this.spend(direction, names.join(' '), TRANSFER_TICKS + Math.ceil(bytes * this.ticksPerByte), { bytes });
    pending.bytes = 0;
    names.length = 0;
  }

  /** An execution of that many device ticks, after its host time. */
  execute(name: string, ticks: number): void {
    this.spend('execute', name, this.overhead + ticks, { deviceStart: this.now + this.overhead });
  }

  /** Work of the host itself. */
  work(name: string, ns: number): void {
    this.spend('host-operator', name, Math.ceil(ns * TICKS_PER_NS), {});
  }

  private spend(
    kind: EventKind,
    name: string,
    ticks: number,
    more: { bytes?: number; deviceStart?: number },
  ): void {
    const start = this.now;
    this.now += ticks;
    this.events.push({ kind, name, start, end: this.now, bytes: 0, ...more });
  }
}

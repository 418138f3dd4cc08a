// What each source node costs: time on each engine and on the queues, bytes moved, when it runs. Sums over the slices of a trace.
import { ENGINES, type EngineName, type Target, TICKS_PER_NS } from '../../chip/target.js';
import { QUEUE_LANE, SLICE_KINDS, type Trace } from '../../sim/engine/trace.js';
import type { TracedCode } from './traced-code.js';

export interface LayerProfile {
  readonly node: string;
  readonly op: string;
  /** Issuing time on each engine, and time of its transfers, which queues share. */
  readonly busy_ns: Readonly<Record<EngineName | 'dma', number>>;
  readonly dma_bytes: number;
  /** PE cycles from its first instruction or transfer to the end of its last, in the first execution. */
  readonly cycles: number;
  readonly start_ns: number;
  readonly end_ns: number;
  readonly instructions: number;
}

interface Sums {
  readonly ticks: Float64Array;
  bytes: number;
  start: number;
  end: number;
  instructions: number;
}

const DMA = ENGINES.length;
const INSTRUCTION = SLICE_KINDS.indexOf('instruction');
const TRANSFER = SLICE_KINDS.indexOf('transfer');

/** Adds up layers over executions; of several cores the first stands for all. */
export class LayerSums {
  private readonly code: TracedCode;
  private readonly sums = new Map<number, Sums>();

  constructor(code: TracedCode) {
    this.code = code;
  }

  /** @param times how often this execution ran */
  add(trace: Trace, times: number): void {
    const origins = trace.fragments.map((f) => this.code.fragment(f).origins);
    for (let i = 0; i < trace.length; i++) {
      const kind = trace.kind[i]!;
      if (trace.core[i] !== 0 || (kind !== INSTRUCTION && kind !== TRANSFER)) continue;
      const sums = this.of(origins[trace.fragment[i]!]?.[trace.index[i]!] ?? -1);
      const lane = trace.lane[i]!;
      const start = trace.start[i]!;
      const end = trace.end[i]!;
      const column = lane >= QUEUE_LANE ? DMA : lane;
      sums.ticks[column] = sums.ticks[column]! + times * (end - start);
      if (column === DMA) sums.bytes += times * trace.detail[i]!;
      else sums.instructions += times;
      sums.start = Math.min(sums.start, start);
      sums.end = Math.max(sums.end, end);
    }
  }

  private of(origin: number): Sums {
    const known = this.sums.get(origin);
    if (known !== undefined) return known;
    const made: Sums = {
      ticks: new Float64Array(DMA + 1),
      bytes: 0,
      start: Number.POSITIVE_INFINITY,
      end: 0,
      instructions: 0,
    };
    this.sums.set(origin, made);
    return made;
  }

  /** In the order in which they start. */
  layers(target: Target): LayerProfile[] {
    return [...this.sums]
      .sort(([a, x], [b, y]) => x.start - y.start || a - b)
      .map(([index, s]): LayerProfile => {
        const origin = this.code.origin(index);
        const busy = [...ENGINES, 'dma' as const].map((name, i): [string, number] => [
          name,
          s.ticks[i]! / TICKS_PER_NS,
        ]);
        return {
          node: origin?.node ?? '',
          op: origin?.op ?? '',
          busy_ns: Object.fromEntries(busy) as LayerProfile['busy_ns'],
          dma_bytes: s.bytes,
          cycles: Math.ceil(((s.end - s.start) * target.clockMhz.pe) / (1000 * TICKS_PER_NS)),
          start_ns: s.start / TICKS_PER_NS,
          end_ns: s.end / TICKS_PER_NS,
          instructions: s.instructions,
        };
      });
  }
}

// What requests of each length cost in an artifact, by the simulator and the host's clock; and the figures of a histogram.
import type { Artifact } from '../../artifact/model.js';
import { loadArtifact } from '../../runtime/load.js';
import { runRequest } from '../../runtime/request.js';
import { type Histogram, quantile } from './histogram.js';

export interface LatencyTable {
  /** Modelled ns of a request of each length, index 1..maxSteps. */
  readonly ns: readonly number[];
  readonly betweenStepsBytes: readonly number[];
  readonly executions: readonly number[];
}

export interface LatencyFigures {
  readonly meanNs: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  /** Mean over requests. */
  readonly betweenStepsBytes: number;
  readonly executions: number;
}

/** Times requests without data. `roundOf(length)`: rounds of the host's loop that a request of this length runs. */
export function latencyTable(
  artifact: Artifact,
  maxSteps: number,
  roundOf: (length: number) => number,
  hostOverheadUs?: number,
): LatencyTable {
  const loaded = loadArtifact(artifact, {
    timingOnly: true,
    ...(hostOverheadUs !== undefined && { hostOverheadUs }),
  });
  const ns = [0];
  const bytes = [0];
  const executions = [0];
  const known = new Map<string, number>();
  for (let length = 1; length <= maxSteps; length++) {
    const rounds = roundOf(length);
    // Requests with the same rounds differ only where the chip itself ends the loop.
    const key = rounds < 0 ? `length ${length}` : `rounds ${rounds}`;
    const same = known.get(key);
    if (same !== undefined) {
      ns.push(ns[same] ?? 0);
      bytes.push(bytes[same] ?? 0);
      executions.push(executions[same] ?? 0);
      continue;
    }
    known.set(key, length);
    const { metrics } = runRequest(loaded, new Map(), { timing: { rounds: Math.max(rounds, 0), length } });
    ns.push(metrics.latency_ns);
    bytes.push(metrics.host.between_steps_bytes);
    executions.push(metrics.executions.reduce((n, e) => n + e.count, 0));
  }
  return { ns, betweenStepsBytes: bytes, executions };
}

export function figures(t: LatencyTable, h: Histogram): LatencyFigures {
  const mean = (column: readonly number[]): number =>
    h.reduce((sum, share, n) => sum + share * (column[n] ?? 0), 0);
  // Latency never falls with length, so the percentile of latencies is the latency of the percentile.
  return {
    meanNs: mean(t.ns),
    p50Ns: t.ns[quantile(h, 0.5)] ?? 0,
    p99Ns: t.ns[quantile(h, 0.99)] ?? 0,
    betweenStepsBytes: mean(t.betweenStepsBytes),
    executions: mean(t.executions),
  };
}

// Requests on loaded artifacts: results, host costs, loops, buckets, several models, several cores.
import { describe, expect, it } from 'vitest';
import { readArtifact } from '../../src/artifact/read.js';
import { artifactBytes } from '../../src/artifact/write.js';
import { fromNumbers, type HostTensor, toNumbers } from '../../src/base/tensor.js';
import { loadArtifact } from '../../src/runtime/load.js';
import { runRequest } from '../../src/runtime/request.js';
import { graphDraft } from '../artifact/sample.js';
import { codeOf } from '../helpers/codes.js';

const graph = () => readArtifact(artifactBytes(graphDraft()), { file: 'graph.neff' });
const x = (n = 128): Map<string, HostTensor> =>
  new Map([['x', fromNumbers('f32', [n], Array.from({ length: n }, (_, i) => i))]]);

describe('a graph', () => {
  it('computes, and costs what the machine says', () => {
    const loaded = loadArtifact(graph(), { checks: 'always' });
    const first = runRequest(loaded, x());
    expect([...toNumbers(first.outputs.get('y')!)]).toEqual(Array.from({ length: 128 }, (_, i) => i + 3));
    expect(first.loadTicks).toBeGreaterThan(0);
    const { metrics, events, runs } = first;
    expect(events.map((e) => e.kind)).toEqual(['to-device', 'execute', 'from-device']);
    // 10 us and 512 bytes at 16 GB/s each way, 25 us and the device's own time in between.
    expect(metrics.latency_ns).toBeCloseTo(2 * (10_000 + 32) + 25_000 + runs[0]!.result.ns, 6);
    expect(metrics.executions).toEqual([{ name: 'main', kind: 'graph', count: 1 }]);
    expect(metrics.host).toEqual({ to_device_bytes: 512, from_device_bytes: 512, between_steps_bytes: 0 });
    const second = runRequest(loaded, x());
    expect(second.loadTicks).toBe(0);
    expect(second.metrics.latency_ns).toBe(metrics.latency_ns);
  });

  it('takes the same time without data', () => {
    const real = runRequest(loadArtifact(graph()), x()).metrics;
    const timed = runRequest(loadArtifact(graph(), { timingOnly: true, checks: 'off' }), new Map());
    expect(timed.outputs.size).toBe(0);
    expect({ ...timed.metrics }).toEqual(real);
  });

  it('runs on several cores, which share the link', () => {
    const loaded = loadArtifact(graph(), { cores: 3, checks: 'always' });
    const { outputs, metrics, events } = runRequest(loaded, x());
    expect(toNumbers(outputs.get('y')!)[5]).toBe(8);
    expect(metrics.executions).toEqual([{ name: 'main', kind: 'graph', count: 1 }]);
    expect((events[0]!.end - events[0]!.start) / 28).toBeCloseTo(10_000 + 64, 6);
  });

  it('refuses inputs that are not its own', () => {
    const loaded = loadArtifact(graph());
    const wrong = (name: string, t: HostTensor) => codeOf(() => runRequest(loaded, new Map([[name, t]])));
    expect(codeOf(() => runRequest(loaded, new Map()))).toBe('E2521');
    expect(wrong('z', fromNumbers('f32', [1], [1]))).toBe('E2521');
    expect(wrong('x', fromNumbers('f32', [64, 2], new Array(128).fill(0)))).toBe('E3541');
    expect(wrong('x', fromNumbers('f64', [128], new Array(128).fill(0)))).toBe('E3541');
    expect(codeOf(() => runRequest(loaded, x(), { model: 'other' }))).toBe('E2520');
  });
});

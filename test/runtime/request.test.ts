// Requests on loaded artifacts: results, host costs, loops, buckets, several models, several cores.
import { describe, expect, it } from 'vitest';
import type { ArtifactDraft } from '../../src/artifact/model.js';
import { readArtifact } from '../../src/artifact/read.js';
import { artifactBytes } from '../../src/artifact/write.js';
import { fromNumbers, type HostTensor, toNumbers } from '../../src/base/tensor.js';
import { loadArtifact } from '../../src/runtime/load.js';
import { runRequest } from '../../src/runtime/request.js';
import { throughput } from '../../src/runtime/throughput.js';
import { bucketDraft, graphDraft, loopDraft, pipelineDraft, twoModels } from '../artifact/sample.js';
import { codeOf } from '../helpers/codes.js';

const read = (draft: ArtifactDraft) => readArtifact(artifactBytes(draft), { file: 'a.neff' });
const graph = () => read(graphDraft());
const x = (n = 128): Map<string, HostTensor> =>
  new Map([
    [
      'x',
      fromNumbers(
        'f32',
        [n],
        Array.from({ length: n }, (_, i) => i),
      ),
    ],
  ]);

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

describe('a loop', () => {
  const n = (value: number): Map<string, HostTensor> => new Map([['n', fromNumbers('i64', [], [value])]]);
  const loaded = loadArtifact(read(loopDraft()), { checks: 'always' });

  it.each([1, 4, 10, 12])('of %i steps ends where the flag says', (steps) => {
    const { outputs, metrics, events } = runRequest(loaded, n(steps));
    const done = Math.min(steps, 10);
    expect(outputs.get('total')).toEqual(fromNumbers('i64', [], [done]));
    expect(metrics.executions).toEqual([
      { name: 'start', kind: 'graph', count: 1 },
      { name: 'step', kind: 'graph', count: done },
    ]);
    // The flag moves with the total after each step but the last possible one; the last total is an output.
    const flags = Math.min(done, 9);
    expect(metrics.host).toEqual({
      to_device_bytes: 4,
      from_device_bytes: 4 * (done + flags),
      between_steps_bytes: 4 * (done - 1 + flags),
    });
    expect(events.filter((e) => e.kind === 'from-device')).toHaveLength(done);
  });

  it('takes as long without data, for a number of rounds', () => {
    const timed = loadArtifact(read(loopDraft([3, 7])), { timingOnly: true, checks: 'off' });
    for (const rounds of [1, 3, 4, 10]) {
      const { metrics } = runRequest(timed, new Map(), { timing: { rounds } });
      expect(metrics).toEqual(runRequest(loaded, n(rounds)).metrics);
    }
  });

  it('refuses an input that its storage type does not hold', () => {
    expect(codeOf(() => runRequest(loaded, n(5_000_000_000)))).toBe('E3542');
  });
});

it('buckets: the one that has the shapes of the inputs', () => {
  const loaded = loadArtifact(read(bucketDraft()), { checks: 'always' });
  const row = (w: number) => new Map([['x', fromNumbers('f32', [1, w], new Array(w).fill(1))]]);
  for (const width of [64, 128]) {
    const { outputs, metrics, bucket } = runRequest(loaded, row(width));
    expect([toNumbers(outputs.get('y')!).length, bucket]).toEqual([width, `w${width}`]);
    expect(metrics.executions[0]?.name).toBe(`copy${width}`);
    expect(metrics.host.between_steps_bytes).toBe(0);
  }
  // A tensor is never padded in secret.
  for (const width of [1, 100, 129]) expect(codeOf(() => runRequest(loaded, row(width)))).toBe('E3545');
  expect(
    codeOf(() => runRequest(loaded, new Map([['x', fromNumbers('f32', [2, 64], new Array(128).fill(1))]]))),
  ).toBe('E3541');
});

it('several models: each with its pins, loaded again when switched to', () => {
  const loaded = loadArtifact(read(twoModels()), { checks: 'always' });
  const n = new Map([['n', fromNumbers('i64', [], [2])]]);
  expect(codeOf(() => runRequest(loaded, n))).toBe('E2520');
  const first = runRequest(loaded, x(), { model: 'sample' });
  expect(first.loadTicks).toBeGreaterThan(0);
  expect(toNumbers(runRequest(loaded, n, { model: 'loop' }).outputs.get('total')!)[0]).toBe(2);
  const again = runRequest(loaded, x(), { model: 'sample' });
  expect(again.loadTicks).toBe(first.loadTicks);
  expect(again.metrics).toEqual(first.metrics);
});

it('host operators: called from the table that the loader gives', () => {
  const draft = graphDraft();
  const hostOperators = [
    {
      op: 'Negate',
      node: 'neg',
      attributes: {},
      inputs: [{ value: 'y' }, { constant: 1 }],
      outputs: ['z'],
      modelledNs: 500,
    },
  ];
  const [model] = draft.manifest.models;
  const models = [{ ...model!, outputs: [{ name: 'z', dtype: 'f32', shape: ['N'] } as const] }];
  const steps = [...draft.host.sample!.steps, { op: 'call', operator: 0 } as const];
  const artifact = read({
    ...draft,
    manifest: { ...draft.manifest, hostOperators, models },
    host: { sample: { tensors: [{ name: 'y', dtype: 'f32', shape: [128], variable: 1 }], steps } },
  });
  expect(artifact.header.featureBits).toBe(8n);
  expect(codeOf(() => loadArtifact(artifact))).toBe('E3530');
  const table = new Map([
    [
      'Negate',
      ([y]: readonly HostTensor[]) => [
        fromNumbers(
          'f32',
          [2],
          toNumbers(y!)
            .slice(0, 2)
            .map((v) => -v),
        ),
      ],
    ],
  ]);
  const { outputs, events } = runRequest(loadArtifact(artifact, { hostOperators: table }), x());
  expect([...toNumbers(outputs.get('z')!)]).toEqual([-3, -4]);
  expect(events.at(-1)).toMatchObject({
    kind: 'host-operator',
    name: 'neg',
    end: events.at(-1)!.start + 500 * 28,
  });
});

it('throughput: transfers hide behind executions when several requests are in flight', () => {
  const { events, metrics } = runRequest(loadArtifact(graph()), x());
  const one = throughput(events, { requests: 10, inFlight: 1, cores: 1 });
  expect(one.totalNs).toBeCloseTo(10 * metrics.latency_ns, 3);
  const two = throughput(events, { requests: 100, inFlight: 2, cores: 2 });
  const execution = events.find((e) => e.kind === 'execute')!;
  const bound = 2e9 / ((execution.end - execution.start) / 28);
  expect(two.requestsPerSecond).toBeGreaterThan(0.98 * bound);
  expect(two.requestsPerSecond).toBeLessThanOrEqual(bound);
  expect(two.busy.execute).toBeGreaterThan(0.98);
});

it('a pipeline: stages on their cores start together and meet through the chip', () => {
  const loaded = loadArtifact(read(pipelineDraft()), { checks: 'always' });
  expect(loaded.memory.rows.map(({ core, tensors, scratchpad }) => [core, tensors, scratchpad])).toEqual([
    [0, 1024, 512],
    [1, 0, 0],
  ]);
  const latencies = [1, 2, 3].map((value) => {
    const input = new Map([['x', fromNumbers('i32', [128], new Array(128).fill(value))]]);
    const { outputs, metrics } = runRequest(loaded, input);
    expect(toNumbers(outputs.get('y')!).every((v) => v === value)).toBe(true);
    expect(metrics.executions.map((e) => e.name)).toEqual(['first', 'second']);
    return metrics.latency_ns;
  });
  expect(new Set(latencies).size).toBe(1);
  expect(codeOf(() => loadArtifact(read(pipelineDraft()), { cores: 2 }))).toBe('E4510');
  expect(codeOf(() => loadArtifact(read(pipelineDraft()), { cores: 0 }))).toBe('E2042');
});

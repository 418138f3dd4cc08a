// The public API: what a program that imports the package relies on.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { compareTensors, toleranceOf } from '../src/driver/compare.js';
import { readNpy } from '../src/driver/tensor-files/npy.js';
import * as api from '../src/index.js';

const FOLDER = fileURLToPath(new URL('../fixtures/tiny/conv', import.meta.url));
const MODEL = join(FOLDER, 'model.onnx');
const recorded = (name: string) => readNpy(readFileSync(join(FOLDER, `${name}.npy`)), name);

test('compiles, reads back and simulates, with the recorded numbers', () => {
  const stages: string[] = [];
  const compiled = api.compile(MODEL, { onStage: (stage) => stages.push(stage) });
  expect(stages).toEqual(
    expect.arrayContaining(['import', 'passes', 'lower', 'schedule', 'allocate', 'emit']),
  );
  const artifact = api.readNeff(compiled.bytes());
  const [signature] = artifact.manifest.models;
  const [input] = signature?.inputs ?? [];
  const [output] = signature?.outputs ?? [];
  const inputs = { [input?.name ?? '']: recorded('input_0') };
  const { outputs, metrics } = api.simulate(artifact, inputs);
  const got = outputs.get(output?.name ?? '') as api.HostTensor;
  expect(compareTensors(got, recorded('output_0'), toleranceOf('fp32')).equal).toBe(true);
  expect(metrics.latency_ns).toBeGreaterThan(compiled.report.executables[0]?.modelled.ns ?? Infinity);

  const loaded = api.load(artifact);
  const [first, second] = [api.simulate(loaded, inputs), api.simulate(loaded, inputs)];
  expect(api.toNumbers(first.outputs.get(output?.name ?? '') as api.HostTensor)).toEqual(api.toNumbers(got));
  expect(second.metrics.latency_ns).toBe(first.metrics.latency_ns);
});

test('a written file holds the same bytes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'neffc-api-'));
  try {
    const path = join(folder, 'model.neff');
    const compiled = api.compile(MODEL, { target: 'inf1', autoCast: 'all' });
    expect(compiled.write(path).bytes).toBe(compiled.bytes().length);
    expect(readFileSync(path).equals(compiled.bytes())).toBe(true);
    expect(api.readNeff(path).manifest.target.name).toBe('inf1');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('targets by name and by description; faults are diagnostics', () => {
  const small = api.target({ base: 'inf2', name: 'small', dram: { bytes: 2 ** 20 } });
  expect(api.compile(MODEL, { target: small }).report.target).toBe('small');
  const codes = (run: () => unknown): readonly string[] => {
    try {
      run();
      return [];
    } catch (error) {
      return (error as api.NeffcError).diagnostics.map((d) => d.code);
    }
  };
  expect(codes(() => api.target('inf9'))).toEqual(['E2002']);
  expect(codes(() => api.target({ base: 'inf2', name: 'x', sbuf: 1 }))).toEqual(['E3401']);
  expect(codes(() => api.compile('no-such-file.onnx'))).toEqual(['E3041']);
  expect(codes(() => api.load(api.readNeff(api.compile(MODEL, { target: small }).bytes())))).toEqual([
    'E5110',
  ]);
});

test('the package exports these values and no others', () => {
  expect(Object.keys(api).sort()).toEqual([
    'EXIT',
    'NeffcError',
    'VERSION',
    'compile',
    'fromNumbers',
    'load',
    'readNeff',
    'simulate',
    'target',
    'toNumbers',
  ]);
});

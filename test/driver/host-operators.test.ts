// What no engine runs goes to the host, with a warning that names it, or is refused; values that are known at compile time decide shapes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readArtifact } from '../../src/artifact/read.js';
import { validateArtifact } from '../../src/artifact/validate/validate.js';
import { artifactBytes } from '../../src/artifact/write.js';
import { fromNumbers, toNumbers } from '../../src/base/tensor.js';
import { INF2 } from '../../src/chip/builtin.js';
import { type CompileOptions, compileModel } from '../../src/driver/compile.js';
import { HOST_OPERATORS } from '../../src/driver/host/operators.js';
import { loadArtifact } from '../../src/runtime/load.js';
import { runRequest } from '../../src/runtime/request.js';
import { codeOf } from '../helpers/codes.js';
import { model, node, tensor } from '../helpers/onnx-builder.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'neffc-host-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const OPTIONS: CompileOptions = {
  target: INF2,
  autoCast: 'none',
  autoCastType: 'bf16',
  inputShapes: new Map(),
  hostOps: 'allow',
  preprocess: new Map(),
  level: 2,
};

function write(bytes: Uint8Array): string {
  const path = join(folder, 'm.onnx');
  writeFileSync(path, bytes);
  return path;
}

/** relu(x) on the chip, exp in double on the host, product with w on the chip, double sum on the host. */
const mixed = () =>
  model({
    inputs: { x: 'f32[2,4]' },
    outputs: { y: 'f32[2,3]', s: 'f64[2,4]', r: 'f32[2,4]' },
    nodes: [
      node('Relu', ['x'], ['r'], {}, { name: 'relu' }),
      node('Cast', ['r'], ['d'], { to: 11 }, { name: 'widen' }),
      node('Exp', ['d'], ['e'], {}, { name: 'exp' }),
      node('Add', ['e', 'one'], ['s'], {}, { name: 'add' }),
      node('Cast', ['s'], ['f'], { to: 1 }, { name: 'narrow' }),
      node('MatMul', ['f', 'w'], ['m'], {}, { name: 'matmul' }),
      node('Tanh', ['m'], ['y'], {}, { name: 'tanh' }),
    ],
    initializers: {
      w: tensor('f32', [4, 3], [0.1, -0.2, 0.3, 0.1, 0.1, 0.1, -0.3, 0.2, 0.1, 0.05, 0.1, -0.1]),
      one: tensor('f64', [], [1]),
    },
  });

describe('host operators', () => {
  it('run between parts of the chip, with equal numbers and a warning each', () => {
    const { draft, report } = compileModel(write(mixed()), OPTIONS);
    expect(report.host_operators.map((o) => o.op)).toEqual(['cast', 'exp', 'add', 'cast']);
    expect(report.warnings.every((w) => w.code === 'W4100' && w.message.includes('us and'))).toBe(true);
    const artifact = readArtifact(artifactBytes(draft), { file: 'm.neff' });
    expect(validateArtifact(artifact)).toEqual([]);
    expect(artifact.manifest.models[0]?.executables).toEqual(['chip0', 'chip1']);
    const x = [-1, 0.5, 2, -0.25, 1, 0, -3, 0.75];
    const loaded = loadArtifact(artifact, { checks: 'always', hostOperators: HOST_OPERATORS });
    const { outputs, metrics } = runRequest(loaded, new Map([['x', fromNumbers('f32', [2, 4], x)]]));
    const sums = x.map((v) => Math.exp(Math.max(v, 0)) + 1);
    expect([...toNumbers(outputs.get('s')!)].map((v, i) => Math.abs(v - sums[i]!) < 1e-12)).not.toContain(
      false,
    );
    expect([...toNumbers(outputs.get('r')!)]).toEqual(x.map((v) => Math.max(v, 0)));
    const w = [0.1, -0.2, 0.3, 0.1, 0.1, 0.1, -0.3, 0.2, 0.1, 0.05, 0.1, -0.1];
    const y = [0, 1].flatMap((row) =>
      [0, 1, 2].map((c) =>
        Math.tanh([0, 1, 2, 3].reduce((n, k) => n + sums[4 * row + k]! * w[3 * k + c]!, 0)),
      ),
    );
    expect([...toNumbers(outputs.get('y')!)].map((v, i) => Math.abs(v - y[i]!) < 1e-5)).not.toContain(false);
    expect(metrics.host.between_steps_bytes).toBeGreaterThan(0);
  });

  it('are refused where they are forbidden, all at once', () => {
    expect(() => compileModel(write(mixed()), { ...OPTIONS, hostOps: 'forbid' })).toThrow(
      /exp[\s\S]*add|add[\s\S]*exp/i,
    );
    expect(codeOf(() => compileModel(write(mixed()), { ...OPTIONS, hostOps: 'forbid' }))).toBe('E4100');
  });

  it('are missing in a runtime without their table, by name', () => {
    const { draft } = compileModel(write(mixed()), OPTIONS);
    const artifact = readArtifact(artifactBytes(draft), { file: 'm.neff' });
    expect(codeOf(() => loadArtifact(artifact))).toBe('E3530');
  });
});

describe('inputs with known values', () => {
  const reshape = () =>
    model({
      inputs: { x: 'f32[2,6]', shape: 'i64[2]' },
      outputs: { y: 'f32' },
      nodes: [node('Reshape', ['x', 'shape'], ['z']), node('Relu', ['z'], ['y'])],
    });
  const value = (...dims: number[]) => fromNumbers('i64', [2], dims);

  it('decide shapes, stay inputs, and are checked', () => {
    const path = write(reshape());
    expect(codeOf(() => compileModel(path, OPTIONS))).toBe('E4003');
    const { draft } = compileModel(path, { ...OPTIONS, inputValues: new Map([['1', value(3, 4)]]) });
    const artifact = readArtifact(artifactBytes(draft), { file: 'm.neff' });
    expect(validateArtifact(artifact)).toEqual([]);
    const loaded = loadArtifact(artifact);
    const x = fromNumbers(
      'f32',
      [2, 6],
      Array.from({ length: 12 }, (_, i) => i - 6),
    );
    expect(
      runRequest(
        loaded,
        new Map([
          ['x', x],
          ['shape', value(3, 4)],
        ]),
      ).outputs.get('y')?.shape,
    ).toEqual([3, 4]);
    expect(runRequest(loaded, new Map([['x', x]])).outputs.get('y')?.shape).toEqual([3, 4]);
    expect(
      codeOf(() =>
        runRequest(
          loaded,
          new Map([
            ['x', x],
            ['shape', value(4, 3)],
          ]),
        ),
      ),
    ).toBe('E3546');
  });
});

// One model exported as ONNX and as TorchScript: artifacts of the two give the same numbers in nearly the same modelled time.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readArtifact } from '../../src/artifact/read.js';
import { artifactBytes } from '../../src/artifact/write.js';
import type { HostTensor } from '../../src/base/tensor.js';
import { BUILTIN_TARGETS } from '../../src/chip/builtin.js';
import { compareTensors, toleranceOf } from '../../src/driver/compare.js';
import { type CompileOptions, compileModel } from '../../src/driver/compile.js';
import { readNpy } from '../../src/driver/tensor-files/npy.js';
import { loadArtifact } from '../../src/runtime/load.js';
import { runRequest } from '../../src/runtime/request.js';

const MODELS = resolve(import.meta.dirname, '../../../shared/models');
const CASES: readonly (readonly [model: string, data: string])[] = [
  ['ocr/ocr_encoder', 'ocr/data/ocr_encoder'],
  ['facedet/facedet', 'facedet/facedet'],
  ['moderation/moderation_combined', 'moderation/moderation_combined'],
];
const WAYS = [
  ['inf2', 'none', 'fp32'],
  ['inf1', 'all', 'bf16'],
] as const;

function recordedInputs(data: string): HostTensor[] {
  const inputs: HostTensor[] = [];
  for (let k = 0; existsSync(join(MODELS, data, `input_${k}.npy`)); k++) {
    const file = join(MODELS, data, `input_${k}.npy`);
    inputs.push(readNpy(readFileSync(file), file));
  }
  return inputs;
}

function ran(
  file: string,
  inputs: readonly HostTensor[],
  options: Pick<CompileOptions, 'target' | 'autoCast'>,
) {
  const typed = file.endsWith('.onnx');
  const { draft, report } = compileModel(join(MODELS, file), {
    ...options,
    autoCastType: 'bf16',
    hostOps: 'forbid',
    preprocess: new Map(),
    level: 2,
    inputShapes: new Map(
      inputs.map(({ shape, dtype }, i) => [String(i), typed ? { shape } : { shape, dtype }]),
    ),
  });
  const artifact = readArtifact(artifactBytes(draft), { file });
  const names = artifact.manifest.models[0]?.inputs.map(({ name }) => name) ?? [];
  const given = new Map(inputs.map((t, i) => [names[i] ?? '', t]));
  const { outputs } = runRequest(loadArtifact(artifact, { checks: 'off' }), given);
  return { outputs: [...outputs.values()], ns: report.executables.reduce((n, e) => n + e.modelled.ns, 0) };
}

describe.skipIf(!existsSync(MODELS))('both frontends (needs ../shared/models)', () => {
  describe.each(CASES)('%s', (model, data) => {
    it.each(WAYS)('on %s, --auto-cast %s', (name, autoCast, precision) => {
      const target = BUILTIN_TARGETS.find((t) => t.name === name)!;
      const inputs = recordedInputs(data);
      const [onnx, torch] = [`${model}.onnx`, `${model}.pt`].map((f) => ran(f, inputs, { target, autoCast }));
      expect(torch!.outputs.length).toBe(onnx!.outputs.length);
      for (const [i, want] of onnx!.outputs.entries())
        expect(compareTensors(torch!.outputs[i]!, want, toleranceOf(precision))).toMatchObject({
          equal: true,
        });
      expect(Math.abs(torch!.ns / onnx!.ns - 1)).toBeLessThan(0.05);
    });
  });
});

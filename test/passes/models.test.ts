// Real models mean the same after the passes, and less is left of them. The models lie outside the repository.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { INF1 } from '../../src/chip/builtin.js';
import { loadModel } from '../../src/driver/load-model.js';
import { readNpy } from '../../src/driver/tensor-files/npy.js';
import { interpretGraph } from '../../src/ops/interpret.js';
import { nodeCount } from '../../src/passes/match.js';
import type { AutoCast } from '../../src/passes/pass.js';
import { PIPELINE } from '../../src/passes/pipeline.js';
import { runPipeline } from '../../src/passes/run.js';
import { difference } from '../helpers/compare.js';

const CORPUS = fileURLToPath(new URL('../../../shared/corpus/onnx', import.meta.url));
/** Share of the nodes that may be left. */
const MODELS: readonly (readonly [string, number])[] = [
  ['tinybert', 0.55],
  ['har_cnn', 0.6],
  ['magika', 0.4],
  ['seq2seq_decoder', 0.5],
  ['vespa_llm_decoder', 0.55],
  ['silero_vad_op15', 0.8],
];

describe.skipIf(!existsSync(CORPUS))('models of others (skipped where the corpus is absent)', () => {
  it.each(MODELS)('%s', (name, share) => {
    const folder = `${CORPUS}/${name}`;
    const inputs = [];
    for (let i = 0; existsSync(`${folder}/input_${i}.npy`); i++) {
      const path = `${folder}/input_${i}.npy`;
      inputs.push(readNpy(readFileSync(path), path));
    }
    const shapes = new Map(inputs.map((t, i) => [String(i), { shape: t.shape }]));
    const { graph } = loadModel(`${folder}/model.onnx`, { inputShapes: shapes });
    const before = interpretGraph(graph, inputs);
    const after = (autoCast: AutoCast) =>
      runPipeline(graph, PIPELINE, { target: INF1, autoCast, narrow: 'bf16', level: 2, verifyEach: true })
        .graph;
    const exact = after('none');
    expect(nodeCount(exact.body)).toBeLessThanOrEqual(nodeCount(graph.body) * share);
    expect(difference(before, interpretGraph(exact, inputs))).toBeLessThan(1e-5);
    expect(difference(before, interpretGraph(after('matmult'), inputs))).toBeLessThan(2e-2);
    expect(difference(before, interpretGraph(after('all'), inputs))).toBeLessThan(4e-2);
  });
});
